/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of m of n people on one role, collected in its file as it goes from one machine
 * to the next.  FORMATS.md 4.2.
 */
#ifndef KEBAO_CLIENTS_KEBAO_COLLECT_H
#define KEBAO_CLIENTS_KEBAO_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"

/* How the delegator calls the key for one of its roles; NULL where it is none of the role's. */
const char *collect_keyid(const struct meta *delegator, const char *role, const struct key *key);

/* ERR_DENIED where a key is none of the role's, ERR_BAD_INPUT where one is given twice. */
int collect_check_keys(const struct meta *delegator, const char *role,
    struct sign_key *const *keys, size_t n, struct err *e) __attribute__((warn_unused_result));

/* Add the signatures to the file, under the key's own id where nobody calls it otherwise. */
int collect_sign(const struct meta *delegator, const char *role, struct sign_key *const *keys,
    size_t n, struct buf *file, struct err *e) __attribute__((warn_unused_result));

/* How far a file has come by the word of one delegator. */
struct collect_state {
	int64_t wanted;    /* threshold */
	int64_t signatures; /* by distinct keys of the role */
	struct buf signed_by, unsigned_by; /* ids of keys, each after a blank */
};
int collect_look(const struct meta *delegator, const char *role, const struct buf *file,
    struct collect_state *out, struct err *e) __attribute__((warn_unused_result));
void collect_state_clear(struct collect_state *s);
bool collect_is_complete(const struct collect_state *s);

/* The next version of a role, as its present signer would make it. */
struct collect_job {
	const struct meta *delegator; /* borrowed, as all here */
	const char *role;
	struct sign_key *const *keys;
	size_t n_keys;
	/* Keys that are to be the role's one day: they sign, too, and count for nothing yet. */
	struct sign_key *const *heirs;
	size_t n_heirs;
	/* The file that goes from hand to hand: made, or signed on; NULL: all keys are here. */
	const char *file;
	/* Make the version; expires_at 0: as usual, else this (the file's). */
	int (*make)(void *ctx, int64_t expires_at, struct role **out, struct err *e);
	void *ctx;
	int64_t now;
};

/*
 * Begin or go on, sign, look.  Where signatures are still wanted, file is written for the next
 * one (ERR_DENIED where there is none); where not, *bytes is ready to be sent, and file
 * stays as it was.  ERR_CONFLICT where the file holds anything else than we would make.
 */
int collect_run(const struct collect_job *job, struct buf *bytes, struct collect_state *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
