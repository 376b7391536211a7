/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of packs over one connection or up to four: each lane is a thread with a connection
 * that receives stored frames, while the caller's thread unpacks, checks and writes what has come.
 *
 * A near hub (answers within LANES_FAR_MS) is asked for whole ranges over one connection, which is
 * as fast as it gets.  A far one is asked over as many as there is work for, LANES_SHARE_BYTES
 * each: on a long line that loses packets TCP does not find its speed, and each connection has its
 * own.  A lane that is free takes half of its share of what is left, at least LANES_LEAST_BYTES and
 * at most LANES_MOST_BYTES, ended with a frame: few waits for an answer at first, and all lanes
 * end at about the same time.  A lane that fails gives back what it has not received; only the
 * first one's failure is everybody's.
 *
 * Memory: one frame (1 MiB and a bit at most) for each lane and eight more.
 */
#ifndef KEBAO_CLIENTS_KEBAO_LANES_H
#define KEBAO_CLIENTS_KEBAO_LANES_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/hint.h"
#include "clients/kebao/ranges.h"
#include "clients/kebao/transfer.h"

#define LANES_MOST 4u
#define LANES_FAR_MS 40u
#define LANES_SHARE_BYTES (1u << 20)
#define LANES_LEAST_BYTES (128u << 10)
#define LANES_MOST_BYTES (16u << 20)

struct lanes_job {
	struct transfer *transfer;         /* of the first lane; all here is borrowed */
	const char *channel;
	const struct hint *hint;           /* names the packs */
	const struct ranges *ranges;
	const struct ranges_place *places; /* as ranges_plan() sorted them */
	unsigned connections;              /* at most so many; a limited rate has one */
	/*
	 * In the caller's thread: a stored frame has come whole.  -1 ends everything with *e.
	 * And how much has come, a few times a second; may be NULL.
	 */
	int (*on_frame)(void *ctx, const struct ranges_place *place, const uint8_t *stored,
	    struct err *e);
	void (*on_progress)(void *ctx, uint64_t received_bytes);
	void *ctx;
};

struct lanes_figures {
	uint64_t received_bytes;
	uint64_t n_requests;
	unsigned n_lanes; /* the most at one time */
};

/* 0 when every range came; nothing runs any more when this returns. */
int lanes_run(const struct lanes_job *job, struct lanes_figures *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
