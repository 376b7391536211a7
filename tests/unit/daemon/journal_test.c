/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a switch survives being written and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/app/journal.h"

static struct journal
example(void)
{
	struct journal j = {
		.files = { { "metadata/3.gd.ip.json", "{\"a\":\"\\n\xe8\xaf\xbe\"}\n", 0 },
		    { "metadata/9.snapshot.json", "{}", 0 },
		    { "metadata/timestamp.json", "{\"t\":1}", 0 } },
		.n_files = 3,
		.note = { .at = 1700000000, .actor = "gd/00", .action = "publish",
		    .object = "gd.ip/marks/2", .detail = "d" },
	};

	for (size_t i = 0; i < j.n_files; i++)
		j.files[i].len = strlen(j.files[i].text);
	return j;
}

static struct journal
example_release(void)
{
	struct journal j = example();

	j.is_release = true;
	j.draft_id = "0123456789abcdef0123456789abcdef";
	j.role_version = 3;
	j.release = (struct state_release){ .channel = "gd.ip", .course = "marks", .number = 2,
		.record_len = 900, .index_len = 5000, .tar_len = 1ull << 40, .zst_len = 1u << 30,
		.published_at = 1699999999 };
	memset(j.release.record.bytes, 1, 32);
	memset(j.release.index.bytes, 2, 32);
	memset(j.release.tar.bytes, 3, 32);
	memset(j.release.zst_tag.bytes, 4, 16);
	memset(j.role_hash.bytes, 5, 32);
	j.live[0] = 1;
	j.live[1] = 2;
	j.n_live = 2;
	return j;
}

static void
same_files(const struct journal *a, const struct journal *b)
{
	assert_int_equal(a->n_files, b->n_files);
	for (size_t i = 0; i < a->n_files; i++) {
		assert_string_equal(a->files[i].name, b->files[i].name);
		assert_int_equal(a->files[i].len, b->files[i].len);
		assert_memory_equal(a->files[i].text, b->files[i].text, a->files[i].len);
	}
	assert_int_equal(a->note.at, b->note.at);
	assert_string_equal(a->note.actor, b->note.actor);
	assert_string_equal(a->note.action, b->note.action);
	assert_string_equal(a->note.object, b->note.object);
	assert_string_equal(a->note.detail, b->note.detail);
}

static void
round_trip(const struct journal *j, struct buf *bytes, struct journal *out)
{
	struct err e = { 0 };

	if (journal_encode(j, bytes, &e) == -1 ||
	    journal_parse(buf_data(bytes), buf_len(bytes), out, &e) == -1)
		fail_msg("%s", e.text);
}

static void
files_come_back_byte_for_byte(void **state)
{
	struct journal j = example(), k;
	struct buf bytes = BUF_INIT;

	(void)state;
	round_trip(&j, &bytes, &k);
	same_files(&j, &k);
	assert_false(k.is_release);
	journal_clear(&k);
	buf_clear(&bytes);
}

static void
release_comes_back_whole(void **state)
{
	struct journal j = example_release(), k;
	struct buf bytes = BUF_INIT;

	(void)state;
	round_trip(&j, &bytes, &k);
	same_files(&j, &k);
	assert_true(k.is_release);
	assert_string_equal(k.release.channel, "gd.ip");
	assert_string_equal(k.release.course, "marks");
	assert_int_equal(k.release.number, 2);
	assert_true(digest_equal(&k.release.record, &j.release.record));
	assert_true(digest_equal(&k.release.index, &j.release.index));
	assert_true(digest_equal(&k.release.tar, &j.release.tar));
	assert_true(digest_equal(&k.release.zst_tag, &j.release.zst_tag));
	assert_true(digest_equal(&k.role_hash, &j.role_hash));
	assert_int_equal(k.release.record_len, 900);
	assert_int_equal(k.release.index_len, 5000);
	assert_true(k.release.tar_len == 1ull << 40);
	assert_true(k.release.zst_len == 1u << 30);
	assert_int_equal(k.release.published_at, 1699999999);
	assert_string_equal(k.draft_id, j.draft_id);
	assert_int_equal(k.role_version, 3);
	assert_int_equal(k.n_live, 2);
	assert_int_equal(k.live[1], 2);
	journal_clear(&k);
	buf_clear(&bytes);
}

static void
a_journal_cut_anywhere_is_refused(void **state)
{
	struct journal j = example_release(), k;
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(journal_encode(&j, &bytes, &e), 0);
	for (size_t len = 0; len < buf_len(&bytes); len++) {
		assert_int_equal(journal_parse(buf_data(&bytes), len, &k, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
	buf_clear(&bytes);
}

static void
another_format_is_refused(void **state)
{
	static const char text[] = "{\"format\":\"kebao-switch-2\",\"files\":[],\"note\":{}}";
	struct journal k;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(journal_parse(text, strlen(text), &k, &e), -1);
	assert_non_null(strstr(e.text, "kebao-switch-1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_back_byte_for_byte),
		cmocka_unit_test(release_comes_back_whole),
		cmocka_unit_test(a_journal_cut_anywhere_is_refused),
		cmocka_unit_test(another_format_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
