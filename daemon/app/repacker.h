/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs stay healthy: one thread at the lowest priority, after the switch, writes frames into new
 * packs where catalog/repo/repack.h says so.  Stored bytes are copied as they are, checked
 * against their hash, so no ETag changes and no publisher's key is needed.
 *
 * In this order: the new pack, durable in the store; the places of its frames in the state, one
 * transaction that also notes that hints are due; the hints of the channel's live releases, with
 * the patches they name; the note goes.  A hub that was killed between two of these goes on with
 * the next, ARCHITECTURE.md says how.  The old packs stay: whoever reads one goes on, whoever
 * has an old hint finds what it names.  Upkeep takes them away PURGE_SPARED_DAYS later (purge.h).
 *
 * A round happens at the start, after each publication and every hour; a channel in which no
 * release came or went since is passed over.
 */
#ifndef KEBAO_DAEMON_APP_REPACKER_H
#define KEBAO_DAEMON_APP_REPACKER_H

#include <stdint.h>

#include "catalog/base/err.h"

struct layouts;
struct repacker; /* opaque */
struct state;
struct store;

struct repacker_parts {
	int dirfd; /* of the state directory, for the pack being written */
	struct state *state;
	struct store *store;
	struct layouts *layouts;
	uint64_t reserve_bytes; /* of the disk, left alone */
};

/* All parts are lent and outlive the result.  Starts the thread and its first round. */
int repacker_run(const struct repacker_parts *parts, struct repacker **out, struct err *e)
    __attribute__((warn_unused_result));
/* Something is new.  NULL is fine. */
void repacker_wake(struct repacker *r);
/* Stops within seconds.  NULL is fine. */
void repacker_free(struct repacker *r);

#endif
