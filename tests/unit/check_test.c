/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's look at a draft: whatever disagrees is found and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/repo/check.h"
#include "catalog/repo/frame.h"
#include "tests/unit/fault.h"
#include "tests/unit/release.h"

static struct top top;
static struct store *store;
static struct release release;

static int
set_up(void **state)
{
	struct err e = { 0 };
	int folder;

	(void)state;
	fault_pretend_sync(true);
	top_open(&top);
	folder = open_dir(top.dirfd, "folder");
	put_course(folder);
	OK(store_open(top.dirfd, "repo", STORE_WRITE, &store, &e));
	release_make(&release, folder, store, top.dirfd, 0);
	close(folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	release_clear(&release);
	store_close(store);
	top_close(&top);
	return 0;
}

/*
 * A release whose index contradicts its frames: the same entries but for what
 * twist() does to them, over frames cut out of tar, which the test may have changed.
 */
struct forgery {
	struct release release;
	uint8_t *tar;
	struct digest *hashes; /* of the frames */
};

typedef void twist_fn(struct index_entry *entry, struct digest *sha256);

static void
as_it_is(struct index_entry *entry, struct digest *sha256)
{
	(void)entry;
	(void)sha256;
}

static void
forge(struct forgery *f, twist_fn *twist)
{
	struct err e = { 0 };
	struct index *ix = index_new(&e);
	struct frame_coder *coder = frame_coder_new(&e);
	struct pack_writer *w;
	uint8_t *stored = malloc(frame_bound(1 << 20));
	char path[OBJPATH_SIZE];
	struct digest name;
	uint64_t len;
	int fd = openat(top.dirfd, "forged", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(ix != NULL && coder != NULL && stored != NULL && fd != -1);
	w = pack_writer_new(fd, &e);
	assert_non_null(w);
	for (uint32_t i = 0; i < index_n_entries(release.index); i++) {
		struct index_entry entry;
		struct digest sha256;

		index_entry(release.index, i, &entry);
		sha256 = *entry.sha256;
		twist(&entry, &sha256);
		OK(index_add_entry(ix, &entry.tar, &e));
		if (entry.tar.kind != TAR_DIRECTORY)
			index_set_content(ix, i, entry.crc32, &sha256);
	}
	for (uint32_t i = 0; i < index_n_frames(release.index); i++) {
		struct pack_frame row = { .off = 0 };
		struct index_frame frame;
		size_t stored_len;

		index_frame(release.index, i, &frame);
		row.content_len = frame.len;
		digest_of(&row.content, f->tar + frame.off, frame.len);
		OK(index_add_frame(ix, frame.len, &row.content, &e));
		OK(frame_pack(coder, f->tar + frame.off, frame.len, stored, &stored_len, &e));
		row.stored_len = (uint32_t)stored_len;
		digest_of(&row.stored, stored, stored_len);
		assert_int_not_equal(pack_writer_add(w, &row, stored, &e), -1);
	}
	OK(index_finish(ix, &e));
	OK(pack_writer_finish(w, &name, &len, &e));
	close(fd);
	objpath_pack(path, RELEASE_CHANNEL, &name);
	OK(store_put_file(store, path, top.dirfd, "forged", &e));
	f->release.index = ix;
	f->release.tar_len = release.tar_len;
	digest_of(&f->release.tar_sha256, f->tar, release.tar_len);
	f->release.places = calloc(index_n_frames(ix), sizeof(*f->release.places));
	f->release.stored_lens = calloc(index_n_frames(ix), sizeof(uint32_t));
	f->release.stored_sha256 = calloc(index_n_frames(ix), sizeof(struct digest));
	assert_true(f->release.places != NULL && f->release.stored_lens != NULL &&
	    f->release.stored_sha256 != NULL);
	release_find_places(&f->release, store, &name);
	pack_writer_free(w);
	frame_coder_free(coder);
	free(stored);
}

static void
forgery_clear(struct forgery *f)
{
	release_clear(&f->release);
	free(f->tar);
}

static void
expect_refusal(struct forgery *f, const char *what)
{
	struct stream_source src = release_source(&f->release, store);
	struct err e = { 0 };

	assert_int_equal(check_release(&src, f->release.tar_len, &f->release.tar_sha256, NULL, &e),
	    -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	if (strstr(e.text, what) == NULL)
		fail_msg("\"%s\" is not in: %s", what, e.text);
}

static uint64_t
data_off_of(const char *path)
{
	int64_t i = index_find(release.index, path, strlen(path));
	struct index_entry entry;

	assert_int_not_equal(i, -1);
	index_entry(release.index, (uint32_t)i, &entry);
	return entry.data_off;
}

/* --- */

static void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	uint64_t *seen = ctx;

	assert_true(done > *seen && done <= total);
	*seen = done;
}

static void
an_honest_release_passes(void **state)
{
	struct stream_source src = release_source(&release, store);
	uint64_t seen = 0;
	struct check_options opt = { .on_progress = on_progress, .ctx = &seen };
	struct err e = { 0 };

	(void)state;
	OK(check_release(&src, release.tar_len, &release.tar_sha256, &opt, &e));
	assert_int_equal(seen, release.tar_len);
}

static void
the_forgery_without_a_twist_passes(void **state)
{
	struct forgery f = { .tar = release_tar(&release, store) };
	struct stream_source src;
	struct err e = { 0 };

	(void)state;
	forge(&f, as_it_is);
	src = release_source(&f.release, store);
	OK(check_release(&src, release.tar_len, &release.tar_sha256, NULL, &e));
	forgery_clear(&f);
}

static void
other_content_than_the_file_hash_says_is_refused(void **state)
{
	static const char *const files[] = { "讲义/第07讲 知识产权.txt", "video/exact.mp4",
		"video/other.mp4" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct forgery f = { .tar = release_tar(&release, store) };

		f.tar[data_off_of(files[i])] ^= 1;
		forge(&f, as_it_is);
		expect_refusal(&f, files[i]);
		expect_refusal(&f, "SHA-256");
		forgery_clear(&f);
	}
}

static void
crc_of_one(struct index_entry *entry, struct digest *sha256)
{
	(void)sha256;
	if (strcmp(entry->tar.path, "video/large.mp4") == 0)
		entry->crc32 ^= 1;
}

static void
empty_with_a_hash(struct index_entry *entry, struct digest *sha256)
{
	if (strcmp(entry->tar.path, "a/b/empty") == 0)
		sha256->bytes[31] ^= 1;
}

static void
empty_with_a_crc(struct index_entry *entry, struct digest *sha256)
{
	(void)sha256;
	if (strcmp(entry->tar.path, "空.txt") == 0)
		entry->crc32 = 1;
}

static void
other_sums_in_the_index_are_refused(void **state)
{
	static const struct {
		twist_fn *twist;
		const char *path;
		const char *what;
	} cases[] = { { crc_of_one, "video/large.mp4", "CRC-32" },
		{ empty_with_a_hash, "a/b/empty", "SHA-256" },
		{ empty_with_a_crc, "空.txt", "CRC-32" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct forgery f = { .tar = release_tar(&release, store) };

		forge(&f, cases[i].twist);
		expect_refusal(&f, cases[i].path);
		expect_refusal(&f, cases[i].what);
		forgery_clear(&f);
	}
}

static void
another_header_padding_or_end_is_refused(void **state)
{
	uint64_t last = release.tar_len - 1;
	uint64_t head = data_off_of("讲义/第07讲 知识产权.txt") - 400; /* mode, owner, times */
	uint64_t padding = data_off_of("讲义/第01讲 知识产权.txt") + 258;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct forgery f = { .tar = release_tar(&release, store) };

		f.tar[i == 0 ? last : i == 1 ? head : padding] ^= 1;
		forge(&f, as_it_is);
		expect_refusal(&f, i == 0 ? "end" : i == 1 ? "第07讲" : "第01讲");
		forgery_clear(&f);
	}
}

static void
executable(struct index_entry *entry, struct digest *sha256)
{
	(void)sha256;
	if (strcmp(entry->tar.path, "course.json") == 0)
		entry->tar.kind = TAR_EXECUTABLE;
}

static void
another_mode_is_refused(void **state)
{
	struct forgery f = { .tar = release_tar(&release, store) };

	(void)state;
	forge(&f, executable);
	expect_refusal(&f, "course.json");
	forgery_clear(&f);
}

static void
another_tar_than_the_record_says_is_refused(void **state)
{
	struct stream_source src = release_source(&release, store);
	struct digest other = release.tar_sha256;
	struct err e = { 0 };

	(void)state;
	other.bytes[0] ^= 1;
	assert_int_equal(check_release(&src, release.tar_len, &other, NULL, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "record"));
	assert_int_equal(check_release(&src, release.tar_len + 512, &release.tar_sha256, NULL, &e),
	    -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "record"));
}

static void
missing_frames_are_listed_once(void **state)
{
	struct stream_source src = release_source(&release, store);
	uint32_t n = 7, last = index_n_frames(release.index) - 1;
	struct stream_place kept = release.places[last];
	struct buf missing = BUF_INIT;
	struct index_frame f;
	struct err e = { 0 };
	char name[32];
	uint32_t first = index_frame_at(release.index, data_off_of("video/large.mp4"));
	uint32_t twin = index_frame_at(release.index, data_off_of("video/twin.mp4"));
	struct stream_place kept_first = release.places[first];

	(void)state;
	OK(check_missing(&src, &missing, &n, &e));
	assert_int_equal(n, 0);
	release.places[last].stored_len = 0;
	release.places[first].stored_len = release.places[twin].stored_len = 0;
	OK(check_missing(&src, &missing, &n, &e));
	assert_int_equal(n, 2);
	assert_int_equal(buf_len(&missing), 64);
	index_frame(release.index, last, &f);
	assert_true(memcmp(buf_data(&missing), f.sha256->bytes, 32) == 0 ||
	    memcmp(buf_data(&missing) + 32, f.sha256->bytes, 32) == 0);
	assert_int_equal(check_release(&src, release.tar_len, &release.tar_sha256, NULL, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	(void)snprintf(name, sizeof(name), "frame %u:", first);
	assert_non_null(strstr(e.text, name));
	release.places[last] = kept;
	release.places[first] = release.places[twin] = kept_first;
	buf_clear(&missing);
}

static void
a_cancel_is_obeyed(void **state)
{
	struct stream_source src = release_source(&release, store);
	atomic_bool cancel = true;
	struct check_options opt = { .cancel = &cancel };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(check_release(&src, release.tar_len, &release.tar_sha256, &opt, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_release_passes),
		cmocka_unit_test(the_forgery_without_a_twist_passes),
		cmocka_unit_test(other_content_than_the_file_hash_says_is_refused),
		cmocka_unit_test(other_sums_in_the_index_are_refused),
		cmocka_unit_test(another_header_padding_or_end_is_refused),
		cmocka_unit_test(another_mode_is_refused),
		cmocka_unit_test(another_tar_than_the_record_says_is_refused),
		cmocka_unit_test(missing_frames_are_listed_once),
		cmocka_unit_test(a_cancel_is_obeyed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
