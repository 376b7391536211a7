/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/conn.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/http/body.h"
#include "daemon/http/line.h"
#include "daemon/http/reads.h"
#include "daemon/http/request.h"
#include "daemon/http/send.h"
#include "daemon/http/turn.h"
#include "daemon/log.h"
#include "daemon/net/census.h"
#include "daemon/net/server.h"

static void conn_end(struct conn *c);

void
conn_read_clock(struct conn_env *env)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	env->now_us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	env->now_ms = env->now_us / 1000;
}

/* Small tools of the states. */

enum step
conn_fail(struct conn *c, const char *reason)
{
	c->reason = reason;
	return STEP_END;
}

/* Events that are armed in vain are disarmed when they fire: most never do. */
enum step
conn_wait(struct conn *c, short want)
{
	short missing = (short)(want & ~c->armed);

	c->want = want;
	if ((missing & EV_READ) && event_add(c->on_read, NULL) == -1)
		return conn_fail(c, "out of memory");
	if ((missing & EV_WRITE) && event_add(c->on_write, NULL) == -1)
		return conn_fail(c, "out of memory");
	c->armed |= want;
	/* A hand-shake's flight, 100 Continue or an answer to a key update may be left to send. */
	if (duct_has_output(&c->duct) && !(want & EV_WRITE)) {
		switch (duct_flush(&c->duct)) {
		case DUCT_OK:
			break;
		case DUCT_WRITE:
			return conn_wait(c, (short)(want | EV_WRITE));
		case DUCT_READ:
		case DUCT_CLOSED:
		case DUCT_BROKEN:
			return conn_fail(c, "broken");
		}
	}
	return STEP_WAIT;
}

void
conn_drop_piece(struct conn *c)
{
	slab_give(&c->env->slab, c->piece);
	c->piece = NULL;
	c->piece_off = c->piece_len = 0;
}

static uint64_t
moved_bytes(const struct conn *c)
{
	return c->received_bytes + c->duct.sent_bytes;
}

void
conn_start_rate(struct conn *c)
{
	c->waited_ms = c->stalled_ms = 0;
	c->moved_base = c->moved_at_tick = moved_bytes(c);
	c->tick_ms = c->env->now_ms;
}

/* States that have no file of their own. */

/* Somebody speaks plain HTTP to the TLS port: tell him in his language. */
static void
answer_plain_http(struct conn *c)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 52\r\nConnection: close\r\n\r\n"
	    "This port speaks HTTPS: use https:// in the address\n";

	/* A courtesy: where it does not fit the socket at once, it is not sent. */
	(void)send(c->duct.fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static enum step
fail_handshake(struct conn *c)
{
	struct log_line l;
	char reason[120];

	(void)atomic_fetch_add(&c->env->counters->handshakes_failed, 1);
	if (tls_saw_http())
		answer_plain_http(c);
	else
		(void)duct_flush(&c->duct); /* the alert, if it can be sent */
	log_begin(&l, LOG_LEVEL_DEBUG, "handshake-failed");
	log_text(&l, "peer", c->peer);
	log_text(&l, "text", tls_reason(reason, sizeof(reason)));
	log_end(&l);
	return conn_fail(c, NULL);
}

/* TLS is made when the first bytes are there: who sends none costs little. */
static int
begin_tls(struct conn *c)
{
	struct err e = { 0 };
	SSL *ssl = tls_accept(c->env->tls, &e);

	if (ssl != NULL && duct_secure(&c->duct, ssl, &e) == 0)
		return 0;
	SSL_free(ssl);
	log_failure(LOG_LEVEL_ERROR, "connection-failed", &e);
	return -1;
}

/* One more of who holds its certificate, before it says anything. */
static void
count_cert(struct conn *c)
{
	const struct service *service = c->env->service;

	if (c->identity.cert != CERT_VERIFIED || service->holder == NULL)
		return;
	c->holder = service->holder(service->app, c->identity.serial);
	c->is_counted = census_enter(c->env->certs, c->holder);
	c->is_over_cap = !c->is_counted;
	if (c->is_over_cap)
		(void)atomic_fetch_add(&c->env->counters->over_cap, 1);
}

static enum step
shake_hands(struct conn *c)
{
	if (!c->is_local && c->duct.ssl == NULL && begin_tls(c) == -1)
		return conn_fail(c, "out of memory");
	switch (duct_handshake(&c->duct)) {
	case DUCT_OK:
		if (c->duct.ssl != NULL)
			tls_judge_peer(c->env->tls, c->duct.ssl, &c->identity);
		count_cert(c);
		c->env->n_shaken++;
		c->state = CONN_HEAD;
		c->deadline_ms = c->env->now_ms + (c->is_over_cap ?
		    c->env->deadlines->head_ms : c->env->deadlines->idle_ms);
		return STEP_AGAIN;
	case DUCT_READ:
		return conn_wait(c, EV_READ);
	case DUCT_WRITE:
		return conn_wait(c, EV_WRITE);
	case DUCT_CLOSED:
	case DUCT_BROKEN:
		break;
	}
	return fail_handshake(c);
}

/* Closing at once would reset the connection and destroy what the peer has not read. */
static enum step
linger(struct conn *c)
{
	size_t n = 0;

	for (;;) {
		if (duct_has_output(&c->duct)) {
			duct_finish(&c->duct); /* the end did not fit when it was written */
			if (duct_has_output(&c->duct))
				return conn_wait(c, EV_WRITE);
		}
		switch (duct_discard(&c->duct, &n)) {
		case DUCT_OK:
			c->received_bytes += n;
			if (c->received_bytes > LIMIT_LINGER_BYTES)
				return conn_fail(c, NULL);
			break;
		case DUCT_READ:
			return conn_wait(c, EV_READ);
		case DUCT_WRITE:
		case DUCT_CLOSED:
		case DUCT_BROKEN:
			return conn_fail(c, NULL);
		}
	}
}

/* Calls of the application. */

static struct crew *
pool_for(const struct conn *c, unsigned calls)
{
	const struct conn_env *env = c->env;
	const struct reply *r = &c->rq->reply;

	if (calls & (CALL_READ | CALL_CLOSE))
		return r->source.is_long ? env->pool_long :
		    r->length >= LIMIT_SMALL_REPLY_BYTES ? env->pool_bulk : env->pool;
	switch (c->rq->x.route->run) {
	case ROUTE_ON_LOOP: return NULL;
	case ROUTE_IN_POOL: return env->pool;
	case ROUTE_IN_POOL_LONG: return env->pool_long;
	}
	return NULL;
}

static struct conn *
conn_of_job(struct crew_job *job)
{
	return (struct conn *)((char *)job - offsetof(struct conn, job));
}

static void
run_job(struct crew_job *job)
{
	request_run(conn_of_job(job));
}

/* Run states until one must wait.  c may be gone on return. */
static void
conn_advance(struct conn *c)
{
	static enum step (*const step_of[])(struct conn *) = {
		[CONN_HANDSHAKE] = shake_hands,
		[CONN_HEAD] = request_read_head,
		[CONN_BODY] = body_read,
		[CONN_CALL] = request_called,
		[CONN_REPLY] = send_reply,
		[CONN_LINGER] = linger,
	};
	enum step s;

	do
		s = step_of[c->state](c);
	while (s == STEP_AGAIN);
	if (s == STEP_END)
		conn_end(c);
}

static void
begin_turn(struct conn *c)
{
	c->turn_room = LIMIT_TURN_BYTES;
	c->is_measured = false;
	c->turn_requests = 0;
}

void
conn_run(struct conn *c)
{
	struct conn_env *env = c->env;
	unsigned lane = c->lane;
	uint64_t began_us;

	conn_read_clock(env);
	began_us = env->now_us;
	begin_turn(c);
	conn_advance(c);
	turn_charge(env, lane, began_us);
}

void
conn_resume(struct conn *c)
{
	c->tick_ms = c->env->now_ms; /* the time until now was not the peer's */
	conn_run(c);
}

/* Whether the identity may go on with a long transfer; asked now and then. */
static bool
is_allowed(struct conn *c)
{
	const struct service *service = c->env->service;
	struct conn_request *rq = c->rq;

	if (!c->is_announced || service->still_allowed == NULL ||
	    c->env->now_ms - c->allowed_at_ms < c->env->deadlines->allowed_ms)
		return true;
	c->allowed_at_ms = c->env->now_ms;
	rq->x.now = (int64_t)time(NULL);
	rq->x.cert = tls_peer_at(&c->identity, rq->x.now);
	if (service->still_allowed(&rq->x))
		return true;
	c->reason = "not allowed any more";
	return false;
}

static void
on_called(struct mail *m)
{
	struct conn *c = (struct conn *)((char *)m - offsetof(struct conn, job.mail));

	conn_read_clock(c->env);
	c->is_in_pool = false;
	if (c->is_ending || !is_allowed(c)) {
		conn_end(c);
		return;
	}
	c->tick_ms = c->env->now_ms; /* the time until now was not the peer's */
	if (turn_is_due(c))
		conn_run(c);
}

enum step
conn_call(struct conn *c, unsigned calls)
{
	struct crew *pool = pool_for(c, calls);

	c->calls = calls;
	c->state = CONN_CALL;
	c->want = 0;
	if (pool == NULL) {
		request_run(c);
		return STEP_AGAIN;
	}
	/* Tickets of a new connection do not keep a block for as long as the call takes. */
	if (duct_has_output(&c->duct) && duct_flush(&c->duct) == DUCT_WRITE)
		duct_park(&c->duct);
	c->is_in_pool = true;
	c->job.mail.deliver = on_called;
	c->job.box = c->env->box;
	c->job.address = &c->address;
	c->job.run = run_job;
	crew_submit(pool, &c->job);
	return STEP_WAIT;
}

/* Events. */

/* conn_wait() arms it again. */
static void
disarm(struct conn *c, short what)
{
	/* Cannot fail for an event that was added. */
	(void)event_del(what & EV_READ ? c->on_read : c->on_write);
	c->armed &= (short)~what;
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	what &= EV_READ | EV_WRITE;
	/* Thousands that queue would be looked at again in each pass of the loop. */
	if (!(what & c->want) ||
	    (turn_is_queued(c) && ++c->n_vain > LIMIT_VAIN_EVENTS)) {
		disarm(c, what);
		return;
	}
	if (turn_is_due(c))
		conn_run(c);
}

static void
conn_free(struct conn *c)
{
	struct conn_env *env = c->env;

	request_drop(c);
	conn_drop_piece(c);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	env->n--;
	if (c->is_local)
		env->n_local--;
	if (c->is_counted)
		census_leave(env->certs, c->holder);
	if (env->on_gone != NULL)
		env->on_gone(env->owner, &c->address);
	free(c);
}

/* What the application is still owed, or 0. */
static unsigned
owed_calls(const struct conn *c)
{
	const struct conn_request *rq = c->rq;

	if (rq == NULL)
		return 0;
	if (c->is_begun) /* what has arrived of an upload is kept */
		return CALL_FINISH | (rq->x.route->body == ROUTE_BODY_STREAM ? CALL_SINK : 0);
	return rq->reply.source.close != NULL ? CALL_CLOSE : 0;
}

static void
close_socket(struct conn *c)
{
	event_free(c->on_read);
	event_free(c->on_write);
	c->on_read = c->on_write = NULL;
	duct_clear(&c->duct);
	c->state = CONN_ENDING;
}

/* End and free, now or when the pool has returned what it was given. */
static void
conn_end(struct conn *c)
{
	unsigned calls;

	c->is_ending = true;
	atomic_store(&c->is_aborted, true);
	if (c->is_in_pool)
		return;
	line_leave(c);
	turn_leave(c);
	reads_leave(c);
	if (c->on_read != NULL)
		close_socket(c);
	while ((calls = owed_calls(c)) != 0)
		if (conn_call(c, calls) == STEP_WAIT)
			return;
	if (c->is_announced)
		request_end(c, false);
	conn_free(c);
}

/* Rates: only the time in which the peer keeps us waiting counts against him. */
static bool
is_too_slow(struct conn *c)
{
	const struct server_deadlines *d = c->env->deadlines;
	uint64_t moved = moved_bytes(c), passed = c->env->now_ms - c->tick_ms;

	c->waited_ms += passed;
	c->stalled_ms = moved == c->moved_at_tick ? c->stalled_ms + passed : 0;
	c->moved_at_tick = moved;
	if (c->stalled_ms > d->stall_ms) {
		c->reason = "stalled";
		return true;
	}
	if (c->waited_ms > d->grace_ms && (moved - c->moved_base) <
	    (c->waited_ms - d->grace_ms) * d->min_rate_bytes_s / 1000) {
		c->reason = "too slow";
		return true;
	}
	return false;
}

/* The hub ends and its clients have gone: who could watch but asks nothing does not keep it. */
static bool
is_idle_watcher(const struct conn *c)
{
	return c->env->is_draining && c->env->n == c->env->n_local &&
	    (c->state == CONN_HANDSHAKE || c->state == CONN_HEAD);
}

static void
conn_tick(struct conn *c)
{
	bool is_over = false;

	if (is_idle_watcher(c)) {
		conn_end(c);
		return;
	}
	switch (c->state) {
	case CONN_HANDSHAKE:
	case CONN_HEAD:
	case CONN_LINGER:
		is_over = c->env->now_ms > c->deadline_ms;
		if (is_over && c->state != CONN_LINGER)
			c->reason = "deadline";
		break;
	case CONN_BODY:
	case CONN_REPLY:
		is_over = (!line_is_waiting(c) && !reads_is_waiting(c) && is_too_slow(c)) ||
		    !is_allowed(c);
		break;
	case CONN_CALL:
	case CONN_ENDING:
		break; /* the application has it */
	}
	c->tick_ms = c->env->now_ms;
	if (is_over)
		conn_end(c);
}

void
conn_tick_all(struct conn_env *env)
{
	struct conn *next;

	conn_read_clock(env);
	for (struct conn *c = env->first; c != NULL; c = next) {
		next = c->next; /* only c itself can go */
		conn_tick(c);
	}
}

void
conn_drain_all(struct conn_env *env)
{
	struct conn *next;

	conn_read_clock(env);
	env->is_draining = true;
	for (struct conn *c = env->first; c != NULL; c = next) {
		next = c->next;
		if (c->state == CONN_HANDSHAKE ||
		    (c->state == CONN_HEAD && (c->rq == NULL || c->rq->in_len == 0)))
			conn_end(c);
	}
}

void
conn_abort_all(struct conn_env *env, const char *reason)
{
	struct conn *next;

	conn_read_clock(env);
	for (struct conn *c = env->first; c != NULL; c = next) {
		next = c->next;
		if (c->is_ending)
			continue;
		c->reason = reason;
		conn_end(c);
	}
}

static void
name_peer(struct conn *c)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&c->address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&c->address;
	const void *raw = c->address.ss_family == AF_INET6 ? (const void *)&v6->sin6_addr :
	    (const void *)&v4->sin_addr;

	if (inet_ntop(c->address.ss_family, raw, c->peer, sizeof(c->peer)) == NULL)
		memcpy(c->peer, "?", 2);
}

int
conn_new(struct conn_env *env, int fd, const struct sockaddr_storage *address, bool is_local,
    struct err *e)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_nomem(e);
	c->env = env;
	c->address = *address;
	c->is_local = is_local;
	c->identity.cert = CERT_NONE;
	name_peer(c);
	c->on_read = event_new(env->base, fd, EV_READ | EV_PERSIST, on_socket, c);
	c->on_write = event_new(env->base, fd, EV_WRITE | EV_PERSIST, on_socket, c);
	if (c->on_read == NULL || c->on_write == NULL) {
		err_nomem(e);
		goto fail;
	}
	if (event_add(c->on_read, NULL) == -1) {
		err_nomem(e);
		goto fail;
	}
	c->armed = c->want = EV_READ;
	duct_init(&c->duct, fd, &env->slab);
	turn_enter(c);
	c->number = ++env->n_made;
	c->next = env->first;
	c->link = &env->first;
	if (c->next != NULL)
		c->next->link = &c->next;
	env->first = c;
	env->n++;
	if (is_local)
		env->n_local++;
	conn_read_clock(env);
	c->state = CONN_HANDSHAKE;
	c->deadline_ms = env->now_ms + env->deadlines->handshake_ms;
	return 0;
fail:
	if (c->on_read != NULL)
		event_free(c->on_read);
	if (c->on_write != NULL)
		event_free(c->on_write);
	free(c);
	return -1;
}
