/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/base/limits.h"
#include "catalog/repo/objpath.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/ticks.h"

#define SPARE_SLOTS 8u
#define TICK_MS 100

/* A stored frame on its way from a lane to the caller. */
struct slot {
	struct slot *next;
	const struct ranges_place *place;
	uint8_t *stored; /* owned; LIMIT_FRAME_STORED_BYTES */
};

struct piece {
	uint32_t pack;
	uint64_t off;
	uint64_t len;
	size_t first; /* of the places it brings */
	size_t count;
};

struct lanes;

struct lane {
	struct lanes *all;
	unsigned number;
	struct transfer *transfer; /* owned but the first one's */
	pthread_t thread;
	/* The piece under way. */
	struct piece piece;
	size_t at;          /* the place being filled */
	uint64_t pos;       /* in the pack, of the next byte */
	uint32_t have;      /* bytes of the place in slot */
	struct slot *slot;  /* owned, or NULL */
};

struct lanes {
	const struct lanes_job *job;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t has_ready;
	pthread_cond_t has_free;
	size_t range, place; /* where the next piece begins; n of the job's ranges: nowhere */
	uint64_t left_bytes; /* that no lane has taken */
	struct piece back[LANES_MOST]; /* given back by lanes that failed */
	size_t n_back;
	struct slot *ready, **ready_end, *free_slots;
	struct slot slots[LANES_MOST + SPARE_SLOTS];
	struct lane lanes[LANES_MOST];
	unsigned n_started, n_running, n_allowed;
	bool is_stopped;
	struct err why;       /* of the stop */
	uint64_t received_bytes, n_requests;
	struct err retry;     /* news of a lane for the caller's thread */
	unsigned retry_ms;
	bool has_retry;
};

/* With the lock held. */
static void
stop(struct lanes *all, const struct err *why)
{
	if (!all->is_stopped)
		all->why = *why;
	all->is_stopped = true;
	(void)pthread_cond_broadcast(&all->has_free);
	(void)pthread_cond_broadcast(&all->has_ready);
}

/* --- in a lane --- */

static int
get_slot(struct lane *l, struct err *e)
{
	struct lanes *all = l->all;

	(void)pthread_mutex_lock(&all->lock);
	while (all->free_slots == NULL && !all->is_stopped)
		(void)pthread_cond_wait(&all->has_free, &all->lock);
	if (!all->is_stopped) {
		l->slot = all->free_slots;
		all->free_slots = l->slot->next;
	}
	(void)pthread_mutex_unlock(&all->lock);
	return l->slot != NULL ? 0 : err_set(e, ERR_SYSTEM, "stopped");
}

static void
give_slot(struct lane *l, const struct ranges_place *place)
{
	struct lanes *all = l->all;
	struct slot *s = l->slot;

	l->slot = NULL;
	s->place = place;
	s->next = NULL;
	(void)pthread_mutex_lock(&all->lock);
	*all->ready_end = s;
	all->ready_end = &s->next;
	(void)pthread_cond_signal(&all->has_ready);
	(void)pthread_mutex_unlock(&all->lock);
}

static int
on_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
	struct lane *l = ctx;
	struct lanes *all = l->all;
	const uint8_t *in = bytes;

	bool is_stopped;

	(void)pthread_mutex_lock(&all->lock);
	all->received_bytes += len;
	is_stopped = all->is_stopped;
	(void)pthread_mutex_unlock(&all->lock);
	if (is_stopped)
		return err_set(e, ERR_SYSTEM, "stopped");
	while (len > 0 && l->at < l->piece.count) {
		const struct ranges_place *p = &all->job->places[l->piece.first + l->at];
		size_t n;

		if (l->pos < p->off) { /* a gap */
			n = p->off - l->pos < len ? (size_t)(p->off - l->pos) : len;
		} else {
			if (l->slot == NULL && get_slot(l, e) == -1)
				return -1;
			n = p->stored_len - l->have < len ? p->stored_len - l->have : len;
			memcpy(l->slot->stored + l->have, in, n);
			l->have += (uint32_t)n;
		}
		in += n;
		len -= n;
		l->pos += n;
		if (l->have == p->stored_len) {
			give_slot(l, p);
			l->at++;
			l->have = 0;
		}
	}
	return 0;
}

/*
 * As much as a lane takes at a time, with the lock held: so little that all lanes end at about the
 * same time, whatever the speed of each, and the last pieces are the smallest.
 */
static uint64_t
piece_bytes(const struct lanes *all)
{
	uint64_t bytes = all->left_bytes / (2 * all->n_allowed);

	if (all->n_allowed == 1)
		return UINT64_MAX;
	if (bytes < LANES_LEAST_BYTES)
		return LANES_LEAST_BYTES;
	return bytes < LANES_MOST_BYTES ? bytes : LANES_MOST_BYTES;
}

/* What comes next of the ranges, ended where a frame ends; with the lock held. */
static void
cut_piece(struct lanes *all, struct piece *out)
{
	const struct ranges_range *r = &all->job->ranges->items[all->range];
	const struct ranges_place *places = all->job->places;
	size_t end = r->first + r->count;
	uint64_t most = piece_bytes(all);

	*out = (struct piece){ .pack = r->pack, .off = places[all->place].off,
		.first = all->place };
	while (all->place < end) {
		const struct ranges_place *p = &places[all->place];
		uint64_t len = p->off + p->stored_len - out->off;

		if (out->count > 0 && len > most)
			break;
		out->len = len;
		out->count++;
		all->place++;
	}
	all->left_bytes -= out->len < all->left_bytes ? out->len : all->left_bytes;
	if (all->place == end && ++all->range < all->job->ranges->n)
		all->place = all->job->ranges->items[all->range].first;
}

/* The next piece for this lane, or false. */
static bool
take_piece(struct lane *l)
{
	struct lanes *all = l->all;
	size_t n_ranges = all->job->ranges->n;
	bool is_there = false;

	(void)pthread_mutex_lock(&all->lock);
	/* The first one stays while another may yet give something back. */
	while (l->number == 0 && !all->is_stopped && all->n_back == 0 &&
	    all->range == n_ranges && all->n_running > 1)
		(void)pthread_cond_wait(&all->has_free, &all->lock);
	if (!all->is_stopped && (l->number == 0 || l->number < all->n_allowed)) {
		is_there = true;
		if (all->n_back > 0)
			l->piece = all->back[--all->n_back];
		else if (all->range < n_ranges)
			cut_piece(all, &l->piece);
		else
			is_there = false;
	}
	all->n_requests += is_there;
	(void)pthread_mutex_unlock(&all->lock);
	l->at = 0;
	l->have = 0;
	l->pos = l->piece.off;
	return is_there;
}

/* Without this lane; whoever is left takes the places that did not come. */
static void
give_back(struct lane *l)
{
	struct lanes *all = l->all;
	struct piece p = l->piece;
	uint64_t off;

	if (l->at >= p.count)
		return;
	off = all->job->places[p.first + l->at].off;
	p.len -= off - p.off;
	p.off = off;
	p.first += l->at;
	p.count -= l->at;
	all->back[all->n_back++] = p;
	all->n_allowed = l->number < all->n_allowed ? l->number : all->n_allowed;
}

static void
on_failure(struct lane *l, const struct err *why)
{
	struct lanes *all = l->all;
	bool may_go_on = l->number > 0 && all->n_back < LANES_MOST &&
	    (why->class == ERR_NETWORK || (why->class == ERR_BUSY && why->sys == 0));

	if (may_go_on)
		give_back(l);
	else
		stop(all, why);
}

static void *
run_lane(void *arg)
{
	struct lane *l = arg;
	struct lanes *all = l->all;
	struct err why = { 0 };
	int rc = 0;

	while (rc == 0 && take_piece(l)) {
		char path[OBJPATH_SIZE + 1] = "/";

		objpath_pack(path + 1, all->job->channel, hint_pack(all->job->hint, l->piece.pack));
		rc = transfer_range(l->transfer, path, l->piece.off, l->piece.len, on_bytes, l,
		    &why);
	}
	(void)pthread_mutex_lock(&all->lock);
	if (l->slot != NULL) {
		l->slot->next = all->free_slots;
		all->free_slots = l->slot;
		l->slot = NULL;
	}
	if (rc == -1)
		on_failure(l, &why);
	all->n_running--;
	(void)pthread_cond_signal(&all->has_ready);
	(void)pthread_cond_broadcast(&all->has_free);
	(void)pthread_mutex_unlock(&all->lock);
	return NULL;
}

static void
on_retry(void *ctx, const struct err *why, unsigned pause_ms)
{
	struct lanes *all = ctx;

	(void)pthread_mutex_lock(&all->lock);
	all->retry = *why;
	all->retry_ms = pause_ms;
	all->has_retry = true;
	(void)pthread_cond_signal(&all->has_ready);
	(void)pthread_mutex_unlock(&all->lock);
}

/* --- in the caller's thread --- */

static int
start_lane(struct lanes *all, struct err *e)
{
	struct lane *l = &all->lanes[all->n_started];
	int rc;

	l->all = all;
	l->number = all->n_started;
	l->transfer = all->job->transfer;
	if (l->number > 0 && transfer_another(all->job->transfer, &l->transfer, e) == -1)
		return -1;
	transfer_on_retry(l->transfer, on_retry, all);
	(void)pthread_mutex_lock(&all->lock);
	all->n_running++;
	(void)pthread_mutex_unlock(&all->lock);
	rc = pthread_create(&l->thread, NULL, run_lane, l);
	if (rc == 0) {
		all->n_started++;
		return 0;
	}
	(void)pthread_mutex_lock(&all->lock);
	all->n_running--;
	(void)pthread_mutex_unlock(&all->lock);
	if (l->number > 0)
		transfer_free(l->transfer);
	errno = rc;
	return err_errno(e, "a thread for a transfer");
}

/* One lane for a hub that is near; for one that is far, as many as there is work for. */
static unsigned
lanes_wanted(const struct lanes_job *job)
{
	uint64_t most = 1 + job->ranges->total_bytes / LANES_SHARE_BYTES;

	if (transfer_totals(job->transfer)->least_wait_us < LANES_FAR_MS * 1000)
		return 1;
	return most < job->connections ? (unsigned)most : job->connections;
}

/* The first one has to be, the others are a help. */
static int
start_lanes(struct lanes *all, struct err *e)
{
	unsigned n = lanes_wanted(all->job);

	all->n_allowed = n;
	if (start_lane(all, e) == -1)
		return -1;
	while (all->n_started < n && start_lane(all, NULL) == 0)
		;
	return 0;
}

static struct slot *
next_ready(struct lanes *all, bool *is_over)
{
	struct timespec until;
	struct slot *s;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)TICK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_mutex_lock(&all->lock);
	if (all->ready == NULL && all->n_running > 0 && !all->has_retry)
		(void)pthread_cond_timedwait(&all->has_ready, &all->lock, &until);
	s = all->ready;
	if (s != NULL) {
		all->ready = s->next;
		if (all->ready == NULL)
			all->ready_end = &all->ready;
	}
	*is_over = s == NULL && all->n_running == 0;
	(void)pthread_mutex_unlock(&all->lock);
	return s;
}

static void
tell(struct lanes *all, const struct transfer_retry *retry, int64_t *told_ms)
{
	int64_t now = ticks_ms();
	uint64_t received;
	struct err why;
	unsigned pause_ms;
	bool has_retry;

	(void)pthread_mutex_lock(&all->lock);
	received = all->received_bytes;
	has_retry = all->has_retry;
	why = all->retry;
	pause_ms = all->retry_ms;
	all->has_retry = false;
	(void)pthread_mutex_unlock(&all->lock);
	if (has_retry && retry->on_retry != NULL)
		retry->on_retry(retry->ctx, &why, pause_ms);
	if (now - *told_ms < TICK_MS || all->job->on_progress == NULL)
		return;
	*told_ms = now;
	all->job->on_progress(all->job->ctx, received);
}

/* Take what comes until nothing comes any more. */
static void
receive(struct lanes *all, const struct transfer_retry *retry)
{
	int64_t told_ms = ticks_ms();
	bool is_over = false, is_good = true;

	while (!is_over) {
		struct slot *s = next_ready(all, &is_over);
		struct err why = { 0 };

		if (s != NULL && is_good)
			is_good = interrupt_check(&why) == 0 &&
			    all->job->on_frame(all->job->ctx, s->place, s->stored, &why) == 0;
		(void)pthread_mutex_lock(&all->lock);
		if (s != NULL) {
			s->next = all->free_slots;
			all->free_slots = s;
			(void)pthread_cond_broadcast(&all->has_free);
		}
		if (why.class != ERR_NONE)
			stop(all, &why);
		(void)pthread_mutex_unlock(&all->lock);
		tell(all, retry, &told_ms);
	}
}

/* --- all of it --- */

static int
make_slots(struct lanes *all, struct err *e)
{
	for (size_t i = 0; i < all->job->connections + SPARE_SLOTS; i++) {
		struct slot *s = &all->slots[i];

		s->stored = malloc(LIMIT_FRAME_STORED_BYTES);
		if (s->stored == NULL)
			return err_nomem(e);
		s->next = all->free_slots;
		all->free_slots = s;
	}
	return 0;
}

static void
end_lanes(struct lanes *all)
{
	for (unsigned i = 0; i < all->n_started; i++) {
		struct lane *l = &all->lanes[i];

		(void)pthread_join(l->thread, NULL); /* cannot fail: it was started here */
		if (i > 0)
			transfer_join(all->job->transfer, l->transfer);
	}
}

int
lanes_run(const struct lanes_job *asked, struct lanes_figures *out, struct err *e)
{
	struct lanes_job job = *asked;
	struct transfer_retry retry = transfer_retry(job.transfer);
	struct lanes *all = calloc(1, sizeof(*all));
	pthread_condattr_t attr;
	int rc = -1;

	if (all == NULL)
		return err_nomem(e);
	if (job.connections < 1 || transfer_line(job.transfer)->limit_bytes_per_second > 0)
		job.connections = 1;
	if (job.connections > LANES_MOST)
		job.connections = LANES_MOST;
	all->job = &job;
	all->ready_end = &all->ready;
	all->left_bytes = job.ranges->total_bytes;
	all->place = job.ranges->n > 0 ? job.ranges->items[0].first : 0;
	/* None of these can fail on Linux with these attributes. */
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&all->has_ready, &attr);
	(void)pthread_cond_init(&all->has_free, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (make_slots(all, e) == -1 || start_lanes(all, e) == -1)
		goto out;
	receive(all, &retry);
	end_lanes(all);
	*out = (struct lanes_figures){ all->received_bytes, all->n_requests, all->n_started };
	if (all->is_stopped && e != NULL)
		*e = all->why;
	rc = all->is_stopped ? -1 : 0;
out:
	transfer_on_retry(job.transfer, retry.on_retry, retry.ctx);
	for (size_t i = 0; i < LANES_MOST + SPARE_SLOTS; i++)
		free(all->slots[i].stored);
	(void)pthread_cond_destroy(&all->has_ready);
	(void)pthread_cond_destroy(&all->has_free);
	(void)pthread_mutex_destroy(&all->lock);
	free(all);
	return rc;
}
