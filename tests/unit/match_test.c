/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a delegation's patterns and hash prefixes speak for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/trust/match.h"

static void
patterns_match_segment_by_segment(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "", false },
		{ "*", "", true },
		{ "*", "a", true },
		{ "*", "a/b", false },
		{ "*/*", "a/b", true },
		{ "*/*", "a", false },
		{ "*/*", "a/b/c", false },
		{ "gd.ip/*/*/*", "gd.ip/marks/2/record.json", true },
		{ "gd.ip/*/*/*", "gd.ip/marks/2", false },
		{ "gd.ip/*/*/*", "gd.ip/marks/2/x/y", false },
		{ "gd.ip/*/*/*", "gdxip/marks/2/record.json", false },
		{ "gd.ip/*/*/*", "gd.ip.x/marks/2/record.json", false },
		{ "gd.ip/*/*/*", "GD.IP/marks/2/record.json", false },
		{ "a/", "a/", true },
		{ "a/", "a", false },
		{ "a//b", "a//b", true },
		{ "a//b", "a/b", false },
		{ "/a", "/a", true },
		{ "*.tgz", ".tgz", true },
		{ "*.tgz", "x.tgz.tgz", true },
		{ "*.tgz", "x.tgz.zip", false },
		{ "foo-?.tgz", "foo-1.tgz", true },
		{ "foo-?.tgz", "foo-.tgz", false },
		{ "foo-?.tgz", "foo-12.tgz", false },
		{ "?", "课", true },
		{ "??", "课", false },
		{ "课*", "课包", true },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "abbbcXc", true },
		{ "a*b*c", "acb", false },
		{ "a***", "a", true },
		{ "*?*", "", false },
		{ "*?*", "x", true },
		{ "[abc]", "b", true },
		{ "[abc]", "d", false },
		{ "[a-c]x", "bx", true },
		{ "[a-c]x", "dx", false },
		{ "[!a-c]", "d", true },
		{ "[!a-c]", "a", false },
		{ "[!a]", "", false },
		{ "[]]", "]", true },
		{ "[!]]", "]", false },
		{ "[a-]", "-", true },
		{ "[-a]", "-", true },
		{ "[一-龥]", "课", true },
		{ "[一-龥]", "x", false },
		{ "[abc", "[abc", true },
		{ "[abc", "a", false },
		{ "[", "[", true },
		{ "a[/]b", "a/b", false },
		{ "\\*", "*", false },
		{ "\\*", "\\x", true },
		{ ".*", ".hidden", true },
		{ "*", ".hidden", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (match_path(cases[i].pattern, cases[i].path) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].path);
	}
}

static void
a_hostile_pattern_costs_no_time(void **state)
{
	char pattern[2001], path[2001];

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	memset(path, 'a', 2000);
	pattern[1999] = 'b';
	pattern[2000] = '\0';
	path[2000] = '\0';
	assert_false(match_path(pattern, path));
}

static void
prefixes_match_the_hash_of_the_path(void **state)
{
	/* SHA-256 of "file": 3b9c358f36f0a31b... */
	(void)state;
	assert_true(match_hash_prefix("", "file"));
	assert_true(match_hash_prefix("3", "file"));
	assert_true(match_hash_prefix("3b9c358f36f0a31b", "file"));
	assert_false(match_hash_prefix("3B", "file"));
	assert_false(match_hash_prefix("3b9d", "file"));
	assert_false(match_hash_prefix(
	    "3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b800", "file"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_segment_by_segment),
		cmocka_unit_test(a_hostile_pattern_costs_no_time),
		cmocka_unit_test(prefixes_match_the_hash_of_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
