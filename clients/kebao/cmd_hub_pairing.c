/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cmd.h"
#include "clients/kebao/registry_edit.h"
#include "clients/kebao/session.h"

struct pairing_args {
	const char *id, *donor, *recipient, *level, *mode, *from, *until;
};

static enum status
send(struct cli *cli, const struct pairing_args *a)
{
	struct json_at doc;
	struct json *body;
	struct session s;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	body = registry_edit_new(REGDOC_PAIRING, a->id, &doc);
	registry_edit_put(doc, "donor", a->donor);
	registry_edit_put(doc, "recipient", a->recipient);
	registry_edit_put(doc, "level", a->level != NULL ? a->level : "association");
	registry_edit_put(doc, "mode", a->mode);
	registry_edit_put(doc, "from", a->from);
	registry_edit_put(doc, "until", a->until);
	if (registry_edit_send(s.hub, body, &e) == -1)
		status = session_fail(&s, &e);
	else
		CLI_SAY(cli, MSG_REGISTRY_PUT, a->id);
	json_free(body);
	session_close(&s);
	return status;
}

static enum status
add(struct cli *cli, int argc, char *const *argv)
{
	struct pairing_args a = { .id = NULL };
	const struct args_option options[] = {
		{ .name = "donor", .value = &a.donor },
		{ .name = "recipient", .value = &a.recipient },
		{ .name = "level", .value = &a.level },
		{ .name = "mode", .value = &a.mode },
		{ .name = "from", .value = &a.from },
		{ .name = "until", .value = &a.until },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_PAIRING_ADD };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (a.donor == NULL || a.recipient == NULL) {
		CLI_WARN(cli, MSG_ARGS_WANTED, a.donor == NULL ? "--donor" : "--recipient");
		cli_warn(cli, MSG_USAGE_PAIRING_ADD, NULL);
		return STATUS_USAGE;
	}
	a.id = words.words[0];
	return send(cli, &a);
}

enum status
cmd_hub_pairing(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "add", add, MSG_VERB_PAIRING_ADD }, { NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_PAIRING, argc, argv);
}
