/* SPDX-License-Identifier: Apache-2.0 */
/* The strict gate: a table of hostile and of harmless JSON, and what it says of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/buf.h"
#include "catalog/base/limits.h"
#include "catalog/json/gate.h"
#include "tests/unit/fault.h"

#define BYTES(text) text, sizeof(text) - 1

struct verdict {
	const char *bytes;
	size_t len;
	const char *signed_says; /* part of the message; NULL: it passes */
	const char *any_says;
};

static const struct verdict verdicts[] = {
	/* harmless */
	{ BYTES("{}"), NULL, NULL },
	{ BYTES("[]"), NULL, NULL },
	{ BYTES(" \t\r\n{ \"a\" : [ 1 , \"b\" , null , true , false ] }\n "), NULL, NULL },
	{ BYTES("\"\""), NULL, NULL },
	{ BYTES("0"), NULL, NULL },
	{ BYTES("-1"), NULL, NULL },
	{ BYTES("9007199254740991"), NULL, NULL },
	{ BYTES("-9007199254740991"), NULL, NULL },
	{ BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u8bfe\""), NULL, NULL },
	{ BYTES("\"\\uD83D\\ude00\""), NULL, NULL },
	{ BYTES("\"课包\x7f\""), NULL, NULL },
	{ BYTES("{\"a\":{\"a\":{\"a\":1}},\"A\":[{\"a\":1},{\"a\":2}]}"), NULL, NULL },
	{ BYTES("{\"a\":1,\"aa\":2,\"\":3}"), NULL, NULL },

	/* numbers */
	{ BYTES("9007199254740992"), "beyond 2^53", NULL },
	{ BYTES("-9007199254740992"), "beyond 2^53", NULL },
	{ BYTES("99999999999999999999999999"), "beyond 2^53", NULL },
	{ BYTES("1.0"), "fraction", NULL },
	{ BYTES("1e2"), "exponent", NULL },
	{ BYTES("1E+2"), "exponent", NULL },
	{ BYTES("-0"), "-0", NULL },
	{ BYTES("-0.5e-3"), "fraction", NULL },
	{ BYTES("1e400"), "exponent", "too large" },
	{ BYTES("-1e400"), "exponent", "too large" },
	{ BYTES("0.0000000000000000000000000000000000000000000000000000000000001"), "fraction",
	    "too long" },
	{ BYTES("01"), "leading zero", "leading zero" },
	{ BYTES("-01"), "leading zero", "leading zero" },
	{ BYTES("00"), "leading zero", "leading zero" },
	{ BYTES("+1"), "no value", "no value" },
	{ BYTES("-"), "no value", "no value" },
	{ BYTES(".5"), "no value", "no value" },
	{ BYTES("1."), "ends in a point", "ends in a point" },
	{ BYTES("1.e1"), "ends in a point", "ends in a point" },
	{ BYTES("1e"), "without digits", "without digits" },
	{ BYTES("1e+"), "without digits", "without digits" },
	{ BYTES("0x10"), "after the value", "after the value" },
	{ BYTES("1_000"), "after the value", "after the value" },
	{ BYTES("NaN"), "no value", "no value" },
	{ BYTES("Infinity"), "no value", "no value" },
	{ BYTES("-Infinity"), "no value", "no value" },
	{ BYTES("nan"), "no value", "no value" },

	/* bytes */
	{ BYTES(""), "the end", "the end" },
	{ BYTES("   "), "the end", "the end" },
	{ BYTES("\xef\xbb\xbf{}"), "byte order mark", "byte order mark" },
	{ BYTES("\xff\xfe{\0}\0"), "not UTF-8", "not UTF-8" },
	{ BYTES("\"\xc0\xaf\""), "not UTF-8 at byte 1", "not UTF-8" },
	{ BYTES("\"\xed\xa0\x80\""), "not UTF-8", "not UTF-8" },
	{ BYTES("\"\xf4\x90\x80\x80\""), "not UTF-8", "not UTF-8" },
	{ BYTES("\"\xe8\xaf\""), "not UTF-8", "not UTF-8" },
	{ BYTES("\"\x80\""), "not UTF-8", "not UTF-8" },
	{ BYTES("{}\0"), "NUL at byte 2", "NUL" },
	{ BYTES("\"a\0b\""), "NUL at byte 2", "NUL" },
	{ BYTES("{\"a\0b\":1}"), "NUL", "NUL" },
	{ BYTES("\"a\\u0000b\""), "NUL", "NUL" },
	{ BYTES("{\"a\\u0000\":1}"), "NUL", "NUL" },
	{ BYTES("\"a\nb\""), "control character", "control character" },
	{ BYTES("\"a\tb\""), "control character", "control character" },
	{ BYTES("\"\x1f\""), "control character", "control character" },
	{ BYTES("{}\v"), "after the value", "after the value" },
	{ BYTES("{}\xc2\xa0"), "after the value", "after the value" },

	/* escapes */
	{ BYTES("\"\\ud800\""), "surrogate", "surrogate" },
	{ BYTES("\"\\udc00\""), "surrogate", "surrogate" },
	{ BYTES("\"\\ud800x\""), "surrogate", "surrogate" },
	{ BYTES("\"\\ud800\\n\""), "surrogate", "surrogate" },
	{ BYTES("\"\\ud800\\ud800\""), "surrogate", "surrogate" },
	{ BYTES("\"\\ude00\\ud83d\""), "surrogate", "surrogate" },
	{ BYTES("\"\\ud800\\"), "surrogate", "surrogate" },
	{ BYTES("\"\\ud800\\u"), "surrogate", "surrogate" },
	{ BYTES("\"\\u12\""), "four hexadecimal", "four hexadecimal" },
	{ BYTES("\"\\u12g4\""), "four hexadecimal", "four hexadecimal" },
	{ BYTES("\"\\u"), "four hexadecimal", "four hexadecimal" },
	{ BYTES("\"\\x41\""), "unknown escape", "unknown escape" },
	{ BYTES("\"\\'\""), "unknown escape", "unknown escape" },
	{ BYTES("\"\\0\""), "unknown escape", "unknown escape" },
	{ BYTES("\"\\"), "unknown escape", "unknown escape" },
	{ BYTES("\"abc"), "the end inside", "the end inside" },
	{ BYTES("'a'"), "no value", "no value" },

	/* keys */
	{ BYTES("{\"a\":1,\"a\":1}"), "\"a\" twice", "\"a\" twice" },
	{ BYTES("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "\"a\" twice", "\"a\" twice" },
	{ BYTES("{\"\":1,\"\":2}"), "\"\" twice", "\"\" twice" },
	{ BYTES("{\"/\":1,\"\\/\":2}"), "twice", "twice" },
	{ BYTES("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"), "twice", "twice" },
	{ BYTES("[{\"x\":{\"k\":1,\"j\":{},\"k\":2}}]"), "\"k\" twice", "\"k\" twice" },
	{ BYTES("{\"a\":{\"b\":1},\"b\":1,\"a\":2}"), "\"a\" twice", "\"a\" twice" },
	{ BYTES("{a:1}"), "no key", "no key" },
	{ BYTES("{1:1}"), "no key", "no key" },
	{ BYTES("{\"a\":1,}"), "no key", "no key" },
	{ BYTES("{,}"), "no key", "no key" },
	{ BYTES("{\"a\" 1}"), "no ':'", "no ':'" },
	{ BYTES("{\"a\"}"), "no ':'", "no ':'" },
	{ BYTES("{\"a\":}"), "no value", "no value" },

	/* shape */
	{ BYTES("{"), "no key", "no key" },
	{ BYTES("["), "the end", "the end" },
	{ BYTES("[1"), "the end too early", "the end too early" },
	{ BYTES("[1,"), "the end", "the end" },
	{ BYTES("[1,]"), "no value", "no value" },
	{ BYTES("[,1]"), "no value", "no value" },
	{ BYTES("[1 2]"), "no ','", "no ','" },
	{ BYTES("[1}"), "no ','", "no ','" },
	{ BYTES("{\"a\":1]"), "no ','", "no ','" },
	{ BYTES("{}{}"), "after the value", "after the value" },
	{ BYTES("{} x"), "after the value", "after the value" },
	{ BYTES("[]]"), "after the value", "after the value" },
	{ BYTES("// c\n{}"), "no value", "no value" },
	{ BYTES("{/**/}"), "no key", "no key" },
	{ BYTES("True"), "no value", "no value" },
	{ BYTES("tru"), "no value", "no value" },
	{ BYTES("nulll"), "after the value", "after the value" },
	{ BYTES("undefined"), "no value", "no value" },
};

static void
judge(const struct verdict *v, enum gate_mode mode, const char *says)
{
	struct err e = { 0 };
	/* an exact copy on the heap, so that reading one byte too far is seen */
	char *copy = malloc(v->len == 0 ? 1 : v->len);
	int rc;

	assert_non_null(copy);
	memcpy(copy, v->bytes, v->len);
	rc = gate_check(copy, v->len, mode, &e);
	free(copy);
	if ((rc == 0) != (says == NULL) || (rc == -1 && strstr(e.text, says) == NULL))
		fail_msg("%.60s: wanted \"%s\", got %d \"%s\"", v->bytes,
		    says == NULL ? "pass" : says, rc, e.text);
	if (rc == -1)
		assert_int_equal(e.class, ERR_BAD_INPUT);
}

static void
every_document_gets_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		judge(&verdicts[i], GATE_SIGNED, verdicts[i].signed_says);
		judge(&verdicts[i], GATE_ANY, verdicts[i].any_says);
	}
}

static void
nested(struct buf *b, unsigned depth)
{
	buf_truncate(b, 0);
	for (unsigned i = 0; i < depth; i++)
		assert_int_equal(buf_add_text(b, i % 2 == 0 ? "[" : "{\"a\":", NULL), 0);
	assert_int_equal(buf_add_text(b, "1", NULL), 0);
	for (unsigned i = depth; i > 0; i--)
		assert_int_equal(buf_add_text(b, i % 2 == 1 ? "]" : "}", NULL), 0);
}

static void
depth_ends_at_the_limit(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	nested(&b, LIMIT_JSON_DEPTH);
	assert_int_equal(gate_check(buf_data(&b), buf_len(&b), GATE_SIGNED, &e), 0);
	nested(&b, LIMIT_JSON_DEPTH + 1);
	assert_int_equal(gate_check(buf_data(&b), buf_len(&b), GATE_SIGNED, &e), -1);
	assert_non_null(strstr(e.text, "nesting too deep"));
	buf_truncate(&b, 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_add_text(&b, "[", NULL), 0);
	assert_int_equal(gate_check(buf_data(&b), buf_len(&b), GATE_ANY, &e), -1);
	assert_non_null(strstr(e.text, "nesting too deep"));
	buf_clear(&b);
}

static void
cut_anywhere_a_document_does_not_pass(void **state)
{
	static const char whole[] =
	    "{\"a\\u8bfe\":[1,-20,\"\\ud83d\\ude00\",{}],\"b\":{\"c\":null,\"d\":true}}";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		struct verdict v = { whole, len, NULL, NULL };

		judge(&v, GATE_SIGNED, "byte");
	}
	assert_int_equal(gate_check(BYTES(whole), GATE_SIGNED, NULL), 0);
}

static void
many_keys_are_compared_with_each_other(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(buf_add_text(&b, "{", NULL), 0);
	for (int i = 0; i < 50000; i++)
		assert_int_equal(buf_printf(&b, NULL, "\"k%d\":%d,", i * 7919 % 50000, i), 0);
	assert_int_equal(buf_add_text(&b, "\"last\":0}", NULL), 0);
	assert_int_equal(gate_check(buf_data(&b), buf_len(&b), GATE_SIGNED, &e), 0);
	buf_truncate(&b, buf_len(&b) - 1);
	assert_int_equal(buf_add_text(&b, ",\"k12345\":0}", NULL), 0);
	assert_int_equal(gate_check(buf_data(&b), buf_len(&b), GATE_SIGNED, &e), -1);
	assert_non_null(strstr(e.text, "\"k12345\" twice"));
	buf_clear(&b);
}

static void
running_out_of_memory_is_reported_as_that(void **state)
{
	static const char text[] = "{\"a\":{\"b\":1,\"c\":{\"d\":2,\"e\":3}},\"f\":4}";
	long nth;

	(void)state;
	for (nth = 1;; nth++) {
		struct err e = { 0 };
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = gate_check(BYTES(text), GATE_SIGNED, &e);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_true(nth > 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_document_gets_its_verdict),
		cmocka_unit_test(depth_ends_at_the_limit),
		cmocka_unit_test(cut_anywhere_a_document_does_not_pass),
		cmocka_unit_test(many_keys_are_compared_with_each_other),
		cmocka_unit_test(running_out_of_memory_is_reported_as_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
