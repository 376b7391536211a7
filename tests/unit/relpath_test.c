/* SPDX-License-Identifier: Apache-2.0 */
/* Names allowed in a release, and twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "catalog/base/limits.h"
#include "catalog/repo/relpath.h"

#define LAW "\xe6\xb3\x95" /* 法 */

static void
legal_names_pass(void **state)
{
	static const char *const good[] = { "a", "a/b/c.txt", "README", ".hidden", "a.b.c", "a b",
		LAW "/" LAW LAW ".pdf", "\xef\xbc\x9f",		    /* a full-width question mark */
		"caf\xc3\xa9", "\xea\xb0\x80",			    /* composed Hangul */
		"\xe0\xbd\x96\xe0\xbd\xbc\xe0\xbd\x91",		    /* Tibetan */
		"\xd8\xa6\xdb\x87\xd9\x8a\xd8\xba\xdb\x87\xd8\xb1", /* Uyghur */
		"con1", "com", "com0", "com10.txt", "lpt", "console", "xcon", "a.con", "nul-a",
		"com\xc2\xb5", "\xf0\xa0\xae\xb7", /* CJK beyond the first plane */
		"\xf0\x9f\x91\xa9\xe2\x80\x8d\xe2\x9a\x96" /* joined symbols */ };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (relpath_check(good[i], strlen(good[i]), &e) != 0)
			fail_msg("%s", e.text);
}

static void
illegal_names_are_refused_with_their_rule(void **state)
{
	static const struct {
		const char *path, *rule;
	} bad[] = {
		{ "", "empty" },
		{ "/a", "begins or ends with '/'" },
		{ "a/", "begins or ends with '/'" },
		{ "a//b", "two in a row" },
		{ ".", "not names" },
		{ "..", "not names" },
		{ "a/../b", "not names" },
		{ "a/.", "not names" },
		{ "a.", "ends with '.'" },
		{ "a./b", "ends with '.'" },
		{ "...", "ends with '.'" },
		{ "a /b", "blank, which Windows drops" },
		{ " ", "blank" },
		{ " a", "begins with a blank" },
		{ "a/ b", "begins with a blank" },
		{ "a\nb", "control character" },
		{ "a\x7f", "control character" },
		{ "a\xc2\x85", "control character" },
		{ "a<", "Windows cannot store" },
		{ "a>", "Windows cannot store" },
		{ "c:", "Windows cannot store" },
		{ "a\"", "Windows cannot store" },
		{ "a|b", "Windows cannot store" },
		{ "a?", "Windows cannot store" },
		{ "a*", "Windows cannot store" },
		{ "a\\b", "Windows cannot store" },
		{ "con", "device" },
		{ "CON", "device" },
		{ "a/Nul", "device" },
		{ "aux.txt", "device" },
		{ "aux .txt", "device" },
		{ "nul.tar.gz", "device" },
		{ "COM1", "device" },
		{ "lpt9.x/a", "device" },
		{ "com\xc2\xb9", "device" },
		{ "conin$", "device" },
		{ "\xe2\x80\xae", "direction" },
		{ "a\xe2\x81\xa6", "direction" },
		{ "\xef\xbb\xbf" "a", "byte order mark" },
		{ "a\xe2\x80\xa8", "separator" },
		{ "\xc4\xe3\xba\xc3", "UTF-8" },
		{ "a\xc0\x80", "UTF-8" },
		{ "\xed\xa0\x80", "UTF-8" },
		{ "cafe\xcc\x81", "NFC" },
		{ "\xe1\x84\x80\xe1\x85\xa1", "NFC" },
		{ "\xef\xa4\x80", "NFC" }, /* a compatibility ideograph with a canonical twin */
		{ "\xe2\x84\xab", "NFC" }, /* the sign for angstrom */
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (relpath_check(bad[i].path, strlen(bad[i].path), &e) == 0)
			fail_msg("case %zu was taken", i);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (strstr(e.text, bad[i].rule) == NULL)
			fail_msg("case %zu: %s", i, e.text);
	}
	assert_int_equal(relpath_check("a\0b", 3, &e), -1);
	assert_non_null(strstr(e.text, "control"));
}

static void
lengths_are_limited(void **state)
{
	char path[1100];
	struct err e;

	(void)state;
	memset(path, 'a', sizeof(path));
	assert_int_equal(relpath_check(path, 255, &e), 0);
	assert_int_equal(relpath_check(path, 256, &e), -1);
	assert_non_null(strstr(e.text, "255 bytes"));
	for (size_t at = 200; at < sizeof(path); at += 200)
		path[at] = '/';
	assert_int_equal(relpath_check(path, 1024, &e), 0);
	assert_int_equal(relpath_check(path, 1025, &e), -1);
	assert_non_null(strstr(e.text, "1,024"));
}

static void
names_cut_or_with_a_flipped_byte_never_break_the_check(void **state)
{
	static const char path[] = "a/" LAW "/caf\xc3\xa9 x.con/\xea\xb0\x80.txt";
	char copy[sizeof(path)];

	(void)state;
	for (size_t len = 0; len < sizeof(path) - 1; len++)
		if (relpath_check(path, len, NULL) ==
		    0) /* a cut within a character is never a name */
			assert_true(len > 0 && ((uint8_t)path[len] & 0xc0) != 0x80);
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		for (unsigned flip = 1; flip < 256; flip++) {
			struct err e = { 0 };

			memcpy(copy, path, sizeof(path));
			copy[i] = (char)(copy[i] ^ flip);
			if (relpath_check(copy, sizeof(path) - 1, &e) == -1)
				assert_true(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		}
}

static void
twins_are_found(void **state)
{
	static const struct {
		const char *a, *b;
		int is_twin;
	} pairs[] = {
		{ "a", "a", 1 },
		{ "a", "A", 1 },
		{ "a/B", "A/b", 1 },
		{ "a", "a/", 1 },
		{ "dir/", "DIR", 1 },
		{ "caf\xc3\xa9", "CAF\xc3\x89", 1 },
		{ "caf\xc3\xa9", "cafe\xcc\x81", 1 },
		{ "stra\xc3\x9f" "e", "STRASSE", 1 },
		{ "\xcf\x83", "\xcf\x82", 1 }, /* two forms of sigma */
		{ "\xef\xbc\xa1", "\xef\xbd\x81", 1 }, /* full-width A and a */
		{ "k", "\xe2\x84\xaa", 1 }, /* the sign for kelvin */
		{ "a", "b", 0 },
		{ "ab", "a/b", 0 },
		{ LAW, LAW LAW, 0 },
		{ "a", "\xef\xbd\x81", 0 }, /* full width is another letter */
		{ "cafe", "caf\xc3\xa9", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct relpath_set *s = relpath_set_new(NULL);
		uint32_t twin = 99;

		assert_non_null(s);
		assert_int_equal(
		    relpath_set_add(s, pairs[i].a, strlen(pairs[i].a), 7, &twin, NULL), 0);
		if (relpath_set_add(s, pairs[i].b, strlen(pairs[i].b), 8, &twin, NULL) !=
		    pairs[i].is_twin)
			fail_msg("pair %zu", i);
		assert_int_equal(twin, pairs[i].is_twin ? 7 : 99);
		relpath_set_free(s);
	}
}

/* The short cut of the check is right: no ideograph changes by normalising or folding. */
static void
ideographs_stand_for_themselves(void **state)
{
	const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;

	(void)state;
	for (utf8proc_int32_t c = 0x3400; c <= 0x9fff; c++) {
		utf8proc_uint8_t text[4], *same = NULL;
		utf8proc_ssize_t len = utf8proc_encode_char(c, text);

		if (c > 0x4dbf && c < 0x4e00)
			continue;
		assert_int_equal(utf8proc_map(text, len, &same, how), len);
		assert_memory_equal(same, text, (size_t)len);
		free(same);
		assert_int_equal(utf8proc_get_property(c)->combining_class, 0);
	}
}

static void
a_set_holds_many_paths(void **state)
{
	struct relpath_set *s = relpath_set_new(NULL);
	uint32_t twin;
	char path[40];

	(void)state;
	for (uint32_t i = 0; i < 30000; i++) {
		int n = snprintf(path, sizeof(path), i % 2 ? "folder/f%u" : LAW "/f%u", i);

		assert_int_equal(relpath_set_add(s, path, (size_t)n, i, &twin, NULL), 0);
	}
	for (uint32_t i = 0; i < 30000; i++) {
		int n = snprintf(path, sizeof(path), i % 2 ? "FOLDER/F%u" : LAW "/F%u", i);

		assert_int_equal(relpath_set_add(s, path, (size_t)n, 1 << 20, &twin, NULL), 1);
		assert_int_equal(twin, i);
	}
	relpath_set_free(s);
	relpath_set_free(NULL);
}

static void
both_twins_are_named(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(relpath_twin_error("a/Bild.png", 10, "a/bild.png", 10, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_non_null(strstr(e.text, "\"a/Bild.png\" and \"a/bild.png\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_names_pass),
		cmocka_unit_test(illegal_names_are_refused_with_their_rule),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(names_cut_or_with_a_flipped_byte_never_break_the_check),
		cmocka_unit_test(twins_are_found),
		cmocka_unit_test(ideographs_stand_for_themselves),
		cmocka_unit_test(a_set_holds_many_paths),
		cmocka_unit_test(both_twins_are_named),
	};

	return cmocka_run_group_tests_name("relpath", tests, NULL, NULL);
}
