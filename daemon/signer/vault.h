/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kebaod-signer holds and how it signs: the online keys, the CA, its own copy of
 * the root, its numbers.  It reads the repository and believes nothing of it that the
 * root does not vouch for.  STATE/keys:
 *
 *   online.pass     passphrase of the keys below (or another file, named by the caller)
 *   snapshot.pem timestamp.pem ca.key     encrypted PKCS#8; online.h says more of them
 *   ca.pem          the CA's certificate
 *   root.json       the newest root the signer has verified
 *   numbers.json    numbers.h
 *
 * One thread.
 */
#ifndef KEBAO_DAEMON_SIGNER_VAULT_H
#define KEBAO_DAEMON_SIGNER_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

#define VAULT_UNFINISHED ".init-unfinished" /* in a state directory that init has not finished */
#define VAULT_SNAPSHOT_EARLY_DAYS 90        /* a snapshot with less left is signed anew */
#define VAULT_ROLE_MOST_DAYS 730            /* targets and channels: a lost key must end some day */

struct certify_ca;
struct vault; /* opaque */

/*
 * Load keys and root, and check that root lists the keys.  passphrase_file NULL:
 * STATE/keys/online.pass.  ERR_DENIED (wrong passphrase), ERR_UNTRUSTED, ERR_NOT_FOUND,
 * ERR_BAD_INPUT, ERR_SYSTEM.
 */
int vault_open(const char *state_dir, const char *passphrase_file, struct vault **out,
    struct err *e) __attribute__((warn_unused_result));
void vault_close(struct vault *v); /* wiped; NULL is fine */

const struct certify_ca *vault_ca(const struct vault *v);

/* The bytes of a switch; clear with vault_switch_clear(). */
struct vault_switch {
	int64_t role_version, snapshot_version, timestamp_version; /* 0: not part of it */
	struct buf snapshot, timestamp;
};
void vault_switch_clear(struct vault_switch *sw);

/* As the functions of signer.h promise. */
int vault_advance(struct vault *v, const char *role, const void *bytes, size_t len, int64_t now,
    struct vault_switch *out, struct err *e);
int vault_resign(struct vault *v, int64_t now, struct vault_switch *out, struct err *e);
int vault_prepare_keys(struct vault *v, struct buf *out, struct err *e);
int vault_recover(struct vault *v, int64_t above, int64_t now, struct vault_switch *out,
    struct err *e);

#endif
