/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All documents of a registry as a sorted set, and the pure functions that turn
 * an old set and a change into a new one.  A set says nothing about references
 * between its documents: registry_new() judges that, so a change is
 *
 *   regset_apply(old, body) -> new set; registry_new(new set) -> table or error;
 *   state_registry_replace(new set); show the table to the workers.
 */
#ifndef KEBAO_CATALOG_HUB_REGSET_H
#define KEBAO_CATALOG_HUB_REGSET_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/hub/regdoc.h"

struct regset {
	struct regdoc **docs; /* owned; by kind, then id; each holds a reference */
	size_t n_docs;
};

#define REGSET_INIT { NULL, 0 }

void regset_clear(struct regset *s);

/* Put d in place of the document of its kind and id, or add it; takes a reference of its own. */
int regset_put(struct regset *s, struct regdoc *d, struct err *e);

/* Lent, or NULL. */
struct regdoc *regset_find(const struct regset *s, enum regdoc_kind kind, const char *id);

/* *out (empty before) has the same documents. */
int regset_copy(const struct regset *from, struct regset *out, struct err *e)
    __attribute__((warn_unused_result));

/* Whether two documents of the same kind and id say the same. */
bool regset_is_same(const struct regdoc *a, const struct regdoc *b);

/*
 * The body of PATCH /api/v1/registry: {"organisations":[...],"pairings":[...],
 * "channels":[...]}, each list optional, each document replacing the one of its
 * id.  *out (empty before) is a new set; on -1 with ERR_BAD_INPUT it stays empty.
 * A document that occurs twice in one body is refused.
 */
int regset_apply(const struct regset *old, const void *body, size_t len, struct regset *out,
    struct err *e) __attribute__((warn_unused_result));

/* *out is old without one document; ERR_NOT_FOUND where there is none. */
int regset_without(const struct regset *old, enum regdoc_kind kind, const char *id,
    struct regset *out, struct err *e) __attribute__((warn_unused_result));

/* Append the answer of GET /api/v1/registry, canonical JSON. */
int regset_encode(const struct regset *s, struct buf *out, struct err *e);

/*
 * Append one line for people and the audit log: what differs, "+organisations/gd ~channels/gd.ip".
 */
int regset_diff(const struct regset *old, const struct regset *new, struct buf *out,
    struct err *e);

#endif
