/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/reads.h"

#include "daemon/http/turn.h"

static struct turn_lane *
lane_of(const struct conn *c)
{
	return &c->env->turns.lane[c->lane];
}

static void
dequeue(struct turn_lane *l, struct conn *c)
{
	*c->reads_link = c->reads_next;
	if (c->reads_next != NULL)
		c->reads_next->reads_link = c->reads_link;
	else
		l->reads_end = c->reads_link;
	c->reads_next = NULL;
	c->reads_link = NULL;
}

bool
reads_enter(struct conn *c)
{
	struct turn_lane *l = lane_of(c);

	if (!c->is_reading && l->n_reads < LIMIT_LANE_READS) {
		c->is_reading = true;
		l->n_reads++;
	}
	return c->is_reading;
}

enum step
reads_wait(struct conn *c)
{
	struct turn_lane *l = lane_of(c);

	c->reads_next = NULL;
	c->reads_link = l->reads_end;
	*l->reads_end = c;
	l->reads_end = &c->reads_next;
	return conn_wait(c, 0);
}

bool
reads_is_waiting(const struct conn *c)
{
	return c->reads_link != NULL;
}

void
reads_leave(struct conn *c)
{
	struct turn_lane *l = lane_of(c);
	struct conn *next;

	if (reads_is_waiting(c))
		dequeue(l, c);
	if (!c->is_reading)
		return;
	c->is_reading = false;
	next = l->reads_first;
	if (next == NULL) {
		l->n_reads--;
		return;
	}
	dequeue(l, next);
	next->is_reading = true;
	turn_queue(next);
}
