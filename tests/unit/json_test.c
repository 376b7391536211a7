/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reading with paths in the messages, making documents, and the canonical writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "tests/unit/fault.h"

static struct json *
parsed(const char *text)
{
	struct json *doc = NULL;
	struct err e = { 0 };

	if (json_parse(text, strlen(text), GATE_ANY, &doc, &e) == -1)
		fail_msg("%s: %s", text, e.text);
	return doc;
}

static void
members_are_read_with_their_types(void **state)
{
	struct json *doc = parsed("{\"t\":\"课\",\"i\":-9007199254740991,\"b\":true,"
	    "\"o\":{\"x\":1},\"l\":[1,\"two\",{}],\"d\":\"2026-11-23T08:00:00Z\",\"T\":\"other\"}");
	struct json_at top = json_top(doc), at;
	const char *text;
	int64_t n;
	bool b;

	(void)state;
	assert_int_equal(json_get_text(top, "t", &text, NULL), 0);
	assert_string_equal(text, "课");
	assert_int_equal(json_get_int(top, "i", &n, NULL), 0);
	assert_true(n == -JSON_INT_MAX);
	assert_int_equal(json_get_bool(top, "b", &b, NULL), 0);
	assert_true(b);
	assert_int_equal(json_get_object(top, "o", &at, NULL), 0);
	assert_int_equal(json_get_int(at, "x", &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(json_get_utc(top, "d", &n, NULL), 0);
	assert_int_equal(n, 1795420800);
	assert_int_equal(json_get_array(top, "l", &at, NULL), 0);
	assert_int_equal(json_count(at), 3);
	at = json_next(json_first(at));
	assert_int_equal(json_text(at, &text, NULL), 0);
	assert_string_equal(text, "two");
	assert_null(json_key(at));
	assert_false(json_is(json_next(json_next(at))));
	json_free(doc);
}

static void
names_are_compared_byte_for_byte(void **state)
{
	struct json *doc = parsed("{\"KEY\":1,\"Key\":2,\"key\":3}");
	int64_t n;

	(void)state;
	assert_int_equal(json_get_int(json_top(doc), "Key", &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(json_get_int(json_top(doc), "kEY", &n, NULL), -1);
	json_free(doc);
}

static void
errors_name_the_path(void **state)
{
	struct json *doc = parsed("{\"signed\":{\"roles\":{\"root\":{\"threshold\":\"2\"}},"
	    "\"list\":[0,{\"n\":1.5}],\"a\\nb\":null,\"f\":12}}");
	struct json_at body = json_member(json_top(doc), "signed");
	struct json_at at = json_member(json_member(body, "roles"), "root");
	struct err e = { 0 };
	struct digest d;
	const char *text;
	int64_t n;

	(void)state;
	assert_int_equal(json_get_int(at, "threshold", &n, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_string_equal(e.text,
	    "signed.roles.root.threshold: an integer is wanted, a text was found");
	assert_int_equal(json_get_int(at, "none", &n, &e), -1);
	assert_string_equal(e.text, "signed.roles.root: \"none\" is missing");
	at = json_next(json_first(json_member(body, "list")));
	assert_int_equal(json_get_int(at, "n", &n, &e), -1);
	assert_string_equal(e.text,
	    "signed.list[1].n: an integer up to 2^53 - 1 is wanted, 1.5 was found");
	assert_int_equal(json_get_text(body, "a\nb", &text, &e), -1);
	assert_string_equal(e.text, "signed.a\\x0ab: a text is wanted, null was found");
	assert_int_equal(json_get_int_in(body, "f", 1, 10, &n, &e), -1);
	assert_string_equal(e.text, "signed.f: 1 to 10 is wanted, 12 was found");
	assert_int_equal(json_get_int(json_top(doc), "signed", &n, &e), -1);
	assert_string_equal(e.text, "signed: an integer is wanted, an object was found");
	assert_int_equal(json_get_digest(body, "f", &d, &e), -1);
	json_free(doc);
	doc = parsed("[]");
	assert_int_equal(json_get_text(json_top(doc), "x", &text, &e), -1);
	assert_string_equal(e.text, "the document: an object is wanted, a list was found");
	json_free(doc);
}

static void
absent_is_not_wrong_but_null_is(void **state)
{
	struct json *doc = parsed("{\"n\":null}");
	struct json_at top = json_top(doc), at;
	const char *text = "x";
	int64_t n;
	bool b;

	(void)state;
	assert_int_equal(json_find_text(top, "no", &text, NULL), 0);
	assert_null(text);
	assert_int_equal(json_find_int(top, "no", 7, &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_int_equal(json_find_bool(top, "no", true, &b, NULL), 0);
	assert_true(b);
	assert_int_equal(json_find_object(top, "no", &at, NULL), 0);
	assert_false(json_is(at));
	assert_int_equal(json_find_array(top, "no", &at, NULL), 0);
	assert_false(json_is(at));
	assert_int_equal(json_find_text(top, "n", &text, NULL), -1);
	assert_int_equal(json_find_int(top, "n", 7, &n, NULL), -1);
	assert_int_equal(json_find_bool(top, "n", true, &b, NULL), -1);
	assert_int_equal(json_find_object(top, "n", &at, NULL), -1);
	assert_int_equal(json_find_array(top, "n", &at, NULL), -1);
	json_free(doc);
}

static void
unknown_members_can_be_refused(void **state)
{
	static const char *const names[] = { "a", "b" };
	struct json *doc = parsed("{\"a\":{\"x\":1},\"b\":2,\"B\":3}");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_only(json_top(doc), names, 2, &e), -1);
	assert_string_equal(e.text, "B: there is no such member here");
	json_drop(json_top(doc), "B");
	assert_int_equal(json_only(json_top(doc), names, 2, &e), 0);
	json_free(doc);
}

static void
writes(struct json_at at, const char *file, const char *covered)
{
	struct buf b = BUF_INIT;

	assert_int_equal(canon_write(at, &b, NULL), 0);
	assert_string_equal(buf_text(&b), file);
	buf_truncate(&b, 0);
	assert_int_equal(canon_signed(at, &b, NULL), 0);
	assert_string_equal(buf_text(&b), covered);
	buf_clear(&b);
}

static void
canonical_form_is_one(void **state)
{
	static const struct {
		const char *in, *file, *covered;
	} cases[] = {
		{ " { } ", "{}", "{}" },
		{ "[ 3, 2 ,1 ]", "[3,2,1]", "[3,2,1]" },
		{ "{\"b\":1,\"a\":{\"d\":[],\"c\":null},\"B\":true,\"\":false}",
		    "{\"\":false,\"B\":true,\"a\":{\"c\":null,\"d\":[]},\"b\":1}",
		    "{\"\":false,\"B\":true,\"a\":{\"c\":null,\"d\":[]},\"b\":1}" },
		{ "{\"é\":1,\"z\":2,\"\\ud83d\\ude00\":3,\"\\uffee\":4}",
		    "{\"z\":2,\"é\":1,\"\xef\xbf\xae\":4,\"\xf0\x9f\x98\x80\":3}",
		    "{\"z\":2,\"é\":1,\"\xef\xbf\xae\":4,\"\xf0\x9f\x98\x80\":3}" },
		{ "\"\\u002f\\/\\\\\\\"\\u00e9\"", "\"//\\\\\\\"é\"", "\"//\\\\\\\"é\"" },
		{ "\"a\\nb\\tc\\r\\b\\f\\u0001\\u001f\x7f\"",
		    "\"a\\nb\\tc\\r\\b\\f\\u0001\\u001f\x7f\"",
		    "\"a\nb\tc\r\b\f\x01\x1f\x7f\"" },
		{ "[9007199254740991,-9007199254740991,0,10,2147483648,1e3]",
		    "[9007199254740991,-9007199254740991,0,10,2147483648,1000]",
		    "[9007199254740991,-9007199254740991,0,10,2147483648,1000]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *doc = parsed(cases[i].in), *again;

		writes(json_top(doc), cases[i].file, cases[i].covered);
		again = parsed(cases[i].file);
		writes(json_top(again), cases[i].file, cases[i].covered);
		json_free(again);
		json_free(doc);
	}
}

static void
what_has_no_canonical_form_is_not_written(void **state)
{
	struct json *doc = parsed("{\"a\":[1,{\"b\":0.5}]}");
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(buf_add_text(&b, "before", NULL), 0);
	assert_int_equal(canon_write(json_top(doc), &b, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_non_null(strstr(e.text, "a[1].b"));
	assert_string_equal(buf_text(&b), "before");
	json_free(doc);
	doc = parsed("9007199254740993");
	assert_int_equal(canon_write(json_top(doc), &b, &e), -1);
	json_free(doc);
	buf_clear(&b);
}

static struct json *
made(void)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc), at;
	struct digest d;

	digest_of(&d, "", 0);
	json_put_text(top, "text", "old");
	json_put_text(top, "text", "a \"课\"");
	json_put_int(top, "int", JSON_INT_MAX);
	json_put_bool(top, "bool", false);
	json_put_digest(top, "digest", &d);
	json_put_utc(top, "utc", 0);
	at = json_put_array(top, "list");
	json_add_text(at, "one");
	json_add_int(at, -2);
	json_put_int(json_add_object(at), "deep", 3);
	(void)json_add_copy(json_add_array(at), json_member(top, "int"));
	(void)json_put_copy(top, "copy", at);
	json_put_int(top, "gone", 1);
	json_drop(top, "gone");
	json_drop(top, "never there");
	json_drop_item(json_member(top, "copy"), json_first(json_member(top, "copy")));
	return doc;
}

static void
documents_are_made_and_written(void **state)
{
	static const char want[] =
	    "{\"bool\":false,\"copy\":[-2,{\"deep\":3},[9007199254740991]],\"digest\":"
	    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
	    "\"int\":9007199254740991,\"list\":[\"one\",-2,{\"deep\":3},[9007199254740991]],"
	    "\"text\":\"a \\\"课\\\"\",\"utc\":\"1970-01-01T00:00:00Z\"}";
	struct json *doc = made();

	(void)state;
	writes(json_top(doc), want, want);
	json_free(doc);
}

static void
a_document_that_went_wrong_is_not_written(void **state)
{
	struct buf b = BUF_INIT;
	struct json *doc;
	struct err e;

	(void)state;
	doc = json_new();
	json_put_text(json_top(doc), "bad", "\xff");
	json_put_text(json_top(doc), "good", "x");
	assert_int_equal(canon_write(json_top(doc), &b, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	json_free(doc);
	doc = json_new();
	json_put_int(json_top(doc), "n", JSON_INT_MAX + 1);
	assert_int_equal(canon_signed(json_top(doc), &b, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	json_free(doc);
	doc = json_new();
	json_put_int(json_top(doc), "\xc3", 1);
	assert_int_equal(json_check(doc, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	json_free(doc);
	assert_int_equal(json_check(NULL, &e), -1);
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_int_equal(canon_write(json_top(NULL), &b, &e), -1);
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_int_equal(buf_len(&b), 0);
	buf_clear(&b);
}

static void
making_survives_every_failing_allocation(void **state)
{
	long nth;

	(void)state;
	for (nth = 1;; nth++) {
		struct buf b = BUF_INIT;
		struct err e = { 0 };
		struct json *doc;
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		doc = made();
		rc = canon_write(json_top(doc), &b, &e);
		json_free(doc);
		buf_clear(&b);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_true(nth > 30);
}

static void
parsing_survives_every_failing_allocation(void **state)
{
	static const char text[] = "{\"a\":[1,\"b\",{\"c\":{\"d\":\"\\u8bfe\"}}],\"e\":null}";
	long nth;

	(void)state;
	for (nth = 1;; nth++) {
		struct json *doc = NULL;
		struct err e = { 0 };
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = json_parse(text, sizeof(text) - 1, GATE_SIGNED, &doc, &e);
		if (!fault_disarm()) {
			json_free(doc);
			break;
		}
		assert_int_equal(rc, -1);
		assert_null(doc);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_true(nth > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read_with_their_types),
		cmocka_unit_test(names_are_compared_byte_for_byte),
		cmocka_unit_test(errors_name_the_path),
		cmocka_unit_test(absent_is_not_wrong_but_null_is),
		cmocka_unit_test(unknown_members_can_be_refused),
		cmocka_unit_test(canonical_form_is_one),
		cmocka_unit_test(what_has_no_canonical_form_is_not_written),
		cmocka_unit_test(documents_are_made_and_written),
		cmocka_unit_test(a_document_that_went_wrong_is_not_written),
		cmocka_unit_test(making_survives_every_failing_allocation),
		cmocka_unit_test(parsing_survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
