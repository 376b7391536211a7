/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for long request bodies, by organisation: what is announced counts until the request
 * has ended, so that nobody has a role of 5 MB on each of a hundred connections.  Short bodies
 * are not counted: connections are.  All calls are for any thread and wait for nothing.
 */
#ifndef KEBAO_DAEMON_APP_BODIES_H
#define KEBAO_DAEMON_APP_BODIES_H

#include <stdint.h>

#include "catalog/base/err.h"

#define BODIES_SHORT_BYTES 16384u         /* up to this: not counted */
#define BODIES_ORG_BYTES (6u << 20)       /* the longest role or registry, and some lists beside */
#define BODIES_ALL_BYTES (24u << 20)

struct bodies; /* opaque */
struct body;   /* what is counted of one request */

/* The caller frees; NULL is fine. */
int bodies_new(struct bodies **out, struct err *e) __attribute__((warn_unused_result));
void bodies_free(struct bodies *b);

/* *out: to be given back; NULL for a short one.  ERR_BUSY: the organisation has enough, or all. */
int bodies_take(struct bodies *b, const char *org, uint64_t bytes, struct body **out,
    struct err *e) __attribute__((warn_unused_result));
void bodies_give(struct bodies *b, struct body *body); /* NULL is fine */

#endif
