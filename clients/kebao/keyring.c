/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/keyring.h"

#include <fcntl.h>
#include <string.h>

#include "catalog/base/file.h"
#include "clients/kebao/passphrase.h"

#define PUBLIC_BYTES 16384u
#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"

static int
open_one(struct keyring *ring, const char *file, const struct keyring_options *o,
    struct err *e)
{
	struct buf prompt = BUF_INIT, bytes = BUF_INIT;
	struct passphrase_source src = { .file = o->passphrase_file, .fd = o->passphrase_fd };
	struct sign_passphrase pass;
	int rc = -1;

	if (messages_add(&prompt, o->lang, MSG_ASK_PASSPHRASE, MESSAGES_ARGS(file), e) == -1)
		goto out;
	src.prompt = buf_text(&prompt);
	if (passphrase_read(&src, &bytes, e) == -1)
		goto out;
	pass.bytes = buf_data(&bytes);
	pass.len = buf_len(&bytes);
	rc = sign_load(AT_FDCWD, file, &pass, &ring->keys[ring->n], e);
	if (rc == 0)
		ring->n++;
out:
	buf_clear(&prompt);
	buf_wipe(&bytes);
	return rc;
}

int
keyring_open(struct keyring *ring, const struct keyring_options *o, struct err *e)
{
	memset(ring, 0, sizeof(*ring));
	if (o->files->n > KEYRING_MOST)
		return err_set(e, ERR_BAD_INPUT, "more than %u keys", KEYRING_MOST);
	if (o->passphrase_fd != NULL && o->files->n > 1)
		return err_set(e, ERR_BAD_INPUT,
		    "--passphrase-fd gives one passphrase; %zu keys want theirs",
		    o->files->n);
	for (size_t i = 0; i < o->files->n; i++) {
		if (open_one(ring, o->files->words[i], o, e) == -1) {
			keyring_close(ring);
			return -1;
		}
	}
	return 0;
}

void
keyring_close(struct keyring *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		sign_free(ring->keys[i]);
	ring->n = 0;
}

static int
read_new(const struct passphrase_source *from, enum language lang, struct buf *out,
    struct err *e)
{
	struct passphrase_source src = *from;

	src.prompt = messages_text(lang, MSG_ASK_NEW_PASSPHRASE);
	src.prompt_again = messages_text(lang, MSG_ASK_AGAIN);
	return passphrase_read(&src, out, e);
}

int
keyring_make(const char *file, const struct passphrase_source *passphrase, enum language lang,
    struct sign_key **out, struct err *e)
{
	struct sign_key *key = NULL;
	struct buf bytes = BUF_INIT;
	struct sign_passphrase pass;
	int rc = -1;

	if (file_exists(AT_FDCWD, file))
		return err_set(e, ERR_CONFLICT, "%s is there already", file);
	if (read_new(passphrase, lang, &bytes, e) == -1 ||
	    sign_generate(SIGN_ED25519, &key, e) == -1)
		goto out;
	pass.bytes = buf_data(&bytes);
	pass.len = buf_len(&bytes);
	if (sign_save(key, AT_FDCWD, file, &pass, e) == -1)
		goto out;
	*out = key;
	key = NULL;
	rc = 0;
out:
	sign_free(key);
	buf_wipe(&bytes);
	return rc;
}

int
keyring_seal_again(const struct sign_key *key, const char *file,
    const struct passphrase_source *passphrase, enum language lang, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct sign_passphrase pass;
	int rc = -1;

	if (read_new(passphrase, lang, &bytes, e) == 0) {
		pass.bytes = buf_data(&bytes);
		pass.len = buf_len(&bytes);
		rc = sign_replace(key, AT_FDCWD, file, &pass, e);
	}
	buf_wipe(&bytes);
	return rc;
}

int
keyring_load_public(const char *file, struct key **out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (file_load(AT_FDCWD, file, PUBLIC_BYTES, &bytes, e) == 0)
		rc = strncmp(buf_text(&bytes), PEM_BEGIN, strlen(PEM_BEGIN)) == 0
		    ? key_new_pem(buf_text(&bytes), out, e)
		    : key_parse_bytes(buf_data(&bytes), buf_len(&bytes), out, e);
	if (rc == 0 && !key_is_usable(*out)) {
		key_free(*out);
		rc = err_set(e, ERR_BAD_INPUT, "not a public key that can be used");
	}
	if (rc == -1)
		err_within(e, "%s", file);
	buf_clear(&bytes);
	return rc;
}

void
keyring_publics_clear(struct keyring_publics *p)
{
	for (size_t i = 0; i < p->n; i++)
		key_free((struct key *)p->keys[i]);
	p->n = 0;
}

int
keyring_load_publics(struct keyring_publics *p, const struct args_list *files, struct err *e)
{
	p->n = 0;
	if (files->n > KEYRING_MOST)
		return err_set(e, ERR_BAD_INPUT, "more than %u keys", KEYRING_MOST);
	for (size_t i = 0; i < files->n; i++) {
		struct key *key;

		if (keyring_load_public(files->words[i], &key, e) == -1) {
			keyring_publics_clear(p);
			return -1;
		}
		p->keys[p->n++] = key;
	}
	return 0;
}
