/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalog/repo/ids.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/delegate.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/registry_edit.h"
#include "clients/kebao/session.h"

struct channel_args {
	const char *id, *publisher, *audience, *zh, *en, *state;
	struct args_list publisher_keys;
	const char *threshold, *file;
	bool restored;
	struct args_list targets_keys;
	const char *passphrase_file, *passphrase_fd;
};

static int
send_document(struct hub *hub, const struct channel_args *a, struct err *e)
{
	struct json_at doc;
	struct json *body = registry_edit_new(REGDOC_CHANNEL, a->id, &doc);
	int rc;

	registry_edit_put(doc, "publisher", a->publisher);
	registry_edit_put(doc, "audience", a->audience);
	registry_edit_put_texts(
	    doc, "title", a->zh != NULL || a->en != NULL ? a->zh : a->id, a->en);
	rc = registry_edit_send(hub, body, e);
	json_free(body);
	return rc;
}

static int
threshold_of(const struct channel_args *a, size_t n_keys, int64_t *out, struct err *e)
{
	long long n = 1;

	if (a->threshold != NULL && args_number(a->threshold, 1, (long long)n_keys, &n) == -1)
		return err_set(e, ERR_BAD_INPUT,
		    "--threshold %s: want 1 to %zu, the number of keys", a->threshold, n_keys);
	*out = n;
	return 0;
}

/* The document first: a channel with keys and nobody to see it would be of no use. */
static enum status
add_with(struct cli *cli, const struct channel_args *a, const struct keyring_publics *publics,
    const struct keyring *ring)
{
	struct delegate d = {
		.channel = a->id,
		.is_new = true,
		.add = publics->keys,
		.n_add = publics->n,
		.file = a->file,
		.is_restored = a->restored,
		.signers = ring->keys,
		.n_signers = ring->n,
	};
	struct session s;
	struct err e = { 0 };
	struct delegate_done done;
	enum status status;

	if (threshold_of(a, publics->n, &d.threshold, &e) == -1)
		return cli_fail(cli, &e);
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (send_document(s.hub, a, &e) == -1 ||
	    delegate_channel(s.home, s.hub, &d, &done, &e) == -1) {
		status = session_fail(&s, &e);
	} else {
		if (done.is_unchanged || done.is_sent)
			CLI_SAY(cli, MSG_CHANNEL_ADDED, a->id, a->publisher, a->audience);
		else
			CLI_SAY(cli, MSG_CHANNEL_WAITS, a->file, buf_text(&done.missing));
		delegate_done_clear(&done);
	}
	session_close(&s);
	return status;
}

static enum status
add_run(struct cli *cli, const struct channel_args *a)
{
	const struct keyring_options o = {
		.files = &a->targets_keys, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	struct keyring_publics publics = { .n = 0 };
	struct keyring ring = { .n = 0 };
	struct err e = { 0 };
	enum status status;

	if (ids_check(IDS_CHANNEL, a->id, strlen(a->id), &e) == -1 ||
	    keyring_load_publics(&publics, &a->publisher_keys, &e) == -1 ||
	    keyring_open(&ring, &o, &e) == -1)
		status = cli_fail(cli, &e);
	else
		status = add_with(cli, a, &publics, &ring);
	keyring_publics_clear(&publics);
	keyring_close(&ring);
	return status;
}

static enum status
add(struct cli *cli, int argc, char *const *argv)
{
	struct channel_args a = { .id = NULL };
	const struct args_option options[] = {
		{ .name = "publisher", .value = &a.publisher },
		{ .name = "audience", .value = &a.audience },
		{ .name = "title-zh", .value = &a.zh }, { .name = "title-en", .value = &a.en },
		{ .name = "publisher-key", .list = &a.publisher_keys },
		{ .name = "threshold", .value = &a.threshold },
		{ .name = "file", .value = &a.file },
		{ .name = "restored", .flag = &a.restored },
		{ .name = "targets-key", .list = &a.targets_keys },
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_CHANNEL_ADD };
	const char *wanted = NULL;
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	wanted = a.targets_keys.n == 0 ? "--targets-key" : wanted;
	wanted = a.publisher_keys.n == 0 ? "--publisher-key" : wanted;
	wanted = a.audience == NULL ? "--audience" : wanted;
	wanted = a.publisher == NULL ? "--publisher" : wanted;
	if (wanted != NULL) {
		CLI_WARN(cli, MSG_ARGS_WANTED, wanted);
		cli_warn(cli, MSG_USAGE_CHANNEL_ADD, NULL);
		return STATUS_USAGE;
	}
	a.id = words.words[0];
	return add_run(cli, &a);
}

static enum status
set_run(struct cli *cli, const struct channel_args *a)
{
	struct json_at doc;
	struct json *body = NULL;
	struct session s;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	if (registry_edit_get(s.hub, REGDOC_CHANNEL, a->id, &body, &doc, &e) == -1) {
		status = session_fail(&s, &e);
		goto out;
	}
	registry_edit_put(doc, "audience", a->audience);
	registry_edit_put(doc, "publisher", a->publisher);
	registry_edit_put(doc, "state", a->state);
	registry_edit_put_texts(doc, "title", a->zh, a->en);
	if (registry_edit_send(s.hub, body, &e) == -1)
		status = session_fail(&s, &e);
	else
		CLI_SAY(cli, MSG_REGISTRY_PUT, a->id);
out:
	json_free(body);
	session_close(&s);
	return status;
}

static enum status
set(struct cli *cli, int argc, char *const *argv)
{
	struct channel_args a = { .id = NULL };
	const struct args_option options[] = {
		{ .name = "publisher", .value = &a.publisher },
		{ .name = "audience", .value = &a.audience },
		{ .name = "state", .value = &a.state },
		{ .name = "title-zh", .value = &a.zh },
		{ .name = "title-en", .value = &a.en },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_CHANNEL_SET };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.id = words.words[0];
	return set_run(cli, &a);
}

enum status
cmd_hub_channel(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "add", add, MSG_VERB_CHANNEL_ADD }, { "set", set, MSG_VERB_CHANNEL_SET },
		{ "keys", cmd_hub_channel_keys, MSG_VERB_CHANNEL_KEYS },
		{ "close", cmd_hub_channel_close, MSG_VERB_CHANNEL_CLOSE },
		{ NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_CHANNEL, argc, argv);
}
