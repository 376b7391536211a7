/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

static int
ask_hub(const struct session *s, bool is_now, bool is_dry, struct json **out, struct err *e)
{
	char body[64];
	struct hub_message m = { .method = TRANSFER_POST, .path = "/api/v1/purge", .body = body };

	(void)snprintf(body, sizeof(body), "{\"dry\":%s,\"now\":%s}", is_dry ? "true" : "false",
	    is_now ? "true" : "false"); /* fits */
	m.body_len = strlen(body);
	return hub_send_again(s->hub, &m, out, e); /* what is gone is gone only once */
}

static int
say_objects(const struct cli *cli, struct json *doc, const char *list, enum message id,
    struct err *e)
{
	struct json_at objects;

	if (json_get_array(json_top(doc), list, &objects, e) == -1)
		return -1;
	for (struct json_at it = json_first(objects); json_is(it); it = json_next(it)) {
		int64_t bytes, dead;
		const char *name;
		char quoted[300];
		struct text size, unneeded;

		if (json_get_text(it, "name", &name, e) == -1 ||
		    json_get_int_in(it, "bytes", 0, JSON_INT_MAX, &bytes, e) == -1 ||
		    json_find_int(it, "unneeded_bytes", 0, &dead, e) == -1)
			return -1;
		CLI_SAY(cli, id, err_quote(quoted, sizeof(quoted), name, strlen(name)),
		    text_bytes(&size, (uint64_t)bytes), text_bytes(&unneeded, (uint64_t)dead));
	}
	return 0;
}

/* *n: how many objects go. */
static int
say(const struct cli *cli, struct json *doc, enum message sum, int64_t *n, struct err *e)
{
	struct json_at top = json_top(doc);
	int64_t bytes, spared, spared_bytes;
	struct text count, size, s_count, s_size;

	if (json_get_int_in(top, "objects", 0, JSON_INT_MAX, n, e) == -1 ||
	    json_get_int_in(top, "bytes", 0, JSON_INT_MAX, &bytes, e) == -1 ||
	    json_get_int_in(top, "spared_objects", 0, JSON_INT_MAX, &spared, e) == -1 ||
	    json_get_int_in(top, "spared_bytes", 0, JSON_INT_MAX, &spared_bytes, e) == -1)
		return -1;
	if (sum == MSG_PURGE_WOULD && (say_objects(cli, doc, "gone", MSG_PURGE_GONE, e) == -1 ||
	    say_objects(cli, doc, "kept", MSG_PURGE_KEPT, e) == -1))
		return -1;
	CLI_SAY(cli, sum, text_number(&count, (uint64_t)*n), text_bytes(&size, (uint64_t)bytes));
	if (spared > 0)
		CLI_SAY(cli, MSG_PURGE_SPARED, text_number(&s_count, (uint64_t)spared),
		    text_bytes(&s_size, (uint64_t)spared_bytes));
	return 0;
}

static int
run(const struct session *s, bool is_now, bool is_agreed, struct err *e)
{
	struct json *doc = NULL;
	int64_t n = 0;
	int rc;

	if (ask_hub(s, is_now, true, &doc, e) == -1)
		return -1;
	rc = say(s->cli, doc, MSG_PURGE_WOULD, &n, e);
	json_free(doc);
	if (rc == -1 || n == 0)
		return rc;
	if (!is_agreed) {
		CLI_NOTE(s->cli, MSG_PURGE_AGREE);
		return 0;
	}
	doc = NULL;
	if (ask_hub(s, is_now, false, &doc, e) == -1)
		return -1;
	rc = say(s->cli, doc, MSG_PURGE_DONE, &n, e);
	json_free(doc);
	return rc;
}

enum status
cmd_hub_purge(struct cli *cli, int argc, char *const *argv)
{
	bool is_now = false, is_agreed = false;
	const struct args_option options[] = {
		{ .name = "now", .flag = &is_now }, { .name = "yes", .flag = &is_agreed },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_HUB_PURGE };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (run(&s, is_now, is_agreed, &e) == -1)
		status = session_fail(&s, &e);
	session_close(&s);
	return status;
}
