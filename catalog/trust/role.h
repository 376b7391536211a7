/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New versions of roles.  A struct role is a `signed` under work: begun from nothing
 * or from the version it follows (all members kept), changed, then written as bytes
 * to sign, and with signatures as a file.  Changes need no check one by one: the
 * first failure sticks and role_signed() and role_file() report it.
 * FORMATS.md section 4.2.  Nothing here holds a private key: see struct role_signer.
 *
 *	role_new(META_TARGETS, previous, now, &r, e)      previous may be NULL
 *	role_set_target(r, "gd.ip/x/2/record.json", len, &digest, nowhere)
 *	role_file(r, signers, 1, &bytes, e)
 */
#ifndef KEBAO_CATALOG_TRUST_ROLE_H
#define KEBAO_CATALOG_TRUST_ROLE_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "catalog/trust/key.h"
#include "catalog/trust/meta.h"

#define ROLE_ROOT_DAYS 730
#define ROLE_TARGETS_DAYS 365 /* the top level and channels */
#define ROLE_SNAPSHOT_DAYS 180
#define ROLE_TIMESTAMP_DAYS 7

/* Someone who signs: sign_signer() of a key, or another process. */
struct role_signer {
	void *ctx;         /* borrowed */
	const char *keyid; /* borrowed */
	/* Append the raw signature over the bytes. */
	int (*sign)(void *ctx, const void *bytes, size_t len, struct buf *sig, struct err *e);
};

struct role; /* opaque */

/*
 * Begin the version after previous (1 where previous is NULL), issued at now and
 * expiring after the days above.  A new root delegates to nobody yet.
 */
int role_new(enum meta_type type, const struct meta *previous, int64_t now, struct role **out,
    struct err *e) __attribute__((warn_unused_result));
void role_free(struct role *r);

void role_set_version(struct role *r, int64_t version); /* after a restore: above what was lost */
void role_set_expiry(struct role *r, int64_t expires_at);

/* Root: who signs one of the four roles. */
void role_set_top(struct role *r, enum meta_type top, const struct key *const *keys,
    size_t n_keys, int64_t threshold);

/*
 * Targets: delegate the channel (FORMATS.md 4.2: terminating, `<channel>/` and three
 * segments), replacing keys and threshold of a channel that is there; or end a delegation.
 * Keys nobody uses any more leave the list.
 */
void role_set_channel(struct role *r, const char *channel, const struct key *const *keys,
    size_t n_keys, int64_t threshold);
void role_drop_channel(struct role *r, const char *channel);

/* A channel's targets.  custom: an object to copy, or nowhere (struct json_at){0}. */
void role_set_target(struct role *r, const char *path, uint64_t length, const struct digest *d,
    struct json_at custom);
/* Only the custom of a target that is there; nowhere: the target has none any more. */
void role_set_custom(struct role *r, const char *path, struct json_at custom);
void role_drop_target(struct role *r, const char *path);

/*
 * Snapshot: the bytes of a role's new version ("targets", "gd.ip").
 * Timestamp: role "snapshot".
 */
void role_set_file(struct role *r, const char *role, int64_t version, const void *bytes,
    size_t len);

/* Append the canonical bytes that signatures cover. */
int role_signed(const struct role *r, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* Append the file: signed by the n signers (0: unsigned, to be cosigned later). */
int role_file(const struct role *r, const struct role_signer *signers, size_t n,
    struct buf *out, struct err *e) __attribute__((warn_unused_result));

/*
 * Append a copy of the file with this signer's signature added, or replaced where
 * its keyid has signed before.  For m of n, from one person to the next.
 */
int role_cosign(const void *file, size_t len, const struct role_signer *signer,
    struct buf *out, struct err *e) __attribute__((warn_unused_result));

/*
 * Append the file more with the signatures that count: those of keyids from more, all others
 * from file (NULL: none).  Both cover the same, or it is ERR_CONFLICT.  For whoever
 * collects signatures and has verified those of keyids.
 */
struct role_bytes {
	const void *bytes;
	size_t len;
};
int role_merge(const struct role_bytes *file, const struct role_bytes *more,
    const char *const *keyids, size_t n, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* SHA-256 of what the signatures of a role's file cover. */
int role_covered(const void *file, size_t len, struct digest *out, struct err *e)
    __attribute__((warn_unused_result));

/* "metadata/3.gd.ip.json", for timestamp "metadata/timestamp.json".  Append. */
int role_path(const char *role, int64_t version, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
