/* SPDX-License-Identifier: Apache-2.0 */
/* A thread with a loop and connections of its own. */
#ifndef KEBAO_DAEMON_NET_WORKER_H
#define KEBAO_DAEMON_NET_WORKER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "catalog/base/err.h"
#include "daemon/http/conn.h"
#include "daemon/http/route.h"

struct worker; /* opaque */

/* Certificates on their way to all workers; freed, the key wiped, with the last reference. */
struct worker_certs {
	_Atomic unsigned references;
	struct service_certs pem;
};

void worker_certs_release(struct worker_certs *certs);

struct worker_setup {
	unsigned number;                 /* 0, 1, ... */
	struct crew *pool, *pool_bulk, *pool_long; /* all borrowed, outliving the worker */
	const struct service *service;
	const struct server_deadlines *deadlines;
	struct conn_counters *counters;
	struct tickets *tickets;
	struct share *share;             /* or NULL */
	struct budget *budget;
	struct census *certs;            /* connections by client's key; borrowed */
	void *owner;
	/* in the worker's thread */
	void (*on_gone)(void *owner, const struct sockaddr_storage *peer);
	struct mailbox *ended_box;       /* gets ended when the thread is about to return */
	struct mail *ended;
};

/* Make the loop, not yet the thread.  NULL with *e. */
struct worker *worker_new(const struct worker_setup *setup, const struct service_certs *certs,
    struct err *e);
int worker_start(struct worker *w, struct err *e);

/* From here on: from the acceptor's thread. */

/* Connections it holds, those on their way to it included. */
unsigned worker_load(const struct worker *w);

/* Give it a connection.  -1: no memory, fd stays the caller's. */
int worker_adopt(struct worker *w, int fd, const struct sockaddr_storage *address, bool is_local,
    struct err *e);

/* New certificates for connections from now on; takes a reference. */
void worker_reload(struct worker *w, struct worker_certs *certs);

/* End after the running requests; once.  Local connections are taken until then. */
void worker_drain(struct worker *w);

/* End now, but for calls in a pool; once, after worker_drain. */
void worker_abort(struct worker *w);

/* After its mail that it has ended: close connections that were on their way to it. */
void worker_close_late(struct worker *w);

/* Wait for the thread, where there is one, and free.  It must have been drained. */
void worker_free(struct worker *w);

#endif
