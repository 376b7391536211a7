/* SPDX-License-Identifier: Apache-2.0 */
/* The header Upload-Metadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/app/tusmeta.h"

static void
values_are_found_by_key_in_any_order(void **state)
{
	static const char header[] = "kind cGFjaw==,channel Z2QuaXA=, sha256 YWI=,empty ";
	char out[16];

	(void)state;
	assert_int_equal(tusmeta_get(header, "kind", out, sizeof(out), NULL), 0);
	assert_string_equal(out, "pack");
	assert_int_equal(tusmeta_get(header, "channel", out, sizeof(out), NULL), 0);
	assert_string_equal(out, "gd.ip");
	assert_int_equal(tusmeta_get(header, "sha256", out, sizeof(out), NULL), 0);
	assert_string_equal(out, "ab");
}

static void
what_is_malformed_is_refused(void **state)
{
	static const struct {
		const char *header, *text;
	} bad[] = {
		{ "", "is missing" },
		{ "kinds cGFjaw==", "is missing" },
		{ "kind", "is missing" },
		{ "kind cGFjaw==,kind cGFjaw==", "is there twice" },
		{ "kind ", "not base64" },
		{ "kind cGFjaw=", "not base64" },
		{ "kind cGFja w==", "not base64" },
		{ "kind cGFjaw===", "not base64" },
		{ "kind ====", "not base64" },
		{ "kind cGFjax==", "not base64" },     /* bits left over */
		{ "kind YQo=", "not base64" },         /* a line feed */
		{ "kind YWFhYWFhYWE=", "not base64" }, /* too long for out */
	};
	char out[8];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&e, 0, sizeof(e));
		assert_int_equal(tusmeta_get(bad[i].header, "kind", out, sizeof(out), &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (strstr(e.text, bad[i].text) == NULL)
			fail_msg("%s: %s", bad[i].header, e.text);
	}
}

static void
numbers_are_decimal_and_below_2_to_the_63(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.0",
		"9223372036854775808", "99999999999999999999" };
	uint64_t v;

	(void)state;
	assert_int_equal(tusmeta_number("0", &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(tusmeta_number("9223372036854775807", &v), 0);
	assert_true(v == INT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tusmeta_number(bad[i], &v), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_by_key_in_any_order),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(numbers_are_decimal_and_below_2_to_the_63),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
