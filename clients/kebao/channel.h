/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel as its publisher sees it: the delegation in targets, the role as it now
 * stands, and the next version with one more release, or one recalled.  A next
 * version follows from the present role and what is wished alone, so whoever signs
 * second makes it anew and compares.  FORMATS.md 4.2, 4.3.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CHANNEL_H
#define KEBAO_CLIENTS_KEBAO_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/record.h"
#include "catalog/repo/withdrawn.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"
#include "catalog/trust/trust.h"

struct channel {
	struct trust *trust;         /* borrowed */
	const char *id;              /* borrowed */
	const struct meta_role *delegation; /* lent by trust */
	const struct meta *role;     /* lent by trust; NULL: nothing is published yet */
};

/*
 * Look the channel up after trust_refresh().  ERR_NOT_FOUND where targets does not
 * delegate to it.
 */
int channel_open(struct channel *c, struct trust *trust, const struct trust_source *source,
    const char *id, int64_t now, struct err *e) __attribute__((warn_unused_result));

/*
 * ERR_DENIED where one of the keys may not sign for the channel, ERR_BAD_INPUT where there is
 * none or one twice.  Fewer than the threshold is no failure: others sign, too.
 */
int channel_check_keys(const struct channel *c, struct sign_key *const *keys, size_t n,
    struct err *e) __attribute__((warn_unused_result));

/* The record target of this release of a course, or NULL. */
const struct meta_target *channel_release(const struct channel *c, const char *course,
    uint32_t release);
/* The record target of the newest release of a course, recalled ones count; NULL and 0: none. */
const struct meta_target *channel_newest(const struct channel *c, const char *course,
    uint32_t *release);

/*
 * The next version of the role: the record's release becomes the course's
 * newest and alone has a bundle; of older ones LIMIT_LIVE_RELEASES - 1 stay, and
 * all withdrawn ones.  The caller frees *out.
 */
struct channel_release {
	const struct record *record;
	const struct buf *record_bytes;
	int64_t now;
};
int channel_next_release(const struct channel *c, const struct channel_release *release,
    struct role **out, struct err *e) __attribute__((warn_unused_result));

/*
 * The next version of the role: the release is marked as withdrawn, or is no more
 * (is_undo), and the bundle is that of the newest live one afterwards.
 */
struct channel_recall {
	const char *course;
	uint32_t release;
	bool is_undo;
	struct withdrawn what;        /* where it is no undo */
	const struct record *bundle;  /* of channel_bundle_after(); NULL where that is none */
	int64_t now;
};
/* Number and record target of the newest live release once that is done; NULL and 0: none. */
const struct meta_target *channel_bundle_after(const struct channel *c,
    const struct channel_recall *recall, uint32_t *release);
/* ERR_CONFLICT where it is withdrawn already (is not, to be undone); ERR_NOT_FOUND. */
int channel_next_recall(const struct channel *c, const struct channel_recall *recall,
    struct role **out, struct err *e) __attribute__((warn_unused_result));

/* Append the file of the role, signed by these keys of the channel. */
int channel_sign(const struct channel *c, const struct role *role, struct sign_key *const *keys,
    size_t n, struct buf *out, struct err *e) __attribute__((warn_unused_result));

/*
 * The hub said that the file, the version after c->role, is out: look again, as a recipient would.
 * What is seen is kept by the trust store, so nobody can hand this person an earlier state to build
 * the next version on.  ERR_UNTRUSTED where the channel does not show it, nor a later one.
 */
int channel_confirm(struct channel *c, const struct trust_source *source, const struct buf *file,
    int64_t now, struct err *e) __attribute__((warn_unused_result));

#endif
