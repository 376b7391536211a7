/* SPDX-License-Identifier: Apache-2.0 */
/* Leave to read for ten minutes, as a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/app/capability.h"

static const struct capability given = { .expires_at = 2000, .release = 12, .channel = "gd.ip",
	.course = "trademark-basics", .serial = "00112233445566778899aabbccddeeff" };

static void
what_was_given_is_read_until_it_expires(void **state)
{
	struct capability nobody = given, got;
	struct capability_key key;
	struct buf word = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(capability_key_make(&key, &e), 0);
	assert_int_equal(capability_encode(&given, &key, &word, &e), 0);
	assert_int_equal(buf_text(&word)[0], '~');
	assert_int_equal(capability_parse(buf_text(&word), &key, 2000, &got, &e), 0);
	assert_string_equal(got.channel, given.channel);
	assert_string_equal(got.course, given.course);
	assert_string_equal(got.serial, given.serial);
	assert_int_equal(got.release, 12);
	assert_int_equal(capability_parse(buf_text(&word), &key, 2001, &got, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	buf_clear(&word);

	nobody.serial[0] = '\0';
	assert_int_equal(capability_encode(&nobody, &key, &word, &e), 0);
	assert_int_equal(capability_parse(buf_text(&word), &key, 0, &got, &e), 0);
	assert_string_equal(got.serial, "");
	buf_clear(&word);
}

static void
a_changed_word_is_none(void **state)
{
	struct capability got;
	struct capability_key key, other;
	struct buf word = BUF_INIT;
	struct err e = { 0 };
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(capability_key_make(&key, &e), 0);
	assert_int_equal(capability_key_make(&other, &e), 0);
	assert_int_equal(capability_encode(&given, &key, &word, &e), 0);
	text = buf_take(&word, &len);
	assert_non_null(text);
	assert_int_equal(capability_parse(text, &other, 0, &got, &e), -1);
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		text[i] = was == '0' ? '1' : '0';
		assert_int_equal(capability_parse(text, &key, 0, &got, &e), -1);
		text[i] = '\0'; /* cut */
		assert_int_equal(capability_parse(text, &key, 0, &got, &e), -1);
		text[i] = was;
	}
	assert_int_equal(capability_parse(text, &key, 0, &got, &e), 0);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_given_is_read_until_it_expires),
		cmocka_unit_test(a_changed_word_is_none),
	};

	return cmocka_run_group_tests_name("capability", tests, NULL, NULL);
}
