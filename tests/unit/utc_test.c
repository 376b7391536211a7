/* SPDX-License-Identifier: Apache-2.0 */
/* Times as text: what is accepted, what is not, and that libc agrees over all days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "catalog/base/utc.h"

static void
known_moments_read_and_write(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2023-07-01T00:00:00Z", 1688169600 },
		{ "2000-02-29T23:59:59Z", 951868799 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "0001-01-01T00:00:00Z", UTC_MIN },
		{ "9999-12-31T23:59:59Z", UTC_MAX },
		{ "2038-01-19T03:14:08Z", 2147483648 },
	};
	char text[UTC_TEXT_SIZE];
	int64_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(utc_parse(cases[i].text, &at, NULL), 0);
		assert_int_equal(at, cases[i].at);
		assert_string_equal(utc_format(text, cases[i].at), cases[i].text);
	}
	assert_string_equal(utc_format(text, INT64_MAX), "9999-12-31T23:59:59Z");
	assert_string_equal(utc_format(text, INT64_MIN), "0001-01-01T00:00:00Z");
}

static void
every_day_agrees_with_libc(void **state)
{
	char ours[UTC_TEXT_SIZE], theirs[32];
	int64_t back;

	(void)state;
	for (int64_t at = -2208988800; at < 7258118400; at += UTC_DAY_S - 7) { /* 1900 to 2200 */
		time_t t = at;
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		assert_true(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
		assert_string_equal(utc_format(ours, at), theirs);
		assert_int_equal(utc_parse(ours, &back, NULL), 0);
		assert_int_equal(back, at);
	}
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "2026", "2026-11-23", "2026-11-23T08:00:00", "2026-11-23T08:00:00z",
		"2026-11-23 08:00:00Z", "2026-11-23T08:00:00Z ", " 2026-11-23T08:00:00Z",
		"2026-11-23T08:00:00.0Z", "2026-11-23T08:00:00+00:00", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z",
		"2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z",
		"+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "02026-01-01T00:00:00Z",
		"2026-01-01T00:00:0\xc2\xb2Z",
	};
	struct err e = { 0 };
	int64_t at = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(utc_parse(wrong[i], &at, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_int_equal(at, 42);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_moments_read_and_write),
		cmocka_unit_test(every_day_agrees_with_libc),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
