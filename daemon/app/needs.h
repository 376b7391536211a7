/* SPDX-License-Identifier: Apache-2.0 */
/* Until when each hash is needed: a set for purge.c and repacker.c.  One thread. */
#ifndef KEBAO_DAEMON_APP_NEEDS_H
#define KEBAO_DAEMON_APP_NEEDS_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

struct store;

#define NEEDS_ALWAYS INT64_MAX
#define NEEDS_NEVER INT64_MIN

struct needs_item {
	struct digest hash;
	int64_t until; /* UTC seconds; NEEDS_NEVER: the slot is free */
};

struct needs {
	struct needs_item *slots; /* owned */
	size_t n_slots, n;
};

#define NEEDS_INIT { NULL, 0, 0 }

/* The later of two times stays. */
int needs_add(struct needs *n, const struct digest *hash, int64_t until, struct err *e);
/* NEEDS_NEVER where it was never needed. */
int64_t needs_until(const struct needs *n, const struct digest *hash);
void needs_clear(struct needs *n);

/*
 * Add all frames of an index of the channel.  One that is not in the store holds nothing,
 * unless until is NEEDS_ALWAYS: then it is an error.
 */
int needs_add_index(struct needs *n, const struct store *store, const char *channel,
    const struct digest *index, int64_t until, struct err *e);

#endif
