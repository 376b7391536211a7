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

#endif
