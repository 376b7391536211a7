/* SPDX-License-Identifier: Apache-2.0 */
/* err, utf8, hex, buf and digest: small promises that everything else stands on. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/hex.h"
#include "catalog/base/utf8.h"

static void
context_goes_in_front_and_class_stays(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_UNTRUSTED, "hash of %s differs", "x"), -1);
	err_within(&e, "stored root.json");
	assert_string_equal(e.text, "stored root.json: hash of x differs");
	assert_int_equal(e.class, ERR_UNTRUSTED);
	errno = ENOSPC;
	assert_int_equal(err_errno(&e, "cannot write %s", "y"), -1);
	assert_int_equal(e.sys, ENOSPC);
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_string_equal(e.text, "cannot write y: No space left on device");
}

static void
a_cut_message_stays_valid_utf8(void **state)
{
	char wide[900];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(wide); i += 3)
		memcpy(wide + i, "课", 3);
	wide[sizeof(wide) / 3 * 3 - 3] = '\0';
	for (int shift = 0; shift < 3; shift++) {
		err_set(&e, ERR_BAD_INPUT, "%.*s%s", shift, "abc", wide);
		assert_true(strlen(e.text) > sizeof(e.text) - 5);
		assert_true(utf8_valid(e.text, strlen(e.text)));
	}
}

static void
quoting_makes_hostile_bytes_printable(void **state)
{
	char out[64], tiny[12];

	(void)state;
	assert_string_equal(err_quote(out, sizeof(out), "a\n\x1b[31m\xff\0课", 12),
	    "a\\x0a\\x1b[31m\\xff\\x00课");
	assert_string_equal(err_quote(tiny, sizeof(tiny), "abcdefghijklmnop", 16), "abcdefgh...");
	assert_string_equal(err_quote(tiny, sizeof(tiny), "", 0), "");
}

static void
utf8_is_strict(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int valid;
	} rows[] = {
		{ "", 0, 1 }, { "a", 1, 1 }, { "课包", 6, 1 }, { "\xf0\x9f\x93\xa6", 4, 1 },
		{ "\xc0\x80", 2, 0 },         /* overlong NUL */
		{ "\xc1\xbf", 2, 0 },         /* overlong */
		{ "\xe0\x9f\xbf", 3, 0 },     /* overlong */
		{ "\xed\xa0\x80", 3, 0 },     /* surrogate */
		{ "\xf0\x8f\xbf\xbf", 4, 0 }, /* overlong */
		{ "\xf4\x90\x80\x80", 4, 0 }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 4, 0 }, { "\x80", 1, 0 }, { "\xe8\xaf", 2, 0 },
		{ "\xff", 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_valid(rows[i].bytes, rows[i].len), rows[i].valid);
	assert_int_equal(utf8_decode("\xf0\x9f\x93\xa6", 4), 0x1f4e6);
	assert_int_equal(utf8_decode("课", 3), 0x8bfe);
	assert_int_equal(utf8_columns("a课é", 6), 4);
}

static void
hex_is_lower_case_and_exact(void **state)
{
	uint8_t bytes[4];
	char text[9];

	(void)state;
	hex_encode(text, "\x00\xab\x7f\xff", 4);
	assert_string_equal(text, "00ab7fff");
	assert_int_equal(hex_decode(bytes, 4, text, 8), 0);
	assert_memory_equal(bytes, "\x00\xab\x7f\xff", 4);
	assert_int_equal(hex_decode(bytes, 4, "00AB7fff", 8), -1);
	assert_int_equal(hex_decode(bytes, 4, "00ab7ff", 7), -1);
	assert_int_equal(hex_decode(bytes, 4, "00ab7fffa", 9), -1);
	assert_int_equal(hex_decode(bytes, 4, "00ab7fg0", 8), -1);
}

static void
base32_survives_what_people_do(void **state)
{
	uint8_t in[23], out[23];
	char text[64];

	(void)state;
	for (size_t len = 0; len <= sizeof(in); len++) {
		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)(i * 37 + len);
		hex_base32_encode(text, in, len);
		assert_int_equal(strlen(text), hex_base32_len(len));
		assert_int_equal(hex_base32_decode(out, len, text), 0);
		assert_memory_equal(out, in, len);
		assert_int_equal(hex_base32_decode(out, len + 1, text), -1);
		memcpy(text + strlen(text), "00", 3);
		assert_int_equal(hex_base32_decode(out, len, text), -1);
	}
	hex_base32_encode(text, "\x00\x44\x32", 3);
	assert_string_equal(text, "01234");
	assert_int_equal(hex_base32_decode(out, 3, "oi-23 4\n"), 0);
	assert_memory_equal(out, "\x00\x44\x32", 3);
	assert_int_equal(hex_base32_decode(out, 3, "0123U"), -1);
	assert_int_equal(hex_base32_decode(out, 3, "01235"), -1); /* unused bit set */
}

static void
buffers_grow_drop_and_hand_over(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	size_t len;
	char *text;

	(void)state;
	assert_string_equal(buf_text(&b), "");
	assert_int_equal(buf_add_text(&b, "kebao", &e), 0);
	assert_int_equal(buf_printf(&b, &e, " %d", 42), 0);
	assert_string_equal(buf_text(&b), "kebao 42");
	buf_drop(&b, 6);
	assert_string_equal(buf_text(&b), "42");
	buf_truncate(&b, 1);
	assert_string_equal(buf_text(&b), "4");
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_add_u8(&b, (uint8_t)i, &e), 0);
	assert_int_equal(buf_len(&b), 10001);
	assert_int_equal(buf_data(&b)[10000], (uint8_t)9999);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 5, &e), -1);
	assert_int_equal(e.class, ERR_SYSTEM);
	text = buf_take(&b, &len);
	assert_int_equal(len, 10001);
	assert_int_equal(buf_len(&b), 0);
	free(text);
	text = buf_take(&b, &len);
	assert_string_equal(text, "");
	free(text);
}

static void
fixed_fields_are_little_endian(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_add_u16le(&b, 0x0102, NULL), 0);
	assert_int_equal(buf_add_u32le(&b, 0x03040506, NULL), 0);
	assert_int_equal(buf_add_u64le(&b, 0x0708090a0b0c0d0eull, NULL), 0);
	assert_memory_equal(buf_data(&b), "\2\1\6\5\4\3\x0e\x0d\x0c\x0b\x0a\x09\x08\x07", 14);
	assert_int_equal(buf_get_u16le(buf_data(&b)), 0x0102);
	assert_int_equal(buf_get_u32le(buf_data(&b) + 2), 0x03040506);
	assert_true(buf_get_u64le(buf_data(&b) + 6) == 0x0708090a0b0c0d0eull);
	buf_clear(&b);
}

static void
digests_agree_however_fed(void **state)
{
	static const char abc[] =
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	struct digest one, two, parsed;
	struct digest_stream *s = digest_new(DIGEST_SHA256, NULL);
	char hex[DIGEST_HEX_LEN + 1];
	uint8_t long_digest[64];

	(void)state;
	digest_of(&one, "abc", 3);
	digest_hex(hex, &one);
	assert_string_equal(hex, abc);
	for (int again = 0; again < 2; again++) {
		digest_add(s, "a", 1);
		digest_add(s, "", 0);
		digest_add(s, "bc", 2);
		digest_finish(s, two.bytes);
		assert_true(digest_equal(&one, &two));
	}
	digest_free(s);
	assert_int_equal(digest_parse(&parsed, abc), 0);
	assert_true(digest_equal(&one, &parsed));
	assert_int_equal(digest_parse(&parsed, "ba78"), -1);
	s = digest_new(DIGEST_SHA512, NULL);
	digest_add(s, "abc", 3);
	digest_finish(s, long_digest);
	assert_memory_equal(long_digest, "\xdd\xaf\x35\xa1", 4);
	digest_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_goes_in_front_and_class_stays),
		cmocka_unit_test(a_cut_message_stays_valid_utf8),
		cmocka_unit_test(quoting_makes_hostile_bytes_printable),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(hex_is_lower_case_and_exact),
		cmocka_unit_test(base32_survives_what_people_do),
		cmocka_unit_test(buffers_grow_drop_and_hand_over),
		cmocka_unit_test(fixed_fields_are_little_endian),
		cmocka_unit_test(digests_agree_however_fed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
