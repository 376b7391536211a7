/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/cmd.h"
#include "clients/kebao/registry_edit.h"
#include "clients/kebao/session.h"

struct org_args {
	const char *id, *kind, *parent, *zh, *en, *region, *uscc, *from, *until;
};

static enum status
send(struct cli *cli, const struct org_args *a)
{
	struct json_at doc;
	struct json *body;
	struct session s;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	body = registry_edit_new(REGDOC_ORGANISATION, a->id, &doc);
	registry_edit_put(doc, "kind", a->kind != NULL ? a->kind : "association");
	registry_edit_put(doc, "parent", a->parent);
	registry_edit_put_texts(doc, "name", a->zh, a->en);
	registry_edit_put(doc, "region", a->region);
	registry_edit_put(doc, "uscc", a->uscc);
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
	struct org_args a = { .id = NULL };
	const struct args_option options[] = {
		{ .name = "kind", .value = &a.kind }, { .name = "parent", .value = &a.parent },
		{ .name = "name-zh", .value = &a.zh }, { .name = "name-en", .value = &a.en },
		{ .name = "region", .value = &a.region }, { .name = "uscc", .value = &a.uscc },
		{ .name = "from", .value = &a.from }, { .name = "until", .value = &a.until },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_ORG_ADD };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.id = words.words[0];
	return send(cli, &a);
}

enum status
cmd_hub_org(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "add", add, MSG_VERB_ORG_ADD }, { NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_ORG, argc, argv);
}
