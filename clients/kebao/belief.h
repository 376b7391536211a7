/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this home believes, for those who make the next version of a role: they must read
 * what is in force even where a date or a key that was taken away forbids everybody else
 * to act on it.  Every signature is checked here as well.
 */
#ifndef KEBAO_CLIENTS_KEBAO_BELIEF_H
#define KEBAO_CLIENTS_KEBAO_BELIEF_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/trust/trust.h"
#include "clients/kebao/home.h"

/*
 * The home's own trust store; the caller closes it.  Where its root is gone: ERR_DENIED, and
 * status_must_enrol().
 */
int belief_open(const struct home *home, struct trust **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * A store for this run only, which holds nothing but the root this home believes: for a hub that
 * was restored from a backup and stands behind what this home has seen.  It does not
 * notice a rollback: whoever uses it says so to the person.
 */
int belief_open_afresh(const struct home *home, struct trust **out, struct err *e)
    __attribute__((warn_unused_result));

/* trust_refresh(); where nothing but dates forbids it, without them, and *is_expired. */
int belief_refresh(struct trust *trust, const struct trust_source *source, int64_t now,
    bool *is_expired, struct err *e) __attribute__((warn_unused_result));

/* A role as it is in force, for its next signers. */
struct belief_role {
	const struct meta *role; /* NULL: it has no version yet */
	struct meta *owned;      /* role is in here, or lent by the trust store */
	bool is_expired;
	bool is_former;          /* signed by keys that were the channel's and are no longer */
};
void belief_role_clear(struct belief_role *r);

/*
 * After a refresh: "targets", or a channel.  ERR_NOT_FOUND where targets does not delegate to
 * it; ERR_UNTRUSTED where not even former keys of the channel (of the last versions of
 * targets) have signed what the snapshot lists.
 */
int belief_role(struct trust *trust, const struct trust_source *source, const char *name,
    int64_t now, struct belief_role *out, struct err *e) __attribute__((warn_unused_result));

#endif
