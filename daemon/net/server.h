/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the serving process: an acceptor (the caller's thread), one
 * worker thread per core, three pools for what blocks, and the signals.
 */
#ifndef KEBAO_DAEMON_NET_SERVER_H
#define KEBAO_DAEMON_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "daemon/net/share.h"

struct server;
struct service_certs; /* http/route.h */
struct service; /* http/route.h */

/* Absolute deadlines and rates of one connection, by phase.  Zero is a mistake. */
struct server_deadlines {
	unsigned handshake_ms;     /* TLS handshake, from accept */
	unsigned head_ms;          /* from the first byte of a head to its end */
	unsigned idle_ms;          /* between requests */
	unsigned stall_ms;         /* body or reply without a single byte moving */
	unsigned grace_ms;         /* body or reply: before the minimum rate counts */
	unsigned min_rate_bytes_s; /* average, while we wait for the peer only */
	unsigned linger_ms;        /* reading on after an error reply: the peer must see it */
	unsigned drain_ms;         /* SIGTERM: running requests may still take this long */
	unsigned allowed_ms;       /* between two questions of still_allowed */
	unsigned tick_ms;          /* how exactly all of these are kept */
};

struct server_config {
	const char *const *listen;  /* "address:port" or "[address]:port"; port 0: any */
	size_t n_listen;
	const char *local_listen;   /* plain HTTP, loopback addresses only; NULL: none */
	unsigned n_workers;         /* 0: one per core */
	unsigned n_pool;            /* threads of each pool; 0: a default */
	unsigned max_connections;
	unsigned max_connections_per_address;
	unsigned max_connections_per_certificate;
	struct share_config line;   /* all zero: no limit, and no cost */
	struct server_deadlines deadlines;
};

/* Everything at its default (daemon/limits.h); listen is empty. */
void server_config_init(struct server_config *config);

/*
 * Load the certificates, bind all addresses (a port in use: one clear line),
 * make the threads.  config and service are lent; service outlives the server.
 */
int server_new(const struct server_config *config, const struct service *service,
    struct server **out, struct err *e);

/* The port that listen[i] got. */
unsigned server_port(const struct server *server, size_t i);
/* The port of local_listen, or 0. */
unsigned server_local_port(const struct server *server);

/*
 * Serve until SIGTERM or SIGINT (or server_stop), then drain: stop listening, but locally,
 * let running requests end, cut what is left after drain_ms; a second signal cuts at once.
 * SIGHUP reloads the certificates.  0 when the end was asked for.
 */
int server_run(struct server *server, struct err *e);

/* From any thread: begin to drain, as SIGTERM does. */
void server_stop(struct server *server);

/* From any thread: ask service.certs again and use the result for new connections; running
 * ones go on.  A failure is logged and the old certificates stay. */
void server_reload(struct server *server);

struct server_stats {
	bool is_ending;         /* takes no new connections but those of the local listener */
	unsigned connections;   /* now */
	uint64_t accepted;      /* since the start */
	uint64_t refused;       /* over a cap */
	uint64_t accept_pauses; /* at max_connections, or without descriptors or memory */
	uint64_t handshakes_failed;
	uint64_t requests;
	uint64_t bad_requests;  /* heads that were refused */
	uint64_t received_bytes; /* of bodies */
	uint64_t sent_bytes;    /* of bodies */
	struct share_stats line; /* zero where none is configured */
};

/* Whether connections could be served with these; nothing is kept.  ERR_BAD_INPUT, ERR_SYSTEM. */
int server_check_certs(const struct service_certs *certs, struct err *e);

/* From any thread. */
void server_stats(const struct server *server, struct server_stats *out);

/* After server_run has returned, or instead of it. */
void server_free(struct server *server);

#endif
