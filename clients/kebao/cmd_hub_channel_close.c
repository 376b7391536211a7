/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel ends: its keys become those of the administrator, who signs an empty role, which
 * stays in the snapshot for ever.  Recipients keep their copies and are told.
 */
#include <string.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/delegate.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/registry_edit.h"
#include "clients/kebao/renew.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

struct close_args {
	const char *id;
	struct args_list targets_keys;
	const char *passphrase_file, *passphrase_fd;
};

/* Nothing new from here on; readable as long as somebody must be told. */
static int
freeze(const struct session *s, const char *id, struct err *e)
{
	struct json *body = NULL;
	struct json_at doc;
	int rc = -1;

	if (registry_edit_get(s->hub, REGDOC_CHANNEL, id, &body, &doc, e) == 0) {
		registry_edit_put(doc, "state", "frozen");
		rc = registry_edit_send(s->hub, body, e);
	}
	json_free(body);
	return rc;
}

static int
take_over(const struct session *s, const char *id, const struct keyring *ring, struct err *e)
{
	const struct key *keys[KEYRING_MOST];
	const struct delegate d = {
		.channel = id, .is_new = true, .add = keys, .n_add = ring->n, .threshold = 1,
		.signers = ring->keys, .n_signers = ring->n, .is_forced = true,
	};
	struct delegate_done done;

	for (size_t i = 0; i < ring->n; i++)
		keys[i] = sign_public(ring->keys[i]);
	if (delegate_channel(s->home, s->hub, &d, &done, e) == -1)
		return -1;
	delegate_done_clear(&done);
	return 0;
}

static int
empty(const struct session *s, const char *id, const struct keyring *ring,
    struct renew_done *done, struct err *e)
{
	const struct renew r = {
		.home = s->home, .hub = s->hub, .role = id, .keys = ring->keys,
		.n_keys = ring->n, .is_emptied = true, .takes_former = true,
	};

	return renew_role(&r, done, e);
}

static enum status
close_channel(const struct cli *cli, const struct close_args *a, const struct keyring *ring)
{
	struct renew_done done = { .version = 0 };
	struct session s;
	struct text version;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	if (freeze(&s, a->id, &e) == -1 || take_over(&s, a->id, ring, &e) == -1 ||
	    empty(&s, a->id, ring, &done, &e) == -1)
		status = session_fail(&s, &e);
	else if (done.is_nothing)
		CLI_SAY(cli, MSG_CHANNEL_CLOSED_EMPTY, a->id);
	else
		CLI_SAY(cli, MSG_CHANNEL_CLOSED, a->id,
		    text_number(&version, (uint64_t)done.version));
	renew_done_clear(&done);
	session_close(&s);
	return status;
}

enum status
cmd_hub_channel_close(struct cli *cli, int argc, char *const *argv)
{
	struct close_args a = { .id = NULL };
	const struct args_option options[] = {
		{ .name = "targets-key", .list = &a.targets_keys },
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_CHANNEL_CLOSE };
	struct keyring_options o = { .files = &a.targets_keys, .lang = cli->lang };
	struct keyring ring;
	struct args_list words;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.id = words.words[0];
	if (a.targets_keys.n == 0) {
		CLI_WARN(cli, MSG_ARGS_WANTED, "--targets-key");
		cli_warn(cli, MSG_USAGE_CHANNEL_CLOSE, NULL);
		return STATUS_USAGE;
	}
	o.passphrase_file = a.passphrase_file;
	o.passphrase_fd = a.passphrase_fd;
	if (keyring_open(&ring, &o, &e) == -1)
		return cli_fail(cli, &e);
	status = close_channel(cli, &a, &ring);
	keyring_close(&ring);
	return status;
}
