/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for a stream of items: read, work on each, write in order, with a
 * fixed number of items in flight and therefore flat memory.
 *
 * A line has slots (the caller's memory for one item each) and stages.  Every
 * item passes every stage once; stage 0 makes the items.  An ordered stage takes the items
 * one at a time and in their order (it may keep state between them); any other
 * stage takes as many at once as there are threads.  A stage begins with an item when all
 * stages in its mask have finished with it, so stages with the same mask run side by
 * side.  A slot is used again when all stages are done with its item.
 *
 * With one thread everything runs in the caller and no thread is made.
 */
#ifndef KEBAO_CATALOG_BASE_POOL_H
#define KEBAO_CATALOG_BASE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "catalog/base/err.h"

#define POOL_MAX_STAGES 8
#define POOL_MAX_THREADS 64

/* What stage 0 returns beside 0 and -1: there was no further item, the slot was not filled. */
#define POOL_END 1

struct pool_stage {
	/*
	 * 0, -1 with *e filled (the line stops, what runs elsewhere is awaited), or in
	 * stage 0 POOL_END.  thread is 0 .. n_threads - 1 and never twice at one time: for
	 * memory that belongs to a thread.
	 */
	int (*run)(void *ctx, void *slot, unsigned thread, struct err *e);
	bool is_ordered;
	unsigned after; /* mask of stages (1u << n), each n below this stage's; stage 0: none */
};

struct pool_line {
	const struct pool_stage *stages; /* lent */
	unsigned n_stages;               /* 1 .. POOL_MAX_STAGES; stage 0 is ordered */
	void *ctx;                       /* lent to every stage */
	void *slots;                     /* lent: n_slots things of slot_size bytes */
	size_t slot_size;
	unsigned n_slots;
	unsigned n_threads;              /* 1 .. POOL_MAX_THREADS, the calling thread included */
	const atomic_bool *cancel;       /* may be NULL; true stops the line with ERR_BUSY */
};

/*
 * Run the line to its end.  0, or -1 with the error of the first stage that
 * failed; no stage is running when this returns.
 */
int pool_run(const struct pool_line *line, struct err *e) __attribute__((warn_unused_result));

/* The processors this process may use, 1 .. POOL_MAX_THREADS. */
unsigned pool_cpus(void);

#endif
