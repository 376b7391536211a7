/* SPDX-License-Identifier: Apache-2.0 */
/* Patch or frames: what costs less, by the figures of the hint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clients/kebao/choice.h"

static const struct digest one = { { 1 } }, two = { { 2 } }, three = { { 3 } };
static const struct digest to_one = { { 11 } }, to_two = { { 12 } }, to_all = { { 10 } };
static const struct hint_patch patches[] = {
	{ { { 1 } }, { { 11 } }, 500, 9000, 4096, 8192 },
	{ { { 2 } }, { { 12 } }, 300, 7000, 12288, 0 },
	{ { { 3 } }, { { 0 } }, 0, 800, 4096, 4096 }, /* not worth a patch */
	{ { { 0 } }, { { 10 } }, 60000, 90000, 100000, 0 },
};

/* Figures that hinder nothing. */
#define PLENTY .most_new_bytes = UINT64_MAX, .most_gone_bytes = UINT64_MAX, \
	.room_bytes = UINT64_MAX

static struct hint *
make_hint(void)
{
	static const struct hint_place place = { 0, 100, 0 };
	static const struct digest pack = { { 20 } }, index = { { 21 } };
	struct hint_input in = { &index, &pack, 1, &place, 1 };
	struct buf b = BUF_INIT;
	struct hint *h;

	assert_int_equal(hint_new(&in, &h, NULL), 0);
	assert_int_equal(hint_encode(h, &b, NULL), 0);
	hint_free(h);
	assert_int_equal(hint_encode_patches(patches, 4, &b, NULL), 0);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, NULL), 0);
	buf_clear(&b);
	return h;
}

static uint64_t
have(void *ctx, const struct digest *patch)
{
	return digest_equal(patch, ctx) ? 250 : 0;
}

static struct choice
choose(const struct digest *const *held, size_t n, uint64_t frames_bytes)
{
	struct hint *h = make_hint();
	struct choice_input in = { .hint = h, .held = held, .n_held = n,
		.frames_bytes = frames_bytes, .most_bytes = 1 << 20, PLENTY };
	struct choice c;

	choice_make(&in, &c);
	hint_free(h);
	return c;
}

static void
the_shortest_patch_from_what_is_held_is_taken(void **state)
{
	const struct digest *held[] = { &one, &two };
	struct choice c = choose(held, 2, UINT64_MAX);

	(void)state;
	assert_int_equal(c.way, CHOICE_PATCH);
	assert_true(digest_equal(&c.patch.patch, &to_two));
	assert_int_equal(c.held, 1);
	assert_int_equal(c.patch_bytes, 300);
	assert_int_equal(c.frames_bytes, 7000);
	/* The disk is that of the best release, whose place the new one takes. */
	assert_true(c.has_room && c.new_bytes == 4096 && c.gone_bytes == 8192);
}

static void
what_was_received_is_not_counted(void **state)
{
	const struct digest *held[] = { &one, &two };
	struct hint *h = make_hint();
	struct choice_input in = { .hint = h, .held = held, .n_held = 2,
		.frames_bytes = UINT64_MAX, .most_bytes = 1 << 20, PLENTY, .have = have,
		.ctx = (void *)&to_one };
	struct choice c;

	(void)state;
	choice_make(&in, &c);
	assert_true(digest_equal(&c.patch.patch, &to_one));
	assert_int_equal(c.patch_bytes, 250);
	hint_free(h);
}

static void
frames_that_cost_less_are_taken(void **state)
{
	const struct digest *held[] = { &one };
	struct choice c = choose(held, 1, 400);

	(void)state;
	assert_int_equal(c.way, CHOICE_CHEAPER);
	assert_int_equal(c.frames_bytes, 400);
	assert_int_equal(c.patch_bytes, 500);
	assert_int_equal(choose(held, 1, 501).way, CHOICE_PATCH);
}

static void
without_a_patch_the_hint_still_tells_the_cost(void **state)
{
	const struct digest *held[] = { &three };
	struct choice c = choose(held, 1, UINT64_MAX);

	(void)state;
	assert_int_equal(c.way, CHOICE_FRAMES);
	assert_int_equal(c.frames_bytes, 800);
	assert_true(c.has_room);
}

static void
who_holds_nothing_takes_the_patch_from_nothing(void **state)
{
	struct choice c = choose(NULL, 0, UINT64_MAX);

	(void)state;
	assert_int_equal(c.way, CHOICE_PATCH);
	assert_true(digest_equal(&c.patch.patch, &to_all));
	assert_int_equal(c.held, 0);
	assert_true(c.has_room && c.new_bytes == 100000);
}

/* It may lack very little: only figures tell whether all of it is cheaper. */
static void
who_holds_an_unknown_release_asks_for_figures_first(void **state)
{
	static const struct digest other = { { 9 } };
	const struct digest *held[] = { &other };
	struct choice c = choose(held, 1, UINT64_MAX);

	(void)state;
	assert_int_equal(c.way, CHOICE_FRAMES);
	assert_true(c.frames_bytes == UINT64_MAX && !c.has_room);
	assert_int_equal(choose(held, 1, 50000).way, CHOICE_CHEAPER);
	assert_int_equal(choose(held, 1, 70000).way, CHOICE_PATCH);
}

/* The index comes with frames in any case: what is shorter than that is shorter than frames. */
static void
all_of_it_may_be_shorter_than_the_index(void **state)
{
	static const struct digest other = { { 9 } };
	const struct digest *unknown[] = { &other }, *known[] = { &three };
	struct hint *h = make_hint();
	struct choice_input in = { .hint = h, .held = unknown, .n_held = 1,
		.frames_bytes = UINT64_MAX, .least_bytes = 60001, .most_bytes = 1 << 20, PLENTY };
	struct choice c;

	(void)state;
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_PATCH);
	assert_true(digest_equal(&c.patch.patch, &to_all));
	assert_int_equal(c.held, 1);
	assert_int_equal(c.frames_bytes, 60001);
	assert_false(c.has_room);
	in.least_bytes = 60000;
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_FRAMES);
	assert_true(c.frames_bytes == UINT64_MAX && c.patch_bytes == UINT64_MAX);
	in.least_bytes = 70000;
	in.held = known; /* of this one it says that frames and index cost 800 */
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_FRAMES);
	assert_int_equal(c.frames_bytes, 800);
	hint_free(h);
}

static void
a_patch_of_senseless_length_is_passed_over(void **state)
{
	const struct digest *held[] = { &one };
	struct hint *h = make_hint();
	struct choice_input in = { .hint = h, .held = held, .n_held = 1,
		.frames_bytes = UINT64_MAX, .most_bytes = 499, PLENTY };
	struct choice c;

	(void)state;
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_FRAMES);
	hint_free(h);
}

/* The patch and what it is unpacked to are on the disk at the same time. */
static void
a_patch_that_does_not_fit_on_the_disk_is_passed_over(void **state)
{
	const struct digest *held[] = { &one, &two };
	struct hint *h = make_hint();
	struct choice_input in = { .hint = h, .held = held, .n_held = 1,
		.frames_bytes = UINT64_MAX, .most_bytes = 1 << 20, PLENTY };
	struct choice c;

	(void)state;
	in.room_bytes = 4096 + 500;
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_PATCH);
	in.room_bytes--;
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_NO_ROOM);
	assert_int_equal(c.frames_bytes, 9000);
	assert_true(c.has_room && c.new_bytes == 4096);
	in.have = have; /* half of it is there already */
	in.ctx = (void *)&to_one;
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_PATCH);
	in.have = NULL;
	in.n_held = 2; /* the shorter one needs more of the disk */
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_NO_ROOM);
	in.room_bytes = 12288 + 300;
	choice_make(&in, &c);
	assert_true(digest_equal(&c.patch.patch, &to_two));
	hint_free(h);
}

/* Releases would be removed to make room for what nobody needs. */
static void
figures_of_the_disk_that_cannot_be_are_not_believed(void **state)
{
	const struct digest *held[] = { &one };
	struct hint *h = make_hint();
	struct choice_input in = { .hint = h, .held = held, .n_held = 1,
		.frames_bytes = UINT64_MAX, .most_bytes = 1 << 20, PLENTY };
	struct choice c;

	(void)state;
	in.most_new_bytes = 4000;
	in.most_gone_bytes = 8000;
	in.room_bytes = 4500; /* and no patch is passed over for them */
	choice_make(&in, &c);
	assert_int_equal(c.way, CHOICE_PATCH);
	assert_int_equal(c.new_bytes, 4000);
	assert_int_equal(c.gone_bytes, 8000);
	hint_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shortest_patch_from_what_is_held_is_taken),
		cmocka_unit_test(what_was_received_is_not_counted),
		cmocka_unit_test(frames_that_cost_less_are_taken),
		cmocka_unit_test(without_a_patch_the_hint_still_tells_the_cost),
		cmocka_unit_test(who_holds_nothing_takes_the_patch_from_nothing),
		cmocka_unit_test(who_holds_an_unknown_release_asks_for_figures_first),
		cmocka_unit_test(all_of_it_may_be_shorter_than_the_index),
		cmocka_unit_test(a_patch_of_senseless_length_is_passed_over),
		cmocka_unit_test(a_patch_that_does_not_fit_on_the_disk_is_passed_over),
		cmocka_unit_test(figures_of_the_disk_that_cannot_be_are_not_believed),
	};

	return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
