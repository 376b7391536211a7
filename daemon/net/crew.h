/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for what blocks, shared by address as a loop is (http/turn.h): jobs fall into lanes by
 * the address they are done for, and lanes with jobs have one each, in turn.  Within a lane jobs
 * begin in the order in which they were given.  All threads but one may work for the same lane; the
 * last one is for another, so that long jobs of one address do not stand before a short one of the
 * next.  Jobs are linked, not copied: a crew needs the same memory however many there are.
 */
#ifndef KEBAO_DAEMON_NET_CREW_H
#define KEBAO_DAEMON_NET_CREW_H

#include <sys/socket.h>

#include "catalog/base/err.h"
#include "daemon/net/mailbox.h"

struct crew; /* opaque */

struct crew_job {
	/* deliver is set by the caller: runs on the loop afterwards */
	struct mail mail;
	struct mailbox *box;            /* borrowed: of the loop that waits for it */
	const struct sockaddr_storage *address; /* for whom; lent to crew_submit */
	void (*run)(struct crew_job *); /* runs in a thread of the crew */
	struct crew_job *next;          /* the crew's */
};

/* n threads.  NULL with ERR_SYSTEM. */
struct crew *crew_new(unsigned n, struct err *e);

/* From any thread; the job is the crew's until its mail is delivered. */
void crew_submit(struct crew *crew, struct crew_job *job);

/* Which lane an address falls into: two may share one, by chance. */
unsigned crew_lane(const struct crew *crew, const struct sockaddr_storage *address);

/* Finish the jobs that were given, then end the threads.  NULL is fine. */
void crew_free(struct crew *crew);

#endif
