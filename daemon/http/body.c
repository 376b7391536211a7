/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/body.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/net/server.h"

#define READ_BYTES 16384u /* one TLS record */

int
body_claim(struct conn_request *rq, struct err *e)
{
	if (rq->x.route->body != ROUTE_BODY_MEMORY)
		return 0;
	return answer_claim(&rq->x, false, rq->x.body_bytes, &rq->body_claim, e);
}

void
body_drop(struct conn *c)
{
	buf_clear(&c->rq->x.body);
	budget_give(c->env->budget, &c->rq->body_claim);
}

/* Bytes of the body that came with the head; 0 when there are none (any more). */
static size_t
take_buffered(struct conn *c, void *out, size_t room)
{
	struct conn_request *rq = c->rq;
	size_t n = rq->in_len - rq->in_off;

	if (n > room)
		n = room;
	memcpy(out, rq->in + rq->in_off, n);
	rq->in_off += n;
	return n;
}

/* Up to room bytes of the body, from the head's buffer or the wire. */
static enum duct_result
read_some(struct conn *c, uint8_t *out, size_t room, size_t *n)
{
	enum duct_result r = DUCT_OK;

	*n = take_buffered(c, out, room);
	if (*n == 0)
		r = duct_read(&c->duct, out, room, n);
	if (r == DUCT_OK) {
		c->body_left -= *n;
		c->received_bytes += *n;
		(void)atomic_fetch_add(&c->env->counters->received_bytes, *n);
	}
	return r;
}

static enum duct_result
read_to_memory(struct conn *c)
{
	uint8_t bytes[READ_BYTES]; /* not in the body: it is no larger than what has come */
	size_t room = c->body_left < READ_BYTES ? (size_t)c->body_left : READ_BYTES, n = 0;
	enum duct_result r = read_some(c, bytes, room, &n);

	if (r == DUCT_OK && buf_add(&c->rq->x.body, bytes, n, NULL) == -1)
		return DUCT_BROKEN;
	return r;
}

/* A block, and in it what has waited without one. */
static int
take_piece(struct conn *c)
{
	struct conn_request *rq = c->rq;

	if (c->piece != NULL)
		return 0;
	c->piece = slab_take(&c->env->slab);
	c->piece_off = c->piece_len = 0;
	if (c->piece == NULL)
		return -1;
	if (rq->rest != NULL) {
		memcpy(c->piece, rq->rest, rq->rest_len);
		c->piece_len = rq->rest_len;
		free(rq->rest);
		rq->rest = NULL;
	}
	return 0;
}

/* The block goes to who has bytes for it. */
static int
leave_piece(struct conn *c)
{
	struct conn_request *rq = c->rq;

	if (c->piece != NULL && c->piece_len > 0) {
		rq->rest = malloc(c->piece_len);
		if (rq->rest == NULL)
			return -1;
		memcpy(rq->rest, c->piece, c->piece_len);
		rq->rest_len = c->piece_len;
	}
	conn_drop_piece(c);
	return 0;
}

static enum duct_result
read_to_piece(struct conn *c)
{
	size_t room, n = 0;
	enum duct_result r;

	if (take_piece(c) == -1)
		return DUCT_BROKEN;
	room = LIMIT_BODY_PIECE_BYTES - c->piece_len;
	if (room > c->body_left)
		room = (size_t)c->body_left;
	r = read_some(c, c->piece + c->piece_len, room, &n);
	if (r == DUCT_OK)
		c->piece_len += n;
	return r;
}

/* Tell a client that waits for it to send the body. */
static int
invite_body(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct conn_request *rq = c->rq;
	size_t n = 0;

	if (!rq->head.expects_continue)
		return 0;
	rq->head.expects_continue = false;
	if (rq->in_len > rq->in_off)
		return 0; /* he has not waited */
	return duct_write(&c->duct, text, sizeof(text) - 1, &n) == DUCT_OK &&
	    n == sizeof(text) - 1 ? 0 : -1;
}

/* Nothing more has come: a good deal is written down now, and who waits holds no block. */
static enum step
wait_for_body(struct conn *c, short events)
{
	if (c->piece_len >= LIMIT_BODY_REST_BYTES)
		return conn_call(c, CALL_SINK);
	return leave_piece(c) == -1 ? conn_fail(c, "out of memory") : conn_wait(c, events);
}

enum step
body_read(struct conn *c)
{
	bool is_stream = c->rq->x.route->body == ROUTE_BODY_STREAM;

	if (invite_body(c) == -1)
		return conn_fail(c, "out of memory");
	while (c->body_left > 0) {
		if (is_stream && c->piece_len == LIMIT_BODY_PIECE_BYTES)
			return conn_call(c, CALL_SINK);
		switch (is_stream ? read_to_piece(c) : read_to_memory(c)) {
		case DUCT_OK:
			break;
		case DUCT_READ:
			return wait_for_body(c, EV_READ);
		case DUCT_WRITE:
			return wait_for_body(c, EV_READ | EV_WRITE);
		case DUCT_CLOSED:
			return conn_fail(c, "ended within a body");
		case DUCT_BROKEN:
			return conn_fail(c, "broken");
		}
	}
	return conn_call(c, (is_stream ? CALL_SINK : 0) | CALL_HANDLER | CALL_FINISH);
}
