/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/registry_edit.h"
#include "clients/kebao/session.h"

#define FILE_BYTES (8u << 20)

static int
load_one(struct hub *hub, const char *file, struct err *e)
{
	static const char *const names[] = { "organisations", "pairings", "channels" };
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	int rc = -1;

	if (file_load(AT_FDCWD, file, FILE_BYTES, &bytes, e) == -1 ||
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, e) == -1 ||
	    json_only(json_top(doc), names, sizeof(names) / sizeof(names[0]), e) == -1 ||
	    registry_edit_send(hub, doc, e) == -1)
		err_within(e, "%s", file);
	else
		rc = 0;
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

static enum status
load(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 1, ARGS_MAX_WORDS, MSG_USAGE_REGISTRY_LOAD };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; status == STATUS_OK && i < words.n; i++) {
		if (load_one(s.hub, words.words[i], &e) == -1)
			status = session_fail(&s, &e);
		else
			CLI_SAY(cli, MSG_REGISTRY_LOADED, words.words[i]);
	}
	session_close(&s);
	return status;
}

static enum status
show(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 0, 0, MSG_USAGE_REGISTRY_SHOW };
	struct args_list words;
	struct session s;
	struct json *doc = NULL;
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (hub_get(s.hub, "/api/v1/registry", &doc, &e) == -1 ||
	    canon_write(json_top(doc), &bytes, &e) == -1)
		status = session_fail(&s, &e);
	else
		(void)printf("%s\n", buf_text(&bytes)); /* main() sees a full disk at the end */
	buf_clear(&bytes);
	json_free(doc);
	session_close(&s);
	return status;
}

static enum status
take_away(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 2, 2, MSG_USAGE_REGISTRY_REMOVE };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum regdoc_kind kind;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (regdoc_kind_parse(&kind, words.words[0]) == -1) {
		CLI_WARN(cli, MSG_ARGS_KIND, words.words[0], "organisations, pairings, channels");
		cli_warn(cli, MSG_USAGE_REGISTRY_REMOVE, NULL);
		return STATUS_USAGE;
	}
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (registry_edit_remove(s.hub, kind, words.words[1], &e) == -1)
		status = session_fail(&s, &e);
	else
		CLI_SAY(cli, MSG_REGISTRY_REMOVED, words.words[0], words.words[1]);
	session_close(&s);
	return status;
}

enum status
cmd_hub_registry(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "load", load, MSG_VERB_REGISTRY_LOAD },
		{ "show", show, MSG_VERB_REGISTRY_SHOW },
		{ "remove", take_away, MSG_VERB_REGISTRY_REMOVE },
		{ NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_REGISTRY, argc, argv);
}
