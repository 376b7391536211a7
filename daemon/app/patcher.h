/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches for what is newest: one thread at the lowest priority, after the switch.  For the
 * newest release of each course it makes patches from the releases before it that are
 * still live, and from nothing, puts those worth having (a tenth less than frames from packs;
 * from a release a 32nd, up to 16 MiB) into the store, and then says so in the hint.  Nothing is
 * kept but the hint itself: what it does not name is made by the next round, so a hub that was
 * killed goes on where it was.
 * Patches that no hint of a newest release names are removed after a day.
 *
 * A round happens at the start, after each publication and every hour.  What fails is logged and
 * tried again; readers do without.
 */
#ifndef KEBAO_DAEMON_APP_PATCHER_H
#define KEBAO_DAEMON_APP_PATCHER_H

#include <stdint.h>

#include "catalog/base/err.h"

struct layouts;
struct patcher; /* opaque */
struct state;
struct store;

struct patcher_parts {
	int dirfd; /* of the state directory, for the patch being made */
	struct state *state;
	struct store *store;
	struct layouts *layouts;
	unsigned level;         /* of zstd */
	unsigned n_releases;    /* how many earlier ones */
	uint64_t reserve_bytes; /* of the disk, left alone */
};

#define PATCHER_GRACE_S 86400 /* whoever read the hint before has a day to fetch */

/* All parts are lent and outlive the result.  Starts the thread and its first round. */
int patcher_run(const struct patcher_parts *parts, struct patcher **out, struct err *e)
    __attribute__((warn_unused_result));
/* Something is new.  NULL is fine. */
void patcher_wake(struct patcher *p);
/* Stops within seconds.  NULL is fine. */
void patcher_free(struct patcher *p);

#endif
