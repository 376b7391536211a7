/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of the client workflow (TUF 1.0.31, sections 5.3 to 5.6) for trust.c:
 * each judges, persists, and only then lets the next one begin.
 */
#ifndef KEBAO_CATALOG_TRUST_WORKFLOW_H
#define KEBAO_CATALOG_TRUST_WORKFLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/trust.h"

/* A delegated role believed since the last refresh, by the word of one delegator. */
struct trust_held {
	struct trust_held *next;      /* owned */
	char *name;                   /* owned */
	const struct meta *delegator; /* borrowed: top[META_TARGETS] or another held one */
	struct meta *meta;            /* owned */
};

struct trust {
	int dirfd; /* owned */
	struct trust_options options;
	struct meta *top[META_N_TYPES]; /* owned; NULL: not believed (yet) */
	struct trust_held *held;        /* owned */
	bool is_complete;               /* refresh or load went through */
	bool is_stale;
};

/* The root on disk, by its own word. */
int workflow_load_root(struct trust *t, struct err *e);

/* What is on disk, as far as the keys of its delegator have signed it; of the top level. */
int workflow_load_top(struct trust *t, enum meta_type type, struct err *e);
/* The same where nothing usable is no failure, but a failing machine is. */
int workflow_load_baseline(struct trust *t, enum meta_type type, struct err *e);

/* All of it.  t holds nothing but a root. */
int workflow_refresh(struct trust *t, const struct trust_source *source, int64_t now,
    struct err *e);

/* One targets role as the snapshot lists it and the delegator delegates it. */
struct workflow_wanted {
	const struct meta *delegator;
	const char *role;
	int64_t now;
};
/*
 * From disk where that is exactly what is wanted, else from the source (NULL: from
 * nowhere).  The caller frees *out.  Errors as in trust_role().
 */
int workflow_get_targets(const struct trust *t, const struct trust_source *source,
    const struct workflow_wanted *w, struct meta **out, struct err *e);

/* The role kept on disk, of any version, signed as the delegator says. */
int workflow_load_targets(const struct trust *t, const struct meta *delegator,
    const char *role, struct meta **out, struct err *e);

#endif
