/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings of a home may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/kebao/settings.h"

static void
bytes_have_units(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
	} cases[] = {
		{ "0", 0 }, { "1048576", 1048576 }, { "500K", 512000 }, { "500k", 512000 },
		{ "2M", 2097152 },
		{ "3G", 3221225472 }, { "8388607T", 9223370937343148032 }, { "8388608T", -1 },
		{ "", -1 }, { "K", -1 }, { "1b", -1 }, { "-1", -1 }, { "1.5M", -1 }, { "1 M", -1 },
		{ "99999999999999999999", -1 }, { "1MB", -1 },
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = settings_parse_bytes(cases[i].text, &n);

		assert_int_equal(rc, cases[i].bytes == -1 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(n, cases[i].bytes);
	}
}

static unsigned
wait_of(const char *hours, unsigned hour, unsigned minute)
{
	struct settings s;

	settings_init(&s);
	assert_int_equal(settings_parse(&s, "hours", hours, NULL), 0);
	return settings_minutes_until_open(&s, hour * 60 + minute);
}

static void
hours_may_go_over_midnight(void **state)
{
	(void)state;
	assert_int_equal(wait_of("22:00-06:00", 22, 0), 0);
	assert_int_equal(wait_of("22:00-06:00", 0, 30), 0);
	assert_int_equal(wait_of("22:00-06:00", 5, 59), 0);
	assert_int_equal(wait_of("22:00-06:00", 6, 0), 16 * 60);
	assert_int_equal(wait_of("22:00-06:00", 21, 59), 1);
	assert_int_equal(wait_of("09:00-10:00", 10, 0), 23 * 60);
	assert_int_equal(wait_of("12:00-13:00,22:00-24:00", 13, 30), 8 * 60 + 30);
	assert_int_equal(wait_of("12:00-13:00,22:00-24:00", 23, 59), 0);
	assert_int_equal(wait_of("12:00-13:00,22:00-24:00", 0, 0), 12 * 60);
	assert_int_equal(wait_of("00:00-24:00", 17, 0), 0); /* the whole day */
	assert_int_equal(wait_of("", 3, 0), 0);             /* never set */
}

static void
forms_that_are_none_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "hours", "22:00" }, { "hours", "22:00-6:00" }, { "hours", "24:01-25:00" },
		{ "hours", "22:00-06:00," }, { "hours", "22:60-06:00" }, { "hours", "always" },
		{ "hours", "08:00-08:00" }, { "hours", "00:00-00:00" }, { "hours", "24:00-24:00" },
		{ "hours", "22:00-06:00 " }, { "connections", "0" }, { "connections", "5" },
		{ "patience", "4" }, { "patience", "601" }, { "keep-trying", "on" },
		{ "proxy", "proxy:3128" }, { "proxy", "socks5://proxy:3128" },
		{ "proxy", "http://me:secret@proxy:3128" }, { "proxy", "http://" },
		{ "proxy", "http://me@" }, { "proxy", "http://me@:3128" },
		{ "proxy", "http://proxy:3128/path" }, { "proxy-password-file", "secret" },
		{ "limit-rate", "fast" }, { "no-such", "1" },
	};
	struct settings s, before;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { 0 };

		settings_init(&s);
		settings_init(&before);
		assert_int_equal(settings_parse(&s, cases[i][0], cases[i][1], &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_true(s.n_hours == before.n_hours && s.connections == before.connections);
	}
}

static void
what_fits_is_taken(void **state)
{
	struct settings s;

	(void)state;
	settings_init(&s);
	assert_int_equal(s.connections, 4);
	assert_int_equal(settings_parse(&s, "connections", "1", NULL), 0);
	assert_int_equal(settings_parse(&s, "limit-rate", "500K", NULL), 0);
	assert_int_equal(settings_parse(&s, "proxy", "http://clerk@proxy.example:3128", NULL), 0);
	assert_int_equal(settings_parse(&s, "keep-trying", "yes", NULL), 0);
	assert_int_equal(s.connections, 1);
	assert_int_equal(s.limit_bytes_per_second, 512000);
	assert_string_equal(s.proxy, "http://clerk@proxy.example:3128");
	assert_true(s.keeps_trying);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_units),
		cmocka_unit_test(hours_may_go_over_midnight),
		cmocka_unit_test(forms_that_are_none_are_refused),
		cmocka_unit_test(what_fits_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
