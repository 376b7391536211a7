/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes, and what the engine asks of the application.
 *
 * A pattern is a path with placeholders: {name} is exactly one non-empty
 * segment, {~name} one that begins with '~', a trailing {name...} is the non-empty rest.
 * Placeholders stand for whole segments only.  The table is searched from the top, so put what is
 * special above what is general.  A GET route answers HEAD, too, unless a HEAD
 * route stands above it.  A path that only other methods know is answered 405
 * with Allow, an unknown one 404.
 *
 * Order of the calls for one request:
 *   before(x)            loop; identify the client; on every request, matched or not
 *   route->quick(x)      loop; answers what needs no waiting, or answers nothing
 *   route->begin(x)      before the body is read and before 100 Continue; may refuse
 *   route->sink(x, ...)  STREAM only: the body, in order, in pieces
 *   route->handler(x)    the whole body is there
 *   route->finish(x)     exactly once if begin was called, whatever happened since
 *   (the reply travels)  as the line allows; still_allowed(x) every 15 seconds at most
 *   after(x)             loop; exactly once for each before(); release x->client
 *
 * begin, sink and handler return 0 or -1 with *e, which the engine turns into
 * a problem reply (reply_problem), unless the function has already replied.
 * begin or sink that replied and returned 0 end the request in the same way, and
 * so does a before() that replied: the rest of the body is not read.  A handler that
 * returns 0 must have replied.
 */
#ifndef KEBAO_DAEMON_HTTP_ROUTE_H
#define KEBAO_DAEMON_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/http/exchange.h"

enum route_body {
	ROUTE_BODY_NONE,   /* a request with a body is refused with 413 */
	ROUTE_BODY_MEMORY, /* collected in x->body, at most max_body_bytes */
	ROUTE_BODY_STREAM, /* given to sink() in pieces of at most LIMIT_BODY_PIECE_BYTES */
};

enum route_run {
	ROUTE_ON_LOOP,   /* begin, handler, finish run on the loop and must never block */
	ROUTE_IN_POOL,   /* they run in a pool thread and may wait for the disk */
	ROUTE_IN_POOL_LONG, /* the same in a pool of its own: seconds or minutes of work */
};

struct route {
	enum exchange_method method;
	const char *pattern;
	enum route_run run;
	enum route_body body;        /* STREAM needs one of the pools */
	uint64_t max_body_bytes;     /* more is refused with 413 before 100 Continue */
	/* May be NULL.  Requests without a body, on the loop whatever run says, so it never
	 * waits: true with a reply made, or false and the request goes its usual way. */
	bool (*quick)(struct exchange *x);
	int (*begin)(struct exchange *x, struct err *e); /* may be NULL */
	int (*sink)(struct exchange *x, const void *bytes, size_t len, struct err *e);
	int (*handler)(struct exchange *x, struct err *e);
	void (*finish)(struct exchange *x); /* may be NULL; like handler; releases x->data */
	bool is_bulk;    /* one of the transfers that a group may have at the same time */
	bool hides_path; /* the log shows the pattern only: the path holds a capability */
	int tag;         /* the application's own; the engine does not look at it */
};

/* What a TLS server shows and believes; PEM text.  Filled by the application. */
struct service_certs {
	struct buf chain; /* server certificate, then what stands between it and the CA */
	struct buf key;   /* its private key, unencrypted; wiped by the engine after use */
	struct buf ca;    /* the hub's CA: clients' certificates must come from it */
};

/* The application as the engine sees it; all in it outlives the server; hooks may be NULL. */
struct service {
	void *app;
	const struct route *routes;
	size_t n_routes;
	const struct route *local_routes; /* for the plain local listener: /healthz, ... */
	size_t n_local_routes;
	/* Loop, after the handshake.  Who holds a certificate of our CA: connections of one
	 * holder are counted together. */
	uint64_t (*holder)(void *app, const char *serial);
	/* Loop.  Sets x->client and x->who from x->cert and x->serial; may add reply
	 * headers, which then stand on every answer to this request. */
	void (*before)(struct exchange *x);
	/* Loop.  False ends a running transfer at once: revoked, not of the audience. */
	bool (*still_allowed)(struct exchange *x);
	/* Loop.  How it ended (the engine has logged it); is_whole: the reply was sent whole. */
	void (*after)(struct exchange *x, int status, uint64_t sent_bytes, bool is_whole);
	/* Main thread, at start and for each reload.  The engine clears *out. */
	int (*certs)(void *app, struct service_certs *out, struct err *e);
};

/* Pure: -1 with a message where a table is malformed (our mistake: tested at start). */
int route_check(const struct route *routes, size_t n, struct err *e);

enum route_found { ROUTE_FOUND, ROUTE_OTHER_METHOD, ROUTE_UNKNOWN };

struct route_param {
	const char *name; /* lent from the pattern, name_len long */
	size_t name_len;
	char *value;      /* lent from the scratch text */
};

#define ROUTE_PARAMS 6

struct route_match {
	const struct route *route;
	char *scratch; /* owned: the path, cut at the ends of parameters; may be NULL */
	struct route_param params[ROUTE_PARAMS];
	size_t n_params;
	unsigned allow; /* ROUTE_OTHER_METHOD: bit (1u << method) for each of the path */
};

/* Find the route of a decoded path.  0: clear out, whatever *found says.  -1: no memory. */
int route_find(const struct route *routes, size_t n, enum exchange_method method, const char *path,
    struct route_match *out, enum route_found *found, struct err *e);
void route_match_clear(struct route_match *m);

#endif
