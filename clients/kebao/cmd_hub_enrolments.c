/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"

static int
say(const struct cli *cli, struct json *doc, struct err *e)
{
	struct json_at list;

	if (json_get_array(json_top(doc), "enrolments", &list, e) == -1)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		const char *serial, *org, *role, *issued, *expires, *revoked = NULL;

		if (json_get_text(it, "serial", &serial, e) == -1 ||
		    json_get_text(it, "org", &org, e) == -1 ||
		    json_get_text(it, "role", &role, e) == -1 ||
		    json_get_text(it, "issued", &issued, e) == -1 ||
		    json_get_text(it, "expires", &expires, e) == -1)
			return -1;
		/* A time when it was revoked, else absent or null. */
		if (json_is_text(json_member(it, "revoked")) &&
		    json_get_text(it, "revoked", &revoked, e) == -1)
			return -1;
		if (revoked == NULL)
			CLI_SAY(cli, MSG_ENROLMENT, serial, org, role, issued, expires);
		else
			CLI_SAY(cli, MSG_ENROLMENT_REVOKED, serial, org, role, issued, expires,
			    revoked);
	}
	return 0;
}

enum status
cmd_hub_enrolments(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 0, 0, MSG_USAGE_HUB_ENROLMENTS };
	struct args_list words;
	struct json *doc = NULL;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (hub_get(s.hub, "/api/v1/enrolments", &doc, &e) == -1 || say(cli, doc, &e) == -1)
		status = session_fail(&s, &e);
	json_free(doc);
	session_close(&s);
	return status;
}
