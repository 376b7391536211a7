/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/slab.h"

#include <stdlib.h>

uint8_t *
slab_take(struct slab *s)
{
	if (s->n_free > 0)
		return s->free[--s->n_free];
	return malloc(LIMIT_SLAB_BYTES);
}

void
slab_give(struct slab *s, uint8_t *block)
{
	if (block != NULL && s->n_free < LIMIT_SLAB_KEPT)
		s->free[s->n_free++] = block;
	else
		free(block);
}

void
slab_clear(struct slab *s)
{
	while (s->n_free > 0)
		free(s->free[--s->n_free]);
}
