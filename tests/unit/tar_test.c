/* SPDX-License-Identifier: Apache-2.0 */
/* Our tar bytes, by the page, by libarchive, by GNU tar and by bsdtar. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "catalog/repo/tar.h"
#include "tests/unit/judge.h"
#include "tests/unit/skip.h"

#define CHINESE "\xe7\x9f\xa5\xe8\xaf\x86\xe4\xba\xa7\xe6\x9d\x83" /* 知识产权 */

static char root[] = "/tmp/kebao-tar-test-XXXXXX";
static char name_100[101], name_101[102], name_1024[1025];

static const struct {
	enum tar_kind kind;
	const char *path;
	uint64_t size;
} sample[] = {
	{ TAR_FILE, name_100, 1 },
	{ TAR_FILE, name_101, 511 },
	{ TAR_FILE, "a.txt", 0 },
	{ TAR_DIRECTORY, "a/", 0 },
	{ TAR_EXECUTABLE, "a/run", 512 },
	{ TAR_FILE, "a/short", 513 },
	{ TAR_DIRECTORY, "b-empty/", 0 },
	{ TAR_DIRECTORY, "z/", 0 },
	{ TAR_FILE, name_1024, 100000 },
	{ TAR_DIRECTORY, CHINESE "/", 0 },
	{ TAR_FILE, CHINESE "/" CHINESE ".pdf", 5000 },
};
#define N_SAMPLE (sizeof(sample) / sizeof(sample[0]))

static struct tar_entry
sample_entry(size_t i)
{
	struct tar_entry t = { sample[i].kind, sample[i].path, strlen(sample[i].path),
		sample[i].size };

	return t;
}

static uint8_t
content_byte(size_t entry, uint64_t at)
{
	return (uint8_t)(entry * 31 + at * 7 + (at >> 8));
}

static void
make_sample(struct buf *b)
{
	for (size_t i = 0; i < N_SAMPLE; i++) {
		struct tar_entry t = sample_entry(i);
		uint8_t head[TAR_HEAD_MAX];
		size_t before = buf_len(b);
		uint32_t len = tar_head(head, &t);

		assert_int_equal(len, tar_head_len(&t));
		assert_int_equal(buf_add(b, head, len, NULL), 0);
		for (uint64_t at = 0; at < t.size; at++)
			assert_int_equal(buf_add_u8(b, content_byte(i, at), NULL), 0);
		assert_int_equal(buf_add(b, tar_zeros, tar_padding(t.size), NULL), 0);
		assert_int_equal(buf_len(b) - before, tar_entry_len(&t));
		assert_int_equal(buf_len(b) % TAR_BLOCK, 0);
	}
	assert_int_equal(buf_add(b, tar_zeros, TAR_END_BYTES, NULL), 0);
}

static int
set_up(void **state)
{
	(void)state;
	memset(name_100, 'L', 100);
	memset(name_101, 'M', 101);
	memset(name_1024, 'p', 1024);
	memcpy(name_1024, "z/", 2);
	for (size_t at = 200; at < 1000; at += 200)
		name_1024[at] = '/';
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return file_remove_tree(AT_FDCWD, root, NULL);
}

static const char *
in_root(char *out, size_t size, const char *name)
{
	assert_true((size_t)snprintf(out, size, "%s/%s", root, name) < size);
	return out;
}

static void
a_header_has_the_bytes_of_the_page(void **state)
{
	struct tar_entry t = { TAR_EXECUTABLE, "dir/run.sh", 10, 01234567 };
	uint8_t head[TAR_HEAD_MAX], want[TAR_BLOCK] = { 0 };
	unsigned sum = 0;

	(void)state;
	memcpy(want, "dir/run.sh", 10);
	memcpy(want + 100, "0000755\0" "0000000\0" "0000000\0" "00001234567\0" "14447576000\0", 48);
	memcpy(want + 148, "        0", 9);
	memcpy(want + 257, "ustar\0" "00", 8);
	memcpy(want + 329, "0000000\0" "0000000\0", 16);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += want[i];
	assert_true(snprintf((char *)want + 148, 8, "%06o", sum) == 6);
	want[155] = ' ';
	assert_int_equal(tar_head(head, &t), TAR_BLOCK);
	assert_memory_equal(head, want, TAR_BLOCK);
}

static void
a_chinese_name_has_a_pax_record(void **state)
{
	struct tar_entry t = { TAR_FILE, CHINESE, 12, 3 };
	uint8_t head[TAR_HEAD_MAX];

	(void)state;
	assert_int_equal(tar_head(head, &t), 3 * TAR_BLOCK);
	assert_memory_equal(head, "././@PaxHeader", 15);
	assert_memory_equal(head + 124, "00000000025", 12); /* 21 bytes */
	assert_int_equal(head[156], 'x');
	assert_memory_equal(head + TAR_BLOCK, "21 path=" CHINESE "\n", 22);
	assert_memory_equal(head + 2 * TAR_BLOCK, CHINESE, 13);
	assert_memory_equal(head + 2 * TAR_BLOCK + 124, "00000000003", 12);
}

static void
a_record_counts_its_own_digits(void **state)
{
	(void)state;
	/* Lengths around 99 to 101 and 999 to 1001 are where the count itself grows. */
	for (size_t len = 101; len <= 1024; len++) {
		char path[1025];
		struct tar_entry t = { TAR_FILE, path, len, 0 };
		uint8_t head[TAR_HEAD_MAX];
		char *end;
		unsigned long said;

		memset(path, 'x', sizeof(path));
		assert_int_equal(tar_head(head, &t), tar_head_len(&t));
		said = strtoul((char *)head + TAR_BLOCK, &end, 10);
		assert_memory_equal(end, " path=", 6);
		assert_int_equal(said, (size_t)(end - (char *)head - TAR_BLOCK) + 6 + len + 1);
		assert_int_equal(head[TAR_BLOCK + said - 1], '\n');
		assert_int_equal(strtoul((char *)head + 124, NULL, 8), said);
	}
}

static void
sizes_from_8_gib_have_a_pax_record(void **state)
{
	struct tar_entry t = { TAR_FILE, "video.mp4", 9, (8ull << 30) - 1 };
	uint8_t head[TAR_HEAD_MAX];

	(void)state;
	assert_int_equal(tar_head(head, &t), TAR_BLOCK);
	assert_memory_equal(head + 124, "77777777777", 12);
	t.size++;
	assert_int_equal(tar_head(head, &t), 3 * TAR_BLOCK);
	assert_memory_equal(head + TAR_BLOCK, "19 size=8589934592\n", 20);
	assert_memory_equal(head + 2 * TAR_BLOCK + 124, "00000000000", 12);
}

static void
libarchive_reads_what_we_write(void **state)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = uselocale(utf8);
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	struct buf b = BUF_INIT;
	uint8_t byte;

	(void)state;
	make_sample(&b);
	assert_int_equal(archive_read_support_format_tar(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_memory(a, buf_data(&b), buf_len(&b)), ARCHIVE_OK);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
		assert_string_equal(archive_entry_pathname_utf8(entry), sample[i].path);
		assert_int_equal(archive_entry_size(entry), sample[i].size);
		assert_int_equal(
		    archive_entry_perm(entry), sample[i].kind == TAR_FILE ? 0644 : 0755);
		assert_int_equal(archive_entry_filetype(entry),
		    sample[i].kind == TAR_DIRECTORY ? AE_IFDIR : AE_IFREG);
		assert_int_equal(archive_entry_mtime(entry), TAR_MTIME);
		assert_int_equal(archive_entry_uid(entry) + archive_entry_gid(entry), 0);
		for (uint64_t at = 0; at < sample[i].size; at++) {
			assert_int_equal(archive_read_data(a, &byte, 1), 1);
			assert_int_equal(byte, content_byte(i, at));
		}
	}
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
	assert_int_equal(archive_filter_bytes(a, 0), buf_len(&b));
	(void)archive_read_free(a);
	buf_clear(&b);
	(void)uselocale(before);
	freelocale(utf8);
}

/* Let program unpack the sample and compare what it made with what we meant. */
static void
program_reads_what_we_write(const char *program)
{
	char archive[100], target[100], list[100], path[1200];
	char *argv[] = { (char[]) { "" }, (char[]) { "-x" }, (char[]) { "-f" }, archive,
		(char[]) { "-C" }, target, NULL };
	struct buf b = BUF_INIT, got = BUF_INIT;
	char name[20];
	int rc;

	(void)snprintf(name, sizeof(name), "%s", program);
	argv[0] = name;
	make_sample(&b);
	(void)in_root(archive, sizeof(archive), "sample.tar");
	(void)in_root(target, sizeof(target), program);
	(void)in_root(list, sizeof(list), "list");
	assert_int_equal(file_save(AT_FDCWD, archive, buf_data(&b), buf_len(&b), 0600, NULL), 0);
	assert_int_equal(mkdir(target, 0700), 0);
	rc = judge_run(argv, list);
	buf_clear(&b);
	if (rc == JUDGE_ABSENT) {
		SKIP("%s is not installed", program);
	}
	assert_int_equal(rc, 0);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		struct stat st;

		assert_true((size_t)snprintf(path, sizeof(path), "%s/%s", target, sample[i].path) <
		    sizeof(path));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mtime, TAR_MTIME);
		assert_int_equal(!!(st.st_mode & S_IXUSR), sample[i].kind != TAR_FILE);
		if (sample[i].kind == TAR_DIRECTORY)
			continue;
		assert_int_equal(st.st_size, sample[i].size);
		assert_int_equal(file_load(AT_FDCWD, path, 1 << 20, &got, NULL), 0);
		for (uint64_t at = 0; at < sample[i].size; at++)
			assert_int_equal(buf_data(&got)[at], content_byte(i, at));
		buf_clear(&got);
	}
}

static void
gnu_tar_reads_what_we_write(void **state)
{
	(void)state;
	program_reads_what_we_write("tar");
}

static void
bsdtar_reads_what_we_write(void **state)
{
	(void)state;
	program_reads_what_we_write("bsdtar");
}

/* A sparse archive with a file of 8 GiB, listed by program. */
static void
program_lists_a_big_file(const char *program)
{
	struct tar_entry t = { TAR_FILE, "big.mp4", 7, 8ull << 30 };
	char archive[100], list[100], name[20];
	char *argv[] = { name, (char[]) { "-tvf" }, archive, NULL };
	uint8_t head[TAR_HEAD_MAX];
	struct buf got = BUF_INIT;
	int fd, rc;

	(void)snprintf(name, sizeof(name), "%s", program);
	fd = open(in_root(archive, sizeof(archive), "big.tar"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd != -1);
	assert_int_equal(file_write_all(fd, head, tar_head(head, &t), NULL), 0);
	assert_int_equal(ftruncate(fd, (off_t)(tar_entry_len(&t) + TAR_END_BYTES)), 0);
	close(fd);
	rc = judge_run(argv, in_root(list, sizeof(list), "list"));
	if (rc == JUDGE_ABSENT) {
		SKIP("%s is not installed", program);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(file_load(AT_FDCWD, list, 1000, &got, NULL), 0);
	assert_non_null(strstr(buf_text(&got), " 8589934592 "));
	assert_non_null(strstr(buf_text(&got), "big.mp4\n"));
	buf_clear(&got);
}

static void
gnu_tar_lists_a_big_file(void **state)
{
	(void)state;
	program_lists_a_big_file("tar");
}

static void
bsdtar_lists_a_big_file(void **state)
{
	(void)state;
	program_lists_a_big_file("bsdtar");
}

static void
paths_are_ordered_by_bytes(void **state)
{
	(void)state;
	assert_true(tar_path_compare("a.txt", 5, "a/", 2) < 0);
	assert_true(tar_path_compare("a/", 2, "a/b", 3) < 0);
	assert_true(tar_path_compare("a/z", 3, "a0", 2) < 0);
	assert_true(tar_path_compare("\xe7", 1, "z", 1) > 0);
	assert_int_equal(tar_path_compare("a/", 2, "a/", 2), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_has_the_bytes_of_the_page),
		cmocka_unit_test(a_chinese_name_has_a_pax_record),
		cmocka_unit_test(a_record_counts_its_own_digits),
		cmocka_unit_test(sizes_from_8_gib_have_a_pax_record),
		cmocka_unit_test(libarchive_reads_what_we_write),
		cmocka_unit_test(gnu_tar_reads_what_we_write),
		cmocka_unit_test(bsdtar_reads_what_we_write),
		cmocka_unit_test(gnu_tar_lists_a_big_file),
		cmocka_unit_test(bsdtar_lists_a_big_file),
		cmocka_unit_test(paths_are_ordered_by_bytes),
	};

	return cmocka_run_group_tests_name("tar", tests, set_up, tear_down);
}
