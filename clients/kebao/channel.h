/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel as its publisher sees it: the delegation in targets, the role as it now
 * stands, and the next version with one more release.  FORMATS.md 4.2.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CHANNEL_H
#define KEBAO_CLIENTS_KEBAO_CHANNEL_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/record.h"
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

/* ERR_DENIED where these keys are not enough to sign for the channel. */
int channel_check_keys(const struct channel *c, struct sign_key *const *keys, size_t n,
    struct err *e) __attribute__((warn_unused_result));

/* The record target of this release of a course, or NULL. */
const struct meta_target *channel_release(const struct channel *c, const char *course,
    uint32_t release);
/* The record target of the newest release of a course; NULL and 0 where there is none. */
const struct meta_target *channel_newest(const struct channel *c, const char *course,
    uint32_t *release);

/*
 * Append the signed next version of the role: the record's release becomes the course's
 * newest and alone has a bundle; of older ones LIMIT_LIVE_RELEASES - 1 stay, and
 * all withdrawn ones.
 */
struct channel_release {
	const struct record *record;
	const struct buf *record_bytes;
	int64_t now;
};
int channel_next(const struct channel *c, const struct channel_release *release,
    struct sign_key *const *keys, size_t n, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
