/* SPDX-License-Identifier: Apache-2.0 */
/* What a new version of a channel's role may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/hub/state_releases.h"
#include "daemon/app/rolecheck.h"

/* A role under work: targets as JSON members. */
struct draft {
	char text[16384];
	size_t len;
	bool has_target;
};

static void
add(struct draft *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add(struct draft *d, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(d->text + d->len, sizeof(d->text) - d->len, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof(d->text) - d->len);
	d->len += (size_t)n;
}

static void
begin(struct draft *d, int version)
{
	d->len = 0;
	d->has_target = false;
	add(d, "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"version\":%d,\"targets\":{",
	    version);
}

/* A target whose hash is the digit 64 times. */
static void
target(struct draft *d, const char *name, int length, char digit, const char *custom)
{
	char hex[65];

	memset(hex, digit, 64);
	hex[64] = '\0';
	add(d, "%s\"%s\":{%s\"hashes\":{\"sha256\":\"%s\"},\"length\":%d}", d->has_target
	    ? "," : "",
	    name, custom, hex, length);
	d->has_target = true;
}

static struct rolecheck_role
end(struct draft *d)
{
	add(d, "}}}");
	return (struct rolecheck_role){ d->text, d->len };
}

static struct state_release
release(uint32_t number)
{
	struct state_release r = { .channel = "gd.ip", .course = "marks", .number = number,
		.record_len = 100, .tar_len = 5120 };

	memset(r.record.bytes, 0xaa, sizeof(r.record.bytes));
	memset(r.tar.bytes, 0xbb, sizeof(r.tar.bytes));
	return r;
}

/* The targets of release(n) as they should be. */
static void
put_release(struct draft *d, uint32_t number)
{
	char name[80];

	snprintf(name, sizeof(name), "gd.ip/marks/%u/record.json", (unsigned)number);
	target(d, name, 100, 'a', "");
	snprintf(name, sizeof(name), "gd.ip/marks/%u/bundle.tar", (unsigned)number);
	target(d, name, 5120, 'b', "");
}

static void
put_record(struct draft *d, uint32_t number, const char *custom)
{
	char name[80];

	snprintf(name, sizeof(name), "gd.ip/marks/%u/record.json", (unsigned)number);
	target(d, name, 90, 'c', custom);
}

static const struct rolecheck_role nothing = { NULL, 0 };
static struct draft before, after;
static struct rolecheck_result found;

static void
refused(const struct rolecheck_role *old, const struct rolecheck_role *new, uint32_t number,
    enum err_class class, const char *text)
{
	struct state_release r = release(number);
	struct err e = { 0 };

	assert_int_equal(rolecheck_publish(old, new, &r, &found, &e), -1);
	if (strstr(e.text, text) == NULL)
		fail_msg("got: %s; wanted: %s", e.text, text);
	assert_int_equal(e.class, class);
}

static void
accepted(const struct rolecheck_role *old, const struct rolecheck_role *new, uint32_t number)
{
	struct state_release r = release(number);
	struct err e = { 0 };

	if (rolecheck_publish(old, new, &r, &found, &e) == -1)
		fail_msg("%s", e.text);
}

static void
first_release_of_a_channel_is_accepted(void **state)
{
	struct rolecheck_role new;

	(void)state;
	begin(&after, 1);
	put_release(&after, 1);
	new = end(&after);
	accepted(&nothing, &new, 1);
	assert_int_equal(found.version, 1);
	assert_int_equal(found.n_live, 1);
	assert_int_equal(found.live[0], 1);
}

static void
next_release_replaces_the_bundle_and_keeps_the_record(void **state)
{
	struct rolecheck_role old, new;

	(void)state;
	begin(&before, 4);
	put_record(&before, 1, "");
	target(&before, "gd.ip/marks/1/bundle.tar", 77, 'd', "");
	target(&before, "gd.ip/other/9/record.json", 50, 'e', "");
	target(&before, "gd.ip/other/9/bundle.tar", 51, 'f', "");
	old = end(&before);
	begin(&after, 5);
	put_record(&after, 1, "");
	put_release(&after, 2);
	target(&after, "gd.ip/other/9/record.json", 50, 'e', "");
	target(&after, "gd.ip/other/9/bundle.tar", 51, 'f', "");
	new = end(&after);
	accepted(&old, &new, 2);
	assert_int_equal(found.n_live, 2);
	assert_int_equal(found.live[0], 1);
	assert_int_equal(found.live[1], 2);
}

static void
other_versions_than_the_next_are_conflicts(void **state)
{
	static const int versions[] = { 1, 3, 4, 6 };
	struct rolecheck_role old, new;

	(void)state;
	begin(&before, 4);
	old = end(&before);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		begin(&after, versions[i]);
		put_release(&after, 1);
		new = end(&after);
		refused(&old, &new, 1, ERR_CONFLICT, "5 is wanted");
	}
	begin(&after, 2);
	put_release(&after, 1);
	new = end(&after);
	refused(&nothing, &new, 1, ERR_CONFLICT, "1 is wanted");
}

static void
release_numbers_only_grow(void **state)
{
	struct rolecheck_role old, new;

	(void)state;
	begin(&before, 1);
	put_record(&before, 3, "\"custom\":{\"withdrawn\":{\"reason\":\"x\"}},");
	old = end(&before);
	for (uint32_t number = 2; number <= 3; number++) {
		begin(&after, 2);
		put_release(&after, number);
		new = end(&after);
		refused(&old, &new, number, ERR_CONFLICT, "already has a release 3");
	}
}

static void
targets_must_be_what_was_checked(void **state)
{
	struct rolecheck_role new;

	(void)state;
	begin(&after, 1);
	target(&after, "gd.ip/marks/1/record.json", 100, 'a', "");
	new = end(&after);
	refused(&nothing, &new, 1, ERR_BAD_INPUT, "lacks the target gd.ip/marks/1/bundle.tar");
	begin(&after, 1);
	target(&after, "gd.ip/marks/1/record.json", 101, 'a', "");
	target(&after, "gd.ip/marks/1/bundle.tar", 5120, 'b', "");
	new = end(&after);
	refused(&nothing, &new, 1, ERR_BAD_INPUT, "record.json is not what was checked");
	begin(&after, 1);
	target(&after, "gd.ip/marks/1/record.json", 100, 'a', "");
	target(&after, "gd.ip/marks/1/bundle.tar", 5120, 'a', "");
	new = end(&after);
	refused(&nothing, &new, 1, ERR_BAD_INPUT, "bundle.tar is not what was checked");
}

static void
everything_else_stays_as_it_was(void **state)
{
	struct rolecheck_role old, new;

	(void)state;
	begin(&before, 1);
	target(&before, "gd.ip/other/9/record.json", 50, 'e', "");
	old = end(&before);
	begin(&after, 2);
	put_release(&after, 1);
	new = end(&after);
	refused(&old, &new, 1, ERR_BAD_INPUT, "lacks the target gd.ip/other/9/record.json");
	begin(&after, 2);
	put_release(&after, 1);
	target(&after, "gd.ip/other/9/record.json", 50, 'f', "");
	new = end(&after);
	refused(&old, &new, 1, ERR_BAD_INPUT, "gd.ip/other/9/record.json was changed");
	begin(&after, 2);
	put_release(&after, 1);
	target(&after, "gd.ip/other/9/record.json", 50, 'e', "\"custom\":{\"withdrawn\":{}},");
	new = end(&after);
	refused(&old, &new, 1, ERR_BAD_INPUT, "gd.ip/other/9/record.json was changed");
	begin(&after, 2);
	put_release(&after, 1);
	target(&after, "gd.ip/other/9/record.json", 50, 'e', "");
	target(&after, "gd.ip/other/10/record.json", 50, 'e', "");
	new = end(&after);
	refused(&old, &new, 1, ERR_BAD_INPUT, "gd.ip/other/10/record.json is new");
}

static void
only_names_of_the_channel_are_targets(void **state)
{
	static const char *const names[] =
	    { "gd.tax/marks/1/record.json", "x", "gd.ip/marks/1/other",
		"gd.ip/marks/01/record.json" };
	struct rolecheck_role new;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		begin(&after, 1);
		put_release(&after, 1);
		target(&after, names[i], 1, 'e', "");
		new = end(&after);
		refused(&nothing, &new, 1, ERR_BAD_INPUT, "is not the name of a target of gd.ip");
	}
}

static void
a_course_has_one_bundle(void **state)
{
	struct rolecheck_role old, new;

	(void)state;
	begin(&before, 1);
	put_record(&before, 1, "");
	target(&before, "gd.ip/marks/1/bundle.tar", 77, 'd', "");
	old = end(&before);
	begin(&after, 2);
	put_record(&after, 1, "");
	target(&after, "gd.ip/marks/1/bundle.tar", 77, 'd', "");
	put_release(&after, 2);
	new = end(&after);
	refused(&old, &new, 2, ERR_BAD_INPUT, "gd.ip/marks/1/bundle.tar must go");
}

/* Records 1 to n in before; from to n + 1 in after. */
static void
make_row(struct rolecheck_role *old, struct rolecheck_role *new, uint32_t n, uint32_t from)
{
	begin(&before, 1);
	for (uint32_t i = 1; i <= n; i++)
		put_record(&before, i, "");
	*old = end(&before);
	begin(&after, 2);
	for (uint32_t i = from; i <= n; i++)
		put_record(&after, i, "");
	put_release(&after, n + 1);
	*new = end(&after);
}

static void
ten_releases_live_and_the_oldest_goes(void **state)
{
	struct rolecheck_role old, new;

	(void)state;
	make_row(&old, &new, 9, 1);
	accepted(&old, &new, 10);
	assert_int_equal(found.n_live, 10);
	make_row(&old, &new, 10, 2);
	accepted(&old, &new, 11);
	assert_int_equal(found.n_live, 10);
	assert_int_equal(found.live[0], 2);
	make_row(&old, &new, 10, 1);
	refused(&old, &new, 11, ERR_BAD_INPUT, "11 live releases");
	make_row(&old, &new, 9, 2);
	refused(&old, &new, 10, ERR_BAD_INPUT, "lacks the target gd.ip/marks/1/record.json");
	make_row(&old, &new, 10, 3);
	refused(&old, &new, 11, ERR_BAD_INPUT, "lacks the target gd.ip/marks/1/record.json");
}

static void
withdrawn_records_stay_and_do_not_count(void **state)
{
	static const char withdrawn[] = "\"custom\":{\"withdrawn\":{\"reason\":\"x\"}},";
	struct rolecheck_role old, new;

	(void)state;
	begin(&before, 1);
	put_record(&before, 1, withdrawn);
	for (uint32_t i = 2; i <= 11; i++)
		put_record(&before, i, "");
	old = end(&before);
	begin(&after, 2);
	put_record(&after, 1, withdrawn);
	for (uint32_t i = 3; i <= 11; i++)
		put_record(&after, i, "");
	put_release(&after, 12);
	new = end(&after);
	accepted(&old, &new, 12);
	begin(&after, 2);
	for (uint32_t i = 3; i <= 11; i++)
		put_record(&after, i, "");
	put_release(&after, 12);
	new = end(&after);
	refused(&old, &new, 12, ERR_BAD_INPUT, "lacks the target gd.ip/marks/1/record.json");
}

static void
what_is_no_role_is_refused(void **state)
{
	static const char *const texts[] = { "", "{}", "{\"signed\":{}}",
		"{\"signed\":{\"_type\":\"snapshot\",\"version\":1,\"targets\":{}}}",
		"{\"signed\":{\"_type\":\"targets\",\"version\":0,\"targets\":{}}}",
		"{\"signed\":{\"_type\":\"targets\",\"version\":1.5,\"targets\":{}}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rolecheck_role new = { texts[i], strlen(texts[i]) };

		refused(&nothing, &new, 1, ERR_BAD_INPUT, "the channel's role");
	}
}

static void
renewing_changes_no_target(void **state)
{
	struct rolecheck_role old, new;
	struct err e = { 0 };
	int64_t version = 0;
	bool ends = true;

	(void)state;
	begin(&before, 3);
	put_release(&before, 1);
	old = end(&before);
	begin(&after, 4);
	put_release(&after, 1);
	new = end(&after);
	assert_int_equal(rolecheck_renew(&old, &new, &version, &ends, &e), 0);
	assert_int_equal(version, 4);
	assert_false(ends);
	begin(&after, 4);
	put_release(&after, 2);
	new = end(&after);
	assert_int_equal(rolecheck_renew(&old, &new, &version, &ends, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(rolecheck_renew(&old, &old, &version, &ends, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_int_equal(rolecheck_renew(&nothing, &new, &version, &ends, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
}

static void
a_role_without_targets_ends_the_channel(void **state)
{
	struct rolecheck_role old, new;
	struct err e = { 0 };
	int64_t version = 0;
	bool ends = false;

	(void)state;
	begin(&before, 3);
	put_release(&before, 1);
	old = end(&before);
	begin(&after, 4);
	new = end(&after);
	assert_int_equal(rolecheck_renew(&old, &new, &version, &ends, &e), 0);
	assert_true(ends);
	assert_int_equal(version, 4);
	ends = false;
	assert_int_equal(rolecheck_renew(&nothing, &new, &version, &ends, &e), 0);
	assert_true(ends);
	/* Empty already: a renewal as any other. */
	begin(&before, 3);
	old = end(&before);
	assert_int_equal(rolecheck_renew(&old, &new, &version, &ends, &e), 0);
	assert_false(ends);
	begin(&after, 3);
	new = end(&after);
	assert_int_equal(rolecheck_renew(&old, &new, &version, &ends, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
}

/* ---- recall ---- */

static const char mark[] =
    "\"custom\":{\"withdrawn\":{\"date\":\"2026-11-23T08:00:00Z\",\"reason\":\"wrong law\"}},";
static struct rolecheck_recall recalled;

/* marks/1 and marks/2, other/1; marks have a bundle each where asked for. */
static struct rolecheck_role
two(struct draft *d, int version, const char *first, const char *second, int bundle)
{
	begin(d, version);
	put_record(d, 1, first);
	put_record(d, 2, second);
	if (bundle == 1)
		target(d, "gd.ip/marks/1/bundle.tar", 5120, 'd', "");
	if (bundle == 2)
		target(d, "gd.ip/marks/2/bundle.tar", 7168, 'e', "");
	target(d, "gd.ip/other/1/record.json", 70, 'f', "");
	target(d, "gd.ip/other/1/bundle.tar", 71, '0', "");
	return end(d);
}

static void
recall_refused(const struct rolecheck_role *old, const struct rolecheck_role *new,
    enum err_class class, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(rolecheck_recall(old, new, "gd.ip", &recalled, &e), -1);
	if (strstr(e.text, text) == NULL)
		fail_msg("got: %s; wanted: %s", e.text, text);
	assert_int_equal(e.class, class);
}

static void
recall_moves_the_bundle_to_the_newest_live_release(void **state)
{
	struct rolecheck_role old = two(&before, 4, "", "", 2), new = two(&after, 5, "", mark, 1);
	struct err e = { 0 };

	(void)state;
	if (rolecheck_recall(&old, &new, "gd.ip", &recalled, &e) == -1)
		fail_msg("%s", e.text);
	assert_string_equal(recalled.course, "marks");
	assert_int_equal(recalled.release, 2);
	assert_false(recalled.is_undo);
	assert_string_equal(recalled.reason, "wrong law");
	assert_int_equal(recalled.bundle, 1);
	assert_int_equal(recalled.bundle_len, 5120);
	assert_int_equal(recalled.n_live, 1);
	assert_int_equal(recalled.live[0], 1);
	/* An older one: the bundle stays where it is. */
	new = two(&after, 5, mark, "", 2);
	assert_int_equal(rolecheck_recall(&old, &new, "gd.ip", &recalled, &e), 0);
	assert_int_equal(recalled.release, 1);
	assert_int_equal(recalled.bundle, 2);
	/* The last live one: no bundle is left. */
	old = two(&before, 4, mark, "", 2);
	new = two(&after, 5, mark, mark, 0);
	assert_int_equal(rolecheck_recall(&old, &new, "gd.ip", &recalled, &e), 0);
	assert_int_equal(recalled.bundle, 0);
	assert_int_equal(recalled.n_live, 0);
}

static void
recall_is_undone_the_same_way(void **state)
{
	struct rolecheck_role old = two(&before, 5, "", mark, 1), new = two(&after, 6, "", "", 2);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rolecheck_recall(&old, &new, "gd.ip", &recalled, &e), 0);
	assert_true(recalled.is_undo);
	assert_int_equal(recalled.release, 2);
	assert_int_equal(recalled.bundle, 2);
	assert_int_equal(recalled.n_live, 2);
}

static void
recall_changes_nothing_else(void **state)
{
	static const char other_mark[] = "\"custom\":{\"withdrawn\":{\"date\":"
	    "\"2026-11-23T08:00:00Z\",\"reason\":\"another reason\"}},";
	static const char no_reason[] =
	    "\"custom\":{\"withdrawn\":{\"date\":\"2026-11-23T08:00:00Z\"}},";
	static const char more[] = "\"custom\":{\"x\":1,\"withdrawn\":{\"date\":"
	    "\"2026-11-23T08:00:00Z\",\"reason\":\"wrong law\"}},";
	struct rolecheck_role old = two(&before, 4, "", "", 2), new;

	(void)state;
	new = two(&after, 6, "", mark, 1);
	recall_refused(&old, &new, ERR_CONFLICT, "at version 4");
	new = two(&after, 5, "", "", 2);
	recall_refused(&old, &new, ERR_BAD_INPUT, "neither a renewal nor a recall");
	new = two(&after, 5, mark, mark, 0);
	recall_refused(&old, &new, ERR_BAD_INPUT, "one release at a time");
	new = two(&after, 5, "", no_reason, 1);
	recall_refused(&old, &new, ERR_BAD_INPUT, "reason");
	new = two(&after, 5, "", more, 1);
	recall_refused(&old, &new, ERR_BAD_INPUT, "nothing of the target");
	new = two(&after, 5, "", mark, 2);
	recall_refused(&old, &new, ERR_BAD_INPUT, "must go");
	new = two(&after, 5, "", mark, 0);
	recall_refused(&old, &new, ERR_BAD_INPUT, "lacks the target gd.ip/marks/1/bundle.tar");
	/* The record itself may not go, nor may another's appear, nor another's change. */
	begin(&after, 5);
	put_record(&after, 2, mark);
	target(&after, "gd.ip/other/1/record.json", 70, 'f', "");
	target(&after, "gd.ip/other/1/bundle.tar", 71, '0', "");
	new = end(&after);
	recall_refused(&old, &new, ERR_BAD_INPUT, "lacks the target gd.ip/marks/1/record.json");
	two(&after, 5, "", mark, 1);
	after.len -= 3; /* the ends of targets, signed and the document */
	target(&after, "gd.ip/new/1/record.json", 70, 'f', "");
	new = end(&after);
	recall_refused(&old, &new, ERR_BAD_INPUT, "gd.ip/new/1/record.json is new");
	/* A reason given once is not exchanged for another. */
	old = two(&before, 4, "", mark, 1);
	new = two(&after, 5, "", other_mark, 1);
	recall_refused(&old, &new, ERR_BAD_INPUT, "only a recall may change one");
	recall_refused(&nothing, &new, ERR_BAD_INPUT, "no release that could be recalled");
}

static void
recall_that_is_undone_pushes_out_the_oldest(void **state)
{
	struct rolecheck_role old, new;
	struct err e = { 0 };

	(void)state;
	begin(&before, 4);
	for (uint32_t i = 1; i <= 11; i++)
		put_record(&before, i, i == 11 ? mark : "");
	target(&before, "gd.ip/marks/10/bundle.tar", 5120, 'd', "");
	old = end(&before);
	begin(&after, 5);
	for (uint32_t i = 1; i <= 11; i++)
		put_record(&after, i, "");
	target(&after, "gd.ip/marks/11/bundle.tar", 5120, 'e', "");
	new = end(&after);
	recall_refused(&old, &new, ERR_BAD_INPUT, "11 live releases");
	begin(&after, 5);
	for (uint32_t i = 2; i <= 11; i++)
		put_record(&after, i, "");
	target(&after, "gd.ip/marks/11/bundle.tar", 5120, 'e', "");
	new = end(&after);
	if (rolecheck_recall(&old, &new, "gd.ip", &recalled, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(recalled.n_live, 10);
	assert_int_equal(recalled.live[0], 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_release_of_a_channel_is_accepted),
		cmocka_unit_test(next_release_replaces_the_bundle_and_keeps_the_record),
		cmocka_unit_test(other_versions_than_the_next_are_conflicts),
		cmocka_unit_test(release_numbers_only_grow),
		cmocka_unit_test(targets_must_be_what_was_checked),
		cmocka_unit_test(everything_else_stays_as_it_was),
		cmocka_unit_test(only_names_of_the_channel_are_targets),
		cmocka_unit_test(a_course_has_one_bundle),
		cmocka_unit_test(ten_releases_live_and_the_oldest_goes),
		cmocka_unit_test(withdrawn_records_stay_and_do_not_count),
		cmocka_unit_test(what_is_no_role_is_refused),
		cmocka_unit_test(renewing_changes_no_target),
		cmocka_unit_test(a_role_without_targets_ends_the_channel),
		cmocka_unit_test(recall_moves_the_bundle_to_the_newest_live_release),
		cmocka_unit_test(recall_is_undone_the_same_way),
		cmocka_unit_test(recall_changes_nothing_else),
		cmocka_unit_test(recall_that_is_undone_pushes_out_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
