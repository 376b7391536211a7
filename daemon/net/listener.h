/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket.  What it accepts is non-blocking, close-on-exec and without Nagle. */
#ifndef KEBAO_DAEMON_NET_LISTENER_H
#define KEBAO_DAEMON_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "catalog/base/err.h"

struct event_base;
struct listener; /* opaque */

/* May one more be accepted now?  false: max_connections are open, the listener pauses. */
typedef bool listener_may(void *owner, bool is_local);
/* Takes fd. */
typedef void listener_got(void *owner, int fd, const struct sockaddr_storage *peer, bool is_local);

struct listener_owner {
	void *owner;
	listener_may *may;
	listener_got *got;
	_Atomic uint64_t *n_pauses; /* one more with each pause */
};

/* What listener_new() says of the address itself: 0, or ERR_BAD_INPUT. */
int listener_check(const char *address, bool is_local, struct err *e);

/*
 * Bind address ("1.2.3.4:80", "[::1]:80"; numbers only) and listen.
 * is_local: refuse what is not a
 * loopback address.  NULL: ERR_BAD_INPUT (not an address), ERR_NOT_FOUND (this
 * machine has no such address or family), ERR_BUSY (the port is in use),
 * ERR_SYSTEM; the text names the address.
 */
struct listener *listener_new(struct event_base *base, const char *address, bool is_local,
    const struct listener_owner *owner, struct err *e);

unsigned listener_port(const struct listener *l);

/* Stop listening and close; what was accepted lives on.  NULL is fine. */
void listener_free(struct listener *l);

#endif
