/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kebaod init`: a new hub, all or nothing.  What is left on the machine:
 *
 *   STATE/kebaod.conf              a sample to edit
 *   STATE/state.db                 the state, with the operator's organisation
 *   STATE/keys/                    online.pass snapshot.pem timestamp.pem ca.key ca.pem
 *                                  server.key server.pem
 *   STATE/repo/metadata/           1.root.json 1.targets.json 1.snapshot.json timestamp.json
 *
 * and in the offline directory, to be carried off: root-1.pem ..., targets.pem.
 */
#ifndef KEBAO_DAEMON_APP_INIT_H
#define KEBAO_DAEMON_APP_INIT_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

struct init_options {
	const char *signer_program; /* path of kebaod-signer */
	/* must not exist, or be empty; or what an init left that was cut off */
	const char *state_dir;
	const char *offline_dir; /* the same */
	const char *name_zh, *name_en;
	const char *org;         /* id of the operator's organisation */
	const char *const *hostnames; /* names and addresses for the server certificate */
	size_t n_hostnames;
	const void *passphrase;  /* of the offline keys */
	size_t passphrase_len;
	const void *online_passphrase; /* NULL: a random one */
	size_t online_passphrase_len;
	unsigned n_root_keys, root_threshold; /* 1 of 1 */
	uint16_t port;           /* for the sample configuration and the advice */
	int64_t now;             /* UTC seconds */
};

#define INIT_PASSPHRASE_BYTES 8u /* the least of both passphrases */

/*
 * What can be said before anybody is asked for a passphrase: numbers, and directories that hold
 * something or lie within each other.  Nothing is changed.
 */
int init_check(const struct init_options *o, struct err *e);

/*
 * On success *advice is what to tell the administrator: the first invitation and what
 * to do next.  It holds a secret: print it, then buf_wipe().  On -1 both directories
 * are as they were.
 */
int init_hub(const struct init_options *o, struct buf *advice, struct err *e);

#endif
