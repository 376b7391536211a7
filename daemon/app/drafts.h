/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drafts, PROTOCOL.md 4.2: a release that is uploaded is checked as a whole by one thread of
 * ours, one draft after another, with progress that can be asked for.  What a draft
 * is stands in the state; a draft that was being checked when the hub stopped is checked
 * again.  Any thread; calls wait on the disk.
 */
#ifndef KEBAO_DAEMON_APP_DRAFTS_H
#define KEBAO_DAEMON_APP_DRAFTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/hub/state_drafts.h"

struct drafts; /* opaque */
struct layouts;
struct state;
struct store;

struct drafts_parts {
	struct state *state;
	struct store *store;
	struct layouts *layouts;
};

/* Parts are lent and outlive the result. */
int drafts_new(const struct drafts_parts *parts, struct drafts **out, struct err *e)
    __attribute__((warn_unused_result));

/* Start the thread; it begins with what the state says is being checked. */
int drafts_run(struct drafts *ds, struct err *e);

/* Stop the check that runs (it begins anew at the next start) and the thread. */
void drafts_free(struct drafts *ds);

/* Wait for the check under way and let none begin until drafts_go_on(). */
void drafts_hold(struct drafts *ds);
void drafts_go_on(struct drafts *ds);

/*
 * Begin the draft of want (org, release.channel, course, number, record,
 * record_len), or go on with the open one; one that was refused is checked again.
 * -1: ERR_BAD_INPUT where the record is not there or is one of another release.
 */
int drafts_start(struct drafts *ds, const struct state_draft *want, const char *actor,
    int64_t now, struct state_draft *out, struct err *e);

struct drafts_progress {
	uint64_t done_bytes, total_bytes; /* of the tar; 0 of 0 before it is known */
};

/* The draft and how far its check is.  ERR_NOT_FOUND. */
int drafts_get(struct drafts *ds, const char *id, struct state_draft *out,
    struct drafts_progress *progress, struct err *e);

/* Of a refused draft: frames the hub still lacks (32 bytes each, LAYOUTS_MISSING at most). */
int drafts_missing(struct drafts *ds, const struct state_draft *d, struct buf *missing,
    struct err *e);

/* Give it up; a running check stops. */
int drafts_drop(struct drafts *ds, const char *id, const char *actor, int64_t now,
    struct err *e);

#endif
