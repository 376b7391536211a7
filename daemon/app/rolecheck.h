/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new version of a channel's role may change, PROTOCOL.md 4.2.  Pure.  Only
 * the content is judged here; signatures, dates and form are checked by kebaod-signer
 * before it signs the switch.
 */
#ifndef KEBAO_DAEMON_APP_ROLECHECK_H
#define KEBAO_DAEMON_APP_ROLECHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/repo/withdrawn.h"

struct state_release;

/* Bytes of a role; NULL and 0: the channel has none yet. */
struct rolecheck_role {
	const void *bytes;
	size_t len;
};

struct rolecheck_result {
	int64_t version;
	/* releases of the course with a record, not withdrawn */
	uint32_t live[LIMIT_LIVE_RELEASES];
	size_t n_live;
};

/*
 * Whether new may follow old in order to publish r (channel, course, number,
 * record, record_len, tar and tar_len are set): version is old's + 1, r is newer
 * than all releases of its course, its record and bundle are targets with the right
 * lengths and hashes, every other target of old is there unchanged, except the course's
 * bundle before, and records that the limit of live releases pushes out, oldest first.
 *
 * -1: ERR_CONFLICT where version or release number show that somebody published
 * meanwhile, ERR_BAD_INPUT otherwise; the text says what to do.
 */
int rolecheck_publish(const struct rolecheck_role *old, const struct rolecheck_role *new,
    const struct state_release *r, struct rolecheck_result *out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Whether new is old with a higher version and another expiry: all targets are the same; or
 * none is left (*ends): the channel's releases end.  A first role may only be an empty one.
 */
int rolecheck_renew(const struct rolecheck_role *old, const struct rolecheck_role *new,
    int64_t *version, bool *ends, struct err *e) __attribute__((warn_unused_result));

/* What a role does that recalls a release, or takes that back. */
struct rolecheck_recall {
	int64_t version;
	char course[LIMIT_ID_BYTES + 1];
	uint32_t release;
	bool is_undo;
	uint32_t successor; /* that the mark names; 0: none */
	char reason[WITHDRAWN_REASON_BYTES + 1]; /* "" for an undo */
	/* The course's bundle afterwards: of the newest live release; 0: none is live. */
	uint32_t bundle;
	uint64_t bundle_len;
	struct digest bundle_sha256;
	uint32_t live[LIMIT_LIVE_RELEASES];
	size_t n_live;
};

/*
 * Whether new may follow old: version old's + 1, exactly one record target has a
 * well-formed custom.withdrawn more (or lost its own), its course has one bundle, of the
 * newest live release, or none where none is live; every other target is there
 * unchanged, except a live record that an undone one pushes out, the oldest.  Whether the
 * bundle is what its release says is for the caller to compare.  -1: as rolecheck_publish().
 */
int rolecheck_recall(const struct rolecheck_role *old, const struct rolecheck_role *new,
    const char *channel, struct rolecheck_recall *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
