/* SPDX-License-Identifier: Apache-2.0 */
/* The audit table: append-only (triggers refuse changes), hash-chained (audit.h). */
#ifndef KEBAO_CATALOG_HUB_STATE_AUDIT_H
#define KEBAO_CATALOG_HUB_STATE_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/audit.h"

struct state;
struct sqlite3;

/* An entry of its own, for what changes nothing here (a refused login, a start). */
int state_audit_add(struct state *s, const struct audit_note *note, struct err *e);

/*
 * Up to max entries with seq > after, in order.  The caller frees with
 * state_audit_free(); *n 0 and *out NULL where there are none.
 */
int state_audit_list(struct state *s, int64_t after, size_t max, struct audit_entry **out,
    size_t *n, struct err *e);
void state_audit_free(struct audit_entry *entries, size_t n);

/*
 * Recompute the whole chain and compare with the head noted beside it.
 * -1 with ERR_UNTRUSTED naming the first wrong entry.  *n_entries may be NULL.
 */
int state_audit_verify(struct state *s, int64_t *n_entries, struct err *e);

/* Add an entry within the transaction of db: for state.c, which commits. */
int state_audit_append(struct sqlite3 *db, const struct audit_note *note, struct err *e);

#endif
