/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The online keys: those that sign snapshot and timestamp now, and those that will, as soon
 * as a root names them.  STATE/keys, all under the online passphrase:
 *
 *   snapshot.pem timestamp.pem             in use
 *   snapshot.next.pem timestamp.next.pem   waiting for a root; often absent
 *
 * In the switch to a root that takes a key out of use, both keys sign, and the signed files
 * become visible before the root: a client that stands before it and one that stands behind
 * it believe the same files.
 */
#ifndef KEBAO_DAEMON_SIGNER_ONLINE_H
#define KEBAO_DAEMON_SIGNER_ONLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"

enum online_which { ONLINE_SNAPSHOT, ONLINE_TIMESTAMP };
#define ONLINE_KEYS 2
#define ONLINE_SIGNERS 2 /* of one file: the key in use, and the next */

struct online {
	struct sign_key *now[ONLINE_KEYS];  /* owned */
	struct sign_key *next[ONLINE_KEYS]; /* owned; NULL: none waits */
};

int online_load(struct online *o, int keys_fd, const struct sign_passphrase *pass,
    struct err *e);
void online_clear(struct online *o);

/*
 * Make the keys that are to be the next, where they are not there, and append the public
 * halves as JSON: {"snapshot":{...},"timestamp":{...}}.  Again: the same keys.
 */
int online_prepare(struct online *o, int keys_fd, const struct sign_passphrase *pass,
    struct buf *out, struct err *e);

/*
 * Whether we alone can sign what this root wants of us: one of our keys is listed for each
 * role, and one signature is enough.  *needs_next (may be NULL): it must be a next one.
 */
int online_check(const struct online *o, const struct meta *root, bool *needs_next,
    struct err *e);

/*
 * Who signs: by the word of root, and where next_root is not NULL, by its word as well.  *n is
 * 1 or 2.  The signers lend from o and the roots.
 */
void online_signers(const struct online *o, enum online_which which, const struct meta *root,
    const struct meta *next_root, struct role_signer out[ONLINE_SIGNERS], size_t *n);

/*
 * The root is in force: a next key that it lists in place of the present one comes into use,
 * durably, and the old one is removed.
 */
int online_follow(struct online *o, int keys_fd, const struct meta *root, struct err *e);

#endif
