/* SPDX-License-Identifier: Apache-2.0 */
/* Durable counters by name: they only ever grow. */
#ifndef KEBAO_CATALOG_HUB_STATE_COUNTERS_H
#define KEBAO_CATALOG_HUB_STATE_COUNTERS_H

#include <stdint.h>

#include "catalog/base/err.h"

struct state;

/* 0 where it was never raised. */
int state_counters_get(struct state *s, const char *name, int64_t *out, struct err *e);

/* Add one; *out is the new value, given to nobody before. */
int state_counters_next(struct state *s, const char *name, int64_t *out, struct err *e);

/* Make it at least value. */
int state_counters_raise(struct state *s, const char *name, int64_t value, struct err *e);

#endif
