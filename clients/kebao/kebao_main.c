/* SPDX-License-Identifier: Apache-2.0 */
/* kebao: the program of publishers, recipients and administrators.  kebao(1). */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/version.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/interrupt.h"

static const struct cmd_verb verbs[] = {
	{ "enroll", cmd_enroll, MSG_VERB_ENROLL },
	{ "check", cmd_check, MSG_VERB_CHECK },
	{ "fetch", cmd_fetch, MSG_VERB_FETCH },
	{ "status", cmd_status, MSG_VERB_STATUS },
	{ "pause", cmd_pause, MSG_VERB_PAUSE },
	{ "resume", cmd_resume, MSG_VERB_RESUME },
	{ "config", cmd_config, MSG_VERB_CONFIG },
	{ "list", cmd_list, MSG_VERB_LIST },
	{ "show", cmd_show, MSG_VERB_SHOW },
	{ "verify", cmd_verify, MSG_VERB_VERIFY },
	{ "publish", cmd_publish, MSG_VERB_PUBLISH },
	{ "sign", cmd_sign, MSG_VERB_SIGN },
	{ "recall", cmd_recall, MSG_VERB_RECALL },
	{ "key", cmd_key, MSG_VERB_KEY },
	{ "dump", cmd_dump, MSG_VERB_DUMP },
	{ "hub", cmd_hub, MSG_VERB_HUB },
	{ NULL, NULL, MSG_COUNT },
};

/* Options before the verb: --home DIR, --lang LANG, --quiet, -v.  The index of the verb, or -1. */
static int
take_options(struct cli *cli, int argc, char *const *argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--help") != 0 &&
	    strcmp(argv[i], "--version") != 0) {
		if (strcmp(argv[i], "--quiet") == 0) {
			cli->is_quiet = true;
			i++;
		} else if (strcmp(argv[i], "--verbose") == 0 || strcmp(argv[i], "-v") == 0) {
			cli->is_verbose = true;
			i++;
		} else if (strcmp(argv[i], "--home") == 0 && i + 1 < argc) {
			cli->home = argv[i + 1];
			i += 2;
		} else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc &&
		    messages_parse_language(argv[i + 1], &cli->lang) == 0) {
			i += 2;
		} else {
			CLI_WARN(cli, MSG_ARGS_UNKNOWN, argv[i]);
			return -1;
		}
	}
	return i;
}

int
main(int argc, char **argv)
{
	struct cli cli = { .lang = messages_language(NULL) };
	enum status status;
	int verb;

	interrupt_install();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		(void)fputs("kebao: libcurl\n", stderr);
		return STATUS_ERROR;
	}
	verb = take_options(&cli, argc, argv);
	if (verb == -1)
		status = STATUS_USAGE;
	else if (verb < argc && strcmp(argv[verb], "--version") == 0)
		status = puts("kebao " VERSION_TEXT) == EOF ? STATUS_ERROR : STATUS_OK;
	else
		status = cmd_dispatch(&cli, verbs, MSG_HELP_TITLE, argc - verb, argv + verb);
	/* A full disk behind a redirection is found out here. */
	if (fflush(stdout) == EOF && status == STATUS_OK)
		status = STATUS_ERROR;
	curl_global_cleanup();
	return (int)status;
}
