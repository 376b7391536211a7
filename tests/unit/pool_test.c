/* SPDX-License-Identifier: Apache-2.0 */
/* Items through stages: every order that is promised, whatever the number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/pool.h"

#define N_ITEMS 2000u

struct item {
	uint64_t number;
	uint64_t square; /* made by the parallel stage */
};

struct test_line {
	uint64_t n_made;
	uint64_t n_side;    /* seen by an ordered stage beside the parallel one */
	uint64_t n_written; /* seen by the last stage */
	uint64_t fail_at;   /* the parallel stage fails here */
	uint64_t make_fails_at;
	uint64_t cancel_at;
	atomic_bool cancel;
	atomic_uint busy[POOL_MAX_THREADS];
};

static int
make(void *ctx, void *slot, unsigned thread, struct err *e)
{
	struct test_line *t = ctx;
	struct item *item = slot;

	(void)thread;
	if (t->n_made == t->make_fails_at)
		return err_set(e, ERR_SYSTEM, "no item");
	if (t->n_made == t->cancel_at)
		atomic_store(&t->cancel, true);
	if (t->n_made == N_ITEMS)
		return POOL_END;
	*item = (struct item){ .number = t->n_made++ };
	return 0;
}

static int
work(void *ctx, void *slot, unsigned thread, struct err *e)
{
	struct test_line *t = ctx;
	struct item *item = slot;

	assert_int_equal(atomic_fetch_add(&t->busy[thread], 1), 0);
	item->square = item->number * item->number;
	assert_int_equal(atomic_fetch_sub(&t->busy[thread], 1), 1);
	if (item->number == t->fail_at)
		return err_set(e, ERR_BAD_INPUT, "item is bad");
	return 0;
}

static int
look(void *ctx, void *slot, unsigned thread, struct err *e)
{
	struct test_line *t = ctx;
	const struct item *item = slot;

	(void)thread;
	(void)e;
	assert_int_equal(item->number, t->n_side++);
	return 0;
}

static int
finish(void *ctx, void *slot, unsigned thread, struct err *e)
{
	struct test_line *t = ctx;
	const struct item *item = slot;

	(void)thread;
	(void)e;
	assert_int_equal(item->number, t->n_written++);
	assert_int_equal(item->square, item->number * item->number);
	return 0;
}

static int
run(struct test_line *t, unsigned n_threads, unsigned n_slots, struct err *e)
{
	static const struct pool_stage stages[] = {
		{ make, true, 0 },
		{ work, false, 1u << 0 },
		{ look, true, 1u << 0 },
		{ finish, true, 1u << 1 | 1u << 2 },
	};
	struct item slots[16];

	memset(slots, 0xee, sizeof(slots));
	return pool_run(&(struct pool_line){ .stages = stages,
	                    .n_stages = 4,
	                    .ctx = t,
	                    .slots = slots,
	                    .slot_size = sizeof(slots[0]),
	                    .n_slots = n_slots,
	                    .n_threads = n_threads,
	                    .cancel = &t->cancel },
	    e);
}

static const struct test_line plain = { .fail_at = UINT64_MAX,
	.make_fails_at = UINT64_MAX,
	.cancel_at = UINT64_MAX };

static void
every_item_passes_every_stage_in_order(void **state)
{
	static const unsigned slots[] = { 1, 2, 3, 16 };

	(void)state;
	for (unsigned n_threads = 1; n_threads <= 8; n_threads++) {
		for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
			struct test_line t = plain;
			struct err e = { 0 };

			assert_int_equal(run(&t, n_threads, slots[i], &e), 0);
			assert_int_equal(t.n_made, N_ITEMS);
			assert_int_equal(t.n_side, N_ITEMS);
			assert_int_equal(t.n_written, N_ITEMS);
		}
	}
}

static void
a_failure_stops_the_line_and_is_reported(void **state)
{
	(void)state;
	for (unsigned n_threads = 1; n_threads <= 4; n_threads++) {
		struct test_line t = plain;
		struct err e = { 0 };

		t.fail_at = 500;
		assert_int_equal(run(&t, n_threads, 8, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_string_equal(e.text, "item is bad");
		assert_true(t.n_written <= 500);
		assert_true(t.n_made <= 500 + 8);
		t = plain;
		t.make_fails_at = 700;
		assert_int_equal(run(&t, n_threads, 8, &e), -1);
		assert_string_equal(e.text, "no item");
	}
}

static void
a_cancelled_line_stops(void **state)
{
	(void)state;
	for (unsigned n_threads = 1; n_threads <= 4; n_threads++) {
		struct test_line t = plain;
		struct err e = { 0 };

		t.cancel_at = 300;
		assert_int_equal(run(&t, n_threads, 8, &e), -1);
		assert_int_equal(e.class, ERR_BUSY);
		assert_true(t.n_made < 300 + 8 + 4);
	}
}

static void
there_is_a_processor(void **state)
{
	(void)state;
	assert_in_range(pool_cpus(), 1, POOL_MAX_THREADS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_passes_every_stage_in_order),
		cmocka_unit_test(a_failure_stops_the_line_and_is_reported),
		cmocka_unit_test(a_cancelled_line_stops),
		cmocka_unit_test(there_is_a_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
