/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this home may use its line now, and what it has used of it: hours, the month's
 * budget, and "paused" (a file of that name in the home, made by kebao pause).
 *
 * Asked before and during transfers, from any thread; where the answer changes, transfers under
 * way stop within a second and what came stays.  usage.json keeps the month's bytes over
 * runs: at most the last 16 MiB are lost when a run is killed.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PACE_H
#define KEBAO_CLIENTS_KEBAO_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "clients/kebao/home.h"
#include "clients/kebao/settings.h"

struct pace; /* opaque */

enum pace_state {
	PACE_GO,
	PACE_PAUSED, /* until kebao resume */
	PACE_CLOSED, /* outside of the hours */
	PACE_SPENT,  /* the month's budget is used up */
};

/* What a pause is called, wherever it ends or hinders something. */
#define PACE_PAUSED_TEXT "paused; kebao resume lets it go on"

/* Both are borrowed. */
int pace_new(const struct home *h, const struct settings *s, struct pace **out, struct err *e)
    __attribute__((warn_unused_result));
/* Keeps what was used. */
void pace_free(struct pace *p);

/*
 * What holds now; *until (may be NULL) is when it will be otherwise, 0 where nobody knows
 * (paused) or it is PACE_GO.
 */
enum pace_state pace_ask(struct pace *p, int64_t *until);

/* While it is open: when the hours end that hold now; 0: they never do, or it is closed. */
int64_t pace_closes_at(const struct settings *s, int64_t now);

/* 0 when it may go on; else ERR_BUSY with sys EAGAIN (STATUS_NOT_NOW) and a text that says why. */
int pace_check(struct pace *p, struct err *e) __attribute__((warn_unused_result));

/* So many bytes came; then as pace_check(), the clock being looked at once a second. */
int pace_took(void *pace, size_t len, struct err *e) __attribute__((warn_unused_result));

/* Bytes that this month has seen, and the budget; for the plan. */
uint64_t pace_used_bytes(struct pace *p);

/* kebao pause and resume; both are fine twice. */
int pace_pause(const struct home *h, struct err *e) __attribute__((warn_unused_result));
int pace_resume(const struct home *h, struct err *e) __attribute__((warn_unused_result));

#endif
