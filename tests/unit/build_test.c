/* SPDX-License-Identifier: Apache-2.0 */
/* A folder becomes index, hashes and packs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <zlib.h>

#include "catalog/repo/chunk.h"
#include "tests/unit/fault.h"
#include "tests/unit/release.h"

struct world {
	struct top top;
	int folder;
	int spool;
};

static void
world_open(struct world *w)
{
	fault_pretend_sync(true);
	top_open(&w->top);
	w->folder = open_dir(w->top.dirfd, "folder");
	w->spool = open_dir(w->top.dirfd, "spool");
	put_course(w->folder);
}

static void
world_close(struct world *w)
{
	close(w->folder);
	close(w->spool);
	top_close(&w->top);
}

static unsigned
count_files(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unsigned n = 0;

	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir)) != NULL;)
		n += d->d_name[0] != '.' || d->d_name[1] == 't';
	closedir(dir);
	return n;
}

static uint8_t *
all_frames(const struct index *ix, uint8_t value)
{
	uint8_t *missing = malloc(index_n_frames(ix));

	assert_non_null(missing);
	memset(missing, value, index_n_frames(ix));
	return missing;
}

static void
index_bytes(const struct world *w, unsigned n_threads, struct buf *out, struct digest *tar)
{
	struct build_options opt = { .n_threads = n_threads };
	struct build_result r;
	struct err e = { 0 };
	struct build *b;

	OK(build_scan(w->folder, &opt, &b, &e));
	assert_int_equal(build_n_files(b), 69);
	OK(build_index(b, &r, &e));
	assert_int_equal(r.tar_len, index_tar_len(r.index));
	OK(index_encode(r.index, out, &e));
	*tar = r.tar_sha256;
	index_free(r.index);
	build_free(b);
}

static void
the_number_of_threads_makes_no_difference(void **state)
{
	struct buf first = BUF_INIT;
	struct digest first_tar;
	struct world w;

	(void)state;
	world_open(&w);
	index_bytes(&w, 1, &first, &first_tar);
	for (unsigned n = 2; n <= 6; n++) {
		struct buf again = BUF_INIT;
		struct digest tar;

		index_bytes(&w, n, &again, &tar);
		assert_int_equal(buf_len(&again), buf_len(&first));
		assert_memory_equal(buf_data(&again), buf_data(&first), buf_len(&first));
		assert_true(digest_equal(&tar, &first_tar));
		buf_clear(&again);
	}
	buf_clear(&first);
	world_close(&w);
}

/* The index against the files themselves, hashed here in the plainest way. */
static void
the_index_says_what_is_in_the_files(void **state)
{
	struct build_result r;
	struct err e = { 0 };
	struct build *b;
	struct world w;

	(void)state;
	world_open(&w);
	OK(build_scan(w.folder, NULL, &b, &e));
	OK(build_index(b, &r, &e));
	for (uint32_t i = 0; i < index_n_entries(r.index); i++) {
		struct buf bytes = BUF_INIT;
		struct index_entry entry;
		struct digest sum;

		index_entry(r.index, i, &entry);
		if (entry.tar.kind == TAR_DIRECTORY)
			continue;
		OK(file_load(w.folder, entry.tar.path, 1 << 20, &bytes, &e));
		digest_of(&sum, buf_data(&bytes), buf_len(&bytes));
		assert_true(digest_equal(&sum, entry.sha256));
		assert_int_equal(entry.crc32, crc32(0, buf_data(&bytes), (uInt)buf_len(&bytes)));
		assert_int_equal(entry.tar.kind,
		    strcmp(entry.tar.path, "run.sh") == 0 ? TAR_EXECUTABLE : TAR_FILE);
		buf_clear(&bytes);
	}
	index_free(r.index);
	build_free(b);
	world_close(&w);
}

static void
packs_hold_every_content_once_in_tar_order(void **state)
{
	struct build_packs packs = { 0 };
	struct build_result r;
	struct err e = { 0 };
	struct build *b;
	struct world w;
	uint8_t *missing;
	uint64_t content = 0;

	(void)state;
	world_open(&w);
	OK(build_scan(w.folder, &(struct build_options){ .pack_bytes = 500000 }, &b, &e));
	OK(build_index(b, &r, &e));
	missing = all_frames(r.index, 1);
	OK(build_packs(b, r.index, missing, IN_SPOOL(w.spool), &packs, &e));
	assert_true(packs.n_packs >= 3);
	assert_int_equal(count_files(w.spool), packs.n_packs);
	for (size_t i = 0; i < packs.n_packs; i++) {
		char name[DIGEST_HEX_LEN + 6];
		int fd;

		digest_hex(name, &packs.packs[i].sha256);
		memcpy(name + DIGEST_HEX_LEN, ".pack", 6);
		fd = openat(w.spool, name, O_RDONLY | O_CLOEXEC);
		assert_int_not_equal(fd, -1);
		OK(pack_verify(fd, &packs.packs[i].sha256, NULL, NULL, &e));
		close(fd);
	}
	for (uint32_t i = 0; i < index_n_frames(r.index); i++) {
		struct index_frame f, g;
		bool is_first = true;

		index_frame(r.index, i, &f);
		for (uint32_t k = 0; k < i; k++) {
			index_frame(r.index, k, &g);
			is_first = is_first && !digest_equal(f.sha256, g.sha256);
		}
		content += is_first ? f.len : 0;
	}
	assert_true(content < r.tar_len - 800000); /* the twin costs nothing */
	assert_int_equal(packs.content_bytes, content);
	build_packs_clear(&packs);
	free(missing);
	index_free(r.index);
	build_free(b);
	world_close(&w);
}

static void
nothing_missing_makes_no_pack(void **state)
{
	struct build_packs packs = { 0 };
	struct build_result r;
	struct err e = { 0 };
	struct build *b;
	struct world w;
	uint8_t *missing;

	(void)state;
	world_open(&w);
	OK(build_scan(w.folder, NULL, &b, &e));
	OK(build_index(b, &r, &e));
	missing = all_frames(r.index, 0);
	OK(build_packs(b, r.index, missing, IN_SPOOL(w.spool), &packs, &e));
	assert_int_equal(packs.n_packs, 0);
	assert_int_equal(count_files(w.spool), 0);
	free(missing);
	index_free(r.index);
	build_free(b);
	world_close(&w);
}

static bool
holds(const struct index *ix, const struct digest *sha256)
{
	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		if (digest_equal(f.sha256, sha256))
			return true;
	}
	return false;
}

static void
a_small_edit_makes_few_new_frames(void **state)
{
	struct build_result r[2];
	struct err e = { 0 };
	struct world w;
	uint64_t bytes = 0;

	(void)state;
	world_open(&w);
	for (int i = 0; i < 2; i++) {
		struct build *b;

		OK(build_scan(w.folder, NULL, &b, &e));
		OK(build_index(b, &r[i], &e));
		build_free(b);
		put_text(w.folder, "讲义/第07讲 知识产权.txt", "修订");
	}
	for (uint32_t i = 0; i < index_n_frames(r[1].index); i++) {
		struct index_frame f;

		index_frame(r[1].index, i, &f);
		if (!holds(r[0].index, f.sha256))
			bytes += f.len;
	}
	assert_in_range(bytes, 1, CHUNK_MAX);
	index_free(r[0].index);
	index_free(r[1].index);
	world_close(&w);
}

struct change {
	const char *path;
	bool keeps_time; /* and size: only the hash can tell */
};

static void
a_file_that_changes_between_the_readings_is_named(void **state)
{
	static const struct change changes[] = { { "讲义/第03讲 知识产权.txt", false },
		{ "讲义/第59讲 知识产权.txt", true }, { "video/large.mp4", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct build_packs packs = { 0 };
		struct build_result r;
		struct err e = { 0 };
		struct build *b;
		struct world w;
		struct stat st;
		uint8_t *missing;
		int fd;

		world_open(&w);
		OK(build_scan(w.folder, NULL, &b, &e));
		OK(build_index(b, &r, &e));
		missing = all_frames(r.index, 1);
		fd = openat(w.folder, changes[i].path, O_WRONLY | O_CLOEXEC);
		assert_int_not_equal(fd, -1);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(pwrite(fd, "????????", 8, 300), 8);
		if (changes[i].keeps_time)
			assert_int_equal(
			    futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }), 0);
		close(fd);
		assert_int_equal(build_packs(b, r.index, missing, IN_SPOOL(w.spool), &packs,
		    &e), -1);
		assert_int_equal(e.class, ERR_CONFLICT);
		assert_non_null(strstr(e.text, changes[i].path));
		assert_non_null(strstr(e.text, "changed"));
		assert_int_equal(count_files(w.spool), 0);
		free(missing);
		index_free(r.index);
		build_free(b);
		world_close(&w);
	}
}

static void
a_file_that_changes_after_the_scan_is_named(void **state)
{
	struct build_result r;
	struct err e = { 0 };
	struct build *b;
	struct world w;

	(void)state;
	world_open(&w);
	OK(build_scan(w.folder, NULL, &b, &e));
	put_text(w.folder, "video/other.mp4", "short");
	assert_int_equal(build_index(b, &r, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "video/other.mp4 changed"));
	build_free(b);
	world_close(&w);
}

struct taker {
	int spool;
	unsigned n;
};

/* The first pack is taken away, the second not. */
static int
take_one(void *ctx, const struct build_pack *pack, struct err *e)
{
	char name[DIGEST_HEX_LEN + sizeof(".pack")];
	struct taker *taker = ctx;

	digest_hex(name, &pack->sha256);
	memcpy(name + DIGEST_HEX_LEN, ".pack", sizeof(".pack"));
	assert_true(file_exists(taker->spool, name));
	assert_int_equal(count_files(taker->spool), 1);
	if (taker->n++ == 1)
		return err_set(e, ERR_NETWORK, "nobody takes it");
	return file_remove(taker->spool, name, e);
}

static void
packs_are_handed_over_one_by_one(void **state)
{
	struct build_options opt = { .n_threads = 2, .pack_bytes = 100000 };
	struct taker taker = { .n = 0 };
	struct build_spool spool = { .on_pack = take_one, .ctx = &taker };
	struct build_packs packs = { 0 };
	struct build_result r;
	struct err e = { 0 };
	struct build *b;
	struct world w;
	uint8_t *missing;

	(void)state;
	world_open(&w);
	OK(build_scan(w.folder, &opt, &b, &e));
	OK(build_index(b, &r, &e));
	missing = all_frames(r.index, 1);
	taker.spool = spool.dirfd = w.spool;
	assert_int_equal(build_packs(b, r.index, missing, &spool, &packs, &e), -1);
	assert_int_equal(e.class, ERR_NETWORK);
	assert_string_equal(e.text, "nobody takes it");
	assert_int_equal(taker.n, 2);
	assert_int_equal(count_files(w.spool), 0);
	free(missing);
	index_free(r.index);
	build_free(b);
	world_close(&w);
}

struct progress {
	atomic_bool cancel;
	uint64_t cancel_at;
	uint64_t done;
	uint64_t total;
};

static void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;

	assert_true(done > p->done && done <= total);
	p->done = done;
	p->total = total;
	if (done >= p->cancel_at)
		atomic_store(&p->cancel, true);
}

static void
progress_is_reported_and_a_cancel_obeyed(void **state)
{
	struct progress p = { .cancel_at = UINT64_MAX };
	struct build_options opt = { .n_threads = 2,
		.cancel = &p.cancel,
		.on_progress = on_progress,
		.ctx = &p };
	struct build_packs packs = { 0 };
	struct build_result r;
	struct err e = { 0 };
	struct build *b;
	struct world w;
	uint8_t *missing;

	(void)state;
	world_open(&w);
	OK(build_scan(w.folder, &opt, &b, &e));
	OK(build_index(b, &r, &e));
	assert_int_equal(p.done, r.tar_len);
	assert_int_equal(p.total, r.tar_len);
	missing = all_frames(r.index, 1);
	p.done = 0;
	OK(build_packs(b, r.index, missing, IN_SPOOL(w.spool), &packs, &e));
	assert_int_equal(p.done, packs.content_bytes);
	assert_int_equal(p.total, packs.content_bytes);
	build_packs_clear(&packs);
	p.done = 0;
	p.cancel_at = 400000;
	assert_int_equal(build_packs(b, r.index, missing, IN_SPOOL(w.spool), &packs, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_int_equal(count_files(w.spool), 1); /* of the first call */
	free(missing);
	index_free(r.index);
	build_free(b);
	world_close(&w);
}

static int
whole_run(int folder, int spool, struct err *e)
{
	struct build_packs packs = { 0 };
	struct build_result r = { 0 };
	struct build *b;
	uint8_t missing[100];
	int rc = -1;

	memset(missing, 1, sizeof(missing));
	if (build_scan(folder, &(struct build_options){ .n_threads = 1, .pack_bytes = 60000 }, &b,
	        e) == -1)
		return -1;
	if (build_index(b, &r, e) == 0) {
		assert_true(index_n_frames(r.index) <= sizeof(missing));
		rc = build_packs(b, r.index, missing, IN_SPOOL(spool), &packs, e);
	}
	build_packs_clear(&packs);
	index_free(r.index);
	build_free(b);
	return rc;
}

static void
a_failure_at_any_call_leaves_no_pack(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_WRITE, FAULT_FSYNC,
		FAULT_RENAME };
	struct top place;
	unsigned n_fired = 0;
	int folder, spool;

	(void)state;
	top_open(&place);
	folder = open_dir(place.dirfd, "folder");
	spool = open_dir(place.dirfd, "spool");
	put_text(folder, "a/讲义.txt", "text");
	put_text(folder, "a/empty", "");
	put_random(folder, "video.mp4", 150000, 5);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		bool has_fired = true;

		for (long nth = 1; has_fired; nth++) {
			struct err e = { 0 };
			int rc;

			fault_arm(kinds[k], nth);
			rc = whole_run(folder, spool, &e);
			has_fired = fault_disarm();
			assert_int_equal(rc, has_fired ? -1 : 0);
			if (has_fired) {
				assert_int_equal(e.class,
				    kinds[k] == FAULT_WRITE ? ERR_BUSY : ERR_SYSTEM);
				assert_int_equal(count_files(spool), 0);
			}
			n_fired += has_fired;
		}
		assert_true(count_files(spool) >= 2);
		close(spool);
		OK(file_remove_tree(place.dirfd, "spool", &(struct err){ 0 }));
		spool = open_dir(place.dirfd, "spool");
	}
	assert_true(n_fired > 20);
	close(folder);
	close(spool);
	top_close(&place);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_number_of_threads_makes_no_difference),
		cmocka_unit_test(the_index_says_what_is_in_the_files),
		cmocka_unit_test(packs_hold_every_content_once_in_tar_order),
		cmocka_unit_test(nothing_missing_makes_no_pack),
		cmocka_unit_test(a_small_edit_makes_few_new_frames),
		cmocka_unit_test(a_file_that_changes_between_the_readings_is_named),
		cmocka_unit_test(a_file_that_changes_after_the_scan_is_named),
		cmocka_unit_test(packs_are_handed_over_one_by_one),
		cmocka_unit_test(progress_is_reported_and_a_cancel_obeyed),
		cmocka_unit_test(a_failure_at_any_call_leaves_no_pack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
