/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher's next key.  Old and new key sign what each channel holds, so the channel is
 * readable before and after the administrator puts the new key in place of the old one.
 */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "catalog/base/file.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/collect.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/passphrase.h"
#include "clients/kebao/renew.h"
#include "clients/kebao/session.h"
#include "clients/kebao/source.h"
#include "clients/kebao/text.h"

struct rotate_args {
	const char *old_file, *new_file;
	const char *passphrase_file, *passphrase_fd;
	struct passphrase_source new_passphrase;
};

struct keys {
	struct keyring old, new;
};

/* The new key: made now, or by a run that was cut off. */
static int
open_new(const struct cli *cli, const struct rotate_args *a, struct keyring *out, struct err *e)
{
	const struct args_list files = { .words = { a->new_file }, .n = 1 };
	const struct keyring_options o = {
		.files = &files, .passphrase_file = a->new_passphrase.file,
		.passphrase_fd = a->new_passphrase.fd, .lang = cli->lang,
	};

	if (file_exists(AT_FDCWD, a->new_file))
		return keyring_open(out, &o, e);
	if (keyring_make(a->new_file, &a->new_passphrase, cli->lang, &out->keys[0], e) == -1)
		return -1;
	out->n = 1;
	CLI_SAY(cli, MSG_KEY_MADE, a->new_file, key_id(sign_public(out->keys[0])));
	return 0;
}

/* NEW.pub, for the administrator. */
static int
write_public(const struct rotate_args *a, const struct sign_key *key, struct buf *name,
    struct err *e)
{
	struct buf json = BUF_INIT;
	int rc = -1;

	if (buf_printf(name, e, "%s.pub", a->new_file) == 0 &&
	    key_encode(sign_public(key), &json, e) == 0 && buf_add_text(&json, "\n", e) == 0)
		rc = file_save(AT_FDCWD, buf_text(name), buf_data(&json), buf_len(&json), 0644, e);
	buf_clear(&json);
	return rc;
}

static void
on_note(void *ctx, enum renew_note what, const char *text)
{
	if (what == RENEW_EXPIRED)
		CLI_WARN((const struct cli *)ctx, MSG_RENEW_EXPIRED, text);
}

/* A channel the old key signs for: signed by both, if one signature is enough. */
static int
rotate_one(const struct session *s, const struct keys *k, const struct meta_role *role,
    const char *public_file, const struct rotate_args *a, struct err *e)
{
	const struct renew r = {
		.home = s->home, .hub = s->hub, .role = role->name, .keys = k->old.keys,
		.n_keys = k->old.n, .heirs = k->new.keys, .n_heirs = k->new.n,
		.on_note = on_note, .ctx = (void *)s->cli,
	};
	const char *old_id = key_id(sign_public(k->old.keys[0]));
	struct renew_done done;
	struct text version;

	if (role->threshold > 1) {
		CLI_SAY(s->cli, MSG_ROTATE_SHARED, role->name, a->old_file, a->new_file);
	} else {
		if (renew_role(&r, &done, e) == -1)
			return -1;
		(void)text_number(&version, (uint64_t)done.version);
		if (!done.is_nothing)
			CLI_SAY(s->cli, MSG_ROTATED, role->name, version.s);
		renew_done_clear(&done);
	}
	CLI_SAY(s->cli, MSG_ROTATE_ADMIN, role->name, old_id, public_file);
	return 0;
}

static int
rotate_all(const struct session *s, const struct keys *k, struct trust *trust,
    const struct rotate_args *a, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(s->hub));
	const struct meta *targets;
	struct buf name = BUF_INIT;
	size_t n = 0;
	bool is_expired;
	int rc = 0;

	if (write_public(a, k->new.keys[0], &name, e) == -1 ||
	    belief_refresh(trust, &source, (int64_t)time(NULL), &is_expired, e) == -1) {
		buf_clear(&name);
		return -1;
	}
	targets = trust_targets(trust);
	for (size_t i = 0; i < targets->n_roles && rc == 0; i++) {
		const struct meta_role *role = &targets->roles[i];

		if (collect_keyid(targets, role->name, sign_public(k->old.keys[0])) == NULL)
			continue;
		rc = rotate_one(s, k, role, buf_text(&name), a, e);
		n++;
	}
	if (rc == 0 && n == 0)
		rc = err_set(e, ERR_NOT_FOUND, "%s signs for no channel of this hub", a->old_file);
	buf_clear(&name);
	return rc;
}

static enum status
rotate_with(const struct cli *cli, const struct keys *k, const struct rotate_args *a)
{
	struct trust *trust = NULL;
	struct session s;
	struct err e = { 0 };
	enum status status = session_open(&s, cli);

	if (status != STATUS_OK)
		return status;
	if (belief_open(s.home, &trust, &e) == -1 || rotate_all(&s, k, trust, a, &e) == -1)
		status = session_fail(&s, &e);
	trust_close(trust);
	session_close(&s);
	return status;
}

static enum status
rotate(struct cli *cli, const struct rotate_args *a)
{
	const struct args_list files = { .words = { a->old_file }, .n = 1 };
	const struct keyring_options o = {
		.files = &files, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	struct keys k = { .old = { .n = 0 }, .new = { .n = 0 } };
	struct err e = { 0 };
	enum status status;

	if (keyring_open(&k.old, &o, &e) == -1 || open_new(cli, a, &k.new, &e) == -1)
		status = cli_fail(cli, &e);
	else
		status = rotate_with(cli, &k, a);
	keyring_close(&k.old);
	keyring_close(&k.new);
	return status;
}

enum status
cmd_key_rotate(struct cli *cli, int argc, char *const *argv)
{
	struct rotate_args a = { .old_file = NULL };
	const struct args_option options[] = {
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd },
		{ .name = "new-passphrase-file", .value = &a.new_passphrase.file },
		{ .name = "new-passphrase-fd", .value = &a.new_passphrase.fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 2, 2, MSG_USAGE_KEY_ROTATE };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.old_file = words.words[0];
	a.new_file = words.words[1];
	/* One passphrase file for both, unless another is named. */
	if (a.new_passphrase.file == NULL && a.new_passphrase.fd == NULL)
		a.new_passphrase.file = a.passphrase_file;
	return rotate(cli, &a);
}
