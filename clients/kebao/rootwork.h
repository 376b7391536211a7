/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next root on its way from one keeper of a root key to the next, without a network:
 * a directory (a stick) with two files of TUF, N.root.json, which is in force, and
 * N+1.root.json, which is to be.  FORMATS.md 4.2.
 *
 * Whoever signs sees in words what changes.  The next root is unbelieved until
 * rootwork_check() says that both thresholds have signed; until then it is for looking only.
 */
#ifndef KEBAO_CLIENTS_KEBAO_ROOTWORK_H
#define KEBAO_CLIENTS_KEBAO_ROOTWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/collect.h"

struct rootwork {
	struct meta *present;      /* owned; signed by itself */
	struct buf present_file, next_file; /* owned */
	struct meta_claim *claim;  /* owned; of the next */
	const struct meta *next;   /* lent by claim, unbelieved */
};

/* What one of the four roles gets. */
struct rootwork_edit {
	const struct key *const *add;
	size_t n_add;
	const char *const *remove; /* ids of keys, or their first ROOTWORK_ID_LEN digits */
	size_t n_remove;
	bool replaces;             /* the keys are those of add and no others */
	int64_t threshold;         /* 0: as it is */
};
#define ROOTWORK_ID_LEN 8u

/*
 * Begin in dir (made where it is not there) from the root in force: edits by enum meta_type,
 * days until it expires (0: as usual).  ERR_CONFLICT where dir holds another next root.
 */
struct rootwork_plan {
	const struct buf *present; /* the file */
	struct rootwork_edit edits[META_N_TYPES];
	int days;
	int64_t now;
};
int rootwork_begin(const char *dir, const struct rootwork_plan *plan, struct err *e)
    __attribute__((warn_unused_result));

/* The pair in dir; the caller clears. */
int rootwork_open(const char *dir, struct rootwork *out, struct err *e)
    __attribute__((warn_unused_result));
void rootwork_clear(struct rootwork *w);

/* Sign the next root and write it back; a key that neither root lists for root is ERR_DENIED. */
int rootwork_sign(const char *dir, struct rootwork *w, struct sign_key *const *keys, size_t n,
    struct err *e) __attribute__((warn_unused_result));

/* How far it is, by the keys of the root in force and by its own. */
int rootwork_look(const struct rootwork *w, struct collect_state *by_present,
    struct collect_state *by_next, struct err *e) __attribute__((warn_unused_result));

/* ERR_UNTRUSTED where signatures are wanting or it does not follow. */
int rootwork_check(const struct rootwork *w, struct err *e) __attribute__((warn_unused_result));

/* A digest of what the signatures cover, for keepers to compare by telephone. */
int rootwork_digest(const struct rootwork *w, char out[65], struct err *e);

#endif
