/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/request.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/http/body.h"
#include "daemon/http/line.h"
#include "daemon/http/send.h"
#include "daemon/log.h"
#include "daemon/net/census.h"
#include "daemon/net/server.h"

/* Make room for a request, unless one is under way. */
static int
take_request(struct conn *c)
{
	struct conn_request *rq;

	if (c->rq != NULL)
		return 0;
	rq = c->env->n_spare > 0 ? c->env->spare[--c->env->n_spare] : malloc(sizeof(*rq));
	if (rq == NULL)
		return -1;
	memset(&rq->x, 0, sizeof(rq->x));
	memset(&rq->hold, 0, sizeof(rq->hold));
	answer_init(&rq->reply);
	rq->in_len = rq->in_off = 0;
	rq->in = rq->small;
	rq->large = NULL;
	rq->rest = NULL;
	rq->x.reply = &rq->reply;
	rq->x.hold = &rq->hold;
	rq->x.head = &rq->head;
	rq->hold.is_aborted = &c->is_aborted;
	rq->hold.budget = c->env->budget;
	rq->hold.address = census_key(&c->address);
	rq->hold.holder = c->holder;
	rq->body_claim.bytes = 0;
	head_init(&rq->head, rq->in);
	c->rq = rq;
	return 0;
}

/* How many bytes there is room for. */
static size_t
in_size(const struct conn_request *rq)
{
	return rq->large != NULL ? LIMIT_HEAD_BYTES : LIMIT_SMALL_HEAD_BYTES;
}

/* The head does not fit: give it all the room that a head may have. */
static int
enlarge(struct conn_request *rq)
{
	rq->large = malloc(LIMIT_HEAD_BYTES);
	if (rq->large == NULL)
		return -1;
	memcpy(rq->large, rq->in, rq->in_len);
	rq->in = rq->large;
	head_move(&rq->head, rq->in);
	return 0;
}

void
request_drop(struct conn *c)
{
	if (c->rq == NULL)
		return;
	free(c->rq->large);
	free(c->rq->rest);
	body_drop(c);
	answer_clear(&c->rq->reply);
	route_match_clear(&c->rq->hold.match);
	if (c->env->n_spare < LIMIT_REQUESTS_KEPT)
		c->env->spare[c->env->n_spare++] = c->rq;
	else
		free(c->rq);
	c->rq = NULL;
}

/* The fields that any answer needs, even one to a head that was refused. */
static void
prepare_exchange(struct conn *c)
{
	struct conn_request *rq = c->rq;
	struct exchange *x = &rq->x;

	c->n_requests++;
	(void)snprintf(rq->id, sizeof(rq->id), "%u.%llu-%llu", c->env->number,
	    (unsigned long long)c->number, (unsigned long long)c->n_requests);
	x->id = rq->id;
	x->peer = c->peer;
	x->is_local = c->is_local;
	x->app = c->env->service->app;
	x->now = (int64_t)time(NULL);
	x->cert = tls_peer_at(&c->identity, x->now);
	x->serial = c->identity.serial;
	x->cert_until = c->identity.until;
	x->method = METHOD_GET;
	x->path = x->query = "";
	c->began_ms = c->allowed_at_ms = c->env->now_ms;
	c->sent_bytes = c->body_left = 0;
	conn_start_rate(c);
}

/* Answer a head that is none, and end the connection. */
static enum step
refuse_head(struct conn *c, const struct head_refusal *why)
{
	struct err e = { 0 };
	struct log_line l;

	prepare_exchange(c);
	(void)atomic_fetch_add(&c->env->counters->bad_requests, 1);
	log_begin(&l, LOG_LEVEL_INFO, "bad-request");
	log_text(&l, "request", c->rq->id);
	log_text(&l, "peer", c->peer);
	log_number(&l, "status", why->status);
	log_text(&l, "text", why->text);
	log_end(&l);
	err_set(&e, ERR_BAD_INPUT, "%s", why->text);
	reply_problem_status(&c->rq->x, why->status, &e);
	c->keeps_alive = false;
	return send_begin(c);
}

/* Answer without a call of any route. */
static enum step
refuse(struct conn *c, int status, enum err_class class, const char *text)
{
	struct err e = { 0 };

	err_set(&e, class, "%s", text);
	reply_problem_status(&c->rq->x, status, &e);
	return send_begin(c);
}

static enum step
refuse_method(struct conn *c)
{
	struct exchange *x = &c->rq->x;
	struct err e = { 0 };
	char allow[64] = "";

	err_set(&e, ERR_BAD_INPUT, "this path has other methods");
	reply_problem_status(x, 405, &e);
	for (int m = METHOD_GET; m <= METHOD_DELETE; m++) {
		const char *name = exchange_method_name((enum exchange_method)m);

		if (c->rq->hold.match.allow & (1u << m))
			(void)snprintf(allow + strlen(allow), sizeof(allow) - strlen(allow), "%s%s",
			    *allow == '\0' ? "" : ", ", name); /* all six fit */
	}
	if (reply_header(x, "Allow", allow, NULL) == -1)
		return conn_fail(c, "out of memory");
	return send_begin(c);
}

static enum step
begin_route(struct conn *c)
{
	struct exchange *x = &c->rq->x;
	const struct route *route = x->route;
	struct err e = { 0 };

	if (x->body_bytes > 0 && route->body == ROUTE_BODY_NONE)
		return refuse(c, 413, ERR_BAD_INPUT, "this request has no body");
	if (x->body_bytes > route->max_body_bytes)
		return refuse(c, 413, ERR_BAD_INPUT, "the body is larger than this path allows");
	if (c->env->share != NULL && x->group != NULL && line_enter(c, &e) == -1)
		return e.class == ERR_BUSY ? refuse(c, 429, e.class, e.text) :
		    conn_fail(c, "out of memory");
	if (c->body_left == 0 && route->quick != NULL && route->quick(x))
		return send_begin(c);
	if (c->body_left == 0)
		return conn_call(c, CALL_BEGIN | CALL_HANDLER | CALL_FINISH);
	if (route->begin != NULL)
		return conn_call(c, CALL_BEGIN);
	if (body_claim(c->rq, &e) == -1)
		return refuse(c, 503, e.class, e.text);
	c->is_begun = true;
	c->state = CONN_BODY;
	return STEP_AGAIN;
}

/* The head is good: who asks, for what, and may he. */
static enum step
start_exchange(struct conn *c)
{
	const struct service *service = c->env->service;
	struct conn_request *rq = c->rq;
	struct exchange *x = &rq->x;
	enum route_found found = ROUTE_UNKNOWN;

	prepare_exchange(c);
	rq->in_off = rq->head.len;
	x->method = rq->head.method;
	x->path = rq->head.path;
	x->query = rq->head.query;
	x->body_bytes = c->body_left = rq->head.body_bytes;
	c->keeps_alive = rq->head.keep_alive;
	(void)atomic_fetch_add(&c->env->counters->requests, 1);
	c->is_announced = true;
	if (service->before != NULL)
		service->before(x);
	answer_keep_headers(&rq->reply);
	if (reply_is_made(x))
		return send_begin(c); /* before() had to refuse */
	if (c->is_over_cap) {
		c->keeps_alive = false;
		return refuse(c, 429, ERR_BUSY,
		    "this certificate has as many connections as it may have");
	}
	if (route_find(c->is_local ? service->local_routes : service->routes,
	    c->is_local ? service->n_local_routes : service->n_routes, x->method, x->path,
	    &rq->hold.match, &found, NULL) == -1)
		return conn_fail(c, "out of memory");
	switch (found) {
	case ROUTE_UNKNOWN:
		return refuse(c, 404, ERR_NOT_FOUND, "there is nothing here");
	case ROUTE_OTHER_METHOD:
		return refuse_method(c);
	case ROUTE_FOUND:
		break;
	}
	x->route = rq->hold.match.route;
	return begin_route(c);
}

/* The local listener is there until the end, for one request of each connection. */
static bool
is_watcher(const struct conn *c)
{
	return c->is_local && c->n_requests == 0;
}

enum step
request_read_head(struct conn *c)
{
	struct head_refusal why;
	size_t n = 0;

	if (c->turn_requests >= LIMIT_REQUESTS_PER_TURN) {
		event_active(c->on_read, EV_READ, 0); /* what is buffered brings no event */
		return conn_wait(c, EV_READ);
	}
	if (c->env->is_draining && (c->rq == NULL || c->rq->in_len == 0) && !is_watcher(c))
		return conn_fail(c, NULL);
	if (take_request(c) == -1)
		return conn_fail(c, "out of memory");
	for (;;) {
		struct conn_request *rq = c->rq;

		if (rq->in_len > rq->head.fed) {
			switch (head_feed(&rq->head, rq->in_len, &why)) {
			case HEAD_DONE:
				c->turn_requests++;
				return start_exchange(c);
			case HEAD_BAD:
				return refuse_head(c, &why);
			case HEAD_MORE:
				break;
			}
		}
		if (rq->in_len == in_size(rq) && enlarge(rq) == -1)
			return conn_fail(c, "out of memory");
		switch (duct_read(&c->duct, rq->in + rq->in_len, in_size(rq) - rq->in_len, &n)) {
		case DUCT_OK:
			if (rq->in_len == 0)
				c->deadline_ms = c->env->now_ms + c->env->deadlines->head_ms;
			rq->in_len += n;
			break;
		case DUCT_READ:
			if (rq->in_len == 0)
				request_drop(c); /* idle connections hold no memory */
			return conn_wait(c, EV_READ);
		case DUCT_WRITE:
			return conn_wait(c, EV_READ | EV_WRITE);
		case DUCT_CLOSED:
			return conn_fail(c, rq->in_len == 0 ? NULL : "ended within a head");
		case DUCT_BROKEN:
			return conn_fail(c, "broken");
		}
	}
}

/* A call has failed: the problem is the reply, unless the call has made one. */
static void
check_call(struct exchange *x, int rc, struct err *e)
{
	if (rc == -1 && !reply_is_made(x))
		reply_problem(x, e);
}

static void
run_sink(struct conn *c)
{
	struct conn_request *rq = c->rq;
	struct exchange *x = &rq->x;
	const uint8_t *bytes = rq->rest != NULL ? rq->rest : c->piece;
	size_t len = rq->rest != NULL ? rq->rest_len : c->piece_len;
	struct err e = { 0 };

	if (len > 0)
		check_call(x, x->route->sink(x, bytes, len, &e), &e);
	c->piece_len = 0;
	free(rq->rest);
	rq->rest = NULL;
}

static void
run_handler(struct exchange *x)
{
	struct err e = { 0 };

	check_call(x, x->route->handler(x, &e), &e);
	if (!reply_is_made(x)) {
		err_set(&e, ERR_SYSTEM, "the handler of %s has not replied", x->route->pattern);
		reply_problem(x, &e);
	}
}

void
request_run(struct conn *c)
{
	struct exchange *x = &c->rq->x;
	struct err e = { 0 };

	if (c->calls & CALL_BEGIN) {
		c->is_begun = true;
		if (x->route->begin != NULL)
			check_call(x, x->route->begin(x, &e), &e);
		if (!reply_is_made(x))
			check_call(x, body_claim(c->rq, &e), &e);
	}
	if ((c->calls & CALL_SINK) && !reply_is_made(x))
		run_sink(c);
	if ((c->calls & CALL_HANDLER) && !reply_is_made(x))
		run_handler(x);
	if (c->is_begun && ((c->calls & CALL_FINISH) || reply_is_made(x))) {
		c->is_begun = false;
		if (x->route->finish != NULL)
			x->route->finish(x);
		body_drop(c);
	}
	if (c->calls & CALL_READ)
		send_read(c);
	if (c->calls & CALL_CLOSE) {
		int status = c->rq->reply.status;

		answer_drop(&c->rq->reply);
		c->rq->reply.status = status; /* the log asks for it */
	}
}

enum step
request_called(struct conn *c)
{
	unsigned calls = c->calls;

	c->calls = 0;
	if (calls & CALL_CLOSE) {
		c->state = CONN_REPLY;
		return STEP_AGAIN;
	}
	if (calls & CALL_READ) {
		if (c->call_err.class != ERR_NONE) {
			log_failure(LOG_LEVEL_ERROR, "reply-failed", &c->call_err);
			return conn_fail(c, "the body could not be read");
		}
		c->state = CONN_REPLY;
		return STEP_AGAIN;
	}
	if (!reply_is_made(&c->rq->x) && !(calls & CALL_HANDLER)) {
		c->state = CONN_BODY;
		return STEP_AGAIN;
	}
	return send_begin(c);
}

/* Not the word of a capability, on whatever path and however it is asked for. */
static void
log_path(struct log_line *l, const struct exchange *x)
{
	const char *word = strstr(x->path, "/~");
	char shown[64];

	if (x->route != NULL) {
		log_text(l, "path", x->route->hides_path ? x->route->pattern : x->path);
	} else if (word == NULL) {
		log_text(l, "path", x->path);
	} else {
		(void)snprintf(shown, sizeof(shown), "%.*s/~...", (int)(word - x->path), x->path);
		log_text(l, "path", shown);
	}
}

static void
log_request(const struct conn *c, int status, bool is_whole)
{
	const struct conn_request *rq = c->rq;
	const struct exchange *x = &rq->x;
	struct log_line l;

	log_begin(&l, rq->reply.cause.class == ERR_SYSTEM ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
	    "request");
	if (l.is_off)
		return;
	log_text(&l, "request", rq->id);
	log_text(&l, "peer", c->peer);
	if (x->who[0] != '\0')
		log_text(&l, "who", x->who);
	log_text(&l, "method", exchange_method_name(x->method));
	log_path(&l, x);
	log_number(&l, "status", status);
	log_number(&l, "bytes", (int64_t)c->sent_bytes);
	log_number(&l, "ms", (int64_t)(c->env->now_ms - c->began_ms));
	if (!is_whole)
		log_text(&l, "end", c->reason == NULL ? "cut" : c->reason);
	if (rq->reply.cause.class == ERR_SYSTEM)
		log_err(&l, &rq->reply.cause);
	log_end(&l);
}

void
request_end(struct conn *c, bool is_whole)
{
	struct conn_request *rq = c->rq;
	size_t rest;

	line_leave(c);
	if (c->is_announced) {
		log_request(c, rq->reply.status, is_whole);
		c->is_announced = false;
		if (c->env->service->after != NULL)
			c->env->service->after(&rq->x, rq->reply.status, c->sent_bytes, is_whole);
	}
	rest = rq->in_len - rq->in_off;
	if (!is_whole || rest == 0) {
		request_drop(c);
		return;
	}
	/* The next request has begun to come: start anew with its bytes. */
	free(rq->rest);
	rq->rest = NULL;
	body_drop(c);
	answer_clear(&rq->reply);
	route_match_clear(&rq->hold.match);
	memset(&rq->x, 0, sizeof(rq->x));
	answer_init(&rq->reply);
	rq->x.reply = &rq->reply;
	rq->x.hold = &rq->hold;
	rq->x.head = &rq->head;
	memmove(rq->in, rq->in + rq->in_off, rest);
	rq->in_len = rest;
	rq->in_off = 0;
	head_init(&rq->head, rq->in);
}
