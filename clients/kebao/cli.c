/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/kebao/reasons.h"
#include "clients/kebao/text.h"

#define OPTIONS_MOST 32

void
cli_say(const struct cli *cli, enum message id, const char *const *args)
{
	messages_say(stdout, cli->lang, id, args);
}

void
cli_note(const struct cli *cli, enum message id, const char *const *args)
{
	if (!cli->is_quiet)
		messages_say(stderr, cli->lang, id, args);
}

void
cli_chat(const struct cli *cli, enum message id, const char *const *args)
{
	if (isatty(STDERR_FILENO) == 1)
		cli_note(cli, id, args);
}

void
cli_warn(const struct cli *cli, enum message id, const char *const *args)
{
	messages_say(stderr, cli->lang, id, args);
}

static enum message
prefix_of(const struct err *e)
{
	switch (status_of(e)) {
	case STATUS_UNTRUSTED:
		return MSG_FAIL_UNTRUSTED;
	case STATUS_NETWORK:
		return MSG_FAIL_NETWORK;
	case STATUS_DENIED:
		return MSG_FAIL_DENIED;
	case STATUS_SPACE:
		return MSG_FAIL_SPACE;
	case STATUS_CONFLICT:
		return MSG_FAIL_CONFLICT;
	case STATUS_BAD_INPUT:
		return MSG_FAIL_BAD_INPUT;
	case STATUS_NOT_FOUND:
		return MSG_FAIL_NOT_FOUND;
	case STATUS_WITHHELD:
		return MSG_FAIL_WITHHELD;
	case STATUS_WITHDRAWN:
		return MSG_FAIL_WITHDRAWN;
	case STATUS_BUSY:
		return MSG_FAIL_BUSY;
	case STATUS_NOT_NOW:
		return MSG_FAIL_NOT_NOW;
	case STATUS_INTERRUPTED:
		return MSG_FAIL_INTERRUPTED;
	case STATUS_OK:
	case STATUS_NEW:
	case STATUS_USAGE:
	case STATUS_ERROR:
		break;
	}
	return MSG_FAIL;
}

const char *
cli_reason(const struct cli *cli, const char *reason, struct buf *b)
{
	buf_truncate(b, 0);
	/* Without memory for the translation the original has to do. */
	return reasons_add(b, cli->lang, reason, NULL) == 0 ? buf_text(b) : reason;
}

void
cli_warn_reason(const struct cli *cli, enum message id, const char *reason)
{
	struct buf b = BUF_INIT;

	CLI_WARN(cli, id, cli_reason(cli, reason, &b));
	buf_clear(&b);
}

enum status
cli_fail(const struct cli *cli, const struct err *e)
{
	cli_warn_reason(cli, prefix_of(e), e->text);
	return status_of(e) == STATUS_OK ? STATUS_ERROR : status_of(e);
}

/* The verb's options and those of every verb, as one table. */
static void
join_options(const struct args_option *of_verb, const struct args_option *of_all,
    struct args_option *out)
{
	size_t n = 0;

	for (; of_verb != NULL && of_verb->name != NULL && n < OPTIONS_MOST - 1; of_verb++)
		out[n++] = *of_verb;
	for (; of_all->name != NULL && n < OPTIONS_MOST - 1; of_all++)
		out[n++] = *of_all;
	out[n].name = NULL;
}

enum status
cli_parse(struct cli *cli, const struct cli_usage *usage, int argc, char *const *argv,
    struct args_list *words)
{
	const char *home = NULL, *lang = NULL, *word = "";
	const struct args_option common[] = {
		{ .name = "home", .value = &home },
		{ .name = "lang", .value = &lang },
		{ .name = "quiet", .flag = &cli->is_quiet },
		{ .name = "verbose", .flag = &cli->is_verbose },
		{ .name = "help", .flag = &cli->is_help },
		{ .name = NULL },
	};
	struct args_option options[OPTIONS_MOST];
	enum message problem = MSG_ARGS_UNKNOWN;
	int rc;

	join_options(usage->options, common, options);
	rc = args_parse(argc, argv, options, words, &problem, &word);
	if (lang != NULL && messages_parse_language(lang, &cli->lang) == -1) {
		CLI_WARN(cli, MSG_ARGS_LANGUAGE, lang);
		return STATUS_USAGE;
	}
	if (rc == -1) {
		CLI_WARN(cli, problem, word);
	} else if (cli->is_help) {
		CLI_SAY(cli, usage->usage);
		return STATUS_OK;
	} else if (words->n < usage->n_min || words->n > usage->n_max) {
		CLI_WARN(cli, words->n < usage->n_min ? MSG_ARGS_MISSING : MSG_ARGS_TOO_MANY_WORDS);
	} else {
		if (home != NULL)
			cli->home = home;
		return STATUS_OK;
	}
	cli_warn(cli, usage->usage, NULL);
	return STATUS_USAGE;
}

enum status
cli_number(const struct cli *cli, const struct cli_number *n, long long *out)
{
	struct text least, most;

	if (n->text == NULL || args_number(n->text, n->least, n->most, out) == 0)
		return STATUS_OK;
	CLI_WARN(cli, MSG_ARGS_RANGE, n->option, n->text, text_number(&least, (uint64_t)n->least),
	    text_number(&most, (uint64_t)n->most));
	cli_warn(cli, n->usage, NULL);
	return STATUS_USAGE;
}
