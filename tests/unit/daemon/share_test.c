/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line shared by groups.  A world of connections, sockets and loops is simulated, millisecond
 * by millisecond: minutes pass in no time.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/net/share.h"
#include "tests/unit/fault.h"

#define PIECE (192u << 10)
#define SOCKET_BYTES (256u << 10) /* what a kernel takes before it says wait */
#define MAX_CONNS 256
#define N_LOOPS 2

/* The world. */

struct sim_conn {
	const char *group;
	unsigned weight, loop;
	uint64_t client_bytes_ms;    /* what the client's own line carries; 0: anything */
	uint64_t object_bytes;       /* 0: one endless transfer; else leave and enter after each */
	uint64_t from_ms, until_ms;  /* until 0: for ever */
	struct share_seat seat;
	uint64_t in_socket, sent, object_left;
	bool is_queued;
};

struct sim {
	struct share *share;
	struct sim_conn conns[MAX_CONNS];
	size_t n;
	/* as line.c: who was given goes to the end */
	struct sim_conn *queue[N_LOOPS][MAX_CONNS];
	size_t n_queued[N_LOOPS];
	uint64_t now_ms, rate, total;
	int64_t low, worst; /* of total minus what the rate allows: the lowest, the highest rise */
};

static void
sim_init(struct sim *s, uint64_t rate)
{
	const struct share_config config = { .rate_bytes_s = rate };

	memset(s, 0, sizeof(*s));
	s->rate = rate;
	s->now_ms = 1000000;
	s->share = share_new(&config, NULL);
	assert_non_null(s->share);
}

static struct sim_conn *
sim_add(struct sim *s, const char *group, unsigned weight, size_t n)
{
	struct sim_conn *first = &s->conns[s->n];

	assert_true(s->n + n <= MAX_CONNS);
	for (size_t i = 0; i < n; i++, s->n++)
		s->conns[s->n] = (struct sim_conn){ .group = group, .weight = weight,
			.loop = (unsigned)s->n % N_LOOPS, .from_ms = s->now_ms };
	return first;
}

static void
sim_leave(struct sim *s, struct sim_conn *c)
{
	size_t *n = &s->n_queued[c->loop];

	share_leave(s->share, &c->seat);
	for (size_t i = 0; c->is_queued && i < *n; i++) {
		if (s->queue[c->loop][i] != c)
			continue;
		memmove(&s->queue[c->loop][i], &s->queue[c->loop][i + 1],
		    (*n - i - 1) * sizeof(c));
		--*n;
		c->is_queued = false;
	}
}

static void
sim_clear(struct sim *s)
{
	struct share_stats stats;

	for (size_t i = 0; i < s->n; i++)
		sim_leave(s, &s->conns[i]);
	share_stats(s->share, &stats);
	assert_int_equal(stats.groups, 0);
	assert_int_equal(stats.waiting, 0);
	share_free(s->share);
}

static void
sim_account(struct sim *s, struct sim_conn *c, size_t n)
{
	int64_t level;

	c->in_socket += n;
	c->sent += n;
	s->total += n;
	level = (int64_t)s->total - (int64_t)(s->rate * s->now_ms / 1000);
	if (s->low == 0 || level - (int64_t)n < s->low)
		s->low = level - (int64_t)n;
	if (level - s->low > s->worst)
		s->worst = level - s->low;
	if (c->object_bytes == 0)
		return;
	c->object_left -= n;
	if (c->object_left == 0)
		share_leave(s->share, &c->seat); /* the object is over, the next one is asked for */
}

static size_t
sim_take(struct sim *s, struct sim_conn *c)
{
	size_t wanted = PIECE;

	if (c->seat.group == NULL) {
		assert_int_equal(share_enter(s->share, c->group, c->weight, &c->seat, NULL), 0);
		c->object_left = c->object_bytes;
	}
	if (c->object_bytes != 0 && c->object_left < wanted)
		wanted = (size_t)c->object_left;
	return share_take(s->share, &c->seat, wanted, s->now_ms);
}

/* Send until the socket is full or the share says wait. */
static void
sim_send(struct sim *s, struct sim_conn *c)
{
	while (!c->is_queued && c->in_socket < SOCKET_BYTES) {
		size_t n = sim_take(s, c);

		if (n > 0) {
			sim_account(s, c, n);
			continue;
		}
		c->is_queued = true;
		s->queue[c->loop][s->n_queued[c->loop]++] = c;
	}
}

/* A tick of a loop: everybody in the queue is asked once. */
static void
sim_tick(struct sim *s, unsigned loop)
{
	struct sim_conn *round[MAX_CONNS];
	size_t n = s->n_queued[loop];

	memcpy(round, s->queue[loop], sizeof(round));
	for (size_t i = 0; i < n; i++) {
		struct sim_conn *c = round[i];
		size_t given = sim_take(s, c), at = 0;

		if (given == 0)
			continue;
		while (s->queue[loop][at] != c)
			at++;
		memmove(&s->queue[loop][at], &s->queue[loop][at + 1],
		    (s->n_queued[loop] - at - 1) * sizeof(c));
		s->n_queued[loop]--;
		c->is_queued = false;
		sim_account(s, c, given);
		sim_send(s, c);
	}
}

static void
sim_run(struct sim *s, uint64_t ms)
{
	for (uint64_t end = s->now_ms + ms; s->now_ms < end; s->now_ms++) {
		for (size_t i = 0; i < s->n; i++) {
			struct sim_conn *c = &s->conns[i];

			if (s->now_ms < c->from_ms)
				continue;
			if (c->until_ms != 0 && s->now_ms >= c->until_ms) {
				sim_leave(s, c);
				continue;
			}
			c->in_socket -= c->client_bytes_ms == 0 ||
			    c->in_socket < c->client_bytes_ms ? c->in_socket : c->client_bytes_ms;
			sim_send(s, c);
		}
		for (unsigned loop = 0; loop < N_LOOPS; loop++) /* loops do not tick together */
			if ((s->now_ms + loop * 7) % SHARE_TICK_MS == 0)
				sim_tick(s, loop);
	}
}

static uint64_t
sim_sent(const struct sim *s, const char *group)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->conns[i].group, group) == 0)
			sum += s->conns[i].sent;
	return sum;
}

static void
sim_forget(struct sim *s)
{
	s->total = 0;
	s->low = s->worst = 0;
	for (size_t i = 0; i < s->n; i++)
		s->conns[i].sent = 0;
}

static void
near(uint64_t got, uint64_t wanted, unsigned percent)
{
	if (got < wanted - wanted * percent / 100 || got > wanted + wanted * percent / 100)
		fail_msg("got %llu, wanted %llu within %u %%", (unsigned long long)got,
		    (unsigned long long)wanted, percent);
}

/* No time of any length saw more than the rate, one bucket and one grant. */
static void
never_above_the_rate(const struct sim *s)
{
	int64_t bucket = (int64_t)(s->rate / 1000 * SHARE_BURST_MS);

	if (bucket < (int64_t)SHARE_GRANT_BYTES)
		bucket = SHARE_GRANT_BYTES;
	if (s->worst > bucket + (int64_t)SHARE_GRANT_BYTES + (int64_t)s->rate / 500)
		fail_msg("%lld bytes above the rate, %lld allowed", (long long)s->worst,
		    (long long)bucket + SHARE_GRANT_BYTES);
}

/* Tests. */

#define MB 1000000ull

static void
connections_make_no_share(void **state)
{
	static const struct {
		uint64_t rate;
		size_t n_a, n_b;
		unsigned weight_a, weight_b;
	} cases[] = {
		{ 4 * MB, 1, 64, 1, 1 },
		{ 4 * MB, 1, 8, 3, 1 },
		{ 4 * MB, 64, 1, 1, 3 },
		{ 125000, 1, 64, 1, 1 },
		{ 125000, 2, 8, 5, 1 },
		{ 20000, 1, 8, 1, 1 },
		{ 125 * MB, 1, 64, 1, 1 },
		{ 125 * MB, 3, 5, 10, 1 },
		{ 1250 * MB, 2, 64, 1, 1 },
		{ 4 * MB, 1, 1, 1000, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned sum = cases[i].weight_a + cases[i].weight_b;
		uint64_t carried = cases[i].rate * 60;
		struct sim s;

		sim_init(&s, cases[i].rate);
		sim_add(&s, "a", cases[i].weight_a, cases[i].n_a);
		sim_add(&s, "b", cases[i].weight_b, cases[i].n_b);
		sim_run(&s, 60000);
		near(sim_sent(&s, "a"), carried * cases[i].weight_a / sum, 4);
		if (cases[i].weight_a < 100) /* else it is all rounding */
			near(sim_sent(&s, "b"), carried * cases[i].weight_b / sum, 4);
		near(s.total, carried, 4);
		never_above_the_rate(&s);
		sim_clear(&s);
	}
}

/* Roughly: each loop goes round its own, and no promise is made between them. */
static void
connections_of_one_group_share_alike(void **state)
{
	struct sim s;
	struct sim_conn *many;

	(void)state;
	sim_init(&s, 4 * MB);
	many = sim_add(&s, "a", 1, 8);
	sim_add(&s, "b", 1, 1);
	sim_run(&s, 60000);
	for (size_t i = 0; i < 8; i++)
		near(many[i].sent, 15 * MB, 40);
	sim_clear(&s);
}

static void
many_groups_share_by_weight(void **state)
{
	char names[40][8];
	struct sim s;
	uint64_t unit;

	(void)state;
	sim_init(&s, 40 * MB);
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "g%u", i);
		sim_add(&s, names[i], i < 12 ? 3 : 1, 1 + i % 5);
	}
	sim_run(&s, 120000);
	unit = 40 * MB * 120 / (12 * 3 + 28);
	for (unsigned i = 0; i < 40; i++)
		near(sim_sent(&s, names[i]), unit * (i < 12 ? 3 : 1), 5);
	near(s.total, 40 * MB * 120, 2);
	never_above_the_rate(&s);
	sim_clear(&s);
}

static void
what_one_leaves_goes_to_the_others(void **state)
{
	struct sim_conn *slow;
	struct sim s;

	(void)state;
	sim_init(&s, 4 * MB);
	slow = sim_add(&s, "slow", 1, 2);
	slow[0].client_bytes_ms = slow[1].client_bytes_ms = 100; /* 0.2 MB/s together */
	sim_add(&s, "fast", 1, 1);
	sim_run(&s, 1000);
	sim_forget(&s);
	sim_run(&s, 60000);
	near(sim_sent(&s, "slow"), 12 * MB, 5);
	near(sim_sent(&s, "fast"), 228 * MB, 2);
	sim_clear(&s);

	sim_init(&s, 4 * MB); /* alone: all of it, whatever the weight */
	sim_add(&s, "only", 1, 1);
	sim_run(&s, 30000);
	near(s.total, 120 * MB, 2);
	never_above_the_rate(&s);
	sim_clear(&s);
}

static void
joining_and_leaving_counts_at_once(void **state)
{
	struct sim_conn *b;
	struct sim s;

	(void)state;
	sim_init(&s, 4 * MB);
	sim_add(&s, "a", 1, 1);
	sim_run(&s, 300000); /* five minutes alone are no debt ... */
	b = sim_add(&s, "b", 1, 4);
	sim_forget(&s);
	sim_run(&s, 5000);
	near(sim_sent(&s, "a"), 10 * MB, 6);
	near(sim_sent(&s, "b"), 10 * MB, 6);
	for (size_t i = 0; i < 4; i++)
		b[i].until_ms = s.now_ms;
	sim_run(&s, 100);
	sim_forget(&s);
	sim_run(&s, 5000); /* ... and who is alone again has all */
	near(sim_sent(&s, "a"), 20 * MB, 3);
	assert_int_equal(sim_sent(&s, "b"), 0);
	for (size_t i = 0; i < 4; i++) {
		b[i].until_ms = 0;
		b[i].in_socket = 0;
	}
	sim_forget(&s);
	sim_run(&s, 5000);
	near(sim_sent(&s, "a"), 10 * MB, 6);
	near(sim_sent(&s, "b"), 10 * MB, 6);
	never_above_the_rate(&s);
	sim_clear(&s);
}

/* One object after the other, a seat for each: its share is that of an endless transfer. */
static void
leaving_again_and_again_gains_nothing(void **state)
{
	static const uint64_t sizes[] = { 70000, 300000, 5000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sim_conn *hasty;
		struct sim s;

		sim_init(&s, 4 * MB);
		hasty = sim_add(&s, "hasty", 1, 1);
		hasty->object_bytes = sizes[i];
		sim_add(&s, "steady", 1, 1);
		sim_run(&s, 60000);
		near(sim_sent(&s, "hasty"), 120 * MB, 8);
		near(sim_sent(&s, "steady"), 120 * MB, 8);
		sim_clear(&s);
	}
}

static void
nobody_starves(void **state)
{
	struct sim_conn *weak;
	struct sim s;

	(void)state;
	sim_init(&s, 1 * MB);
	weak = sim_add(&s, "weak", 1, 1);
	sim_add(&s, "strong", 100, 100);
	for (int second = 0; second < 60; second++) {
		uint64_t before = weak->sent;

		sim_run(&s, 5000); /* its share of it: 49 KB */
		assert_true(weak->sent > before);
	}
	near(weak->sent, 300 * MB / 101, 10);
	sim_clear(&s);
}

static void
small_answers_do_not_wait_but_count(void **state)
{
	struct share_seat seat = { 0 };
	uint64_t small = 0;
	struct sim s;

	(void)state;
	sim_init(&s, 4 * MB);
	sim_add(&s, "a", 1, 8);
	sim_add(&s, "b", 1, 1);
	sim_run(&s, 2000);
	sim_forget(&s);
	assert_int_equal(share_enter(s.share, "b", 1, &seat, NULL), 0);
	for (int i = 0; i < 3000; i++) { /* 1 MB/s of them: below the share of b */
		sim_run(&s, 10);
		assert_true(share_pass(s.share, &seat, 10000, s.now_ms));
		small += 10000;
	}
	near(sim_sent(&s, "b") + small, 60 * MB, 5);
	near(sim_sent(&s, "a"), 60 * MB, 5);
	share_leave(s.share, &seat);
	sim_clear(&s);
}

static void
a_flood_of_small_answers_is_bulk(void **state)
{
	struct share_seat seat = { 0 }, other = { 0 };
	uint64_t small = 0;
	bool was_refused = false;
	struct sim s;

	(void)state;
	sim_init(&s, 4 * MB);
	sim_add(&s, "a", 1, 1);
	sim_run(&s, 2000);
	sim_forget(&s);
	assert_int_equal(share_enter(s.share, "flood", 1, &seat, NULL), 0);
	assert_int_equal(share_enter(s.share, "quiet", 1, &other, NULL), 0);
	for (int i = 0; i < 30000; i++) { /* 60 MB/s wanted */
		sim_run(&s, 1);
		if (share_pass(s.share, &seat, 60000, s.now_ms))
			small += 60000;
		else
			was_refused = true;
		if (i % 100 == 0) /* nobody else notices */
			assert_true(share_pass(s.share, &other, 1000, s.now_ms));
	}
	assert_true(was_refused);
	assert_true(small < 60 * MB + 6 * MB); /* half of the line and a second of it */
	assert_true(sim_sent(&s, "a") > 60 * MB - 6 * MB);
	share_leave(s.share, &seat);
	share_leave(s.share, &other);
	sim_clear(&s);

	/* With nobody waiting there is no limit, and no debt beyond a second of the line. */
	sim_init(&s, 4 * MB);
	assert_int_equal(share_enter(s.share, "a", 1, &seat, NULL), 0);
	for (int i = 0; i < 10000; i++)
		assert_true(share_pass(s.share, &seat, 60000, s.now_ms + (uint64_t)i));
	share_leave(s.share, &seat);
	s.now_ms += 70000;
	sim_add(&s, "a", 1, 1);
	sim_add(&s, "b", 1, 1);
	sim_run(&s, 10000);
	assert_true(sim_sent(&s, "a") > 17 * MB && sim_sent(&s, "a") < 21 * MB);
	sim_clear(&s);
}

static void
a_group_at_its_end_is_told(void **state)
{
	const struct share_config config = { .max_transfers = 2 };
	struct share *s = share_new(&config, NULL);
	struct share_seat a[3] = { { .is_transfer = true }, { .is_transfer = true },
		{ .is_transfer = true } }, other = { .is_transfer = true }, question = { 0 };
	struct share_stats stats;
	struct err e = { 0 };

	(void)state;
	assert_non_null(s);
	assert_int_equal(share_enter(s, "a", 1, &a[0], &e), 0);
	assert_int_equal(share_enter(s, "a", 1, &a[1], &e), 0);
	assert_int_equal(share_enter(s, "a", 1, &a[2], &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_null(a[2].group);
	assert_int_equal(share_enter(s, "a", 1, &question, &e), 0); /* no transfer */
	assert_int_equal(share_enter(s, "b", 1, &other, &e), 0);
	assert_int_equal(share_take(s, &a[0], 12345, 1), 12345); /* no rate: no waiting */
	assert_true(share_pass(s, &question, 12345, 1));
	share_stats(s, &stats);
	assert_int_equal(stats.groups, 2);
	assert_int_equal(stats.refused, 1);
	share_leave(s, &a[0]);
	share_leave(s, &a[0]); /* once is enough, twice is fine */
	a[2].is_transfer = true;
	assert_int_equal(share_enter(s, "a", 1, &a[2], &e), 0);
	share_leave(s, &a[1]);
	share_leave(s, &a[2]);
	share_leave(s, &other);
	share_leave(s, &question);
	share_free(s);
}

/* Threads. */

static void *
hurry(void *arg)
{
	static const char *const names[] = { "a", "b", "c" };
	struct share *s = arg;

	for (unsigned i = 0; i < 20000; i++) {
		struct share_seat seat = { .is_transfer = i % 2 == 0 };

		if (share_enter(s, names[i % 3], 1 + i % 3, &seat, NULL) == -1)
			continue;
		for (unsigned k = 0; k < i % 4; k++)
			(void)share_take(s, &seat, PIECE, i / 10);
		(void)share_pass(s, &seat, 100, i / 10);
		share_leave(s, &seat);
	}
	return NULL;
}

static void
threads_may_come_and_go(void **state)
{
	const struct share_config config = { .rate_bytes_s = MB, .max_transfers = 2 };
	struct share *s = share_new(&config, NULL);
	struct share_stats stats;
	pthread_t threads[4];

	(void)state;
	assert_non_null(s);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hurry, s), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	share_stats(s, &stats);
	assert_int_equal(stats.groups, 0);
	assert_int_equal(stats.waiting, 0);
	share_free(s);
}

static void
no_memory_is_said(void **state)
{
	const struct share_config config = { .rate_bytes_s = MB };
	struct share_seat seat = { 0 };
	struct err e = { 0 };
	struct share *s;

	(void)state;
	fault_arm(FAULT_ALLOC, 1);
	assert_null(share_new(&config, &e));
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_true(fault_disarm());
	s = share_new(&config, NULL);
	assert_non_null(s);
	fault_arm(FAULT_ALLOC, 1);
	assert_int_equal(share_enter(s, "a", 1, &seat, &e), -1);
	assert_true(fault_disarm());
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_null(seat.group);
	share_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_make_no_share),
		cmocka_unit_test(connections_of_one_group_share_alike),
		cmocka_unit_test(many_groups_share_by_weight),
		cmocka_unit_test(what_one_leaves_goes_to_the_others),
		cmocka_unit_test(joining_and_leaving_counts_at_once),
		cmocka_unit_test(leaving_again_and_again_gains_nothing),
		cmocka_unit_test(nobody_starves),
		cmocka_unit_test(small_answers_do_not_wait_but_count),
		cmocka_unit_test(a_flood_of_small_answers_is_bulk),
		cmocka_unit_test(a_group_at_its_end_is_told),
		cmocka_unit_test(threads_may_come_and_go),
		cmocka_unit_test(no_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
