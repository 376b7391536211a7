/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for what blocks.  Jobs begin in the order in which they were given. */
#ifndef KEBAO_DAEMON_NET_POOL_H
#define KEBAO_DAEMON_NET_POOL_H

#include "catalog/base/err.h"
#include "daemon/net/mailbox.h"

struct pool; /* opaque */

struct pool_job {
	/* deliver is set by the caller: runs on the loop afterwards */
	struct mail mail;
	struct mailbox *box;            /* borrowed: of the loop that waits for it */
	void (*run)(struct pool_job *); /* runs in a thread of the pool */
	struct pool_job *next;          /* the pool's */
};

/* n threads.  NULL with ERR_SYSTEM. */
struct pool *pool_new(unsigned n, struct err *e);

/* From any thread; the job is the pool's until its mail is delivered. */
void pool_submit(struct pool *pool, struct pool_job *job);

/* Finish the jobs that were given, then end the threads.  NULL is fine. */
void pool_free(struct pool *pool);

#endif
