/* SPDX-License-Identifier: Apache-2.0 */
/* Records and course.json: round trips, every rule, all findings at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/repo/record.h"
#include "tests/unit/fault.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TITLE "\xe5\x95\x86\xe6\xa0\x87" /* 商标 */

/* In canonical form. */
static const char full[] =
    "{\"bytes\":123456,\"channel\":\"gd.ip\",\"course\":\"trademark-basics\",\"field\":\"ip\","
    "\"files\":12,"
    "\"format\":\"kebao-record-1\",\"index\":{\"length\":1400,\"sha256\":\"" HASH_A "\"},"
    "\"label\":\"2026 " TITLE "\",\"languages\":[\"zh\",\"bo\"],\"lecturers\":[\"A. Li\",\"" TITLE
    "\"],"
    "\"minutes\":90,\"notes\":{\"zh\":\"one\\ntwo\"},\"published\":\"2026-11-23T08:00:00Z\","
    "\"release\":2,"
    "\"rights\":\"CC BY 4.0\",\"summary\":{\"en\":\"s\",\"zh\":\"t\"},"
    "\"tar\":{\"length\":130048,\"sha256\":\"" HASH_B "\"},"
    "\"title\":{\"en\":\"Trademarks\",\"zh\":\"" TITLE "\"}}";

static const char least[] =
    "{\"bytes\":0,\"channel\":\"gd\",\"course\":\"a\",\"field\":\"other\",\"files\":1,"
    "\"format\":\"kebao-record-1\",\"index\":{\"length\":1400,\"sha256\":\"" HASH_A "\"},"
    "\"label\":\"1\",\"languages\":[\"zh\"],\"published\":\"2026-11-23T08:00:00Z\",\"release\":1,"
    "\"tar\":{\"length\":1536,\"sha256\":\"" HASH_B "\"},\"title\":{\"zh\":\"x\"}}";

static void
expect_round_trip(const char *text)
{
	struct record *r;
	struct buf b = BUF_INIT;
	struct err e;

	if (record_parse(text, strlen(text), RECORD_STRICT, &r, &e) != 0)
		fail_msg("%s", e.text);
	if (record_encode(r, &b, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&b), text);
	record_free(r);
	buf_clear(&b);
}

static void
records_go_both_ways(void **state)
{
	struct record *r;
	struct err e;

	(void)state;
	expect_round_trip(full);
	expect_round_trip(least);
	assert_int_equal(record_parse(full, strlen(full), RECORD_LENIENT, &r, &e), 0);
	assert_string_equal(r->channel, "gd.ip");
	assert_string_equal(r->course, "trademark-basics");
	assert_int_equal(r->release, 2);
	assert_int_equal(r->published_at, 1795420800);
	assert_string_equal(r->label, "2026 " TITLE);
	assert_string_equal(r->field, "ip");
	assert_int_equal(r->study_minutes, 90);
	assert_int_equal(r->lecturers.n_items, 2);
	assert_string_equal(r->languages.items[1], "bo");
	assert_string_equal(r->notes.items[0].text, "one\ntwo");
	assert_string_equal(r->rights, "CC BY 4.0");
	assert_int_equal(r->n_files, 12);
	assert_int_equal(r->file_bytes, 123456);
	assert_int_equal(r->tar.len, 130048);
	assert_int_equal(r->index.sha256.bytes[0], 0xaa);
	record_free(r);
	record_free(NULL);
}

/* full with from replaced by to, which the caller frees. */
static char *
changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = NULL;

	assert_non_null(at);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	return out;
}

static void
each_rule_refuses_what_breaks_it(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} bad[] = {
		{ "kebao-record-1", "kebao-record-2", "format: this program reads" },
		{ "\"gd.ip\"", "\"root\"", "channel" },
		{ "\"gd.ip\"", "7", "channel" },
		{ "trademark-basics", "Trademark", "course" },
		{ "trademark-basics", "", "course" },
		{ "\"release\":2", "\"release\":0", "release" },
		{ "\"release\":2", "\"release\":1000001", "release" },
		{ "\"release\":2", "\"release\":2.0", "integer" },
		{ "2026-11-23T", "2026-02-30T", "published" },
		{ "2026-11-23T", "1969-02-03T", "published" },
		{ "\"2026 " TITLE "\"", "\"\"", "label: is empty" },
		{ "\"2026 " TITLE "\"", "\"a\\nb\"", "label: has a line end" },
		{ "\"2026 " TITLE "\"", "\"a\\u0085b\"", "label: has a line end" },
		{ "\"2026 " TITLE "\"", "\" a\"", "label: begins with white space" },
		{ "\"2026 " TITLE "\"", "\"a\\u3000\"", "label: ends with white space" },
		{ "\"label\":\"2026 " TITLE "\",", "", "label: missing" },
		{ "one\\ntwo", "one\\ttwo", "notes.zh: has a control character" },
		{ "one\\ntwo", "one\\n", "notes.zh: ends with white space" },
		{ "\"title\":{\"en\":\"Trademarks\",\"zh\":\"" TITLE "\"}", "\"title\":{}",
		    "title: is empty" },
		{ ",\"title\":{\"en\":\"Trademarks\",\"zh\":\"" TITLE "\"}", "", "title: missing" },
		{ "\"summary\":{\"en\"", "\"summary\":{\"EN\"", "not a language tag" },
		{ "\"summary\":{\"en\"", "\"summary\":{\"e\"", "not a language tag" },
		{ "\"summary\":{\"en\"", "\"summary\":{\"en-\"", "not a language tag" },
		{ "\"summary\":{\"en\"", "\"summary\":{\"en-123456789\"", "not a language tag" },
		{ "\"summary\":{\"en\"", "\"summary\":{\"engl\"", "not a language tag" },
		{ "\"summary\":{\"en\":\"s\"", "\"summary\":{\"en\":null", "summary.en" },
		{ "\"field\":\"ip\"", "\"field\":\"patents\"", "field: must be one of" },
		{ "[\"zh\",\"bo\"]", "[]", "languages: is empty" },
		{ "[\"zh\",\"bo\"]", "[\"zh\",\"zh\"]", "languages: one is there twice" },
		{ "[\"zh\",\"bo\"]", "[\"zh\",1]", "languages" },
		{ "[\"zh\",\"bo\"]", "[\"zh \"]", "not a language tag" },
		{ "\"minutes\":90", "\"minutes\":0", "minutes: 0" },
		{ "\"minutes\":90", "\"minutes\":-1", "minutes" },
		{ "\"minutes\":90", "\"minutes\":100001", "minutes: more than" },
		{ "\"minutes\":90", "\"minutes\":4294967386", "minutes" },
		{ "\"A. Li\"", "\"\"", "lecturers: is empty" },
		{ "\"CC BY 4.0\"", "\"\"", "rights: is empty" },
		{ "\"files\":12", "\"files\":0", "files" },
		{ "\"files\":12", "\"files\":200001", "files" },
		{ "\"bytes\":123456", "\"bytes\":130049", "bytes: more than" },
		{ "\"bytes\":123456", "\"bytes\":-1", "bytes" },
		{ "\"length\":130048", "\"length\":130049", "cannot be the length of a tar" },
		{ "\"length\":130048", "\"length\":1099511628288", "length" },
		{ "\"length\":1400", "\"length\":67108865", "index.length" },
		{ "\"length\":1400", "\"length\":0", "length" },
		{ HASH_A, "A" HASH_A, "sha256" },
		{ ",\"sha256\":\"" HASH_B "\"", "", "sha256" },
		{ "{\"bytes\"", "[{\"bytes\"", "" },
	};
	struct record *r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = changed(full, bad[i].from, bad[i].to);

		if (record_parse(text, strlen(text), RECORD_STRICT, &r, &e) == 0)
			fail_msg("case %zu was taken: %s", i, text);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("case %zu: %s", i, e.text);
		free(text);
	}
}

static void
readers_are_lenient_where_publishers_must_not_be(void **state)
{
	static const struct {
		const char *from, *to;
	} newer[] = {
		{ "{\"bytes\"", "{ \"bytes\"" },
		{ "{\"bytes\"", "{\"audience\":[1],\"bytes\"" },
		{ "{\"length\":1400", "{\"extra\":null,\"length\":1400" },
		{ "\"field\":\"ip\"", "\"field\":\"maritime-law\"" },
		{ "{\"en\":\"s\",\"zh\":\"t\"}", "{\"zh\":\"t\",\"en\":\"s\"}" },
		{ "\"label\":\"2026", "\"label\":\"\\u0032026" },
	};
	struct record *r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
		char *text = changed(full, newer[i].from, newer[i].to);

		assert_int_equal(record_parse(text, strlen(text), RECORD_STRICT, &r, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (record_parse(text, strlen(text), RECORD_LENIENT, &r, &e) != 0)
			fail_msg("case %zu: %s", i, e.text);
		assert_string_equal(r->summary.items[0].lang, "en");
		record_free(r);
		free(text);
	}
}

static void
texts_have_limits_in_characters(void **state)
{
	struct record *r;
	struct err e;

	(void)state;
	for (size_t n = 100; n <= 101; n++) {
		char label[3 * 101 + 13] = "\"label\":\"";
		char *text;

		for (size_t i = 0; i < n; i++)
			memcpy(label + 9 + 3 * i, "\xe6\xb3\x95\"", 5);
		text = changed(least, "\"label\":\"1\"", label);
		assert_int_equal(
		    record_parse(text, strlen(text), RECORD_STRICT, &r, &e), n == 100 ? 0 : -1);
		if (n == 100)
			record_free(r);
		else
			assert_non_null(strstr(e.text, "label: is too long (1 to 100 characters"));
		free(text);
	}
}

static void
a_record_cut_anywhere_or_flipped_is_refused_or_means_what_it_says(void **state)
{
	struct buf b = BUF_INIT;
	struct record *r;
	char copy[sizeof(full)];

	(void)state;
	for (size_t len = 0; len < sizeof(full) - 1; len++)
		assert_int_equal(record_parse(full, len, RECORD_LENIENT, &r, NULL), -1);
	for (size_t i = 0; i < sizeof(full) - 1; i++)
		for (unsigned flip = 1; flip < 256; flip *= 2) {
			memcpy(copy, full, sizeof(full));
			copy[i] = (char)(copy[i] ^ flip);
			if (record_parse(copy, sizeof(full) - 1, RECORD_STRICT, &r, NULL) == -1)
				continue;
			buf_truncate(&b, 0);
			assert_int_equal(record_encode(r, &b, NULL), 0);
			assert_string_equal(buf_text(&b), copy);
			record_free(r);
		}
	buf_clear(&b);
}

static void
large_records_are_refused(void **state)
{
	char *big = malloc(LIMIT_RECORD_BYTES + 2);
	struct record *r;
	struct err e;

	(void)state;
	assert_non_null(big);
	memset(big, ' ', LIMIT_RECORD_BYTES + 1);
	memcpy(big, full, sizeof(full) - 1);
	assert_int_equal(record_parse(big, LIMIT_RECORD_BYTES, RECORD_LENIENT, &r, &e), 0);
	record_free(r);
	assert_int_equal(record_parse(big, LIMIT_RECORD_BYTES + 1, RECORD_LENIENT, &r, &e), -1);
	assert_non_null(strstr(e.text, "longer than"));
	free(big);
}

static void
encoding_checks_first(void **state)
{
	struct record *r;
	struct buf b = BUF_INIT;
	struct err e;

	(void)state;
	assert_int_equal(record_parse(full, strlen(full), RECORD_STRICT, &r, &e), 0);
	r->release = 0;
	assert_int_equal(record_encode(r, &b, &e), -1);
	assert_non_null(strstr(e.text, "release"));
	assert_int_equal(buf_len(&b), 0);
	record_free(r);
	buf_clear(&b);
}

static void
a_course_becomes_a_record(void **state)
{
	static const char course[] = "\xef\xbb\xbf{}";
	static const char good[] = "{\n \"title\": {\"zh\": \"" TITLE "\", \"en\": \"\"},\n"
	    " \"course\": \"trademark-basics\", \"label\": \"2026\", \"field\": \"ip\",\n"
	    " \"languages\": [\"zh\", \"\"], \"minutes\": 0, \"lecturers\": [], \"rights\": \"\",\n"
	    " \"summary\": {}, \"notes\": {\"zh\": \"\"}}\n";
	struct record *r;
	struct buf b = BUF_INIT;
	struct err e;

	(void)state;
	if (record_parse_course(good, strlen(good), &r, NULL, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(r->course, "trademark-basics");
	assert_int_equal(r->title.n_items, 1);
	assert_int_equal(r->notes.n_items + r->summary.n_items + r->lecturers.n_items, 0);
	assert_int_equal(r->languages.n_items, 1);
	assert_null(r->rights);
	/* With what a tool computes it can be published. */
	memcpy(r->channel, "gd.ip", 6);
	r->release = 1;
	r->published_at = 1;
	r->n_files = 1;
	r->tar.len = 1536;
	r->index.len = 100;
	if (record_encode(r, &b, &e) != 0)
		fail_msg("%s", e.text);
	record_free(r);
	assert_int_equal(record_parse(buf_data(&b), buf_len(&b), RECORD_STRICT, &r, &e), 0);
	record_free(r);
	buf_clear(&b);
	assert_int_equal(record_parse_course(course, strlen(course), &r, NULL, &e), -1);
	assert_non_null(strstr(e.text, "course.json: "));
}

static void
all_findings_are_told_at_once(void **state)
{
	static const char bad[] =
	    "{\"course\":\"A\",\"label\":\" x\",\"title\":{\"zh\":\"a\\nb\"},\"field\":\"law\","
	    "\"languages\":[\"german\"]}";
	struct buf findings = BUF_INIT;
	struct record *r;
	unsigned lines = 0;
	struct err e;

	(void)state;
	assert_int_equal(record_parse_course(bad, strlen(bad), &r, &findings, &e), -1);
	assert_non_null(strstr(e.text, "(and 4 more)"));
	for (const char *p = buf_text(&findings); *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 5);
	assert_non_null(strstr(buf_text(&findings), "course"));
	assert_non_null(strstr(buf_text(&findings), "label"));
	assert_non_null(strstr(buf_text(&findings), "title.zh"));
	assert_non_null(strstr(buf_text(&findings), "field"));
	assert_non_null(strstr(buf_text(&findings), "\"german\""));
	buf_clear(&findings);
}

static void
what_nobody_knows_hides_nothing_else(void **state)
{
	static const char bad[] = "{\"course\":\"A\",\"lable\":\"1\",\"titel\":{}}";
	struct buf findings = BUF_INIT;
	struct record *r;
	struct err e;

	(void)state;
	assert_int_equal(record_parse_course(bad, strlen(bad), &r, &findings, &e), -1);
	assert_non_null(strstr(buf_text(&findings), "lable: there is no such member here\n"));
	assert_non_null(strstr(buf_text(&findings), "titel: there is no such member here\n"));
	assert_non_null(strstr(buf_text(&findings), "label: missing"));
	assert_non_null(strstr(buf_text(&findings), "\"A\""));
	buf_clear(&findings);
}

static void
a_course_has_only_members_of_its_own(void **state)
{
	struct record *r;
	struct err e;

	(void)state;
	assert_int_equal(record_parse_course(full, strlen(full), &r, NULL, &e), -1);
	assert_int_equal(record_parse_course("{\"hours\":1}", 11, &r, NULL, &e), -1);
	assert_non_null(strstr(e.text, "hours"));
	assert_int_equal(record_parse_course("[]", 2, &r, NULL, &e), -1);
	assert_int_equal(record_parse_course("", 0, &r, NULL, &e), -1);
}

static void
the_template_asks_for_what_is_missing(void **state)
{
	struct buf b = BUF_INIT, findings = BUF_INIT;
	struct record *r;
	struct err e;
	char *done, *more;

	(void)state;
	assert_int_equal(record_course_template("ip-basics", &b, &e), 0);
	assert_int_equal(record_parse_course(buf_data(&b), buf_len(&b), &r, &findings, &e), -1);
	assert_non_null(strstr(buf_text(&findings), "label: missing"));
	assert_non_null(strstr(buf_text(&findings), "title: missing"));
	assert_non_null(strstr(e.text, "(and 1 more)"));
	done = changed(buf_text(&b), "\"label\": \"\"", "\"label\": \"1\"");
	more = changed(done, "\"zh\": \"\"", "\"zh\": \"x\"");
	if (record_parse_course(more, strlen(more), &r, NULL, &e) != 0)
		fail_msg("%s", e.text);
	assert_string_equal(r->course, "ip-basics");
	record_free(r);
	free(done);
	free(more);
	buf_clear(&b);
	assert_int_equal(record_course_template(NULL, &b, &e), 0);
	assert_int_equal(record_parse_course(buf_data(&b), buf_len(&b), &r, NULL, &e), -1);
	assert_non_null(strstr(e.text, "course"));
	buf_clear(&b);
	buf_clear(&findings);
}

static void
people_get_their_language_or_the_next_best(void **state)
{
	struct record_text items[] = { { (char[]) { "bo" }, (char[]) { "B" } },
		{ (char[]) { "en-GB" }, (char[]) { "E" } }, { (char[]) { "ug" }, (char[]) { "U" } },
		{ (char[]) { "zh-Hans" }, (char[]) { "Z" } } };
	struct record_texts all = { items, 4 }, two = { items, 2 }, one = { items, 1 },
			    none = { NULL, 0 };

	(void)state;
	assert_string_equal(record_text_in(&all, "bo"), "B");
	assert_string_equal(record_text_in(&all, "en"), "E");
	assert_string_equal(record_text_in(&all, "en-US"), "E");
	assert_string_equal(record_text_in(&all, "zh"), "Z");
	assert_string_equal(record_text_in(&all, "mn"), "Z");
	assert_string_equal(record_text_in(&two, "mn"), "E");
	assert_string_equal(record_text_in(&one, "mn"), "B");
	assert_string_equal(record_text_in(&none, "mn"), "");
}

static void
running_out_of_memory_is_an_ordinary_failure(void **state)
{
	struct buf findings = BUF_INIT, b = BUF_INIT;
	struct record *r = NULL;
	struct err e;
	long nth;

	(void)state;
	for (nth = 1; r == NULL; nth++) {
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = record_parse(full, strlen(full), RECORD_STRICT, &r, &e);
		if (fault_disarm())
			assert_true(rc == -1 && r == NULL && e.class == ERR_SYSTEM);
	}
	assert_true(nth > 30);
	for (nth = 1;; nth++) {
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = record_encode(r, &b, &e);
		if (!fault_disarm())
			break;
		assert_true(rc == -1 && e.class == ERR_SYSTEM && buf_len(&b) == 0);
	}
	record_free(r);
	for (nth = 1;; nth++) {
		int rc;

		buf_clear(&findings);
		fault_arm(FAULT_ALLOC, nth);
		rc = record_parse_course("{\"label\":\"x\"}", 13, &r, &findings, &e);
		assert_int_equal(rc, -1);
		if (!fault_disarm())
			break;
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	buf_clear(&findings);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_go_both_ways),
		cmocka_unit_test(each_rule_refuses_what_breaks_it),
		cmocka_unit_test(readers_are_lenient_where_publishers_must_not_be),
		cmocka_unit_test(texts_have_limits_in_characters),
		cmocka_unit_test(a_record_cut_anywhere_or_flipped_is_refused_or_means_what_it_says),
		cmocka_unit_test(large_records_are_refused),
		cmocka_unit_test(encoding_checks_first),
		cmocka_unit_test(a_course_becomes_a_record),
		cmocka_unit_test(all_findings_are_told_at_once),
		cmocka_unit_test(what_nobody_knows_hides_nothing_else),
		cmocka_unit_test(a_course_has_only_members_of_its_own),
		cmocka_unit_test(the_template_asks_for_what_is_missing),
		cmocka_unit_test(people_get_their_language_or_the_next_best),
		cmocka_unit_test(running_out_of_memory_is_an_ordinary_failure),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
