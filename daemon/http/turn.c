/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/turn.h"

#include <event2/event.h>
#include <sys/random.h>

#include "daemon/net/census.h"

static void
enqueue(struct turn_lane *l, struct conn *c)
{
	c->n_vain = 0;
	c->turn_next = NULL;
	c->turn_link = l->end;
	*l->end = c;
	l->end = &c->turn_next;
}

static void
dequeue(struct turn_lane *l, struct conn *c)
{
	*c->turn_link = c->turn_next;
	if (c->turn_next != NULL)
		c->turn_next->turn_link = c->turn_link;
	else
		l->end = c->turn_link;
	c->turn_next = NULL;
	c->turn_link = NULL;
}

/* A new round begins for a lane that has not seen the present one. */
static void
refill(struct turns *t, struct turn_lane *l)
{
	if (l->round == t->round)
		return;
	l->round = t->round;
	l->used_us = 0;
}

/* The lane has connections that queue: it waits for its turn. */
static void
line_up(struct turns *t, struct turn_lane *l)
{
	if (l->is_lined_up)
		return;
	l->is_lined_up = true;
	l->next = NULL;
	*t->end = l;
	t->end = &l->next;
}

/* One lane has its turn; whoever queued in it goes on, until its time is used up. */
static void
on_round(evutil_socket_t fd, short what, void *arg)
{
	struct conn_env *env = arg;
	struct turns *t = &env->turns;
	struct turn_lane *l = t->first;

	(void)fd;
	(void)what;
	if (l == NULL)
		return;
	t->first = l->next;
	if (t->first == NULL)
		t->end = &t->first;
	l->is_lined_up = false;
	t->round++;
	refill(t, l);
	while (l->first != NULL && l->used_us < LIMIT_LANE_US) {
		struct conn *c = l->first;

		dequeue(l, c);
		conn_run(c);
	}
	if (l->first != NULL)
		line_up(t, l);
	if (t->first != NULL)
		event_active(t->on_round, EV_TIMEOUT, 0); /* behind the events that are there */
}

int
turn_init(struct conn_env *env, struct err *e)
{
	struct turns *t = &env->turns;

	t->end = &t->first;
	t->round = 1;
	for (size_t i = 0; i < TURN_LANES; i++) {
		t->lane[i].end = &t->lane[i].first;
		t->lane[i].reads_end = &t->lane[i].reads_first;
	}
	if (getrandom(&t->seed, sizeof(t->seed), 0) != (ssize_t)sizeof(t->seed))
		return err_errno(e, "random bytes");
	t->on_round = event_new(env->base, -1, 0, on_round, env);
	return t->on_round == NULL ? err_nomem(e) : 0;
}

void
turn_clear(struct conn_env *env)
{
	if (env->turns.on_round != NULL)
		event_free(env->turns.on_round);
	env->turns.on_round = NULL;
}

void
turn_enter(struct conn *c)
{
	c->lane = (unsigned)(census_hash(&c->address, c->env->turns.seed) % TURN_LANES);
}

bool
turn_is_queued(const struct conn *c)
{
	return c->turn_link != NULL;
}

void
turn_queue(struct conn *c)
{
	struct turns *t = &c->env->turns;
	struct turn_lane *l = &t->lane[c->lane];

	enqueue(l, c);
	line_up(t, l);
	event_active(t->on_round, EV_TIMEOUT, 0);
}

bool
turn_is_due(struct conn *c)
{
	struct turns *t = &c->env->turns;
	struct turn_lane *l = &t->lane[c->lane];

	if (turn_is_queued(c))
		return false;
	refill(t, l);
	if (l->first == NULL && l->used_us < LIMIT_LANE_US)
		return true;
	turn_queue(c);
	return false;
}

void
turn_charge(struct conn_env *env, unsigned lane, uint64_t began_us)
{
	struct turn_lane *l = &env->turns.lane[lane];

	refill(&env->turns, l);
	conn_read_clock(env);
	l->used_us += env->now_us - began_us;
}

void
turn_leave(struct conn *c)
{
	if (turn_is_queued(c))
		dequeue(&c->env->turns.lane[c->lane], c);
}
