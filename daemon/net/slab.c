/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/slab.h"

#include <assert.h>
#include <stdlib.h>

/* What is put into a block fits it: an upload's piece, a piece of a reply and its head. */
static_assert(LIMIT_BODY_PIECE_BYTES <= LIMIT_SLAB_BYTES, "a piece of an upload is one block");
static_assert(LIMIT_SEND_PIECE_BYTES + LIMIT_REPLY_HEADERS_BYTES <= LIMIT_SLAB_BYTES / 8 * 7,
    "a piece of a reply is one block, and one block as records");
static_assert(LIMIT_TURN_BYTES <= LIMIT_UNSENT_BYTES / 2, "a turn fits what the kernel keeps");

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
