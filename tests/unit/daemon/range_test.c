/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions and ranges: a table of RFC 9110 sections 13 and 14. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/http/range.h"

#define TAG "\"abc\""

static const struct {
	struct range_question q;
	struct range_answer a;
} cases[] = {
	/* No conditions. */
	{ { .etag = TAG, .length = 100, .is_seekable = true }, { 200, 0, 100 } },
	{ { .etag = TAG, .length = 0, .is_seekable = true }, { 200, 0, 0 } },
	/* One range. */
	{ { .range = "bytes=0-0", .etag = TAG, .length = 100, .is_seekable = true }, { 206, 0,
	    1 } },
	{ { .range = "bytes=0-", .etag = TAG, .length = 100, .is_seekable = true }, { 206, 0,
	    100 } },
	{ { .range = "bytes=99-", .etag = TAG, .length = 100, .is_seekable = true }, { 206, 99,
	    1 } },
	{ { .range = "bytes=10-19", .etag = TAG, .length = 100, .is_seekable = true },
	    { 206, 10, 10 } },
	{ { .range = "bytes=10-1000", .etag = TAG, .length = 100, .is_seekable = true },
	    { 206, 10, 90 } },
	{ { .range = "bytes=-1", .etag = TAG, .length = 100, .is_seekable = true }, { 206, 99,
	    1 } },
	{ { .range = "bytes=-100", .etag = TAG, .length = 100, .is_seekable = true },
	    { 206, 0, 100 } },
	{ { .range = "bytes=-101", .etag = TAG, .length = 100, .is_seekable = true },
	    { 206, 0, 100 } },
	{ { .range = "Bytes= 1-2 ", .etag = TAG, .length = 100, .is_seekable = true },
	    { 206, 1, 2 } },
	{ { .range = "bytes=0-99999999999999999999999", .etag = TAG, .length = 100,
	    .is_seekable = true }, { 206, 0, 100 } },
	/* Outside. */
	{ { .range = "bytes=100-", .etag = TAG, .length = 100, .is_seekable = true }, { 416, 0,
	    0 } },
	{ { .range = "bytes=100-200", .etag = TAG, .length = 100, .is_seekable = true },
	    { 416, 0, 0 } },
	{ { .range = "bytes=-0", .etag = TAG, .length = 100, .is_seekable = true }, { 416, 0, 0 } },
	{ { .range = "bytes=0-", .etag = TAG, .length = 0, .is_seekable = true }, { 416, 0, 0 } },
	{ { .range = "bytes=-5", .etag = TAG, .length = 0, .is_seekable = true }, { 416, 0, 0 } },
	{ { .range = "bytes=99999999999999999999999-", .etag = TAG, .length = 100,
	    .is_seekable = true }, { 416, 0, 0 } },
	/* Ignored: several, malformed, other units, not for this. */
	{ { .range = "bytes=0-1,5-6", .etag = TAG, .length = 100, .is_seekable = true },
	    { 200, 0, 100 } },
	{ { .range = "bytes=5-4", .etag = TAG, .length = 100, .is_seekable = true },
	    { 200, 0, 100 } },
	{ { .range = "bytes=-", .etag = TAG, .length = 100, .is_seekable = true }, { 200, 0,
	    100 } },
	{ { .range = "bytes=", .etag = TAG, .length = 100, .is_seekable = true }, { 200, 0, 100 } },
	{ { .range = "bytes=a-b", .etag = TAG, .length = 100, .is_seekable = true },
	    { 200, 0, 100 } },
	{ { .range = "bytes=1-2x", .etag = TAG, .length = 100, .is_seekable = true },
	    { 200, 0, 100 } },
	{ { .range = "items=0-1", .etag = TAG, .length = 100, .is_seekable = true },
	    { 200, 0, 100 } },
	{ { .range = "", .etag = TAG, .length = 100, .is_seekable = true }, { 200, 0, 100 } },
	{ { .range = "bytes=0-1", .etag = TAG, .length = 100, .is_seekable = true,
	    .is_head = true },
	    { 200, 0, 100 } },
	{ { .range = "bytes=0-1", .etag = NULL, .length = 100, .is_seekable = true },
	    { 200, 0, 100 } },
	{ { .range = "bytes=0-1", .etag = TAG, .length = 100, .is_seekable = false },
	    { 200, 0, 100 } },
	{ { .range = "bytes=200-", .etag = TAG, .length = 100, .is_seekable = false },
	    { 200, 0, 100 } },
	/* If-Range: strong and equal, or the whole. */
	{ { .range = "bytes=1-2", .if_range = TAG, .etag = TAG, .length = 9, .is_seekable = true },
	    { 206, 1, 2 } },
	{ { .range = "bytes=1-2", .if_range = "\"abd\"", .etag = TAG, .length = 9,
	    .is_seekable = true }, { 200, 0, 9 } },
	{ { .range = "bytes=1-2", .if_range = "W/" TAG, .etag = TAG, .length = 9,
	    .is_seekable = true }, { 200, 0, 9 } },
	{ { .range = "bytes=1-2", .if_range = "Tue, 24 Nov 2026 00:00:00 GMT", .etag = TAG,
	    .length = 9, .is_seekable = true }, { 200, 0, 9 } },
	{ { .range = "bytes=50-", .if_range = "\"abd\"", .etag = TAG, .length = 9,
	    .is_seekable = true }, { 200, 0, 9 } },
	{ { .if_range = TAG, .etag = TAG, .length = 9, .is_seekable = true }, { 200, 0, 9 } },
	/* If-None-Match: weak comparison, lists, *. */
	{ { .if_none_match = TAG, .etag = TAG, .length = 9 }, { 304, 0, 0 } },
	{ { .if_none_match = "W/" TAG, .etag = TAG, .length = 9 }, { 304, 0, 0 } },
	{ { .if_none_match = "*", .etag = TAG, .length = 9 }, { 304, 0, 0 } },
	{ { .if_none_match = "\"x\", " TAG, .etag = TAG, .length = 9 }, { 304, 0, 0 } },
	{ { .if_none_match = "\"x\" ,\t W/\"y\",,W/" TAG ", \"z\"", .etag = TAG, .length = 9 },
	    { 304, 0, 0 } },
	{ { .if_none_match = "\"a,bc\", " TAG, .etag = TAG, .length = 9 }, { 304, 0, 0 } },
	{ { .if_none_match = TAG, .etag = TAG, .length = 9, .is_head = true }, { 304, 0, 0 } },
	{ { .if_none_match = "\"x\"", .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_none_match = "abc", .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_none_match = "\"abc", .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_none_match = "\"x\"junk" TAG, .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_none_match = "", .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_none_match = TAG, .range = "bytes=50-", .etag = TAG, .length = 9,
	    .is_seekable = true }, { 304, 0, 0 } },
	{ { .if_none_match = "\"x\"", .range = "bytes=1-", .etag = TAG, .length = 9,
	    .is_seekable = true }, { 206, 1, 8 } },
	/* If-Match: strong comparison, and first of all. */
	{ { .if_match = TAG, .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_match = "*", .etag = TAG, .length = 9 }, { 200, 0, 9 } },
	{ { .if_match = "\"x\"", .etag = TAG, .length = 9 }, { 412, 0, 0 } },
	{ { .if_match = "W/" TAG, .etag = TAG, .length = 9 }, { 412, 0, 0 } },
	{ { .if_match = "\"x\"", .if_none_match = TAG, .etag = TAG, .length = 9 }, { 412, 0, 0 } },
	{ { .if_match = TAG, .range = "bytes=2-", .etag = TAG, .length = 9, .is_seekable = true },
	    { 206, 2, 7 } },
};

static void
every_question_has_its_answer(void **state)
{
	unsigned n_wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct range_answer got = range_decide(&cases[i].q), want = cases[i].a;

		if (got.status == want.status && got.off == want.off && got.len == want.len)
			continue;
		print_error("case %zu: %d %llu+%llu, wanted %d %llu+%llu\n", i, got.status,
		    (unsigned long long)got.off, (unsigned long long)got.len, want.status,
		    (unsigned long long)want.off, (unsigned long long)want.len);
		n_wrong++;
	}
	assert_int_equal(n_wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_question_has_its_answer),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
