/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/line.h"

#include <event2/event.h>

static const struct timeval turn_tick = { .tv_sec = 0, .tv_usec = SHARE_TICK_MS * 1000 };

/* The queue of this loop: whoever was given something goes to its end. */

static void
enqueue(struct conn *c)
{
	struct conn_env *env = c->env;

	c->line_next = NULL;
	c->line_link = env->line_end;
	*env->line_end = c;
	env->line_end = &c->line_next;
	env->n_line++;
}

static void
dequeue(struct conn *c)
{
	struct conn_env *env = c->env;

	*c->line_link = c->line_next;
	if (c->line_next != NULL)
		c->line_next->line_link = c->line_link;
	else
		env->line_end = c->line_link;
	c->line_next = NULL;
	c->line_link = NULL;
	env->n_line--;
}

static size_t
take(struct conn *c)
{
	size_t wanted = c->reply_left < LIMIT_SEND_PIECE_BYTES ? (size_t)c->reply_left :
	    LIMIT_SEND_PIECE_BYTES;

	return share_take(c->env->share, &c->seat, wanted, c->env->now_ms);
}

/* One round: everybody is asked once, in the order of waiting. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct conn_env *env = arg;
	struct conn *next;
	unsigned left = env->n_line;

	(void)fd;
	(void)what;
	conn_read_clock(env);
	for (struct conn *c = env->line_first; left > 0; c = next, left--) {
		size_t given = take(c);

		next = c->line_next; /* only c itself can go */
		if (given == 0)
			continue;
		dequeue(c);
		c->allowance = given;
		conn_resume(c);
	}
	if (env->n_line > 0 && event_add(env->on_turn, &turn_tick) == -1)
		conn_abort_all(env, "out of memory"); /* cannot happen: the heap had room for it */
}

int
line_init(struct conn_env *env, struct err *e)
{
	env->line_end = &env->line_first;
	if (env->share == NULL)
		return 0;
	env->on_turn = event_new(env->base, -1, 0, on_turn, env);
	return env->on_turn == NULL ? err_nomem(e) : 0;
}

void
line_clear(struct conn_env *env)
{
	if (env->on_turn != NULL)
		event_free(env->on_turn);
	env->on_turn = NULL;
}

int
line_enter(struct conn *c, struct err *e)
{
	const struct exchange *x = &c->rq->x;
	struct err why = { 0 };

	c->seat.is_transfer = x->route->is_bulk;
	if (share_enter(c->env->share, x->group, x->weight, &c->seat, &why) == 0)
		return 0;
	if (why.class != ERR_BUSY) {
		*e = why;
		return -1;
	}
	return err_set(e, ERR_BUSY, "%s as many transfers under way as are allowed at the same "
	    "time: wait until one has ended", x->group[0] == '\0' ?
	    "those without a certificate have" : "your organisation has");
}

void
line_admit(struct conn *c)
{
	if (c->reply_left >= LIMIT_SMALL_REPLY_BYTES ||
	    !share_pass(c->env->share, &c->seat, c->piece_len + (size_t)c->reply_left,
	        c->env->now_ms))
		c->allowance = 0;
}

enum step
line_ask(struct conn *c)
{
	c->allowance = take(c);
	if (c->allowance > 0)
		return STEP_AGAIN;
	if (c->env->n_line == 0 && event_add(c->env->on_turn, &turn_tick) == -1)
		return conn_fail(c, "out of memory");
	enqueue(c);
	c->waited_ms += c->env->now_ms - c->tick_ms; /* so far it was the peer */
	return conn_wait(c, 0);
}

void
line_leave(struct conn *c)
{
	if (c->line_link != NULL)
		dequeue(c);
	if (c->seat.group != NULL)
		share_leave(c->env->share, &c->seat);
}
