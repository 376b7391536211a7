/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cmd.h"

#include <stdio.h>
#include <string.h>

static void
print_verbs(const struct cli *cli, FILE *f, const struct cmd_verb *verbs, enum message title)
{
	messages_say(f, cli->lang, title, NULL);
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		(void)fprintf(f, "  %-12s %s\n", v->name, messages_text(cli->lang, v->summary));
}

enum status
cmd_dispatch(struct cli *cli, const struct cmd_verb *verbs, enum message title, int argc,
    char *const *argv)
{
	if (argc == 0) {
		print_verbs(cli, stderr, verbs, title);
		return STATUS_USAGE;
	}
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0) {
		print_verbs(cli, stdout, verbs, title);
		return STATUS_OK;
	}
	for (const struct cmd_verb *v = verbs; v->name != NULL; v++)
		if (strcmp(v->name, argv[0]) == 0)
			return v->run(cli, argc - 1, argv + 1);
	CLI_WARN(cli, MSG_ARGS_VERB, argv[0]);
	print_verbs(cli, stderr, verbs, title);
	return STATUS_USAGE;
}
