/* SPDX-License-Identifier: Apache-2.0 */
/* Whose keys sign a channel: shown, added, removed. */
#include <string.h>
#include <time.h>

#include "catalog/json/canon.h"
#include "clients/kebao/belief.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/collect.h"
#include "clients/kebao/delegate.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/session.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

struct keys_args {
	const char *id, *threshold, *file;
	bool force;
	struct args_list add, remove, targets_keys;
	const char *passphrase_file, *passphrase_fd;
};

/* --- shown --- */

static int
say_keys(const struct cli *cli, const struct meta *targets, const char *id,
    const struct belief_role *present, struct err *e)
{
	const struct meta_role *role = meta_find_role(targets, id);
	struct collect_state state = { .wanted = 0 };
	struct buf file = BUF_INIT;
	struct text wanted, n, version, until;
	int rc = -1;

	(void)text_number(&wanted, (uint64_t)role->threshold);
	(void)text_number(&n, role->n_keyids);
	CLI_SAY(cli, MSG_CHANNEL_KEYS, id, wanted.s, n.s);
	for (size_t i = 0; i < role->n_keyids; i++)
		CLI_SAY(cli, MSG_CHANNEL_KEY, role->keyids[i]);
	if (present->role == NULL) {
		CLI_SAY(cli, MSG_CHANNEL_EMPTY, id);
		return 0;
	}
	(void)text_number(&version, (uint64_t)present->role->version);
	(void)text_time(&until, present->role->expires_at);
	if (canon_write(json_top(present->role->doc), &file, e) == -1 ||
	    collect_look(targets, id, &file, &state, e) == -1)
		goto out;
	CLI_SAY(cli, MSG_CHANNEL_SIGNED, id, version.s, until.s, buf_text(&state.signed_by));
	if (!collect_is_complete(&state))
		CLI_WARN(cli, MSG_CHANNEL_ORPHANED, id);
	rc = 0;
out:
	collect_state_clear(&state);
	buf_clear(&file);
	return rc;
}

static int
look(const struct session *s, struct trust *trust, const char *id, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->hub));
	int64_t now = (int64_t)time(NULL);
	struct belief_role present;
	bool is_expired;
	int rc;

	if (belief_refresh(trust, &source, now, &is_expired, e) == -1 ||
	    belief_role(trust, &source, id, now, &present, e) == -1)
		return -1;
	rc = say_keys(s->cli, trust_targets(trust), id, &present, e);
	belief_role_clear(&present);
	return rc;
}

static enum status
show(const struct cli *cli, const char *id)
{
	struct trust *trust = NULL;
	struct session s;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	if (belief_open(s.home, &trust, &e) == -1 || look(&s, trust, id, &e) == -1)
		status = session_fail(&s, &e);
	trust_close(trust);
	session_close(&s);
	return status;
}

/* --- changed --- */

static void
say_done(const struct cli *cli, const struct keys_args *a, const struct delegate_done *done)
{
	struct text version;

	(void)text_number(&version, (uint64_t)done->version);
	if (done->is_unchanged)
		CLI_SAY(cli, MSG_CHANNEL_UNCHANGED, a->id);
	else if (!done->is_sent)
		CLI_SAY(cli, MSG_CHANNEL_WAITS, a->file, buf_text(&done->missing));
	else
		CLI_SAY(cli, MSG_CHANNEL_CHANGED, a->id, version.s);
	if (done->is_sent && done->is_orphaned)
		CLI_WARN(cli, MSG_CHANNEL_ORPHANED, a->id);
}

static enum status
change_with(const struct cli *cli, const struct keys_args *a,
    const struct keyring_publics *add, const struct keyring *ring)
{
	struct delegate d = {
		.channel = a->id, .add = add->keys, .n_add = add->n, .remove = a->remove.words,
		.n_remove = a->remove.n, .signers = ring->keys, .n_signers = ring->n,
		.file = a->file, .is_forced = a->force,
	};
	struct delegate_done done;
	struct session s;
	struct err e = { 0 };
	long long n;
	enum status status;

	if (a->threshold != NULL) {
		if (args_number(a->threshold, 1, KEYRING_MOST, &n) == -1) {
			(void)err_set(&e, ERR_BAD_INPUT, "--threshold %s: want 1 to %u",
			    a->threshold, KEYRING_MOST);
			return cli_fail(cli, &e);
		}
		d.threshold = n;
	}
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (delegate_channel(s.home, s.hub, &d, &done, &e) == -1) {
		status = session_fail(&s, &e);
	} else {
		say_done(cli, a, &done);
		delegate_done_clear(&done);
	}
	session_close(&s);
	return status;
}

static enum status
change(const struct cli *cli, const struct keys_args *a)
{
	const struct keyring_options o = {
		.files = &a->targets_keys, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	struct keyring_publics add = { .n = 0 };
	struct keyring ring = { .n = 0 };
	struct err e = { 0 };
	enum status status;

	if (keyring_load_publics(&add, &a->add, &e) == -1 || keyring_open(&ring, &o, &e) == -1)
		status = cli_fail(cli, &e);
	else
		status = change_with(cli, a, &add, &ring);
	keyring_publics_clear(&add);
	keyring_close(&ring);
	return status;
}

enum status
cmd_hub_channel_keys(struct cli *cli, int argc, char *const *argv)
{
	struct keys_args a = { .id = NULL };
	const struct args_option options[] = {
		{ .name = "add", .list = &a.add }, { .name = "remove", .list = &a.remove },
		{ .name = "threshold", .value = &a.threshold },
		{ .name = "file", .value = &a.file }, { .name = "force", .flag = &a.force },
		{ .name = "targets-key", .list = &a.targets_keys },
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_CHANNEL_KEYS };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.id = words.words[0];
	if (a.add.n == 0 && a.remove.n == 0 && a.threshold == NULL)
		return show(cli, a.id);
	if (a.targets_keys.n == 0 && a.file == NULL) {
		CLI_WARN(cli, MSG_ARGS_WANTED, "--targets-key");
		cli_warn(cli, MSG_USAGE_CHANNEL_KEYS, NULL);
		return STATUS_USAGE;
	}
	return change(cli, &a);
}
