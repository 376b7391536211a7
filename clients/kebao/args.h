/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of one verb.  Options may stand anywhere before "--";
 * values follow as "--name VALUE" or "--name=VALUE".  Only long names, so that
 * a command in a script or a crontab can be read by people; -v alone stands for --verbose.
 */
#ifndef KEBAO_CLIENTS_KEBAO_ARGS_H
#define KEBAO_CLIENTS_KEBAO_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "clients/kebao/messages.h"

#define ARGS_MAX_WORDS 256 /* words, and values of one repeated option */

/* Exactly one of flag, value and list is set. */
struct args_option {
	const char *name; /* without the dashes; NULL ends the table */
	bool *flag;
	const char **value;
	struct args_list *list; /* may be given several times */
};

struct args_list {
	const char *words[ARGS_MAX_WORDS]; /* borrowed from argv */
	size_t n;
};

/*
 * Sort argv[0..argc-1] (the verb itself is not among them) into options and
 * words.  0, or -1 with *problem and *word saying what was not understood:
 * MSG_ARGS_UNKNOWN, MSG_ARGS_NEEDS_VALUE, MSG_ARGS_NO_VALUE, MSG_ARGS_TWICE or
 * MSG_ARGS_TOO_MANY.
 */
int args_parse(int argc, char *const *argv, const struct args_option *options,
    struct args_list *words, enum message *problem, const char **word);

/* A decimal number from min to max, nothing else around it; 0 or -1. */
int args_number(const char *text, long long min, long long max, long long *out);

#endif
