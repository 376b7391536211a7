/* SPDX-License-Identifier: Apache-2.0 */
/* The computed layout of a .zip: libarchive is the judge, as a file and as a stream. */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "catalog/base/buf.h"
#include "catalog/repo/index.h"
#include "catalog/repo/zip.h"

static const struct file {
	const char *path, *content;
	enum tar_kind kind;
} files[] = {
	{ "a.txt", "first", TAR_FILE },
	{ "empty", "", TAR_FILE },
	{ "run.sh", "#!/bin/sh\n", TAR_EXECUTABLE },
	{ "课程/", "", TAR_DIRECTORY },
	{ "课程/第一讲 商标法.md", "# 商标\n\n正文", TAR_FILE },
};
#define N_FILES (sizeof(files) / sizeof(files[0]))

static struct index *
make_index(void)
{
	struct err e = { 0 };
	struct index *ix = index_new(&e);

	assert_non_null(ix);
	for (uint32_t i = 0; i < N_FILES; i++) {
		const struct file *f = &files[i];
		const struct tar_entry t = { f->kind, f->path, strlen(f->path),
			strlen(f->content) };
		struct digest d;

		if (index_add_entry(ix, &t, &e) == -1)
			fail_msg("%s", e.text);
		if (f->kind == TAR_DIRECTORY)
			continue;
		digest_of(&d, f->content, strlen(f->content));
		index_set_content(ix, i, (uint32_t)crc32(0, (const uint8_t *)f->content,
		    (uInt)strlen(f->content)), &d);
	}
	return ix;
}

/* The bytes of the zip from off on, in pieces of at most room. */
static void
read_zip(const struct index *ix, const struct zip *z, uint64_t off, size_t room, struct buf *out)
{
	while (off < zip_len(z)) {
		struct zip_piece piece;
		size_t n;

		zip_piece(z, off, &piece);
		assert_true(piece.len > 0);
		n = piece.len < room ? (size_t)piece.len : room;
		if (piece.bytes != NULL) {
			assert_int_equal(buf_add(out, piece.bytes, n, NULL), 0);
		} else {
			int64_t i = index_entry_at(ix, piece.tar_off);
			struct index_entry en;

			assert_true(i >= 0);
			index_entry(ix, (uint32_t)i, &en);
			assert_true(piece.tar_off + n <= en.data_off + en.tar.size);
			assert_int_equal(buf_add(out,
			    files[i].content + (piece.tar_off - en.data_off), n, NULL), 0);
		}
		off += n;
	}
}

static void
judge(const struct buf *bytes, bool is_stream)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	size_t i = 0;

	assert_non_null(a);
	assert_int_equal(is_stream ? archive_read_support_format_zip_streamable(a)
	                           : archive_read_support_format_zip_seekable(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_memory(a, buf_data(bytes), buf_len(bytes)), ARCHIVE_OK);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		char content[64] = "";

		assert_true(i < N_FILES);
		assert_non_null(archive_entry_pathname(entry));
		assert_string_equal(archive_entry_pathname(entry), files[i].path);
		assert_int_equal(archive_entry_size(entry), (int64_t)strlen(files[i].content));
		assert_true(archive_read_data(a, content, sizeof(content)) >= 0);
		assert_string_equal(content, files[i].content);
		/* Modes are told by the central directory alone. */
		if (!is_stream && files[i].kind == TAR_EXECUTABLE)
			assert_int_equal(archive_entry_perm(entry), 0755);
		i++;
	}
	assert_int_equal(i, N_FILES);
	assert_int_equal(archive_read_free(a), ARCHIVE_OK);
}

static void
others_read_it_as_a_file_and_as_a_stream(void **state)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), old;
	struct index *ix = make_index();
	struct buf bytes = BUF_INIT;
	struct zip *z = NULL;
	struct err e = { 0 };

	(void)state;
	assert_true(utf8 != (locale_t)0);
	old = uselocale(utf8);
	assert_int_equal(zip_new(ix, &z, &e), 0);
	read_zip(ix, z, 0, SIZE_MAX, &bytes);
	assert_int_equal(buf_len(&bytes), zip_len(z));
	judge(&bytes, false);
	judge(&bytes, true);
	(void)uselocale(old);
	freelocale(utf8);
	zip_free(z);
	index_free(ix);
	buf_clear(&bytes);
}

static void
every_range_gives_the_bytes_of_the_whole(void **state)
{
	struct index *ix = make_index();
	struct buf whole = BUF_INIT;
	struct zip *z = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(zip_new(ix, &z, &e), 0);
	read_zip(ix, z, 0, SIZE_MAX, &whole);
	for (uint64_t off = 0; off < zip_len(z); off++) {
		struct buf rest = BUF_INIT;

		read_zip(ix, z, off, 1 + off % 7, &rest);
		assert_int_equal(buf_len(&rest), zip_len(z) - off);
		assert_memory_equal(buf_data(&rest), buf_data(&whole) + off, buf_len(&rest));
		buf_clear(&rest);
	}
	zip_free(z);
	index_free(ix);
	buf_clear(&whole);
}

/* The structure that begins at off, as a piece. */
static const uint8_t *
structure(const struct zip *z, uint64_t off, struct zip_piece *piece)
{
	zip_piece(z, off, piece);
	assert_non_null(piece->bytes);
	return piece->bytes;
}

static void
numbers_that_do_not_fit_stand_in_zip64_fields(void **state)
{
	static const uint64_t five_gib = 5ull << 30;
	const struct tar_entry big = { TAR_FILE, "big.mp4", 7, five_gib };
	const struct tar_entry small = { TAR_FILE, "small", 5, 3 };
	struct err e = { 0 };
	struct index *ix = index_new(&e);
	struct zip *z = NULL;
	struct zip_piece piece;
	const uint8_t *p;
	uint64_t small_off = 30 + 7 + 20 + five_gib, central = small_off + 30 + 5 + 3, end;

	(void)state;
	assert_int_equal(index_add_entry(ix, &big, &e), 0);
	assert_int_equal(index_add_entry(ix, &small, &e), 0);
	assert_int_equal(zip_new(ix, &z, &e), 0);

	p = structure(z, 0, &piece);
	assert_int_equal(buf_get_u32le(p), 0x04034b50);
	assert_int_equal(buf_get_u16le(p + 4), 45);
	assert_int_equal(buf_get_u16le(p + 6), 1 << 11);
	assert_int_equal(buf_get_u32le(p + 18), 0xffffffff);
	assert_int_equal(buf_get_u64le(p + 30 + 7 + 4), five_gib);
	assert_int_equal(buf_get_u64le(p + 30 + 7 + 12), five_gib);
	p = structure(z, small_off, &piece);
	assert_int_equal(buf_get_u16le(p + 4), 20); /* its own sizes fit */
	assert_int_equal(buf_get_u32le(p + 22), 3);

	p = structure(z, central, &piece);
	assert_int_equal(buf_get_u32le(p), 0x02014b50);
	assert_int_equal(buf_get_u16le(p + 30), 4 + 16); /* both sizes; the offset is 0 */
	assert_int_equal(buf_get_u32le(p + 42), 0);
	p = structure(z, central + 46 + 7 + 20, &piece);
	assert_int_equal(buf_get_u16le(p + 30), 4 + 8); /* the offset alone */
	assert_int_equal(buf_get_u32le(p + 42), 0xffffffff);
	assert_int_equal(buf_get_u64le(p + 46 + 5 + 4), small_off);

	end = central + 46 + 7 + 20 + 46 + 5 + 12;
	p = structure(z, end, &piece);
	assert_int_equal(piece.len, 56 + 20 + 22);
	assert_int_equal(buf_get_u32le(p), 0x06064b50);
	assert_int_equal(buf_get_u64le(p + 24), 2);
	assert_int_equal(buf_get_u64le(p + 40), end - central);
	assert_int_equal(buf_get_u64le(p + 48), central);
	assert_int_equal(buf_get_u32le(p + 56), 0x07064b50);
	assert_int_equal(buf_get_u64le(p + 64), end);
	assert_int_equal(buf_get_u32le(p + 76), 0x06054b50);
	assert_int_equal(buf_get_u16le(p + 76 + 10), 2);
	assert_int_equal(buf_get_u32le(p + 76 + 16), 0xffffffff);
	assert_int_equal(zip_len(z), end + piece.len);
	zip_free(z);
	index_free(ix);
}

static void
many_entries_need_zip64_at_the_end(void **state)
{
	struct err e = { 0 };
	struct index *ix = index_new(&e);
	struct zip *z = NULL;
	struct zip_piece piece;
	const uint8_t *p;
	char path[16];

	(void)state;
	for (unsigned i = 0; i < 65535; i++) {
		const struct tar_entry t = { TAR_FILE, path, 6, 0 };

		(void)snprintf(path, sizeof(path), "f%05u", i);
		assert_int_equal(index_add_entry(ix, &t, &e), 0);
		if (i != 65533)
			continue;
		assert_int_equal(zip_new(ix, &z, &e), 0); /* 65,534: the old form holds them */
		p = structure(z, zip_len(z) - 22, &piece);
		assert_int_equal(buf_get_u32le(p), 0x06054b50);
		assert_int_equal(buf_get_u16le(p + 10), 65534);
		assert_int_equal(zip_len(z), 65534ull * (36 + 52) + 22);
		zip_free(z);
	}
	assert_int_equal(zip_new(ix, &z, &e), 0);
	p = structure(z, zip_len(z) - 98, &piece);
	assert_int_equal(buf_get_u32le(p), 0x06064b50);
	assert_int_equal(buf_get_u64le(p + 32), 65535);
	assert_int_equal(buf_get_u16le(p + 76 + 10), 0xffff);
	zip_free(z);
	index_free(ix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_read_it_as_a_file_and_as_a_stream),
		cmocka_unit_test(every_range_gives_the_bytes_of_the_whole),
		cmocka_unit_test(numbers_that_do_not_fit_stand_in_zip64_fields),
		cmocka_unit_test(many_entries_need_zip64_at_the_end),
	};

	return cmocka_run_group_tests_name("zip", tests, NULL, NULL);
}
