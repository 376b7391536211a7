/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client believes, kept in a directory: one file per role, the bytes as
 * they came, named meta_quote_role(role) + ".json", nothing else.  The workflow is
 * that of TUF 1.0.31 section 5, each step persisted before the next, so an
 * interruption anywhere leaves a state the next run goes on from.
 *
 * Where bytes come from is a struct trust_source; network, mirror, directory and
 * stick differ in nothing else.  Time is an argument.  One thread at a time, and one
 * process per directory: the caller holds a lock.
 *
 *	trust_open(dirfd, &options, &t, e)
 *	trust_refresh(t, &source, now, e)         is anything new?  is it fresh?
 *	trust_role(t, &source, "gd.ip", now, &m, e)
 *	trust_find_target(t, &source, path, now, &target, e)
 *	trust_close(t)
 */
#ifndef KEBAO_CATALOG_TRUST_TRUST_H
#define KEBAO_CATALOG_TRUST_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/meta.h"

struct trust_source {
	void *ctx; /* borrowed */
	/*
	 * Append the file at path ("metadata/3.root.json"; role names are already
	 * %-quoted) to *out.  -1: ERR_NOT_FOUND where the source says that there is
	 * none (or none for us), ERR_BAD_INPUT where it is longer than max_bytes, any
	 * other class where it cannot be had now.  Never retries by itself what was
	 * answered.
	 */
	int (*fetch)(void *ctx, const char *path, size_t max_bytes, struct buf *out,
	    struct err *e);
};

struct trust_options {
	/*
	 * Accept a timestamp and a snapshot that expired at most this many seconds ago
	 * (sticks): what they list is authentic, its freshness unproven.  0: none.
	 * All other checks stay, and so do all other expiries.
	 */
	int64_t max_stale_s;
};

struct trust; /* opaque */

/*
 * Begin a store with a root the caller has reason to believe: writes root.json
 * durably, byte for byte, without judging it.  The directory must exist and hold no
 * root.json of other bytes (ERR_CONFLICT).
 */
int trust_init(int dirfd, const void *root, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Load the root kept in the directory (ERR_NOT_FOUND where there is none,
 * ERR_UNTRUSTED where it is not signed by itself).  dirfd is duplicated.
 * options may be NULL.
 */
int trust_open(int dirfd, const struct trust_options *options, struct trust **out,
    struct err *e) __attribute__((warn_unused_result));
void trust_close(struct trust *t);

/*
 * Root, timestamp, snapshot, targets, in this order (5.3 to 5.6).  Where nothing
 * is new that is two requests.  On failure what was accepted before stays accepted.
 * ERR_UNTRUSTED, ERR_BAD_INPUT, ERR_NOT_FOUND (the source lacks a file it must
 * have), the source's own class, or ERR_SYSTEM.
 */
int trust_refresh(struct trust *t, const struct trust_source *source, int64_t now,
    struct err *e) __attribute__((warn_unused_result));

/*
 * Without a source: believe what is on disk, signed by those the root on disk says,
 * expired or not, and even where a refresh was interrupted between two files (timestamp
 * or snapshot may then be NULL).  For looking at a library offline.  ERR_NOT_FOUND
 * where a refresh never succeeded.
 */
int trust_load(struct trust *t, struct err *e) __attribute__((warn_unused_result));

/* After trust_refresh() or trust_load(): lent until the next of them; else NULL. */
const struct meta *trust_root(const struct trust *t);
const struct meta *trust_timestamp(const struct trust *t);
const struct meta *trust_snapshot(const struct trust *t);
const struct meta *trust_targets(const struct trust *t);

/* Whether an expired timestamp or snapshot was accepted (max_stale_s, or trust_load()). */
bool trust_is_stale(const struct trust *t);

/*
 * A channel's role, delegated by targets: from disk where that is the version the
 * snapshot lists, signed as targets now says; else fetched.  Lent until the next
 * refresh or load.  source may be NULL: then only what is on disk.
 *
 * ERR_NOT_FOUND: not delegated, not in the snapshot (nothing published), or not
 * carried by this source and never held.  ERR_WITHHELD: held before, listed, and not
 * given.  ERR_UNTRUSTED, the source's class, ERR_SYSTEM.
 */
int trust_role(struct trust *t, const struct trust_source *source, const char *role,
    int64_t now, const struct meta **out, struct err *e) __attribute__((warn_unused_result));

/*
 * The role as it was last kept on disk, whatever the snapshot now says: what this
 * client held before.  It is verified against the current targets; the caller frees *out.
 * ERR_NOT_FOUND where there is none.
 */
int trust_held_role(const struct trust *t, const char *role, struct meta **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Walk targets and delegations in pre-order for a target path (5.6.7): roles not
 * yet held are fetched, a terminating delegation that matches ends the walk, at
 * most LIMIT_DELEGATIONS delegated roles are visited.  Lent until the next refresh or load.
 * ERR_NOT_FOUND where nobody speaks for it; else like trust_role().
 */
int trust_find_target(struct trust *t, const struct trust_source *source, const char *path,
    int64_t now, const struct meta_target **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The path a target's bytes have in a repository: "targets/gd.ip/x/2/HASH.record.json".
 * Append to out.  A target without any hash is ERR_BAD_INPUT.
 */
int trust_target_path(const struct trust *t, const struct meta_target *target, struct buf *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
