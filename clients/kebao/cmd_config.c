/* SPDX-License-Identifier: Apache-2.0 */
/* kebao config: how this home uses line and disk; settings.h lists the names. */
#include <stdio.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"
#include "clients/kebao/settings.h"

/* Names and values as they are typed: for people and for scripts. */
static enum status
say_all(const struct session *s)
{
	enum status status = STATUS_OK;
	struct err e = { 0 };
	const char *name;

	for (size_t i = 0; status == STATUS_OK && (name = settings_name(i)) != NULL; i++) {
		const char *usual = settings_usual(i);
		struct buf text = BUF_INIT;

		if (settings_get(s->home, name, &text, &e) == -1)
			status = cli_fail(s->cli, &e);
		else if (buf_len(&text) > 0)
			(void)printf("%-20s %s\n", name, buf_text(&text));
		else
			(void)printf("%-20s - %s\n", name, usual != NULL ? usual : "");
		buf_clear(&text);
	}
	return status;
}

/* An empty line where it is not set. */
static enum status
say_one(const struct session *s, const char *name)
{
	struct buf text = BUF_INIT;
	struct err e = { 0 };
	enum status status = STATUS_OK;

	if (settings_get(s->home, name, &text, &e) == -1)
		status = cli_fail(s->cli, &e);
	else
		(void)printf("%s\n", buf_text(&text)); /* main() sees a full disk at the end */
	buf_clear(&text);
	return status;
}

enum status
cmd_config(struct cli *cli, int argc, char *const *argv)
{
	bool drop = false;
	const struct args_option options[] = {
		{ .name = "unset", .flag = &drop }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 2, MSG_USAGE_CONFIG };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (drop && words.n != 1) {
		CLI_WARN(cli, words.n == 0 ? MSG_ARGS_MISSING : MSG_ARGS_TOO_MANY_WORDS);
		CLI_WARN(cli, MSG_USAGE_CONFIG);
		return STATUS_USAGE;
	}
	status = session_open_offline(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (words.n == 0)
		status = say_all(&s);
	else if (words.n == 1 && !drop)
		status = say_one(&s, words.words[0]);
	else if (settings_set(s.home, words.words[0], drop ? "" : words.words[1], &e) == -1)
		status = cli_fail(cli, &e);
	session_close(&s);
	return status;
}
