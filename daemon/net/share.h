/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line shared by groups (organisations) by weight, however many connections each of them has.
 *
 * The line is a bucket of bytes that fills with its rate and holds SHARE_BURST_MS of it.  Each
 * group has a virtual time: what it was given, divided by its weight.  Who asks is given bytes when
 * there are some and no group that waits has had clearly less; whoever is told to wait asks again
 * after SHARE_TICK_MS.  So
 *  - among groups that want more than they get, what they get is as their weights, to within one
 *    bucket and one grant, whatever came and went before;
 *  - what a group does not ask for goes to the others at once;
 *  - in any time the line carries no more than its rate, one bucket and one grant.
 *
 * Small answers do not wait: they are counted, and the next bytes of bulk come later.  A group
 * whose small answers alone are worth more than SHARE_SMALL_MS of the whole line ahead of the
 * others' transfers queues with them like bulk, or it could take the line in small slices.
 *
 * Any thread; the time is an argument (milliseconds that never go back), so nothing here waits.
 */
#ifndef KEBAO_DAEMON_NET_SHARE_H
#define KEBAO_DAEMON_NET_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

#define SHARE_TICK_MS 20u           /* how soon one who waits asks again */
#define SHARE_BURST_MS 50u          /* of the rate: what a bucket holds: two ticks, one late */
#define SHARE_SMALL_MS 1000u        /* of the rate: how far small answers may run ahead */
#define SHARE_GRANT_BYTES (16u << 10) /* the least that is given at once: one TLS record */
#define SHARE_MAX_WEIGHT 1000u

struct share;       /* opaque */
struct share_group; /* opaque */

/* One exchange in its group; all zero: in none.  One thread at a time. */
struct share_seat {
	struct share_group *group; /* borrowed from the share, which keeps it while we sit */
	bool is_transfer;          /* counts for max_transfers */
	bool is_waiting;           /* was told to wait and has not been given anything since */
};

struct share_config {
	uint64_t rate_bytes_s;  /* 0: no limit, only max_transfers counts */
	unsigned max_transfers; /* of one group at the same time; 0: no limit */
};

struct share *share_new(const struct share_config *config, struct err *e);

/* Nobody sits any more.  NULL is fine. */
void share_free(struct share *s);

/*
 * Take a seat in the group of that name (lent), which has this weight from here on (1 to
 * SHARE_MAX_WEIGHT).  -1: ERR_BUSY, the group has max_transfers; ERR_SYSTEM, no memory.
 */
int share_enter(struct share *s, const char *name, unsigned weight, struct share_seat *seat,
    struct err *e) __attribute__((warn_unused_result));

/* Give the seat back; fine for one that is not taken. */
void share_leave(struct share *s, struct share_seat *seat);

/*
 * How many of wanted (> 0) bytes may be sent now.  0: wait, ask again after SHARE_TICK_MS; asking
 * again is what keeps one's place, so whoever gives up must leave.
 */
size_t share_take(struct share *s, struct share_seat *seat, size_t wanted, uint64_t now_ms);

/* A small answer: true, it may go at once and is counted; false: it queues like bulk. */
bool share_pass(struct share *s, struct share_seat *seat, size_t bytes, uint64_t now_ms);

struct share_stats {
	unsigned groups;    /* with somebody in a seat */
	unsigned waiting;   /* seats that were told to wait */
	uint64_t waits;     /* how often a seat was told to, since the start */
	uint64_t refused;   /* seats that were not given, since the start */
};

void share_stats(struct share *s, struct share_stats *out);

#endif
