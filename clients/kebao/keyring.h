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
 * The public half in a file: a key's own, or what `kebao key export-public` wrote.
 * The caller frees *out.
 */
int keyring_load_public(const char *file, struct key **out, struct err *e)
    __attribute__((warn_unused_result));

#endif
