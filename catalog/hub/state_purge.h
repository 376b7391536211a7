/* SPDX-License-Identifier: Apache-2.0 */
/* What the state knows about stored objects, for whoever takes them away. */
#ifndef KEBAO_CATALOG_HUB_STATE_PURGE_H
#define KEBAO_CATALOG_HUB_STATE_PURGE_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_releases.h"

struct state;

struct state_purge_pack {
	int64_t no; /* as in state_purge_frames() */
	char channel[LIMIT_ID_BYTES + 1];
	struct digest sha256;
	uint64_t length;     /* that counts; 0 where nothing does any more */
	int64_t replaced_at; /* when frames moved from it to another; 0: never */
	char org[LIMIT_ID_BYTES + 1];
};

/* All packs, by number; free() the array. */
int state_purge_packs(struct state *s, struct state_purge_pack **out, size_t *n, struct err *e);

/* Every frame that a channel would serve, and the pack it lies in. */
typedef int state_purge_frame_fn(void *ctx, int64_t pack, const struct digest *content,
    uint64_t stored_len, struct err *e);
int state_purge_frames(struct state *s, const char *channel, state_purge_frame_fn *fn, void *ctx,
    struct err *e);

/* All releases, live or not; free() the array. */
int state_purge_releases(struct state *s, struct state_release **out, size_t *n, struct err *e);

/* Forget a pack with its frames, or an index or record (kind as in uploads); the quota shrinks. */
int state_purge_forget_pack(struct state *s, const char *channel, const struct digest *sha256,
    const struct audit_note *note, struct err *e);
int state_purge_forget_object(struct state *s, const char *channel, const char *kind,
    const struct digest *sha256, const struct audit_note *note, struct err *e);

#endif
