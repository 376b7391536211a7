/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

/* The entries of one answer; *last is the number of the last, unchanged where there is none. */
static int
say(const struct cli *cli, struct json *doc, int64_t *last, struct err *e)
{
	struct json_at list;

	if (json_get_array(json_top(doc), "entries", &list, e) == -1)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		const char *at, *actor, *action, *object, *detail;
		struct text number;

		if (json_get_int_in(it, "seq", *last + 1, JSON_INT_MAX, last, e) == -1 ||
		    json_get_text(it, "at", &at, e) == -1 ||
		    json_get_text(it, "actor", &actor, e) == -1 ||
		    json_get_text(it, "action", &action, e) == -1 ||
		    json_get_text(it, "object", &object, e) == -1 ||
		    json_get_text(it, "detail", &detail, e) == -1)
			return -1;
		CLI_SAY(cli, MSG_AUDIT, text_number(&number, (uint64_t)*last), at, actor, action,
		    object, detail);
	}
	return 0;
}

static enum status
run(struct cli *cli, int64_t after)
{
	struct session s;
	struct err e = { 0 };
	int64_t last = after;
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	do {
		struct json *doc = NULL;
		char path[64];
		int rc = -1;

		after = last;
		(void)snprintf(path, sizeof(path), "/api/v1/audit?after=%" PRId64, after);
		if (hub_get(s.hub, path, &doc, &e) == 0)
			rc = say(cli, doc, &last, &e);
		json_free(doc);
		if (rc == -1)
			status = session_fail(&s, &e);
	} while (status == STATUS_OK && last > after);
	session_close(&s);
	return status;
}

enum status
cmd_hub_audit(struct cli *cli, int argc, char *const *argv)
{
	const char *text = NULL;
	const struct args_option options[] = {
		{ .name = "after", .value = &text }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_HUB_AUDIT };
	struct args_list words;
	struct cli_number n = {
		.option = "--after", .least = 0, .most = JSON_INT_MAX, .usage = MSG_USAGE_HUB_AUDIT,
	};
	long long after = 0;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	n.text = text;
	status = cli_number(cli, &n, &after);
	return status == STATUS_OK ? run(cli, after) : status;
}
