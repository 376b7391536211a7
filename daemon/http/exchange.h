/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply: what the engine (daemon/http, daemon/net) and the
 * routes (daemon/app) share.  The other halves of this interface are route.h
 * (the table of routes and the application's hooks) and reply.h (answering).
 *
 * Threads.  An exchange belongs to exactly one thread at a time: the loop of
 * its connection, or the pool thread that runs one of its route's functions.
 * Inside a route's function everything in it may be read and the fields of the
 * application may be written, without a lock.  Different exchanges run at the
 * same time in different threads, so what hangs below `app` needs its own
 * locking.
 *
 * The text of the request (path, query, headers, parameters) is lent and good
 * until after() returned.
 */
#ifndef KEBAO_DAEMON_HTTP_EXCHANGE_H
#define KEBAO_DAEMON_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "daemon/limits.h"

struct route;
struct head;          /* http/head.h */
struct reply;         /* private to http/: reply.c fills it, conn.c sends it */
struct exchange_hold; /* private to http/ */

enum exchange_method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
};

/*
 * What the client showed in the TLS handshake.  The handshake itself never
 * fails for the sake of a client's certificate: a stranger gets a readable
 * answer (Kebao-Identity: unknown) instead of a broken connection.  The state
 * is decided anew for every request, so a certificate that expires on a living
 * connection is EXPIRED in the next request.
 */
enum exchange_cert {
	CERT_NONE,     /* no certificate shown (or the plain local listener) */
	CERT_VERIFIED, /* issued by the hub's CA for clients, valid now */
	CERT_EXPIRED,  /* issued by the hub's CA, but now is outside its dates */
	CERT_FOREIGN,  /* anything else; `serial` is then empty: another CA's means nothing */
};

struct exchange {
	/* The request; read only. */
	enum exchange_method method;
	const char *path;      /* decoded once, normalised, valid UTF-8, begins with '/' */
	const char *query;     /* raw text behind '?', "" where there is none */
	const struct route *route;
	uint64_t body_bytes;   /* Content-Length, 0 where there is none */
	struct buf body;       /* whole body of a ROUTE_BODY_MEMORY route, until finish() */
	const char *id;        /* "7-3": connection and request number, for logs */
	const char *peer;      /* "192.0.2.1" or "2001:db8::1" */
	enum exchange_cert cert;
	const char *serial;    /* VERIFIED, EXPIRED: lower-case hex, 32 digits or more; else "" */
	int64_t cert_until;    /* VERIFIED, EXPIRED: last valid second, UTC; else 0 */
	bool is_local;         /* came by the plain local listener */
	int64_t now;           /* UTC seconds when the head was complete */

	/* The application's. */
	void *app;             /* service.app */
	void *client;          /* set by before(), released by after(): who this is */
	void *data;            /* set by begin(), released by finish(): what the route is doing */
	const char *group;     /* set by before(): whose share of the line the answer takes, lent
				* until after(); NULL: it takes none */
	unsigned weight;       /* set with it: of the group, 1 to SHARE_MAX_WEIGHT */
	const char *org;       /* set by before(): whose memory a long body takes (a long answer:
				* of who holds the certificate), lent until after(), at most
				* LIMIT_ID_BYTES; NULL: both are the address's */
	char who[64];          /* set by before(): a word for the log line; "" prints nothing */

	/* The engine's. */
	struct reply *reply;
	const struct head *head;
	struct exchange_hold *hold;
};

/* Value of a request header by its lower-case name, without blanks around it; NULL where absent.
 * Headers that carry one value are refused with 400 when sent twice (head.h lists them); of all
 * others the first is given. */
const char *exchange_header(const struct exchange *x, const char *name);

/* Value of a {name} of the route's pattern, decoded; never NULL for a name in the pattern. */
const char *exchange_param(const struct exchange *x, const char *name);

/*
 * Decode one parameter of the query string ("+" is a blank) into out.  0 with
 * the text (NUL-terminated, valid UTF-8); ERR_NOT_FOUND where absent;
 * ERR_BAD_INPUT where it is there twice, badly encoded, or longer than size-1.
 */
int exchange_query(const struct exchange *x, const char *name, char *out, size_t size,
    struct err *e);

/* Whether the connection is gone or the hub is ending: long work in a pool may ask and stop. */
bool exchange_is_aborted(const struct exchange *x);

/* "GET", ... */
const char *exchange_method_name(enum exchange_method method);

#endif
