/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of one release: its record and its index, verified, kept in
 * meta/ so that they are asked for once.
 */
#ifndef KEBAO_CLIENTS_KEBAO_RELEASE_H
#define KEBAO_CLIENTS_KEBAO_RELEASE_H

#include "catalog/base/err.h"
#include "catalog/repo/index.h"
#include "catalog/repo/record.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/trust.h"
#include "clients/kebao/home.h"
#include "clients/kebao/library.h"
#include "clients/kebao/transfer.h"

/*
 * The record of a release as its channel signed it: from meta/ where it is
 * there and right, else asked for (t NULL: ERR_NOT_FOUND) and kept.  The caller frees *out.
 * ERR_UNTRUSTED where it is not what the target says or speaks of another release.
 */
struct release_want {
	const struct library_name *name;
	const struct trust *trust;
	const struct meta_target *target; /* the record's */
};
int release_record(const struct home *h, struct transfer *t, const struct release_want *want,
    struct record **out, struct err *e) __attribute__((warn_unused_result));

/* The index that a record names, in the same way; it agrees with the record. */
int release_index(const struct home *h, struct transfer *t, const struct library_name *name,
    const struct record *record, struct index **out, struct err *e)
    __attribute__((warn_unused_result));

/* Keep an index that came in another way, verified: release_index() then finds it. */
int release_keep_index(const struct home *h, const struct library_name *name,
    const struct buf *bytes, struct err *e) __attribute__((warn_unused_result));

/* The record of a held release as it lies in meta/: verified when it came. */
int release_held_record(const struct home *h, const struct library_name *name,
    struct record **out, struct err *e) __attribute__((warn_unused_result));

/* Forget record and index of a release that is not held. */
int release_forget(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));

#endif
