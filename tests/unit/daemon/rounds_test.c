/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of patcher and repacker: when rounds happen, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/app/rounds.h"

struct work {
	atomic_int n_begun, n_done;
	atomic_int n_allowed; /* rounds that may end; a cancelled one ends, too */
	atomic_bool was_cancelled;
};

static void
pause_briefly(void)
{
	(void)usleep(1000); /* conditions are looked at again */
}

static void
one_round(void *ctx, const atomic_bool *cancel)
{
	struct work *w = ctx;
	int mine = atomic_fetch_add(&w->n_begun, 1) + 1;

	while (mine > atomic_load(&w->n_allowed) && !atomic_load(cancel))
		pause_briefly();
	if (atomic_load(cancel))
		atomic_store(&w->was_cancelled, true);
	atomic_fetch_add(&w->n_done, 1);
}

/* Whether *n becomes want, in a minute at most. */
static bool
becomes(atomic_int *n, int want)
{
	for (int i = 0; i < 60000 && atomic_load(n) != want; i++)
		pause_briefly();
	return atomic_load(n) == want;
}

static void
a_first_round_needs_no_word(void **state)
{
	struct work w = { .n_allowed = 9 };
	struct rounds *r = NULL;

	(void)state;
	assert_int_equal(rounds_run(one_round, &w, "tests", &r, NULL), 0);
	assert_true(becomes(&w.n_done, 1));
	rounds_wake(r);
	assert_true(becomes(&w.n_done, 2));
	rounds_free(r);
	assert_int_equal(w.n_begun, 2);
	assert_false(w.was_cancelled);
}

static void
what_comes_during_a_round_is_for_one_more(void **state)
{
	struct work w = { 0 };
	struct rounds *r = NULL;

	(void)state;
	assert_int_equal(rounds_run(one_round, &w, "tests", &r, NULL), 0);
	assert_true(becomes(&w.n_begun, 1));
	for (int i = 0; i < 5; i++)
		rounds_wake(r);
	atomic_store(&w.n_allowed, 1);
	assert_true(becomes(&w.n_begun, 2));
	assert_int_equal(w.n_done, 1);
	atomic_store(&w.n_allowed, 9);
	assert_true(becomes(&w.n_done, 2));
	rounds_wake(r);
	assert_true(becomes(&w.n_done, 3));
	rounds_free(r);
	assert_int_equal(w.n_begun, 3); /* the five were one */
}

static void
the_end_cancels_the_round_under_way(void **state)
{
	struct work w = { 0 };
	struct rounds *r = NULL;

	(void)state;
	assert_int_equal(rounds_run(one_round, &w, "tests", &r, NULL), 0);
	assert_true(becomes(&w.n_begun, 1));
	rounds_wake(r);
	rounds_free(r);
	assert_int_equal(w.n_done, 1);
	assert_int_equal(w.n_begun, 1);
	assert_true(w.was_cancelled);
	rounds_wake(NULL);
	rounds_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_round_needs_no_word),
		cmocka_unit_test(what_comes_during_a_round_is_for_one_more),
		cmocka_unit_test(the_end_cancels_the_round_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
