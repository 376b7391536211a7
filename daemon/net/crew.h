/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for what blocks.  Jobs begin in the order in which they were given. */
#ifndef KEBAO_DAEMON_NET_CREW_H
#define KEBAO_DAEMON_NET_CREW_H

#include "catalog/base/err.h"
#include "daemon/net/mailbox.h"

struct crew; /* opaque */

struct crew_job {
	/* deliver is set by the caller: runs on the loop afterwards */
	struct mail mail;
	struct mailbox *box;            /* borrowed: of the loop that waits for it */
	void (*run)(struct crew_job *); /* runs in a thread of the crew */
	struct crew_job *next;          /* the crew's */
};

/* n threads.  NULL with ERR_SYSTEM. */
struct crew *crew_new(unsigned n, struct err *e);

/* From any thread; the job is the crew's until its mail is delivered. */
void crew_submit(struct crew *crew, struct crew_job *job);

/* Finish the jobs that were given, then end the threads.  NULL is fine. */
void crew_free(struct crew *crew);

#endif
