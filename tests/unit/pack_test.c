/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: written, read, cut, flipped; zstd reads them, too. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalog/base/file.h"
#include "catalog/repo/pack.h"
#include "catalog/repo/pack_table.h"
#include "tests/unit/judge.h"
#include "tests/unit/fault.h"
#include "tests/unit/skip.h"

#define N_FRAMES 40u

static char root[] = "/tmp/kebao-pack-test-XXXXXX";
static char path[60], list[60];
static struct frame_coder *coder;
static struct digest pack_name;
static uint64_t pack_bytes;
static uint8_t scratch[LIMIT_FRAME_BYTES], scratch_stored[LIMIT_FRAME_STORED_BYTES];

/* Content of frame i: small, large, text and noise in turn. */
static uint32_t
make_content(uint32_t i)
{
	uint32_t len = 1 + i * i * 37;
	uint32_t x = i * 2654435761u + 1;

	for (uint32_t k = 0; k < len; k++) {
		x = x * 1664525 + 1013904223;
		scratch[k] = i % 2 ? (uint8_t)(x >> 24) : (uint8_t)("lex "[k % 4] + i);
	}
	return len;
}

static void
make_frame(uint32_t i, struct pack_frame *f)
{
	size_t stored_len;

	memset(f, 0, sizeof(*f));
	f->content_len = make_content(i);
	digest_of(&f->content, scratch, f->content_len);
	assert_int_equal(
	    frame_pack(coder, scratch, f->content_len, scratch_stored, &stored_len, NULL), 0);
	f->stored_len = (uint32_t)stored_len;
	digest_of(&f->stored, scratch_stored, stored_len);
}

static int
write_pack(void)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct pack_writer *w = pack_writer_new(fd, NULL);
	struct pack_frame f, row;
	uint64_t off = 0;

	assert_non_null(w);
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		make_frame(i, &f);
		assert_true(pack_writer_has_room(w, f.stored_len));
		assert_int_equal(pack_writer_add(w, &f, scratch_stored, NULL), 0);
		assert_int_equal(pack_writer_add(w, &f, scratch_stored, NULL), 1);
		pack_writer_frame(w, i, &row);
		f.off = off;
		assert_memory_equal(&f, &row, sizeof(f));
		off += f.stored_len;
		assert_int_equal(pack_writer_len(w), off);
	}
	assert_int_equal(pack_writer_n_frames(w), N_FRAMES);
	assert_int_equal(pack_writer_finish(w, &pack_name, &pack_bytes, NULL), 0);
	pack_writer_free(w);
	pack_writer_free(NULL);
	return fd;
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL || (coder = frame_coder_new(NULL)) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/pack", root);
	(void)snprintf(list, sizeof(list), "%s/list", root);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	frame_coder_free(coder);
	return file_remove_tree(AT_FDCWD, root, NULL);
}

static void
what_is_written_is_read(void **state)
{
	int fd = write_pack();
	struct pack *p;
	struct pack_frame f;
	struct buf all = BUF_INIT;
	struct digest found;
	struct err e;

	(void)state;
	if (pack_open(fd, &p, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(pack_n_frames(p), N_FRAMES);
	assert_int_equal(pack_len(p), pack_bytes);
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		uint32_t len = make_content(i);
		uint8_t *got = malloc(len);
		struct digest d;

		digest_of(&d, scratch, len);
		assert_int_equal(pack_find(p, &d), i);
		pack_frame_get(p, i, &f);
		assert_int_equal(f.content_len, len);
		assert_non_null(got);
		assert_int_equal(pack_read(p, i, coder, got, &e), 0);
		assert_memory_equal(got, scratch, len);
		free(got);
		d.bytes[31] ^= 1;
		assert_int_equal(pack_find(p, &d), -1);
	}
	pack_close(p);
	pack_close(NULL);
	assert_int_equal(file_load(AT_FDCWD, path, 1 << 24, &all, NULL), 0);
	assert_int_equal(buf_len(&all), pack_bytes);
	digest_of(&found, buf_data(&all), buf_len(&all));
	assert_true(digest_equal(&found, &pack_name));
	buf_clear(&all);
	close(fd);
}

static void
zstd_reads_a_pack(void **state)
{
	char *argv[] = { (char[]){ "zstd" }, (char[]){ "-dqc" }, (char[]){ "--no-check" }, path,
		NULL };
	int fd = write_pack(), rc;
	struct buf want = BUF_INIT, got = BUF_INIT;

	(void)state;
	close(fd);
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		uint32_t len = make_content(i);

		assert_int_equal(buf_add(&want, scratch, len, NULL), 0);
	}
	rc = judge_run(argv, list);
	if (rc == JUDGE_ABSENT) {
		buf_clear(&want);
		SKIP("zstd is not installed");
	}
	assert_int_equal(rc, 0);
	assert_int_equal(file_load(AT_FDCWD, list, 1 << 24, &got, NULL), 0);
	assert_int_equal(buf_len(&got), buf_len(&want));
	assert_memory_equal(buf_data(&got), buf_data(&want), buf_len(&want));
	buf_clear(&got);
	buf_clear(&want);
}

static bool
count_progress(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	unsigned *left = arg;

	assert_true(done_bytes < total_bytes && total_bytes == pack_bytes);
	return (*left)-- > 0;
}

static void
the_whole_check_sees_everything(void **state)
{
	int fd = write_pack();
	unsigned left = N_FRAMES;
	struct digest other;
	struct err e;

	(void)state;
	assert_int_equal(pack_verify(fd, &pack_name, count_progress, &left, &e), 0);
	assert_int_equal(left, 0);
	assert_int_equal(pack_verify(fd, NULL, NULL, NULL, &e), 0);
	left = 3;
	assert_int_equal(pack_verify(fd, &pack_name, count_progress, &left, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	other = pack_name;
	other.bytes[0] ^= 1;
	assert_int_equal(pack_verify(fd, &other, NULL, NULL, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	for (uint64_t at = 0; at < pack_bytes; at += at < pack_bytes - 3200 ? 6007 : 1) {
		uint8_t byte;

		/* One flipped byte anywhere: refused, whether the name is known or not. */
		assert_int_equal(file_pread_all(fd, &byte, 1, at, NULL), 0);
		byte ^= 4;
		assert_int_equal(file_pwrite_all(fd, &byte, 1, at, NULL), 0);
		assert_int_equal(pack_verify(fd, NULL, NULL, NULL, &e), -1);
		assert_true(e.class == ERR_BAD_INPUT || e.class == ERR_UNTRUSTED);
		byte ^= 4;
		assert_int_equal(file_pwrite_all(fd, &byte, 1, at, NULL), 0);
	}
	assert_int_equal(pack_verify(fd, &pack_name, NULL, NULL, &e), 0);
	close(fd);
}

static void
a_damaged_frame_is_named_and_the_others_are_read(void **state)
{
	int fd = write_pack();
	struct pack_frame f;
	struct pack *p;
	struct err e;

	(void)state;
	assert_int_equal(pack_open(fd, &p, &e), 0);
	pack_frame_get(p, 7, &f);
	assert_int_equal(file_pwrite_all(fd, "?", 1, f.off + f.stored_len / 2, NULL), 0);
	assert_int_equal(pack_read(p, 7, coder, scratch, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "frame 7 "));
	assert_int_equal(pack_read(p, 8, coder, scratch, &e), 0);
	pack_close(p);
	close(fd);
}

static void
a_pack_cut_anywhere_is_no_pack(void **state)
{
	int fd = write_pack();
	struct pack *p;
	struct err e;

	(void)state;
	for (uint64_t len = pack_bytes; len-- > 0;) {
		assert_int_equal(ftruncate(fd, (off_t)len), 0);
		assert_int_equal(pack_open(fd, &p, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (len < pack_bytes - 4000 && len > 100)
			len -= 997 < len ? 997 : 0;
	}
	close(fd);
}

/* The table of the sample pack, which the caller changes. */
static void
load_table(struct buf *b)
{
	int fd = write_pack();
	struct pack *p;

	assert_int_equal(pack_open(fd, &p, NULL), 0);
	assert_int_equal(pack_encode_table(p, b, NULL), 0);
	pack_close(p);
	close(fd);
}

static void
tables_are_parsed_strictly(void **state)
{
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct pack *p;
	struct err e;

	(void)state;
	load_table(&b);
	assert_int_equal(pack_parse_table(buf_data(&b), buf_len(&b), pack_bytes, &p, &e), 0);
	assert_int_equal(pack_encode_table(p, &again, &e), 0);
	assert_int_equal(buf_len(&again), buf_len(&b));
	assert_memory_equal(buf_data(&again), buf_data(&b), buf_len(&b));
	pack_close(p);
	for (size_t len = 0; len < buf_len(&b); len++)
		assert_int_equal(pack_parse_table(buf_data(&b), len, pack_bytes, &p, &e), -1);
	for (size_t i = 0; i < buf_len(&b); i++) {
		/* Hashes may be any; every other byte has one value. */
		size_t in_row = i < PACK_FRONT_BYTES ? 64 : (i - PACK_FRONT_BYTES) % PACK_ROW_BYTES;
		bool is_hash = in_row < 64 && i < buf_len(&b) - PACK_TAIL_BYTES;
		/* A content length within bounds is checked when the frame is read. */
		bool is_content_len = in_row >= 64 && in_row < 68 && i >= PACK_FRONT_BYTES &&
		    i < buf_len(&b) - PACK_TAIL_BYTES;
		int rc;

		if (is_content_len)
			continue;
		b.data[i] ^= 0x10;
		rc = pack_parse_table(buf_data(&b), buf_len(&b), pack_bytes, &p, &e);
		assert_int_equal(rc, is_hash ? 0 : -1);
		if (rc == 0)
			pack_close(p);
		b.data[i] ^= 0x10;
	}
	assert_int_equal(pack_parse_table(buf_data(&b), buf_len(&b), pack_bytes + 1, &p, &e), -1);
	assert_int_equal(pack_parse_table(buf_data(&b), buf_len(&b), pack_bytes - 1, &p, &e), -1);
	assert_int_equal(
	    pack_parse_table(buf_data(&b), buf_len(&b), LIMIT_PACK_BYTES + 1ull, &p, &e), -1);
	/* The same content twice. */
	memcpy(
	    b.data + PACK_FRONT_BYTES, b.data + PACK_FRONT_BYTES + 5 * PACK_ROW_BYTES, DIGEST_LEN);
	assert_int_equal(pack_parse_table(buf_data(&b), buf_len(&b), pack_bytes, &p, &e), -1);
	assert_non_null(strstr(e.text, "twice"));
	buf_clear(&b);
	buf_clear(&again);
}

static void
a_wrong_content_length_is_found_when_read(void **state)
{
	int fd = write_pack();
	struct pack *p;
	struct err e;
	uint64_t row;
	uint8_t byte;

	(void)state;
	assert_int_equal(pack_open(fd, &p, &e), 0);
	row = pack_frames_len(p) + PACK_FRONT_BYTES + 9 * PACK_ROW_BYTES;
	pack_close(p);
	assert_int_equal(file_pread_all(fd, &byte, 1, row + 64, NULL), 0);
	byte ^= 1;
	assert_int_equal(file_pwrite_all(fd, &byte, 1, row + 64, NULL), 0);
	assert_int_equal(pack_open(fd, &p, &e), 0);
	assert_int_equal(pack_read(p, 9, coder, scratch, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_non_null(strstr(e.text, "frame 9 "));
	pack_close(p);
	close(fd);
}

static void
what_is_no_file_is_no_pack(void **state)
{
	int ends[2];
	struct pack *p;
	struct err e;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pack_open(ends[0], &p, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(pack_open(-1, &p, &e), -1);
	assert_int_equal(e.class, ERR_SYSTEM);
}

static void
a_full_pack_says_so(void **state)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct pack_writer *w = pack_writer_new(fd, NULL);
	struct pack_frame f = { .content_len = LIMIT_FRAME_BYTES, .stored_len = LIMIT_FRAME_BYTES };
	struct digest name;
	uint64_t len;
	uint32_t n = 0;
	struct err e;

	(void)state;
	assert_non_null(w);
	while (pack_writer_has_room(w, f.stored_len)) {
		memcpy(f.content.bytes, &n, sizeof(n));
		assert_int_equal(pack_writer_add(w, &f, scratch, &e), 0);
		n++;
	}
	assert_int_equal(n, 1023); /* the table takes the place of the last */
	memcpy(f.content.bytes, &n, sizeof(n));
	assert_int_equal(pack_writer_add(w, &f, scratch, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(pack_writer_finish(w, &name, &len, &e), 0);
	assert_true(len <= LIMIT_PACK_BYTES);
	pack_writer_free(w);
	close(fd);
}

static void
a_full_disk_is_reported(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct pack_writer *w = pack_writer_new(fd, NULL);
	struct pack_frame f;
	struct digest name;
	uint64_t len;
	struct err e;

	(void)state;
	assert_non_null(w);
	make_frame(5, &f);
	assert_int_equal(pack_writer_add(w, &f, scratch_stored, &e), 0);
	assert_int_equal(pack_writer_finish(w, &name, &len, &e), -1);
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_non_null(strstr(e.text, "writing a pack"));
	pack_writer_free(w);
	close(fd);
}

static void
running_out_of_memory_is_an_ordinary_failure(void **state)
{
	int fd = write_pack(), rc;
	struct pack *p;
	struct err e;
	long nth;

	(void)state;
	for (nth = 1;; nth++) {
		fault_arm(FAULT_ALLOC, nth);
		rc = pack_verify(fd, &pack_name, NULL, NULL, &e);
		if (!fault_disarm())
			break;
		assert_true(rc == -1 && e.class == ERR_SYSTEM);
	}
	assert_int_equal(rc, 0);
	assert_true(nth > 8);
	assert_int_equal(pack_open(fd, &p, &e), 0);
	fault_arm(FAULT_ALLOC, 1);
	assert_int_equal(pack_read(p, 3, coder, scratch, &e), -1);
	assert_true(fault_disarm() && e.class == ERR_SYSTEM);
	pack_close(p);
	close(fd);
}

/* Whatever allocation or write fails while a pack is written, the writer says so. */
static void
a_writer_reports_every_failure(void **state)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool has_failed = true;

	(void)state;
	for (long nth = 1; has_failed; nth++) {
		struct pack_writer *w;
		struct digest name;
		struct pack_frame f;
		uint64_t len;
		struct err e = { 0 };
		int rc = 0;

		fault_arm(FAULT_ALLOC, nth);
		w = pack_writer_new(fd, &e);
		for (uint32_t i = 0; w != NULL && rc == 0 && i < 300; i++) {
			memset(&f, 0, sizeof(f));
			memcpy(f.content.bytes, &i, sizeof(i));
			f.content_len = f.stored_len = 100;
			rc = pack_writer_add(w, &f, scratch, &e);
		}
		if (w != NULL && rc == 0)
			rc = pack_writer_finish(w, &name, &len, &e);
		has_failed = fault_disarm();
		if (has_failed)
			assert_true((w == NULL || rc == -1) && e.class == ERR_SYSTEM);
		else
			assert_true(w != NULL && rc == 0 && nth > 8);
		pack_writer_free(w);
	}
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(zstd_reads_a_pack),
		cmocka_unit_test(the_whole_check_sees_everything),
		cmocka_unit_test(a_damaged_frame_is_named_and_the_others_are_read),
		cmocka_unit_test(a_pack_cut_anywhere_is_no_pack),
		cmocka_unit_test(tables_are_parsed_strictly),
		cmocka_unit_test(a_wrong_content_length_is_found_when_read),
		cmocka_unit_test(what_is_no_file_is_no_pack),
		cmocka_unit_test(a_full_pack_says_so),
		cmocka_unit_test(a_full_disk_is_reported),
		cmocka_unit_test(running_out_of_memory_is_an_ordinary_failure),
		cmocka_unit_test(a_writer_reports_every_failure),
	};

	return cmocka_run_group_tests_name("pack", tests, set_up, tear_down);
}
