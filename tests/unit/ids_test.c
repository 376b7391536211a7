/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, release numbers and the names of objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/repo/ids.h"
#include "catalog/repo/objpath.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LEN_48 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl"

static void
ids_follow_the_page(void **state)
{
	static const char *const good[] = { "a", "gd", "gd.ip", "trademark-basics", "a0.b-1.2",
		"con1", "com0", "com10", "xcon", LEN_48 };
	static const struct {
		const char *id, *rule;
	} bad[] = {
		{ "", "empty" },
		{ LEN_48 "m", "longer" },
		{ "1a", "begin with a letter" },
		{ ".a", "begin with a letter" },
		{ "Gd", "begin with a letter" },
		{ "a.", "both sides" },
		{ "a..b", "both sides" },
		{ "a.-b", "both sides" },
		{ "a-", "both sides" },
		{ "aB", "only a-z" },
		{ "a_b", "only a-z" },
		{ "a/b", "only a-z" },
		{ "a\xe4", "only a-z" },
		{ "con", "device" },
		{ "a.nul", "device" },
		{ "aux-b", "device" },
		{ "x.com1.y", "device" },
		{ "lpt9", "device" },
	};
	struct err e;
	char out[IDS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ids_copy(IDS_CHANNEL, out, good[i], strlen(good[i]), &e), 0);
		assert_string_equal(out, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ids_check(IDS_COURSE, bad[i].id, strlen(bad[i].id), &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_non_null(strstr(e.text, bad[i].rule));
		assert_non_null(strstr(e.text, "course"));
	}
	assert_int_equal(ids_check(IDS_COURSE, "a\0b", 3, &e), -1);
}

static void
only_channels_must_not_be_called_like_roles(void **state)
{
	static const char *const roles[] = { "root", "targets", "snapshot", "timestamp" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(ids_check(IDS_CHANNEL, roles[i], strlen(roles[i]), &e), -1);
		assert_non_null(strstr(e.text, "role"));
		assert_int_equal(ids_check(IDS_COURSE, roles[i], strlen(roles[i]), &e), 0);
		assert_int_equal(ids_check(IDS_ORGANISATION, roles[i], strlen(roles[i]), &e), 0);
	}
}

static void
release_numbers_are_plain_decimals(void **state)
{
	static const char *const bad[] = { "", "0", "01", "-1", "+1", " 1", "1 ", "1000001",
		"10000000", "99999999999999999999", "1a", "0x1" };
	uint32_t n;
	struct err e;

	(void)state;
	assert_int_equal(ids_parse_release(&n, "1", 1, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ids_parse_release(&n, "1000000", 7, &e), 0);
	assert_int_equal(n, 1000000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ids_parse_release(&n, bad[i], strlen(bad[i]), &e), -1);
}

static const struct {
	const char *path;
	enum objpath_kind kind;
	const char *channel, *course;
	uint32_t release;
	uint64_t version;
	int has_hash;
} objects[] = {
	{ "metadata/1.root.json", OBJPATH_ROOT, "", "", 0, 1, 0 },
	{ "metadata/12.targets.json", OBJPATH_TARGETS, "", "", 0, 12, 0 },
	{ "metadata/9007199254740991.snapshot.json", OBJPATH_SNAPSHOT, "", "", 0, 9007199254740991,
	    0 },
	{ "metadata/timestamp.json", OBJPATH_TIMESTAMP, "", "", 0, 0, 0 },
	{ "metadata/7.gd.ip.json", OBJPATH_CHANNEL_ROLE, "gd.ip", "", 0, 7, 0 },
	{ "metadata/7.gd.json.json", OBJPATH_CHANNEL_ROLE, "gd.json", "", 0, 7, 0 },
	{ "targets/gd.ip/basics/3/" HASH ".record.json", OBJPATH_RECORD, "gd.ip", "basics", 3, 0,
	    1 },
	{ "targets/gd.ip/basics/3/" HASH ".bundle.tar", OBJPATH_BUNDLE, "gd.ip", "basics", 3, 0,
	    1 },
	{ "indexes/gd.ip/00/" HASH ".index", OBJPATH_INDEX, "gd.ip", "", 0, 0, 1 },
	{ "packs/gd.ip/00/" HASH ".pack", OBJPATH_PACK, "gd.ip", "", 0, 0, 1 },
	{ "patches/gd.ip/00/" HASH ".patch", OBJPATH_PATCH, "gd.ip", "", 0, 0, 1 },
	{ "hints/gd.ip/basics/1000000", OBJPATH_HINT, "gd.ip", "basics", 1000000, 0, 0 },
	{ "targets/" LEN_48 "/" LEN_48 "/1000000/" HASH ".record.json", OBJPATH_RECORD, LEN_48,
	    LEN_48, 1000000, 0, 1 },
};

static void
names_of_objects_go_both_ways(void **state)
{
	struct digest hash;
	char again[OBJPATH_SIZE];
	struct objpath p;
	struct err e;

	(void)state;
	assert_int_equal(digest_parse(&hash, HASH), 0);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		assert_int_equal(objpath_parse(&p, objects[i].path, &e), 0);
		assert_int_equal(p.kind, objects[i].kind);
		assert_string_equal(p.channel, objects[i].channel);
		assert_string_equal(p.course, objects[i].course);
		assert_int_equal(p.release, objects[i].release);
		assert_true(p.version == objects[i].version);
		assert_int_equal(digest_equal(&p.hash, &hash), objects[i].has_hash);
		objpath_build(again, &p);
		assert_string_equal(again, objects[i].path);
	}
}

static void
nothing_else_is_the_name_of_an_object(void **state)
{
	static const char *const bad[] = { "", "/", "metadata", "metadata/",
		"/metadata/1.root.json", "metadata//1.root.json", "metadata/1.root.json/",
		"metadata/0.root.json", "metadata/01.root.json", "metadata/.root.json",
		"metadata/root.json", "metadata/1.json", "metadata/1..json",
		"metadata/1.timestamp.json", "metadata/9007199254740992.root.json",
		"metadata/99999999999999999999.root.json", "metadata/1.Root.json", "metadata/1.gd",
		"metadata/../metadata/1.root.json", "metadata/1.gd%2eip.json",
		"metadata/.tmp-1.root.json", "targets/root/basics/3/" HASH ".record.json",
		"targets/gd/basics/0/" HASH ".record.json", "targets/gd/basics/3/" HASH ".record",
		"targets/gd/basics/3/record.json", "targets/gd/basics/3/" HASH "0.record.json",
		"targets/gd/basics/" HASH ".record.json", "indexes/gd/01/" HASH ".index",
		"indexes/gd/00/" HASH ".pack", "indexes/gd/" HASH ".index",
		"packs/gd/00/" HASH ".index", "packs/gd/0/" HASH ".pack",
		"packs/gd/00/" HASH ".pack/x", "packs/gd/00/.tmp-" HASH ".pack",
		"packs/gd/00/00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff.pack",
		"hints/gd/basics/1.json", "hints/gd/basics/01", "hints/gd/../1", "a/b/c/d/e/f/g" };
	struct objpath p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (objpath_parse(&p, bad[i], &e) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(e.class, ERR_NOT_FOUND);
	}
}

static void
names_cut_anywhere_are_refused_or_another_name(void **state)
{
	struct objpath p;

	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		char cut[OBJPATH_SIZE], again[OBJPATH_SIZE];

		for (size_t len = 0; len < strlen(objects[i].path); len++) {
			memcpy(cut, objects[i].path, len);
			cut[len] = '\0';
			if (objpath_parse(&p, cut, NULL) == -1)
				continue;
			objpath_build(again, &p); /* hints end in a number */
			assert_string_equal(again, cut);
		}
	}
}

static void
names_of_targets_go_both_ways(void **state)
{
	static const char *const bad[] = { "", "record.json", "gd/basics/record.json",
		"gd/basics/3/record.jso", "gd/basics/3/" HASH ".record.json",
		"gd/basics/3/bundle.tar/", "/gd/basics/3/bundle.tar", "gd/basics/03/bundle.tar" };
	char again[OBJPATH_SIZE];
	struct objpath p;
	struct err e;

	(void)state;
	assert_int_equal(objpath_parse_target(&p, "gd.ip/basics/3/record.json", &e), 0);
	assert_int_equal(p.kind, OBJPATH_RECORD);
	assert_string_equal(p.channel, "gd.ip");
	assert_int_equal(p.release, 3);
	objpath_build_target(again, &p);
	assert_string_equal(again, "gd.ip/basics/3/record.json");
	assert_int_equal(objpath_parse_target(&p, "gd.ip/basics/3/bundle.tar", &e), 0);
	objpath_build_target(again, &p);
	assert_string_equal(again, "gd.ip/basics/3/bundle.tar");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(objpath_parse_target(&p, bad[i], &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_follow_the_page),
		cmocka_unit_test(only_channels_must_not_be_called_like_roles),
		cmocka_unit_test(release_numbers_are_plain_decimals),
		cmocka_unit_test(names_of_objects_go_both_ways),
		cmocka_unit_test(nothing_else_is_the_name_of_an_object),
		cmocka_unit_test(names_cut_anywhere_are_refused_or_another_name),
		cmocka_unit_test(names_of_targets_go_both_ways),
	};

	return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
