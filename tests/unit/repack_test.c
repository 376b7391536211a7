/* SPDX-License-Identifier: Apache-2.0 */
/* What moves into new packs, over a channel's life of two hundred releases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/repo/pack_table.h"
#include "catalog/repo/repack.h"
#include "tests/unit/fault.h"

#define KEPT 10u /* live releases */

/* A channel that grows: all frames there ever were, and which are in the last releases. */
struct world {
	struct repack_frame *frames;
	uint32_t n_frames;
	uint64_t *packs;
	uint32_t n_packs;
	uint32_t *live[KEPT]; /* frame numbers of the newest releases, in tar order */
	uint32_t n; /* frames of a release */
	uint64_t copied;
};

static void
world_init(struct world *w, uint32_t n, uint32_t n_releases)
{
	memset(w, 0, sizeof(*w));
	w->n = n;
	w->frames = calloc((size_t)n + (size_t)n_releases * 64, sizeof(*w->frames));
	w->packs = calloc((size_t)n_releases * 3 + 1, sizeof(*w->packs));
	for (uint32_t i = 0; i < KEPT; i++)
		w->live[i] = calloc(n, sizeof(uint32_t));
}

static void
world_clear(struct world *w)
{
	free(w->frames);
	free(w->packs);
	for (uint32_t i = 0; i < KEPT; i++)
		free(w->live[i]);
}

static uint32_t
put(struct world *w, uint32_t number, uint32_t len, uint32_t *n_in_pack)
{
	w->frames[number].pack = w->n_packs;
	w->frames[number].stored_len = len;
	w->frames[number].off = w->packs[w->n_packs];
	w->packs[w->n_packs] += len;
	++*n_in_pack;
	return number;
}

static void
end_pack(struct world *w, uint32_t n_in_pack)
{
	if (n_in_pack > 0)
		w->packs[w->n_packs++] += pack_table_len(n_in_pack);
}

/* A release in which n_changed places, chosen by *seed, hold something new. */
static void
release(struct world *w, uint32_t n_changed, uint64_t *seed)
{
	uint32_t *oldest = w->live[KEPT - 1], n_in_pack = 0;
	bool is_first = w->n_frames == 0;

	memmove(&w->live[1], &w->live[0], (KEPT - 1) * sizeof(w->live[0]));
	memcpy(oldest, w->live[1], w->n * sizeof(uint32_t));
	w->live[0] = oldest;
	for (uint32_t i = 0; i < w->n; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		if (is_first || (*seed >> 33) % w->n < n_changed)
			oldest[i] = put(w, w->n_frames++, 30000 + (uint32_t)(*seed >> 48),
			    &n_in_pack);
	}
	end_pack(w, n_in_pack);
	if (is_first)
		for (uint32_t i = 1; i < KEPT; i++)
			memcpy(w->live[i], oldest, w->n * sizeof(uint32_t));
}

/* The input: frames that are live, renumbered; *numbers is the way back. */
static void
look(const struct world *w, struct repack_input *in, struct repack_release *newest,
    uint32_t **numbers)
{
	uint32_t *map = calloc(w->n_frames, sizeof(*map)), n = 0;
	struct repack_frame *frames = calloc(w->n_frames, sizeof(*frames));
	uint32_t *mine = calloc(w->n, sizeof(*mine));

	*numbers = calloc(w->n_frames, sizeof(**numbers));
	for (uint32_t r = 0; r < KEPT; r++)
		for (uint32_t i = 0; i < w->n; i++)
			if (map[w->live[r][i]] == 0) {
				(*numbers)[n] = w->live[r][i];
				frames[n++] = w->frames[w->live[r][i]];
				map[w->live[r][i]] = n;
			}
	for (uint32_t i = 0; i < w->n; i++)
		mine[i] = map[w->live[0][i]] - 1;
	free(map);
	*newest = (struct repack_release){ mine, w->n };
	*in = (struct repack_input){ w->packs, w->n_packs, frames, n, newest, 1 };
}

static void
forget(const struct repack_input *in, uint32_t *numbers)
{
	free((void *)in->newest[0].frames);
	free((void *)in->frames);
	free(numbers);
}

/* Do what the plan says; how many ranges the newest release takes then. */
static size_t
repack(struct world *w)
{
	struct repack_release newest;
	struct repack_input in;
	struct repack_plan plan;
	uint32_t *numbers, n_in_pack = 0;
	size_t count;

	look(w, &in, &newest, &numbers);
	assert_int_equal(repack_make(&in, &plan, NULL), 0);
	for (size_t i = 0; i < plan.n; i++) {
		uint32_t number = numbers[plan.frames[i]];

		(void)put(w, number, w->frames[number].stored_len, &n_in_pack);
	}
	end_pack(w, n_in_pack);
	w->copied += plan.bytes;
	repack_clear(&plan);
	forget(&in, numbers);
	look(w, &in, &newest, &numbers);
	assert_int_equal(repack_count(&in, &newest, &count, NULL), 0);
	assert_int_equal(repack_make(&in, &plan, NULL), 0);
	assert_int_equal(plan.n, 0); /* and then it rests */
	repack_clear(&plan);
	forget(&in, numbers);
	return count;
}

static void
live(uint32_t n_frames, uint32_t n_changed, uint64_t most_copies)
{
	uint64_t seed = 38, size = 0, fresh = 0;
	struct world w;

	world_init(&w, n_frames, 200);
	for (uint32_t i = 0; i < 200; i++) {
		release(&w, n_changed, &seed);
		assert_true(repack(&w) <= REPACK_RANGES);
	}
	for (uint32_t i = 0; i < w.n; i++)
		size += w.frames[w.live[0][i]].stored_len;
	for (uint32_t i = 0; i < w.n_frames; i++)
		fresh += w.frames[i].stored_len;
	print_message("%u frames, %u change: %lu MB came, %lu MB were copied\n", n_frames,
	    n_changed, (unsigned long)(fresh >> 20), (unsigned long)(w.copied >> 20));
	assert_true(w.copied < most_copies * size);
	world_clear(&w);
}

/* Without rewriting, the last of them would take hundreds of ranges. */
static void
two_hundred_releases_take_few_ranges(void **arg)
{
	(void)arg;
	live(1000, 2, 6);
	live(1000, 20, 60);
	live(40, 1, 30);
}

static void
a_channel_left_alone_would_need_hundreds(void **arg)
{
	uint64_t seed = 38;
	struct repack_release newest;
	struct repack_input in;
	uint32_t *numbers;
	struct world w;
	size_t count;

	(void)arg;
	world_init(&w, 1000, 200);
	for (uint32_t i = 0; i < 200; i++)
		release(&w, 2, &seed);
	look(&w, &in, &newest, &numbers);
	assert_int_equal(repack_count(&in, &newest, &count, NULL), 0);
	assert_true(count > 200);
	forget(&in, numbers);
	world_clear(&w);
}

static void
waste_moves_what_is_live(void **arg)
{
	const struct repack_frame frames[] = {
		{ 0, 600, 0, false }, { 0, 90, 600, false }, /* of 1000: 69 % */
		{ 1, 700, 0, false },                        /* of 1000: 70 % */
		{ 2, 10, 0, false },                         /* all of a small one */
		{ 3, 500, 500, true },                       /* of 1000, and must stay */
	};
	const uint64_t packs[] = { 1000 + pack_table_len(2), 1000 + pack_table_len(1),
		10 + pack_table_len(1), 1000 + pack_table_len(1) };
	const uint32_t tar[] = { 3, 1, 0, 2, 1 };
	const struct repack_release newest = { tar, 5 };
	const struct repack_input in = { packs, 4, frames, 5, &newest, 1 };
	struct repack_plan plan;

	(void)arg;
	assert_int_equal(repack_make(&in, &plan, NULL), 0);
	assert_int_equal(plan.n, 2);
	assert_int_equal(plan.frames[0], 1); /* as the tar has them, once */
	assert_int_equal(plan.frames[1], 0);
	assert_int_equal(plan.bytes, 690);
	repack_clear(&plan);
}

static void
sixteen_ranges_are_left_alone_and_seventeen_become_eight(void **arg)
{
	struct repack_frame frames[17];
	uint64_t packs[17];
	uint32_t tar[17];
	struct repack_release newest = { tar, 16 };
	struct repack_input in = { packs, 17, frames, 16, &newest, 1 };
	struct repack_plan plan;

	(void)arg;
	for (uint32_t i = 0; i < 17; i++) {
		tar[i] = i;
		frames[i] = (struct repack_frame){ i, 1000 + i, 0, false };
		packs[i] = 1000 + i + pack_table_len(1);
	}
	assert_int_equal(repack_make(&in, &plan, NULL), 0);
	assert_int_equal(plan.n, 0);
	repack_clear(&plan);
	newest.n = 17;
	in.n_frames = 17;
	assert_int_equal(repack_make(&in, &plan, NULL), 0);
	assert_int_equal(plan.n, 10); /* seven stay, and the new one */
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(plan.frames[i], i); /* the smallest */
	repack_clear(&plan);
}

static void
no_memory_is_an_ordinary_failure(void **arg)
{
	const struct repack_frame frames[] = { { 0, 100, 0, false } };
	const uint64_t packs[] = { 1000 };
	const uint32_t tar[] = { 0 };
	const struct repack_release newest = { tar, 1 };
	const struct repack_input in = { packs, 1, frames, 1, &newest, 1 };
	struct repack_plan plan = { 0 };
	struct err e;
	int rc;

	(void)arg;
	for (long nth = 1; ; nth++) {
		memset(&e, 0, sizeof(e));
		fault_arm(FAULT_ALLOC, nth);
		rc = repack_make(&in, &plan, &e);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(plan.n, 1);
	repack_clear(&plan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hundred_releases_take_few_ranges),
		cmocka_unit_test(a_channel_left_alone_would_need_hundreds),
		cmocka_unit_test(waste_moves_what_is_live),
		cmocka_unit_test(sixteen_ranges_are_left_alone_and_seventeen_become_eight),
		cmocka_unit_test(no_memory_is_an_ordinary_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
