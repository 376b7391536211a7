/* SPDX-License-Identifier: Apache-2.0 */
/* From frames to requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clients/kebao/ranges.h"

#define GAP 100u

static void
neighbours_travel_together(void **state)
{
	struct ranges_place places[] = {
		{ .frame = 3, .pack = 1, .off = 0, .stored_len = 10 },
		{ .frame = 2, .pack = 0, .off = 300, .stored_len = 10 },
		{ .frame = 0, .pack = 0, .off = 0, .stored_len = 50 },
		{ .frame = 1, .pack = 0, .off = 149, .stored_len = 51 }, /* a gap of 99 */
	};
	struct ranges r;

	(void)state;
	assert_int_equal(ranges_plan(places, 4, GAP, &r, NULL), 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.items[0].off, 0);
	assert_int_equal(r.items[0].len, 200);
	assert_int_equal(r.items[0].count, 2);
	assert_int_equal(r.items[1].off, 300); /* a gap of exactly 100 is not joined */
	assert_int_equal(r.items[2].pack, 1);
	assert_int_equal(r.items[2].first, 3);
	assert_int_equal(r.total_bytes, 220);
	ranges_clear(&r);
}

static void
nothing_is_needed_nothing_is_asked(void **state)
{
	struct ranges r;

	(void)state;
	assert_int_equal(ranges_plan(NULL, 0, GAP, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.total_bytes, 0);
	ranges_clear(&r);
}

/* Whatever a hint says: places covered exactly once, in order, never overlapping in a range. */
static void
lying_places_are_covered_all_the_same(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct ranges_place places[40];
		struct ranges r;
		size_t seen = 0;

		srand(seed);
		for (size_t i = 0; i < 40; i++)
			places[i] = (struct ranges_place){
				.frame = (uint32_t)i, .pack = (uint32_t)rand() % 3,
				.off = (uint64_t)rand() % 2000,
				.stored_len = (uint32_t)rand() % 150 + 1,
			};
		assert_int_equal(ranges_plan(places, 40, GAP, &r, NULL), 0);
		for (size_t k = 0; k < r.n; k++) {
			uint64_t at = r.items[k].off;

			assert_int_equal(r.items[k].first, seen);
			for (size_t i = 0; i < r.items[k].count; i++) {
				const struct ranges_place *p = &places[seen + i];

				assert_int_equal(p->pack, r.items[k].pack);
				assert_true(p->off >= at);
				assert_true(p->off - at < GAP);
				at = p->off + p->stored_len;
			}
			assert_int_equal(at, r.items[k].off + r.items[k].len);
			seen += r.items[k].count;
		}
		assert_int_equal(seen, 40);
		ranges_clear(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_travel_together),
		cmocka_unit_test(nothing_is_needed_nothing_is_asked),
		cmocka_unit_test(lying_places_are_covered_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
