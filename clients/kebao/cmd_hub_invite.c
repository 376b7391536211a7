/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalog/hub/ident.h"
#include "catalog/json/canon.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

#define ROLES "member, publisher, admin, auditor"

struct invite_args {
	const char *org;
	const char *role;
	long long days;
};

static int
ask(struct hub *hub, const struct invite_args *a, struct json **answer, struct err *e)
{
	struct hub_message m = { .method = TRANSFER_POST, .path = "/api/v1/invitations" };
	struct json *body = json_new();
	struct buf bytes = BUF_INIT;
	int rc;

	json_put_text(json_top(body), "org", a->org);
	json_put_text(json_top(body), "role", a->role);
	json_put_int(json_top(body), "days", a->days);
	rc = canon_write(json_top(body), &bytes, e);
	m.body = buf_data(&bytes);
	m.body_len = buf_len(&bytes);
	if (rc == 0)
		rc = hub_send(hub, &m, answer, e);
	buf_clear(&bytes);
	json_free(body);
	return rc;
}

static enum status
run(struct cli *cli, const struct invite_args *a)
{
	struct json *answer = NULL;
	const char *code;
	int64_t expires;
	struct session s;
	struct text until;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	if (ask(s.hub, a, &answer, &e) == -1 ||
	    json_get_text(json_top(answer), "code", &code, &e) == -1 ||
	    json_get_utc(json_top(answer), "expires", &expires, &e) == -1) {
		status = session_fail(&s, &e);
	} else {
		/* The code alone on stdout, so that a script can take it. */
		CLI_NOTE(cli, MSG_INVITED, a->org, a->role, text_time(&until, expires),
		    hub_config(s.hub)->hub);
		CLI_SAY(cli, MSG_PLAIN, code);
	}
	json_free(answer);
	session_close(&s);
	return status;
}

enum status
cmd_hub_invite(struct cli *cli, int argc, char *const *argv)
{
	struct invite_args a = { .role = NULL, .days = 14 };
	const char *days = NULL;
	const struct args_option options[] = {
		{ .name = "role", .value = &a.role }, { .name = "days", .value = &days },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_HUB_INVITE };
	struct args_list words;
	struct cli_number n = {
		.option = "--days", .least = 1, .most = 90, .usage = MSG_USAGE_HUB_INVITE,
	};
	enum ident_role known;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.role = a.role != NULL ? a.role : "member";
	if (ident_role_parse(&known, a.role) == -1) {
		CLI_WARN(cli, MSG_ARGS_CHOICE, "--role", a.role, ROLES);
		cli_warn(cli, MSG_USAGE_HUB_INVITE, NULL);
		return STATUS_USAGE;
	}
	n.text = days;
	status = cli_number(cli, &n, &a.days);
	if (status != STATUS_OK)
		return status;
	a.org = words.words[0];
	return run(cli, &a);
}
