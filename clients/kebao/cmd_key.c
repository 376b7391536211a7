/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/passphrase.h"

struct key_args {
	const char *file;
	const char *passphrase_file;
	const char *passphrase_fd;
};

static enum status
parse(struct cli *cli, enum message text, int argc, char *const *argv, struct key_args *out)
{
	const struct args_option options[] = {
		{ .name = "passphrase-file", .value = &out->passphrase_file },
		{ .name = "passphrase-fd", .value = &out->passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, text };
	struct args_list words;
	enum status status;

	memset(out, 0, sizeof(*out));
	status = cli_parse(cli, &usage, argc, argv, &words);
	if (status == STATUS_OK && !cli->is_help)
		out->file = words.words[0];
	return status;
}

static enum status
key_new(struct cli *cli, int argc, char *const *argv)
{
	struct passphrase_source pass = { .file = NULL };
	struct sign_key *key = NULL;
	struct key_args a;
	struct err e = { 0 };
	enum status status = parse(cli, MSG_USAGE_KEY_NEW, argc, argv, &a);

	if (status != STATUS_OK || cli->is_help)
		return status;
	pass.file = a.passphrase_file;
	pass.fd = a.passphrase_fd;
	if (keyring_make(a.file, &pass, cli->lang, &key, &e) == -1)
		return cli_fail(cli, &e);
	CLI_SAY(cli, MSG_KEY_MADE, a.file, key_id(sign_public(key)));
	sign_free(key);
	return STATUS_OK;
}

/* The public half: out of a public file, or of a key whose passphrase is asked for. */
static int
open_public(const struct cli *cli, const struct key_args *a, struct key **out, struct err *e)
{
	const struct args_list files = { .words = { a->file }, .n = 1 };
	const struct keyring_options o = {
		.files = &files, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	struct keyring ring;

	if (keyring_load_public(a->file, out, NULL) == 0)
		return 0;
	if (keyring_open(&ring, &o, e) == -1)
		return -1;
	*out = key_share(sign_public(ring.keys[0]));
	keyring_close(&ring);
	return 0;
}

static enum status
key_show(struct cli *cli, int argc, char *const *argv)
{
	struct buf json = BUF_INIT;
	struct key *key = NULL;
	struct key_args a;
	struct err e = { 0 };
	enum status status = parse(cli, MSG_USAGE_KEY_SHOW, argc, argv, &a);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (open_public(cli, &a, &key, &e) == -1 || key_encode(key, &json, &e) == -1)
		status = cli_fail(cli, &e);
	else
		CLI_SAY(cli, MSG_KEY_SHOW, key_id(key), buf_text(&json));
	key_free(key);
	buf_clear(&json);
	return status;
}

static enum status
key_export(struct cli *cli, int argc, char *const *argv)
{
	struct buf json = BUF_INIT;
	struct key *key = NULL;
	struct key_args a;
	struct err e = { 0 };
	enum status status = parse(cli, MSG_USAGE_KEY_EXPORT, argc, argv, &a);

	if (status != STATUS_OK || cli->is_help)
		return status;
	if (open_public(cli, &a, &key, &e) == -1 || key_encode(key, &json, &e) == -1)
		status = cli_fail(cli, &e);
	else
		(void)printf("%s\n", buf_text(&json)); /* main() sees a full disk at the end */
	key_free(key);
	buf_clear(&json);
	return status;
}

static enum status
key_passphrase(struct cli *cli, int argc, char *const *argv)
{
	struct key_args a = { .file = NULL };
	struct passphrase_source pass = { .file = NULL };
	const struct args_option options[] = {
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd },
		{ .name = "new-passphrase-file", .value = &pass.file },
		{ .name = "new-passphrase-fd", .value = &pass.fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_KEY_PASSPHRASE };
	struct keyring_options o = { .lang = cli->lang };
	struct keyring ring;
	struct args_list words;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	o.files = &words;
	o.passphrase_file = a.passphrase_file;
	o.passphrase_fd = a.passphrase_fd;
	if (keyring_open(&ring, &o, &e) == -1)
		return cli_fail(cli, &e);
	if (keyring_seal_again(ring.keys[0], words.words[0], &pass, cli->lang, &e) == -1)
		status = cli_fail(cli, &e);
	else
		CLI_SAY(cli, MSG_KEY_SEALED, words.words[0]);
	keyring_close(&ring);
	return status;
}

enum status
cmd_key(struct cli *cli, int argc, char *const *argv)
{
	static const struct cmd_verb verbs[] = {
		{ "new", key_new, MSG_VERB_KEY_NEW },
		{ "show", key_show, MSG_VERB_KEY_SHOW },
		{ "export-public", key_export, MSG_VERB_KEY_EXPORT },
		{ "passphrase", key_passphrase, MSG_VERB_KEY_PASSPHRASE },
		{ "rotate", cmd_key_rotate, MSG_VERB_KEY_ROTATE },
		{ NULL, NULL, MSG_COUNT },
	};

	return cmd_dispatch(cli, verbs, MSG_HELP_KEY, argc, argv);
}
