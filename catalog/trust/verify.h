/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims become metadata here and nowhere else.  Every function that takes a
 * struct meta_claim ** keeps *claim on success (sets it to NULL) and leaves it to
 * the caller on failure.  Failures are ERR_UNTRUSTED (the text names the check
 * that failed, what was wanted and what was found) or ERR_SYSTEM.
 * Sections are those of the TUF specification 1.0.31, section 5.
 */
#ifndef KEBAO_CATALOG_TRUST_VERIFY_H
#define KEBAO_CATALOG_TRUST_VERIFY_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/trust/meta.h"

/* Whether bytes have the length and all the hashes that are said (5.5.2, 5.6.2). */
int verify_bytes(const struct meta_bytes *want, const void *bytes, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/*
 * A root given by hand (shipped, or named by an enrolment code's fingerprint):
 * threshold of its own keys.  Not for a root that came over the network.
 */
int verify_root_first(struct meta_claim **claim, struct meta **out, struct err *e)
    __attribute__((warn_unused_result));

/* The next root: threshold by the old keys and by its own, version exactly one more (5.3.4-5). */
int verify_root_next(const struct meta *trusted, struct meta_claim **claim, struct meta **out,
    struct err *e) __attribute__((warn_unused_result));

/* What a role other than root must be. */
struct verify_want {
	const struct meta *delegator; /* root for the top level, targets for a channel */
	const char *role;             /* "snapshot", "gd.ip", ... */
	int64_t version;              /* exactly this; 0: any */
	int64_t version_min;          /* at least this; 0: any */
};

/* Type, threshold of distinct keys, version; not the expiry. */
int verify_role(const struct verify_want *want, struct meta_claim **claim, struct meta **out,
    struct err *e) __attribute__((warn_unused_result));

/* Only the threshold: for someone who collects signatures (m of n) before a role is complete. */
int verify_threshold(const struct meta *delegator, const char *role,
    const struct meta_claim *claim, struct err *e) __attribute__((warn_unused_result));
/* How many distinct keys of the role have signed; -1 with *e. */
int verify_count(const struct meta *delegator, const char *role, const struct meta_claim *claim,
    struct err *e);
/* Whether the key the delegator lists under this keyid has signed: 1, 0, or -1 with *e. */
int verify_has_signed(const struct meta *delegator, const char *keyid,
    const struct meta_claim *claim, struct err *e);

/* ERR_UNTRUSTED "... expired on 2026-11-23T08:00:00Z; the clock says ..." from expires_at on. */
int verify_expiry(const struct meta *m, const char *role, int64_t now, struct err *e)
    __attribute__((warn_unused_result));

/* A new snapshot lists every role of the old one, no version lower (5.5.5). */
int verify_snapshot_follows(const struct meta *old, const struct meta *fresh, struct err *e)
    __attribute__((warn_unused_result));

#endif
