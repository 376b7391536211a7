/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct slot_state {
	unsigned begun; /* masks of stages */
	unsigned done;
};

struct run {
	const struct pool_line *line; /* lent by the caller of pool_run() */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot_state *slots; /* owned */
	uint64_t made;            /* items that stage 0 has made */
	uint64_t tail;            /* the oldest item that is still in its slot */
	uint64_t next[POOL_MAX_STAGES]; /* no item before it is still to begin with the stage */
	bool is_busy[POOL_MAX_STAGES];  /* an ordered stage is running */
	bool is_ended;                  /* stage 0 has said so */
	bool is_failed;
	unsigned n_waiting;
	struct err err; /* the first failure */
};

struct worker {
	struct run *run;
	unsigned thread;
	pthread_t id;
};

struct task {
	unsigned stage;
	uint64_t item;
};

static struct slot_state *
state_of(struct run *r, uint64_t item)
{
	return &r->slots[item % r->line->n_slots];
}

static bool
may_begin(struct run *r, unsigned stage, uint64_t item)
{
	const struct slot_state *s = state_of(r, item);
	unsigned after = r->line->stages[stage].after;

	return (s->begun & 1u << stage) == 0 && (s->done & after) == after;
}

static bool
find_in_stage(struct run *r, unsigned stage, struct task *out)
{
	uint64_t item = r->next[stage];

	if (stage == 0) {
		if (r->is_ended || r->is_busy[0] || r->made - r->tail == r->line->n_slots)
			return false;
		*out = (struct task){ 0, r->made };
		return true;
	}
	if (r->line->stages[stage].is_ordered) {
		if (r->is_busy[stage] || item == r->made || !may_begin(r, stage, item))
			return false;
		*out = (struct task){ stage, item };
		return true;
	}
	for (; item < r->made; item++) {
		if (may_begin(r, stage, item)) {
			*out = (struct task){ stage, item };
			return true;
		}
	}
	return false;
}

/* Later stages first: what is nearly done frees its slot. */
static bool
find_task(struct run *r, struct task *out)
{
	for (unsigned stage = r->line->n_stages; stage-- > 0;)
		if (find_in_stage(r, stage, out))
			return true;
	return false;
}

static void
begin(struct run *r, const struct task *t)
{
	r->is_busy[t->stage] = r->line->stages[t->stage].is_ordered;
	if (t->stage == 0) {
		*state_of(r, t->item) = (struct slot_state){ .begun = 1u };
		return;
	}
	state_of(r, t->item)->begun |= 1u << t->stage;
	while (r->next[t->stage] < r->made &&
	    (state_of(r, r->next[t->stage])->begun & 1u << t->stage) != 0)
		r->next[t->stage]++;
}

static void
finish(struct run *r, const struct task *t, int rc, const struct err *e)
{
	unsigned all = (1u << r->line->n_stages) - 1;

	r->is_busy[t->stage] = false;
	if (rc == -1) {
		if (!r->is_failed)
			r->err = *e;
		r->is_failed = true;
	} else if (rc == POOL_END) {
		r->is_ended = true;
	} else {
		state_of(r, t->item)->done |= 1u << t->stage;
		if (t->stage == 0)
			r->made++;
		while (r->tail < r->made && state_of(r, r->tail)->done == all)
			r->tail++;
	}
	if (r->n_waiting > 0)
		pthread_cond_broadcast(&r->changed);
}

static bool
is_over(struct run *r)
{
	const atomic_bool *cancel = r->line->cancel;

	if (!r->is_failed && cancel != NULL && atomic_load(cancel)) {
		(void)err_set(&r->err, ERR_BUSY, "cancelled");
		r->is_failed = true;
	}
	return r->is_failed || (r->is_ended && r->tail == r->made);
}

static void
work(struct run *r, unsigned thread)
{
	const struct pool_line *line = r->line;
	struct task t;

	pthread_mutex_lock(&r->lock);
	while (!is_over(r)) {
		struct err e = { 0 };
		uint8_t *slot;
		int rc;

		if (!find_task(r, &t)) {
			r->n_waiting++;
			pthread_cond_wait(&r->changed, &r->lock);
			r->n_waiting--;
			continue;
		}
		begin(r, &t);
		slot = (uint8_t *)line->slots + t.item % line->n_slots * line->slot_size;
		pthread_mutex_unlock(&r->lock);
		rc = line->stages[t.stage].run(line->ctx, slot, thread, &e);
		pthread_mutex_lock(&r->lock);
		finish(r, &t, rc, &e);
	}
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	work(w->run, w->thread);
	return NULL;
}

static void
assert_line(const struct pool_line *line)
{
	assert(line->n_stages >= 1 && line->n_stages <= POOL_MAX_STAGES);
	assert(line->n_threads >= 1 && line->n_threads <= POOL_MAX_THREADS);
	assert(line->n_slots >= 1 && line->stages[0].is_ordered && line->stages[0].after == 0);
	for (unsigned i = 1; i < line->n_stages; i++)
		assert(line->stages[i].after != 0 && line->stages[i].after < 1u << i);
}

int
pool_run(const struct pool_line *line, struct err *e)
{
	struct run r = { .line = line,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	struct worker workers[POOL_MAX_THREADS];
	unsigned n_started = 0;

	assert_line(line);
	r.slots = calloc(line->n_slots, sizeof(*r.slots));
	if (r.slots == NULL)
		return err_nomem(e);
	while (n_started + 1 < line->n_threads) {
		struct worker *w = &workers[n_started];

		*w = (struct worker){ .run = &r, .thread = n_started + 1 };
		if (pthread_create(&w->id, NULL, worker_main, w) != 0)
			break; /* fewer threads do the same work */
		n_started++;
	}
	work(&r, 0);
	for (unsigned i = 0; i < n_started; i++)
		pthread_join(workers[i].id, NULL);
	pthread_cond_destroy(&r.changed);
	pthread_mutex_destroy(&r.lock);
	free(r.slots);
	if (r.is_failed && e != NULL)
		*e = r.err;
	return r.is_failed ? -1 : 0;
}

unsigned
pool_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > POOL_MAX_THREADS ? POOL_MAX_THREADS : (unsigned)n;
}
