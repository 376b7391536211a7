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

/* Whether argv[*i] is this option; then *value is what stands behind '=' or next, or NULL. */
static bool
take_value(int argc, char *const *argv, int *i, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0 || strchr("=", argv[*i][len]) == NULL)
		return false;
	*value = NULL;
	if (argv[*i][len] == '=')
		*value = argv[*i] + len + 1;
	else if (*i + 1 < argc)
		*value = argv[++*i];
	++*i;
	return true;
}

/* Of --home or --lang; false: it was said why not. */
static bool
take_common(struct cli *cli, const char *name, const char *value)
{
	bool is_home = strcmp(name, "--home") == 0;

	if (value == NULL || *value == '\0') {
		CLI_WARN(cli, MSG_ARGS_NEEDS_VALUE, name);
		return false;
	}
	if (!is_home && messages_parse_language(value, &cli->lang) == -1) {
		CLI_WARN(cli, MSG_ARGS_LANGUAGE, value);
		return false;
	}
	if (is_home)
		cli->home = value;
	return true;
}

/* Options before the verb: --home DIR, --lang LANG, --quiet, -v.  The index of the verb, or -1. */
static int
take_options(struct cli *cli, int argc, char *const *argv)
{
	const char *value;
	int i = 1;

	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--help") != 0 &&
	    strcmp(argv[i], "--version") != 0) {
		if (strcmp(argv[i], "--quiet") == 0) {
			cli->is_quiet = true;
			i++;
		} else if (strcmp(argv[i], "--verbose") == 0 || strcmp(argv[i], "-v") == 0) {
			cli->is_verbose = true;
			i++;
		} else if (take_value(argc, argv, &i, "--home", &value)) {
			if (!take_common(cli, "--home", value))
				return -1;
		} else if (take_value(argc, argv, &i, "--lang", &value)) {
			if (!take_common(cli, "--lang", value))
				return -1;
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
