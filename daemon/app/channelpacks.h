/* SPDX-License-Identifier: Apache-2.0 */
/* The packs of one channel as they are: what repacker.c plans with.  One thread. */
#ifndef KEBAO_DAEMON_APP_CHANNELPACKS_H
#define KEBAO_DAEMON_APP_CHANNELPACKS_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/hub/state_purge.h"
#include "catalog/hub/state_releases.h"
#include "catalog/repo/repack.h"

struct layouts;
struct state;
struct store;

struct channelpacks_frame {
	struct digest content, stored;
	uint32_t content_len;
};

struct channelpacks {
	struct state_purge_pack *packs;     /* owned; of this channel, by number */
	uint64_t *pack_lens;                /* owned; of the files */
	size_t n_packs;
	struct channelpacks_frame *frames;  /* owned; what is needed, by content */
	struct repack_frame *places;        /* owned; of the same frames */
	size_t n_frames, frames_room;
	struct repack_release *newest;      /* owned, with their numbers */
	size_t n_newest;
};

struct channelpacks_parts {
	struct state *state;
	const struct store *store;
	struct layouts *layouts;
};

/* all: every release of the hub, live or not.  The caller calls channelpacks_clear() on success. */
int channelpacks_load(const struct channelpacks_parts *parts, const char *channel,
    const struct state_release *all, size_t n_all, struct channelpacks *out, struct err *e)
    __attribute__((warn_unused_result));
void channelpacks_clear(struct channelpacks *c);

/* For repack_make(); lends *c. */
struct repack_input channelpacks_input(const struct channelpacks *c);

#endif
