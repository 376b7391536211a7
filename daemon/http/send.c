/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/send.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "catalog/base/file.h"
#include "daemon/http/line.h"
#include "daemon/http/reads.h"
#include "daemon/http/request.h"
#include "daemon/net/server.h"

static const char *
date_of(struct conn_env *env)
{
	int64_t now = (int64_t)time(NULL);

	if (now != env->date_at || env->date[0] == '\0') {
		answer_date(env->date, now);
		env->date_at = now;
	}
	return env->date;
}

enum step
send_begin(struct conn *c)
{
	struct conn_request *rq = c->rq;
	struct reply *r = &rq->reply;
	struct buf head = BUF_INIT;

	if (r->kind == REPLY_NONE)
		return conn_fail(c, "out of memory");
	if (c->body_left > 0 || c->env->is_draining)
		c->keeps_alive = false;
	conn_drop_piece(c);
	c->piece = slab_take(&c->env->slab);
	if (c->piece == NULL || answer_head(r, rq->head.is_http10, c->keeps_alive,
	    date_of(c->env), &head, NULL) == -1) {
		buf_clear(&head);
		return conn_fail(c, "out of memory");
	}
	/* LIMIT_REPLY_HEADERS_BYTES and little */
	memcpy(c->piece, buf_data(&head), buf_len(&head));
	c->piece_off = 0;
	c->piece_len = buf_len(&head);
	buf_clear(&head);
	c->reply_left = r->is_bodyless ? 0 : r->length;
	c->reply_off = r->off;
	c->allowance = UINT64_MAX;
	c->is_cold = false;
	if (c->seat.group != NULL)
		line_admit(c);
	conn_start_rate(c);
	c->state = CONN_REPLY;
	return STEP_AGAIN;
}

/*
 * No more than the socket takes, so that a peer who does not read holds the kernel's buffer full
 * and next to nothing of ours; but always something, as the kernel says when it has room.
 */
static void
measure_room(struct conn *c)
{
	size_t room = duct_send_room(&c->duct);
	size_t held = c->piece_len - c->piece_off; /* what a pool has read since: it goes first */

	c->is_measured = true;
	if (held > 0)
		room = room > held ? room - held : 0;
	else if (room < LIMIT_SEND_LEAST_BYTES)
		room = LIMIT_SEND_LEAST_BYTES;
	if (room < c->turn_room)
		c->turn_room = room;
}

/* Whether the rest of this turn is worth a piece. */
static bool
has_turn(struct conn *c)
{
	if (!c->is_measured && c->reply_left > LIMIT_SEND_LEAST_BYTES)
		measure_room(c);
	return c->turn_room >= LIMIT_SEND_LEAST_BYTES || c->turn_room >= c->reply_left;
}

/* How much the piece may still take. */
static size_t
piece_room(const struct conn *c)
{
	size_t room = LIMIT_SEND_PIECE_BYTES - c->piece_len;

	if (c->piece_len >= LIMIT_SEND_PIECE_BYTES)
		return 0;
	if (c->turn_room < room)
		room = c->turn_room;
	if (c->allowance < room)
		room = (size_t)c->allowance;
	return c->reply_left < room ? (size_t)c->reply_left : room;
}

static void
piece_grew(struct conn *c, size_t n)
{
	c->piece_len += n;
	c->reply_off += n;
	c->reply_left -= n;
	c->allowance -= n;
	c->turn_room -= n;
}

void
send_read(struct conn *c)
{
	struct reply *r = &c->rq->reply;
	uint8_t *at = c->piece + c->piece_len;
	size_t room = piece_room(c), n = 0;
	struct err e = { 0 };

	if (r->kind == REPLY_FILE) {
		n = room;
		(void)file_pread_all(r->fd, at, room, c->reply_off, &e);
	} else if (r->source.read(r->source.ctx, c->reply_off, at, room, &n, &e) == 0 &&
	    (n == 0 || n > room)) {
		err_set(&e, ERR_SYSTEM, "a source gave %zu bytes of %zu", n, room);
	}
	c->call_err = e;
	if (e.class == ERR_NONE)
		piece_grew(c, n);
}

/* What the page cache has is taken here; only a disk is worth a thread. */
static bool
read_cached(struct conn *c)
{
	struct iovec v = { .iov_base = c->piece + c->piece_len, .iov_len = piece_room(c) };
	ssize_t n;

	if (c->env->has_no_nowait)
		return false;
	n = preadv2(c->rq->reply.fd, &v, 1, (off_t)c->reply_off, RWF_NOWAIT);
	if (n > 0)
		piece_grew(c, (size_t)n);
	else if (n == -1 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
		c->env->has_no_nowait = true;
	return n > 0;
}

/* Put the next bytes of the body behind what is in the piece. */
static enum step
fill_piece(struct conn *c)
{
	struct reply *r = &c->rq->reply;
	size_t n;

	if (c->piece == NULL) {
		c->piece = slab_take(&c->env->slab);
		c->piece_off = c->piece_len = 0;
		if (c->piece == NULL)
			return conn_fail(c, "out of memory");
	}
	switch (r->kind) {
	case REPLY_BYTES:
		n = piece_room(c);
		memcpy(c->piece + c->piece_len, buf_data(&r->body) + c->reply_off, n);
		piece_grew(c, n);
		return STEP_AGAIN;
	case REPLY_FILE:
		if (read_cached(c))
			return STEP_AGAIN;
		c->is_cold = !reads_enter(c);
		if (!c->is_cold)
			return conn_call(c, CALL_READ);
		if (c->piece_len == 0)
			conn_drop_piece(c);
		return STEP_AGAIN;
	case REPLY_SOURCE:
		return conn_call(c, CALL_READ);
	case REPLY_NONE:
		break;
	}
	return conn_fail(c, "out of memory");
}

/* All is sent: the next request, or the end. */
static enum step
end_reply(struct conn *c)
{
	bool has_unread = c->body_left > 0;

	if (c->rq->reply.source.close != NULL)
		return conn_call(c, CALL_CLOSE);
	conn_drop_piece(c);
	request_end(c, true);
	if (c->keeps_alive && !has_unread) {
		c->state = CONN_HEAD;
		c->deadline_ms = c->env->now_ms +
		    (c->rq == NULL ? c->env->deadlines->idle_ms : c->env->deadlines->head_ms);
		return STEP_AGAIN;
	}
	request_drop(c); /* the rest of what has come is of no use */
	duct_finish(&c->duct);
	c->state = CONN_LINGER;
	c->received_bytes = 0;
	c->deadline_ms = c->env->now_ms + c->env->deadlines->linger_ms;
	return STEP_AGAIN;
}

/* Move the piece into the wire; the block goes back as soon as it is empty. */
static enum duct_result
write_piece(struct conn *c)
{
	enum duct_result r;
	size_t n = 0;

	r = duct_write(&c->duct, c->piece + c->piece_off, c->piece_len - c->piece_off, &n);
	c->piece_off += n;
	c->sent_bytes += n;
	(void)atomic_fetch_add(&c->env->counters->sent_bytes, n);
	if (c->piece_off == c->piece_len)
		conn_drop_piece(c);
	return r;
}

/* Whether the next bytes may come; where a pool is to read them, an address has few blocks. */
static bool
may_fill(struct conn *c)
{
	if (c->rq->reply.kind != REPLY_SOURCE && !c->is_cold)
		return true;
	if (!reads_enter(c))
		return false;
	c->is_cold = false;
	return true;
}

/* What is written goes out, with as little as possible in a packet of its own. */
static enum duct_result
flush(struct conn *c)
{
	if (c->piece != NULL && duct_may_join(&c->duct))
		return DUCT_OK; /* with the piece */
	if (c->piece == NULL && c->reply_left == 0 && !c->keeps_alive)
		duct_say_end(&c->duct);
	return duct_flush(&c->duct);
}

static enum step
send_some(struct conn *c)
{
	bool may_read;

	for (;;) {
		switch (flush(c)) {
		case DUCT_OK:
			break;
		case DUCT_WRITE:
			duct_park(&c->duct);
			return conn_wait(c, EV_WRITE);
		case DUCT_READ:
		case DUCT_CLOSED:
		case DUCT_BROKEN:
			return conn_fail(c, "the peer has gone");
		}
		if (c->piece == NULL && c->reply_left == 0)
			return end_reply(c);
		/* Between pieces, so that whoever waits here for long holds none. */
		may_read = has_turn(c);
		if (c->piece == NULL && !may_read)
			return conn_wait(c, EV_WRITE);
		if (may_read && piece_room(c) > 0 && c->piece_off == 0 &&
		    (c->piece == NULL || c->piece_len < LIMIT_SEND_PIECE_BYTES / 2)) {
			if (may_fill(c))
				return fill_piece(c);
			if (c->piece == NULL) /* else what is there is sent meanwhile */
				return reads_wait(c);
		}
		if (c->piece == NULL) /* the allowance is used up */
			return line_ask(c);
		switch (write_piece(c)) {
		case DUCT_OK:
		case DUCT_WRITE:
			break;
		case DUCT_READ:
			return conn_wait(c, EV_READ);
		case DUCT_CLOSED:
		case DUCT_BROKEN:
			return conn_fail(c, "the peer has gone");
		}
	}
}

enum step
send_reply(struct conn *c)
{
	enum step s = send_some(c);

	if (c->is_reading && c->state != CONN_CALL)
		reads_leave(c); /* what was read is written, or the peer is waited for */
	return s;
}
