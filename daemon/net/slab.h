/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of LIMIT_SLAB_BYTES that one loop uses again and again: pieces of
 * files on their way out, TLS records to send, pieces of uploads.  A few free
 * ones are kept; a connection holds one only while it has bytes in it.
 */
#ifndef KEBAO_DAEMON_NET_SLAB_H
#define KEBAO_DAEMON_NET_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/limits.h"

struct slab {
	uint8_t *free[LIMIT_SLAB_KEPT]; /* owned */
	size_t n_free;
};

/* A block, its content undefined; NULL when out of memory.  One thread only. */
uint8_t *slab_take(struct slab *s);

/* Back again; NULL is fine. */
void slab_give(struct slab *s, uint8_t *block);

void slab_clear(struct slab *s);

#endif
