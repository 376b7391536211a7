/* SPDX-License-Identifier: Apache-2.0 */
/* Frames move from pack to pack: what the rewriting of packs asks of the state and tells it. */
#ifndef KEBAO_CATALOG_HUB_STATE_REPACK_H
#define KEBAO_CATALOG_HUB_STATE_REPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_frames.h"

struct state;

/* Every frame that a channel would serve, by content; pack is a number of state_purge_packs(). */
typedef int state_repack_fn(void *ctx, int64_t pack, const struct state_frame *f, struct err *e);
int state_repack_frames(struct state *s, const char *channel, state_repack_fn *fn, void *ctx,
    struct err *e);

/*
 * These frames lie in this pack from now on, which is durable in the repository and for the
 * channel's audience; one transaction.  It counts against the organisation; packs they leave are
 * marked as replaced at note->at, and those left without any frame no longer count.  The
 * channel's hints are due (below).  ERR_CONFLICT where one of them is no longer what it was:
 * nothing has changed.  A pack entered before is success and changes nothing.
 */
int state_repack_move(struct state *s, const struct state_pack *pack,
    const struct state_frame *frames, size_t n, const struct audit_note *note, struct err *e);

/* Whether hints of the channel may still name places that frames have left; and they do not. */
int state_repack_hints_due(struct state *s, const char *channel, bool *due, struct err *e);
int state_repack_hints_done(struct state *s, const char *channel, struct err *e);

#endif
