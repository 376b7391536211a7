/* SPDX-License-Identifier: Apache-2.0 */
/* Key files as the verbs take them: --key FILE ..., --passphrase-file or -fd. */
#ifndef KEBAO_CLIENTS_KEBAO_KEYRING_H
#define KEBAO_CLIENTS_KEBAO_KEYRING_H

#include "catalog/base/err.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/args.h"
#include "clients/kebao/messages.h"

#define KEYRING_MOST 16u

struct keyring {
	struct sign_key *keys[KEYRING_MOST]; /* owned */
	size_t n;
};

struct keyring_options {
	const struct args_list *files;
	const char *passphrase_file; /* of all of them; NULL: not given */
	const char *passphrase_fd;   /* of the only one; NULL: not given */
	enum language lang;          /* of the question at the terminal */
};

/*
 * Open the files; where no passphrase is given each one's is asked for.
 * ERR_DENIED: wrong passphrase; ERR_NOT_FOUND; ERR_BAD_INPUT: not an encrypted key.
 */
int keyring_open(struct keyring *ring, const struct keyring_options *o, struct err *e)
    __attribute__((warn_unused_result));
void keyring_close(struct keyring *ring);

/*
 * Make a key in a file that is not there yet (ERR_CONFLICT); the caller frees *out.  passphrase
 * is where its passphrase comes from; the prompts are filled in here.
 */
struct passphrase_source;
int keyring_make(const char *file, const struct passphrase_source *passphrase,
    enum language lang, struct sign_key **out, struct err *e) __attribute__((warn_unused_result));
/* Give the key in the file another passphrase. */
int keyring_seal_again(const struct sign_key *key, const char *file,
    const struct passphrase_source *passphrase, enum language lang, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The public half in a file: what `kebao key export-public` wrote, or PEM as of openssl.
 * The caller frees *out.
 */
int keyring_load_public(const char *file, struct key **out, struct err *e)
    __attribute__((warn_unused_result));

/* Several of them. */
struct keyring_publics {
	const struct key *keys[KEYRING_MOST]; /* owned */
	size_t n;
};
int keyring_load_publics(struct keyring_publics *p, const struct args_list *files,
    struct err *e) __attribute__((warn_unused_result));
void keyring_publics_clear(struct keyring_publics *p);

#endif
