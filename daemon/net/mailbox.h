/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to a loop from other threads.  Posting wakes the loop, which calls
 * each message's deliver() in the order of posting.  Messages are linked, not
 * copied: posting never fails and never waits for memory.
 */
#ifndef KEBAO_DAEMON_NET_MAILBOX_H
#define KEBAO_DAEMON_NET_MAILBOX_H

#include "catalog/base/err.h"

struct event_base;
struct mailbox; /* opaque */

struct mail {
	struct mail *next;
	/* Runs on the loop; the message is the receiver's from here on. */
	void (*deliver)(struct mail *m);
};

/* A box that the loop of base empties.  NULL with ERR_SYSTEM. */
struct mailbox *mailbox_new(struct event_base *base, struct err *e);

/* From any thread.  m stays in one box until it is delivered. */
void mailbox_post(struct mailbox *box, struct mail *m);

/* Deliver what is there without the loop: at the end, when the loop is over. */
void mailbox_empty(struct mailbox *box);

/* Nobody posts any more, and the box is empty.  NULL is fine. */
void mailbox_free(struct mailbox *box);

#endif
