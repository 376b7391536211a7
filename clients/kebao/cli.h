/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every verb is given: the options that stand before or behind any verb,
 * and the ways to talk to the person.  Results go to stdout; notes and problems
 * to stderr; notes not at all with --quiet.  Chat is what only somebody at a terminal wants to
 * hear ("nothing new"): cron mails whatever a program says.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CLI_H
#define KEBAO_CLIENTS_KEBAO_CLI_H

#include <stdbool.h>

#include "catalog/base/err.h"
#include "clients/kebao/args.h"
#include "clients/kebao/messages.h"
#include "clients/kebao/status.h"

struct cli {
	enum language lang;
	const char *home; /* --home; NULL: the usual place */
	bool is_quiet;
	bool is_verbose;  /* say why, too */
	bool is_help;     /* --help was given: the verb prints its usage and ends */
};

/* A result, a note, a problem: {1} ... are the strings behind the message. */
#define CLI_SAY(cli, ...) CLI_ARGS_(cli_say, cli, __VA_ARGS__, NULL)
#define CLI_NOTE(cli, ...) CLI_ARGS_(cli_note, cli, __VA_ARGS__, NULL)
#define CLI_CHAT(cli, ...) CLI_ARGS_(cli_chat, cli, __VA_ARGS__, NULL)
#define CLI_WARN(cli, ...) CLI_ARGS_(cli_warn, cli, __VA_ARGS__, NULL)
#define CLI_ARGS_(fn, cli, id, ...) fn(cli, id, (const char *const[]){ __VA_ARGS__ })

void cli_say(const struct cli *cli, enum message id, const char *const *args);
void cli_note(const struct cli *cli, enum message id, const char *const *args);
void cli_chat(const struct cli *cli, enum message id, const char *const *args);
void cli_warn(const struct cli *cli, enum message id, const char *const *args);

/* A problem whose {1} is what the library says of it, translated as far as reasons.h can. */
void cli_warn_reason(const struct cli *cli, enum message id, const char *reason);
/* The reason translated like that, for one argument among others: in *b, or as it is. */
const char *cli_reason(const struct cli *cli, const char *reason, struct buf *b);

/* Report a failed call behind a prefix that names its class; the status it leads to. */
enum status cli_fail(const struct cli *cli, const struct err *e);

/*
 * The value of a numeric option, NULL: not given, then *out stays.  STATUS_OK, or STATUS_USAGE
 * when it has said what is allowed and how the verb is used.
 */
struct cli_number {
	const char *option; /* "--days" */
	const char *text;
	long long least, most;
	enum message usage;
};
enum status cli_number(const struct cli *cli, const struct cli_number *n, long long *out);

/*
 * Sort a verb's arguments; n_min to n_max words are wanted.  STATUS_OK, or
 * STATUS_USAGE when it has said what is wrong and how the verb is used.  With
 * --help it prints the usage and answers STATUS_OK with cli->is_help set: the
 * verb then ends.  Options of every verb (--home, --lang, --quiet, --verbose, --help) are
 * taken here as well.
 */
struct cli_usage {
	const struct args_option *options; /* ends with a NULL name */
	size_t n_min;
	size_t n_max;
	enum message usage;
};
enum status cli_parse(struct cli *cli, const struct cli_usage *usage, int argc,
    char *const *argv, struct args_list *words);

#endif
