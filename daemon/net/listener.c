/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/limits.h"
#include "daemon/log.h"

#define BACKLOG 1024

struct listener {
	int fd;
	bool is_local;
	struct listener_owner owner;
	struct event *event;
	struct event *pause; /* timer: listen again */
	bool is_short;       /* it has paused, which is said once until all who wait are accepted */
};

static int
parse_address(const char *text, struct sockaddr_storage *out, socklen_t *out_len, struct err *e)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	char host[64], *end;
	unsigned long port;
	size_t len;

	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		goto bad;
	port = strtoul(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*end != '\0' || port > 65535 || len < 2 || len >= sizeof(host))
		goto bad;
	if (text[0] == '[' && text[len - 1] == ']') {
		(void)snprintf(host, sizeof(host), "%.*s", (int)len - 2, text + 1);
		if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
			goto bad;
		v6.sin6_port = htons((uint16_t)port);
		memcpy(out, &v6, sizeof(v6));
		*out_len = sizeof(v6);
		return 0;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, text);
	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		goto bad;
	v4.sin_port = htons((uint16_t)port);
	memcpy(out, &v4, sizeof(v4));
	*out_len = sizeof(v4);
	return 0;
bad:
	return err_set(e, ERR_BAD_INPUT,
	    "\"%.80s\" is not an address to listen on, as 0.0.0.0:8443 or [::]:8443", text);
}

static bool
is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static int
judge_address(const char *address, bool is_local, struct sockaddr_storage *out, socklen_t *out_len,
    struct err *e)
{
	if (parse_address(address, out, out_len, e) == -1)
		return -1;
	if (is_local && !is_loopback(out))
		return err_set(e, ERR_BAD_INPUT, "%s is not a loopback address", address);
	return 0;
}

int
listener_check(const char *address, bool is_local, struct err *e)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len;

	return judge_address(address, is_local, &a, &len, e);
}

/* The class tells the caller what to do about it. */
static int
bind_failed(const char *address, struct err *e)
{
	int sys = errno;

	if (sys == EADDRINUSE)
		return err_set(e, ERR_BUSY, "cannot listen on %s: another program uses this port",
		    address);
	err_errno(e, "cannot listen on %s", address);
	if (e != NULL && (sys == EAFNOSUPPORT || sys == EADDRNOTAVAIL))
		e->class = ERR_NOT_FOUND;
	return -1;
}

static int
open_socket(const struct sockaddr_storage *a, socklen_t len, const char *address, int silent_s,
    struct err *e)
{
	/* Accepted connections inherit the options of TCP. */
	const int on = 1, unsent = LIMIT_UNSENT_BYTES;
	int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return bind_failed(address, e);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (a->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &silent_s, sizeof(int)) == -1 ||
	    bind(fd, (const struct sockaddr *)a, len) == -1 || listen(fd, BACKLOG) == -1) {
		bind_failed(address, e);
		(void)close(fd); /* nothing was said on it */
		return -1;
	}
	return fd;
}

static void
rest(struct listener *l)
{
	const struct timeval later = { .tv_usec = LIMIT_ACCEPT_PAUSE_MS * 1000 };

	if (event_add(l->pause, &later) == 0)
		(void)event_del(l->event); /* cannot fail for an event that was added */
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	if (event_add(l->event, NULL) == -1)
		rest(l);
}

static void
pause_for_a_moment(struct listener *l, const char *why)
{
	if (!l->is_short)
		log_note(LOG_LEVEL_WARN, "accept-paused", "%s", why);
	l->is_short = true;
	(void)atomic_fetch_add(l->owner.n_pauses, 1);
	rest(l);
}

/* accept failed: go on, wait for the next event, or pause where the machine is at its limit. */
static bool
may_go_on(struct listener *l)
{
	switch (errno) {
	case EINTR:
	case ECONNABORTED:
		return true;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		pause_for_a_moment(l, strerror(errno));
		return false;
	case EAGAIN: /* all are accepted */
		l->is_short = false;
		return false;
	default: /* a network error of that one connection */
		return false;
	}
}

static void
on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (unsigned n = 0; n < LIMIT_ACCEPTS_PER_TURN; n++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof(peer);
		int got;

		if (!l->owner.may(l->owner.owner, l->is_local)) {
			pause_for_a_moment(l, "max_connections are open");
			return;
		}
		got = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got == -1) {
			if (may_go_on(l))
				continue;
			return;
		}
		l->owner.got(l->owner.owner, got, &peer, l->is_local);
	}
}

struct listener *
listener_new(struct event_base *base, const char *address, bool is_local,
    const struct listener_owner *owner, struct err *e)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len;
	struct listener *l;

	if (judge_address(address, is_local, &a, &len, e) == -1)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		err_nomem(e);
		return NULL;
	}
	l->owner = *owner;
	l->is_local = is_local;
	/* In TLS the client begins: with its hello a connection comes to us, and wakes us once. */
	l->fd = open_socket(&a, len, address, is_local ? 0 : LIMIT_ACCEPT_SILENT_S, e);
	if (l->fd == -1)
		goto fail;
	l->event = event_new(base, l->fd, EV_READ | EV_PERSIST, on_connection, l);
	l->pause = event_new(base, -1, 0, on_pause_over, l);
	if (l->event == NULL || l->pause == NULL || event_add(l->event, NULL) == -1) {
		err_nomem(e);
		goto fail;
	}
	return l;
fail:
	listener_free(l);
	return NULL;
}

unsigned
listener_port(const struct listener *l)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);

	if (getsockname(l->fd, (struct sockaddr *)&a, &len) == -1)
		return 0;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port :
	    ((struct sockaddr_in *)&a)->sin_port);
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->event != NULL)
		event_free(l->event);
	if (l->pause != NULL)
		event_free(l->pause);
	if (l->fd != -1)
		(void)close(l->fd); /* stops listening */
	free(l);
}
