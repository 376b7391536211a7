/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences, numbers, words of the command line, the line on the terminal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/kebao/args.h"
#include "clients/kebao/library.h"
#include "clients/kebao/messages.h"
#include "clients/kebao/progress.h"
#include "clients/kebao/reasons.h"
#include "clients/kebao/status.h"
#include "clients/kebao/text.h"

#include "catalog/base/utf8.h"

/* Bit n for each {n} in the text. */
static unsigned
placeholders(const char *text)
{
	unsigned set = 0;

	for (const char *p = text; *p != '\0'; p++)
		if (p[0] == '{' && p[1] >= '1' && p[1] <= '9' && p[2] == '}')
			set |= 1u << (p[1] - '0');
	return set;
}

static void
both_languages_say_the_same_things(void **state)
{
	(void)state;
	for (enum message id = 0; id < MSG_COUNT; id++) {
		const char *zh = messages_text(LANGUAGE_ZH, id);
		const char *en = messages_text(LANGUAGE_EN, id);

		assert_non_null(zh);
		assert_non_null(en);
		assert_true(utf8_valid(zh, strlen(zh)));
		if (placeholders(zh) != placeholders(en))
			fail_msg("other arguments: \"%s\" and \"%s\"", zh, en);
	}
}

static void
reasons_are_said_in_chinese_and_names_are_left_alone(void **state)
{
	static const struct {
		const char *en, *zh;
	} said[] = {
		{ "key file a.pem: wrong passphrase", "密钥文件 a.pem: 口令不对" },
		{ "name \"is too large\": it is empty", "名称 \"is too large\": 名称为空" },
		{ "names \"A is empty\" and \"a is empty\" are the same to Windows and Mac, which "
		  "do not tell capitals apart; rename one", "名称 \"A is empty\" 和 \"a is empty\" "
		  "在 Windows 和 Mac 上是同一个名称（不区分大小写）；请改其中一个" },
		{ "title.zh: is too long (1 to 200 characters on one line are wanted)",
		  "title.zh: 太长 (应为 1 至 200 个字，不换行)" },
		{ "the month's budget is used up (1.2 MiB / 1.0 MiB); it may go on at 2026-12-01 "
		  "00:00",
		  "本月流量已用完（1.2 MiB / 1.0 MiB）；可以继续的时间：2026-12-01 00:00" },
		{ "3.0 MiB are needed at one time, 2.0 MiB are free, and 1.0 MiB of them are to be "
		  "left alone; nothing was fetched: make room, name fewer courses, or see "
		  "--low-space and the setting reserve",
		  "3.0 MiB 是同时需要的空间，2.0 MiB 可用，其中 "
		  "1.0 MiB 须保留；没有下载任何内容：请腾出空间、少选课程，或用 --low-space，"
		  "或改设置 reserve" },
		{ "label: is empty (and 4 more)", "label: 为空（另有 4 处）" },
		{ "setting limit-rate: \"fast\" is not bytes a second, 1K at least, such as 500K "
		  "or 2M",
		  "设置 limit-rate: \"fast\" 不对，应为每秒的字节数，至少 1K，如 500K 或 2M" },
		{ "there is no setting speed", "没有这个设置：speed" },
		{ "https://h: Failed to connect to 10.0.0.1 port 443 after 3 ms: Couldn't connect "
		  "to server", "https://h: 连不上 10.0.0.1 端口 443，用时 3 毫秒" },
		{ "/api/v1/registry: hub (403): this needs an administrator of the hub; "
		  "you are a member of x",
		  "/api/v1/registry：课程中心（403）：这需要课程中心的管理员；"
		  "现在的身份：a member of x" },
		{ "no course marks is held or was offered at the last check",
		  "没有课程 marks：本机没有，上次联系时也没有提供" },
		{ "nobody has said this 从来", "nobody has said this 从来" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(reasons_add(&b, LANGUAGE_ZH, said[i].en, NULL), 0);
		assert_string_equal(buf_text(&b), said[i].zh);
		buf_truncate(&b, 0);
		assert_int_equal(reasons_add(&b, LANGUAGE_EN, said[i].en, NULL), 0);
		assert_string_equal(buf_text(&b), said[i].en);
		buf_clear(&b);
	}
}

static void
arguments_find_their_places_and_are_made_harmless(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(messages_add(&b, LANGUAGE_EN, MSG_RETRY,
	    MESSAGES_ARGS("a\033[2Jb\xff\xe2\x80\xae{2}", "3 s"), NULL), 0);
	assert_string_equal(buf_text(&b), "a?[2Jb??{2}; trying again in 3 s");
	buf_clear(&b);
	/* An argument that is not given is empty, and reads nothing behind the array. */
	assert_int_equal(messages_add(&b, LANGUAGE_EN, MSG_RETRY, MESSAGES_ARGS("x"), NULL), 0);
	assert_string_equal(buf_text(&b), "x; trying again in ");
	buf_clear(&b);
}

static void
language_follows_the_first_variable_that_is_set(void **state)
{
	(void)state;
	unsetenv("KEBAO_LANG");
	unsetenv("LC_ALL");
	unsetenv("LC_MESSAGES");
	unsetenv("LANG");
	assert_int_equal(messages_language(NULL), LANGUAGE_ZH);
	setenv("LANG", "zh_CN.UTF-8", 1);
	assert_int_equal(messages_language(NULL), LANGUAGE_ZH);
	setenv("LC_MESSAGES", "de_DE.UTF-8", 1);
	assert_int_equal(messages_language(NULL), LANGUAGE_EN);
	setenv("LC_ALL", "", 1);
	assert_int_equal(messages_language(NULL), LANGUAGE_EN);
	setenv("KEBAO_LANG", "zh", 1);
	assert_int_equal(messages_language(NULL), LANGUAGE_ZH);
	assert_int_equal(messages_language("en"), LANGUAGE_EN);
	unsetenv("KEBAO_LANG");
}

static void
numbers_are_words(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} sizes[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1048575, "1.0 MiB" },
		{ 1u << 20, "1.0 MiB" }, { 1ull << 40, "1.0 TiB" },
		{ UINT64_MAX, "16777216.0 TiB" },
	};
	struct text t;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_string_equal(text_bytes(&t, sizes[i].bytes), sizes[i].words);
	assert_string_equal(text_seconds(&t, 61007), "61.007 s");
	assert_string_equal(text_duration(&t, LANGUAGE_ZH, 59), "59 秒");
	assert_string_equal(text_duration(&t, LANGUAGE_EN, 3725), "1 h 2 min");
	assert_string_equal(text_rfc3339(&t, 1688140800), "2023-06-30T16:00:00Z");
}

/* --- args --- */

struct taken {
	bool all;
	const char *label;
	struct args_list keys;
	struct args_list words;
	enum message problem;
	const char *word;
};

static int
take(struct taken *t, int argc, const char *const *argv)
{
	const struct args_option options[] = {
		{ .name = "all", .flag = &t->all },
		{ .name = "label", .value = &t->label },
		{ .name = "key", .list = &t->keys },
		{ .name = NULL },
	};

	memset(t, 0, sizeof(*t));
	return args_parse(argc, (char *const *)argv, options, &t->words, &t->problem, &t->word);
}

static void
options_may_stand_anywhere(void **state)
{
	static const char *const argv[] = { "one", "--key=a", "--all", "--key", "b", "two", "-",
		"--label", "--", "--", "--all" };
	struct taken t;

	(void)state;
	assert_int_equal(take(&t, 11, argv), 0);
	assert_true(t.all);
	assert_string_equal(t.label, "--");
	assert_int_equal(t.keys.n, 2);
	assert_string_equal(t.keys.words[1], "b");
	assert_int_equal(t.words.n, 4);
	assert_string_equal(t.words.words[2], "-");
	assert_string_equal(t.words.words[3], "--all");
}

static void
wrong_options_are_named(void **state)
{
	static const struct {
		const char *argv[3];
		enum message problem;
	} wrong[] = {
		{ { "--bogus", "x", "y" }, MSG_ARGS_UNKNOWN },
		{ { "-a", "x", "y" }, MSG_ARGS_UNKNOWN },
		{ { "--al", "x", "y" }, MSG_ARGS_UNKNOWN },
		{ { "--all=1", "x", "y" }, MSG_ARGS_NO_VALUE },
		{ { "x", "y", "--label" }, MSG_ARGS_NEEDS_VALUE },
		{ { "--label=1", "--label", "2" }, MSG_ARGS_TWICE },
	};
	struct taken t;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(take(&t, 3, wrong[i].argv), -1);
		assert_int_equal(t.problem, wrong[i].problem);
	}
}

static void
numbers_are_read_strictly(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "101",
		"99999999999999999999" };
	long long n = 0;

	(void)state;
	assert_int_equal(args_number("100", 1, 100, &n), 0);
	assert_int_equal(n, 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(args_number(bad[i], 1, 100, &n), -1);
}

/* --- the rest --- */

static void
a_full_disk_has_its_own_status(void **state)
{
	struct err e = { .class = ERR_BUSY, .sys = ENOSPC };

	(void)state;
	assert_int_equal(status_of(&e), STATUS_SPACE);
	e = (struct err){ .class = ERR_WITHHELD };
	assert_int_equal(status_of(&e), STATUS_WITHHELD);
	e = (struct err){ .class = ERR_SYSTEM, .sys = EINTR };
	assert_int_equal(status_of(&e), STATUS_INTERRUPTED);
	for (enum err_class c = ERR_BAD_INPUT; c <= ERR_SYSTEM; c++) {
		e = (struct err){ .class = c };
		assert_int_not_equal(status_of(&e), STATUS_OK);
		assert_int_not_equal(status_of(&e), STATUS_NEW);
	}
}

static void
the_progress_line_never_wraps(void **state)
{
	struct progress p = {
		.lang = LANGUAGE_ZH,
		.label = "核对本机已有内容，核对本机已有内容，核对本机已有内容",
		.total = 3u << 30, .done = 1u << 30, .speed = 1234567,
	};

	(void)state;
	for (unsigned columns = 1; columns < 200; columns++) {
		struct buf b = BUF_INIT;

		assert_int_equal(progress_line(&p, columns, &b, NULL), 0);
		assert_true(utf8_valid(buf_data(&b), buf_len(&b)));
		assert_in_range(utf8_columns(buf_data(&b), buf_len(&b)), 0, columns - 1);
		buf_clear(&b);
	}
}

/* Hours of a speed that is over, and what would be left then, are nobody's guess. */
static void
a_line_on_which_nothing_moves_says_so(void **state)
{
	struct progress p = {
		.lang = LANGUAGE_EN, .label = "fetching", .total = 3u << 20, .done = 1u << 20,
		.speed = 13, .still_s = 20,
	};
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(progress_line(&p, 200, &b, NULL), 0);
	assert_non_null(strstr(buf_text(&b), "  nothing for 20 s"));
	assert_null(strstr(buf_text(&b), "/s"));
	assert_null(strstr(buf_text(&b), "left"));
	buf_clear(&b);
}

static void
words_mean_courses_and_releases(void **state)
{
	const struct library_name name = { "gd.ip", "trademark", 12 };

	(void)state;
	assert_true(library_matches("trademark", &name));
	assert_true(library_matches("gd.ip/trademark", &name));
	assert_true(library_matches("gd.ip/trademark/12", &name));
	assert_false(library_matches("gd.ip/trademark/1", &name));
	assert_false(library_matches("gd.ip", &name));
	assert_false(library_matches("trade", &name));
	assert_false(library_matches("ip/trademark", &name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_languages_say_the_same_things),
		cmocka_unit_test(reasons_are_said_in_chinese_and_names_are_left_alone),
		cmocka_unit_test(arguments_find_their_places_and_are_made_harmless),
		cmocka_unit_test(language_follows_the_first_variable_that_is_set),
		cmocka_unit_test(numbers_are_words),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(numbers_are_read_strictly),
		cmocka_unit_test(a_full_disk_has_its_own_status),
		cmocka_unit_test(the_progress_line_never_wraps),
		cmocka_unit_test(a_line_on_which_nothing_moves_says_so),
		cmocka_unit_test(words_mean_courses_and_releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
