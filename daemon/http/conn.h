/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection as a small state machine: handshake, then request after
 * request (head, body, calls of the route, reply), then a lingering end.
 *
 * States are functions (conn.c, request.c, send.c).  They move the connection
 * forward and return a verdict; none of them frees it.  While a call runs in a pool
 * (CONN_CALL) the loop leaves the exchange alone; an end that comes meanwhile
 * is remembered and carried out when the call has returned.
 */
#ifndef KEBAO_DAEMON_HTTP_CONN_H
#define KEBAO_DAEMON_HTTP_CONN_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "daemon/http/answer.h"
#include "daemon/http/exchange.h"
#include "daemon/http/head.h"
#include "daemon/http/route.h"
#include "daemon/net/crew.h"
#include "daemon/net/slab.h"
#include "daemon/net/tls.h"
#include "daemon/net/duct.h"
#include "daemon/net/share.h"

struct census;
struct event;
struct event_base;
struct server_deadlines;

/* Counted by all workers. */
struct conn_counters {
	_Atomic uint64_t handshakes_failed;
	_Atomic uint64_t over_cap;       /* connections of a certificate that had its number */
	_Atomic uint64_t requests;
	_Atomic uint64_t bad_requests;
	_Atomic uint64_t received_bytes;
	_Atomic uint64_t sent_bytes;
};

/* The loop's time, shared by address (turn.c). */
#define TURN_LANES 256u
struct turns {
	struct event *on_round;  /* owned */
	uint64_t seed, round;
	struct turn_lane {
		uint64_t used_us, round; /* in that round */
		struct conn *first, **end; /* who queues */
		struct conn *reads_first, **reads_end; /* who waits for a block (reads.c) */
		unsigned n_reads;          /* blocks that a pool fills */
		struct turn_lane *next;
		bool is_lined_up;
	} lane[TURN_LANES];
	struct turn_lane *first, **end; /* lanes with somebody who queues */
};

/* What the connections of one worker share; the worker fills it. */
struct conn_env {
	struct event_base *base;                   /* all borrowed, outliving the connections */
	struct mailbox *box;
	struct crew *pool, *pool_bulk, *pool_long;
	const struct service *service;
	const struct server_deadlines *deadlines;
	struct tls *tls;
	struct share *share;                       /* NULL: no line is configured */
	struct budget *budget;
	struct census *certs;                      /* connections by holder */
	struct conn_counters *counters;
	void *owner;
	/* A connection is gone: its address no longer counts. */
	void (*on_gone)(void *owner, const struct sockaddr_storage *peer);

	struct slab slab;                          /* owned */
	struct conn_request *spare[LIMIT_REQUESTS_KEPT]; /* owned: memory for the next ones */
	unsigned n_spare;
	struct conn *first;                        /* all of this worker's connections */
	unsigned n, n_local;                       /* of them from the local listener */
	/* Those who wait for their share of the line (line.c). */
	struct conn *line_first, **line_end;
	unsigned n_line;
	struct event *on_turn;                     /* owned; NULL without share */
	struct turns turns;

	unsigned number;                           /* of the worker, for ids */
	uint64_t n_made;
	uint64_t n_shaken;                         /* handshakes that went through */
	uint64_t now_ms, now_us;                   /* CLOCK_MONOTONIC, when the turn began */
	bool is_draining;                          /* end after the present request */
	bool has_no_nowait;                        /* this kernel has no RWF_NOWAIT */
	int64_t date_at;                           /* the second of date */
	char date[30];
};

enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD,   /* idle, too: nothing of the next head has come */
	CONN_BODY,
	CONN_CALL,   /* functions of the route or of a source run in a pool */
	CONN_REPLY,
	CONN_LINGER, /* everything is said; reading on so that it arrives */
	CONN_ENDING, /* the socket is closed; the last calls run */
};

enum step { STEP_AGAIN, STEP_WAIT, STEP_END };

/* What is to be called, in this order; bits. */
enum conn_call {
	CALL_BEGIN = 1,
	CALL_SINK = 2,
	CALL_HANDLER = 4,
	CALL_FINISH = 8,
	CALL_READ = 16,  /* the next piece of a file or source */
	CALL_CLOSE = 32, /* drop the reply */
};

/* A request under way; allocated with its first byte, freed when the connection is idle. */
struct conn_request {
	struct exchange x;
	struct reply reply;
	struct exchange_hold hold;
	struct head head;
	char id[40];
	size_t in_len;         /* bytes received */
	size_t in_off;         /* of them consumed: head, then body */
	char *in;              /* small or large */
	char *large;           /* owned: LIMIT_HEAD_BYTES, for a head that needs it; or NULL */
	uint8_t *rest;         /* owned: of an upload, while it waits without a piece; or NULL */
	size_t rest_len;
	struct budget_claim body_claim; /* of x.body */
	char small[LIMIT_SMALL_HEAD_BYTES];
};

struct conn {
	struct conn_env *env;         /* borrowed */
	struct conn *next, **link;    /* env->first */
	struct duct duct;
	struct event *on_read, *on_write; /* owned */
	short armed, want;            /* EV_READ, EV_WRITE: what is added, what we wait for */
	enum conn_state state;
	bool is_local, is_in_pool, is_ending, is_announced, is_begun, keeps_alive;
	bool is_counted;              /* in env->certs */
	bool is_over_cap;             /* its certificate has its number: a request is refused */
	_Atomic bool is_aborted;
	const char *reason;           /* why it ends; constant; NULL: in order */

	struct sockaddr_storage address;
	char peer[INET6_ADDRSTRLEN];
	struct tls_peer identity;
	uint64_t holder;              /* of its certificate; 0: none that counts */
	uint64_t number, n_requests;
	unsigned lane;                /* of env->turns */
	struct conn *turn_next, **turn_link; /* who queues in it; link NULL: not queueing */
	unsigned n_vain;              /* events while it queues */
	struct conn *reads_next, **reads_link; /* who waits in it; link NULL: not waiting */
	bool is_reading;              /* one of its n_reads */
	bool is_cold;                 /* the page cache does not have what comes next */

	/* Deadlines, CLOCK_MONOTONIC milliseconds. */
	uint64_t deadline_ms;         /* of handshake, head, idle, linger */
	uint64_t allowed_at_ms;       /* when still_allowed was last asked */
	uint64_t began_ms;            /* of the request */
	uint64_t tick_ms;             /* when conn_tick was last here */
	uint64_t waited_ms, stalled_ms; /* for the peer, in body or reply */
	uint64_t received_bytes;      /* of the body */
	uint64_t moved_at_tick;       /* received and sent, when conn_tick was last here */
	uint64_t moved_base;          /* the same when body or reply began */

	struct conn_request *rq;      /* owned; NULL while idle */
	/* owned (slab): upload on its way to sink, reply on its way out */
	uint8_t *piece;
	size_t piece_off, piece_len;
	uint64_t body_left;           /* of the request: not yet received */
	uint64_t reply_left;          /* of the reply: not yet in a piece */
	uint64_t reply_off;           /* where in file or source it goes on */
	uint64_t sent_bytes;          /* of the reply, head included */

	/* The hub's line. */
	struct share_seat seat;
	struct conn *line_next, **line_link; /* env->line_first; link NULL: not waiting */
	uint64_t allowance;           /* bytes of the reply that may still be read to be sent */

	struct crew_job job;
	unsigned calls;               /* enum conn_call bits of the job */
	struct err call_err;          /* CALL_READ: ERR_NONE or why it failed */
	/* This turn. */
	size_t turn_room;             /* bytes of replies that may still be read */
	bool is_measured;             /* it is no more than the socket will take */
	unsigned turn_requests;
};

/* Take fd (non-blocking).  On -1 fd is the caller's. */
int conn_new(struct conn_env *env, int fd, const struct sockaddr_storage *address, bool is_local,
    struct err *e);

/* Every tick: deadlines, rates, still_allowed.  May end connections. */
void conn_tick_all(struct conn_env *env);

/*
 * Draining begins: idle connections end now, the others after their request; local ones that
 * have not asked, with the tick that finds no others.
 */
void conn_drain_all(struct conn_env *env);

/* The second deadline: end them all; those in a call end when it returns. */
void conn_abort_all(struct conn_env *env, const char *reason);

/* The rest is for the files of daemon/http. */

/* Run calls where the route wants them; request_called says what comes next. */
enum step conn_call(struct conn *c, unsigned calls);

/* Wait for the socket. */
enum step conn_wait(struct conn *c, short want);

/* A body or reply begins: measure its rate from here. */
void conn_start_rate(struct conn *c);

/* env->now_ms and now_us. */
void conn_read_clock(struct conn_env *env);

/* Go on after a wait that was ours: run states until one must wait.  c may be gone on return. */
void conn_resume(struct conn *c);

/* An event came, or its turn: run states until one must wait.  c may be gone on return. */
void conn_run(struct conn *c);

/* Give the piece's block back. */
void conn_drop_piece(struct conn *c);

/* End with a reason for the log. */
enum step conn_fail(struct conn *c, const char *reason);

#endif
