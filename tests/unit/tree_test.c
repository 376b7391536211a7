/* SPDX-License-Identifier: Apache-2.0 */
/* Frames become verified files, whatever happened before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/repo/tree.h"
#include "tests/unit/fault.h"
#include "tests/unit/release.h"
#include "tests/unit/skip.h"

/* Two releases of a course; the second one's folder differs in a few files. */
static struct top top;
static struct store *store;
static int folders[2];
static struct release releases[2];
static uint8_t *tars[2];
static int next_stage;

static int
set_up(void **state)
{
	struct err e = { 0 };

	(void)state;
	fault_pretend_sync(true);
	top_open(&top);
	folders[0] = open_dir(top.dirfd, "one");
	folders[1] = open_dir(top.dirfd, "two");
	put_course(folders[0]);
	put_course(folders[1]);
	put_text(folders[1], "讲义/第07讲 知识产权.txt", "修订");
	put_text(folders[1], "new/file.txt", "new");
	put_random(folders[1], "video/other.mp4", 290000, 81);
	assert_int_equal(unlinkat(folders[1], "video/exact.mp4", 0), 0);
	OK(store_open(top.dirfd, "repo", STORE_WRITE, &store, &e));
	for (int i = 0; i < 2; i++) {
		release_make(&releases[i], folders[i], store, top.dirfd, 0);
		tars[i] = release_tar(&releases[i], store);
	}
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		release_clear(&releases[i]);
		free(tars[i]);
		close(folders[i]);
	}
	store_close(store);
	top_close(&top);
	return 0;
}

/* --- helpers --- */

static int
new_stage(void)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "stage-%d", next_stage++);
	return open_dir(top.dirfd, name);
}

static struct tree *
open_tree(int stage, int release, const struct tree_old *old)
{
	struct tree_options opt = { .olds = old, .n_olds = old != NULL };
	struct err e = { 0 };
	struct tree *t;

	if (tree_open(stage, releases[release].index, &opt, &t, &e) == -1)
		fail_msg("%s", e.text);
	return t;
}

static int
give(struct tree *t, int release, uint32_t frame, struct err *e)
{
	struct index_frame f;

	index_frame(releases[release].index, frame, &f);
	return tree_frame(t, frame, tars[release] + f.off, f.len, e);
}

/* Give the first n frames of the plan. */
static void
give_some(struct tree *t, int release, size_t n)
{
	struct err e = { 0 };
	uint32_t *plan;
	size_t n_plan;
	const uint32_t *lent = tree_plan(t, &n_plan, NULL);

	plan = malloc((n_plan + 1) * sizeof(*plan));
	assert_non_null(plan);
	memcpy(plan, lent, n_plan * sizeof(*plan));
	for (size_t i = 0; i < n && i < n_plan; i++)
		if (give(t, release, plan[i], &e) == -1)
			fail_msg("%s", e.text);
	free(plan);
}

static size_t
n_planned(struct tree *t)
{
	size_t n;

	(void)tree_plan(t, &n, NULL);
	return n;
}

static void
fail_on_fault(void *ctx, enum tree_fault fault, const char *path)
{
	(void)ctx;
	fail_msg("fault %d: %s", (int)fault, path);
}

/* The stage is the folder of the release, with our modes and times, and nothing more. */
static void
expect_release(int stage, int release)
{
	struct tree_verify_options opt = { .on_fault = fail_on_fault };
	const struct index *ix = releases[release].index;
	struct err e = { 0 };
	uint32_t n;

	OK(tree_verify(stage, ix, &opt, &n, &e));
	assert_int_equal(n, 0);
	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		struct buf want = BUF_INIT, got = BUF_INIT;
		struct index_entry entry;
		struct stat st;

		index_entry(ix, i, &entry);
		if (entry.tar.kind == TAR_DIRECTORY)
			continue;
		OK(file_load(folders[release], entry.tar.path, 1 << 20, &want, &e));
		OK(file_load(stage, entry.tar.path, 1 << 20, &got, &e));
		assert_int_equal(buf_len(&want), buf_len(&got));
		assert_memory_equal(buf_data(&want), buf_data(&got), buf_len(&want));
		assert_int_equal(fstatat(stage, entry.tar.path, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mtim.tv_sec, TAR_MTIME);
		assert_int_equal(st.st_mtim.tv_nsec, 0);
		assert_int_equal(st.st_mode & 07777,
		    strcmp(entry.tar.path, "run.sh") == 0 ? 0755 : 0644);
		buf_clear(&want);
		buf_clear(&got);
	}
}

static void
finish(struct tree *t, int stage, int release)
{
	struct err e = { 0 };

	give_some(t, release, SIZE_MAX);
	if (tree_finish(t, &e) == -1)
		fail_msg("%s", e.text);
	tree_free(t);
	expect_release(stage, release);
}

/* A finished directory of release 0, as a client's library has it. */
static int
make_old(void)
{
	int stage = new_stage();

	finish(open_tree(stage, 0, NULL), stage, 0);
	return stage;
}

static ino_t
inode(int dirfd, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_ino;
}

static void
overwrite(int dirfd, const char *path, const char *text, off_t off)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, text, strlen(text), off), strlen(text));
	close(fd);
}

static void
expect_text(int dirfd, const char *path, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	OK(file_load(dirfd, path, 1000, &b, &e));
	assert_string_equal(buf_text(&b), want);
	buf_clear(&b);
}

/* --- from nothing --- */

static void
frames_in_order_make_the_release(void **state)
{
	int stage = new_stage();
	struct tree *t = open_tree(stage, 0, NULL);
	struct tree_figures figures;

	(void)state;
	give_some(t, 0, SIZE_MAX);
	tree_figures(t, &figures);
	assert_int_equal(figures.file_bytes, index_file_bytes(releases[0].index));
	assert_int_equal(figures.given_bytes, figures.file_bytes);
	finish(t, stage, 0);
	close(stage);
}

static void
frames_in_any_order_make_the_release(void **state)
{
	struct err e = { 0 };
	uint64_t x = 3;

	(void)state;
	for (int round = 0; round < 4; round++) {
		int stage = new_stage();
		struct tree *t = open_tree(stage, 0, NULL);
		uint32_t plan[1000];
		size_t n;
		const uint32_t *lent = tree_plan(t, &n, NULL);

		assert_true(n < 1000);
		memcpy(plan, lent, n * sizeof(*plan));
		for (size_t i = n; i-- > 0;) {
			size_t k = round == 0 ? i : (size_t)((x =
			    x * 6364136223846793005ull + 1) >> 33) % (i + 1);

			OK(give(t, 0, plan[k], &e));
			OK(give(t, 0, plan[k], &e)); /* twice does no harm */
			plan[k] = plan[i];
		}
		finish(t, stage, 0);
		close(stage);
	}
}

static void
the_plan_is_each_content_once_and_no_structure(void **state)
{
	const struct index *ix = releases[0].index;
	int stage = new_stage();
	struct tree *t = open_tree(stage, 0, NULL);
	size_t n, n_structure = 0, n_twice = 0;
	uint64_t bytes, sum = 0;
	const uint32_t *plan = tree_plan(t, &n, &bytes);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct index_frame f;

		assert_true(i == 0 || plan[i] > plan[i - 1]);
		index_frame(ix, plan[i], &f);
		sum += f.len;
	}
	assert_int_equal(sum, bytes);
	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		struct index_piece piece;
		struct index_walk walk;
		struct index_frame f, g;
		bool has_content = false, is_planned = false, is_first = true;

		index_frame(ix, i, &f);
		index_walk_init(&walk, ix, f.off, f.len);
		while (index_walk_next(&walk, &piece))
			has_content = has_content || piece.bytes == NULL;
		for (size_t k = 0; k < n; k++)
			is_planned = is_planned || plan[k] == i;
		for (uint32_t k = 0; k < i; k++) {
			index_frame(ix, k, &g);
			is_first = is_first && !digest_equal(f.sha256, g.sha256);
		}
		n_structure += !has_content;
		n_twice += !is_first;
		assert_int_equal(is_planned, has_content && is_first);
	}
	assert_true(n_structure > 0 && n_twice > 0);
	finish(t, stage, 0);
	close(stage);
}

static void
wrong_content_is_refused_and_harmless(void **state)
{
	int stage = new_stage();
	struct tree *t = open_tree(stage, 0, NULL);
	const struct index *ix = releases[0].index;
	uint8_t *bytes = malloc(1 << 20);
	struct err e = { 0 };
	uint32_t n = index_n_frames(ix);

	(void)state;
	assert_non_null(bytes);
	for (uint32_t i = 0; i < n; i++) {
		struct index_frame f, g;

		index_frame(ix, i, &f);
		index_frame(ix, (i + 1) % n, &g);
		memcpy(bytes, tars[0] + f.off, f.len);
		bytes[f.len / 2] ^= 1;
		assert_int_equal(tree_frame(t, i, bytes, f.len, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_int_equal(tree_frame(t, i, tars[0] + f.off, f.len - 1, &e), -1);
		assert_int_equal(tree_frame(t, i, tars[0] + g.off, g.len, &e), -1);
	}
	assert_int_equal(tree_frame(t, n, bytes, 5, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	free(bytes);
	finish(t, stage, 0);
	close(stage);
}

static void
an_unfinished_tree_does_not_finish(void **state)
{
	int stage = new_stage();
	struct tree *t = open_tree(stage, 0, NULL);
	struct err e = { 0 };

	(void)state;
	give_some(t, 0, n_planned(t) - 1);
	assert_int_equal(n_planned(t), 1);
	assert_int_equal(tree_finish(t, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_non_null(strstr(e.text, "not complete"));
	finish(t, stage, 0);
	close(stage);
}

/* --- interruptions --- */

static void
an_interruption_anywhere_costs_nothing(void **state)
{
	struct tree *t;
	size_t total;
	int stage = new_stage();

	(void)state;
	t = open_tree(stage, 0, NULL);
	total = n_planned(t);
	tree_free(t);
	close(stage);
	for (size_t k = 0; k <= total; k++) {
		stage = new_stage();
		t = open_tree(stage, 0, NULL);
		give_some(t, 0, k);
		tree_free(t);
		t = open_tree(stage, 0, NULL);
		assert_int_equal(n_planned(t), total - k);
		finish(t, stage, 0);
		close(stage);
	}
}

static void
one_frame_a_run_arrives(void **state)
{
	int stage = new_stage();
	size_t left = SIZE_MAX;

	(void)state;
	while (left > 0) {
		struct tree *t = open_tree(stage, 0, NULL);

		give_some(t, 0, 1);
		assert_true(n_planned(t) < left);
		left = n_planned(t);
		tree_free(t);
	}
	finish(open_tree(stage, 0, NULL), stage, 0);
	close(stage);
}

enum damage { FLIPPED, CUT, LONGER, LINKED, A_FOLDER, A_PIPE, GONE, N_DAMAGES };

static void
damage(int stage, const char *path, enum damage what)
{
	struct stat st;
	int fd;

	if (fstatat(stage, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return; /* not yet there */
	switch (what) {
	case FLIPPED:
		if (st.st_size > 0)
			overwrite(stage, path, "!", st.st_size / 2);
		return;
	case CUT:
	case LONGER:
		fd = openat(stage, path, O_WRONLY | O_CLOEXEC);
		assert_int_equal(ftruncate(fd, what == CUT ? st.st_size / 2 : st.st_size + 10), 0);
		close(fd);
		return;
	case LINKED:
		assert_int_equal(unlinkat(stage, path, 0), 0);
		assert_int_equal(symlinkat("../../precious", stage, path), 0);
		return;
	case A_FOLDER:
		assert_int_equal(unlinkat(stage, path, 0), 0);
		assert_int_equal(mkdirat(stage, path, 0700), 0);
		fd = openat(stage, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		put_text(fd, "inside", "x");
		close(fd);
		return;
	case A_PIPE:
		assert_int_equal(unlinkat(stage, path, 0), 0);
		assert_int_equal(mkfifoat(stage, path, 0600), 0);
		return;
	case GONE:
		assert_int_equal(unlinkat(stage, path, 0), 0);
		return;
	case N_DAMAGES:
		return;
	}
}

static void
damage_between_runs_is_repaired(void **state)
{
	static const char *const paths[] = { "video/large.mp4", "video/exact.mp4", "a/b/empty",
		"讲义/第01讲 知识产权.txt" };

	(void)state;
	put_text(top.dirfd, "precious", "precious");
	for (int what = 0; what < N_DAMAGES; what++) {
		for (size_t k = 1; k < 30; k += 4) {
			int stage = new_stage();
			struct tree *t = open_tree(stage, 0, NULL);

			give_some(t, 0, k);
			tree_free(t);
			for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++)
				damage(stage, paths[p], (enum damage)what);
			finish(open_tree(stage, 0, NULL), stage, 0);
			close(stage);
		}
	}
	expect_text(top.dirfd, "precious", "precious");
}

static void
a_linked_folder_in_the_stage_is_replaced(void **state)
{
	int stage = new_stage(), outside = open_dir(top.dirfd, "outside");

	(void)state;
	put_text(outside, "large.mp4", "precious");
	assert_int_equal(symlinkat("../outside", stage, "video"), 0);
	finish(open_tree(stage, 0, NULL), stage, 0);
	expect_text(outside, "large.mp4", "precious");
	assert_false(file_exists(outside, "twin.mp4"));
	close(outside);
	close(stage);
}

static void
what_does_not_belong_is_removed(void **state)
{
	int stage = new_stage(), outside = open_dir(top.dirfd, "outside2");

	(void)state;
	put_text(outside, "file", "precious");
	put_text(stage, "extra.txt", "x");
	put_text(stage, "video/.tmp-1", "x");
	put_text(stage, "deep/er/extra.txt", "x");
	assert_int_equal(symlinkat("../outside2", stage, "link"), 0);
	finish(open_tree(stage, 0, NULL), stage, 0);
	assert_false(file_exists(stage, "extra.txt"));
	assert_false(file_exists(stage, "deep"));
	expect_text(outside, "file", "precious");
	close(outside);
	close(stage);
}

static void
a_release_begun_can_become_another(void **state)
{
	int stage = new_stage();
	struct tree *t = open_tree(stage, 0, NULL);

	(void)state;
	give_some(t, 0, SIZE_MAX);
	tree_free(t);
	t = open_tree(stage, 1, NULL);
	assert_in_range(n_planned(t), 1, 12);
	finish(t, stage, 1);
	close(stage);
}

/* --- older releases --- */

static void
an_update_takes_over_what_did_not_change(void **state)
{
	int old_dir = make_old(), stage = new_stage();
	struct tree_old old = { .dirfd = old_dir, .index = releases[0].index };
	struct tree *t = open_tree(stage, 1, &old);
	struct tree_figures figures;
	uint64_t bytes;
	size_t n;

	(void)state;
	(void)tree_plan(t, &n, &bytes);
	tree_figures(t, &figures);
	assert_true(figures.linked_bytes > 2000000);
	assert_true(bytes < index_tar_len(releases[1].index) / 3);
	finish(t, stage, 1);
	assert_int_equal(inode(stage, "video/large.mp4"), inode(old_dir, "video/large.mp4"));
	assert_int_equal(inode(stage, "讲义/第59讲 知识产权.txt"),
	    inode(old_dir, "讲义/第59讲 知识产权.txt"));
	assert_int_not_equal(inode(stage, "讲义/第07讲 知识产权.txt"),
	    inode(old_dir, "讲义/第07讲 知识产权.txt"));
	expect_release(old_dir, 0);
	close(stage);
	close(old_dir);
}

static void
a_touched_old_file_is_copied_after_a_look(void **state)
{
	int old_dir = make_old(), stage = new_stage();
	struct tree_old old = { .dirfd = old_dir, .index = releases[0].index };
	struct tree *t;
	struct tree_figures figures;

	(void)state;
	assert_int_equal(utimensat(old_dir, "video/large.mp4", NULL, 0), 0);
	assert_int_equal(fchmodat(old_dir, "video/twin.mp4", 0600, 0), 0);
	t = open_tree(stage, 1, &old);
	tree_figures(t, &figures);
	assert_int_equal(figures.copied_bytes, 1800002);
	finish(t, stage, 1);
	assert_int_not_equal(inode(stage, "video/large.mp4"), inode(old_dir, "video/large.mp4"));
	close(stage);
	close(old_dir);
}

/* After a power cut a sealed file may hold zeros: only its bytes prove it. */
static void
an_unproven_old_file_is_linked_only_when_it_is_right(void **state)
{
	static const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = TAR_MTIME } };
	int old_dir = make_old(), stage = new_stage(), fd;
	struct tree_old old = { .dirfd = old_dir, .index = releases[0].index, .is_unproven = true };
	struct tree *t;

	(void)state;
	fd = openat(old_dir, "讲义/第59讲 知识产权.txt", O_WRONLY);
	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 0), 4);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	t = open_tree(stage, 1, &old);
	finish(t, stage, 1);
	assert_int_equal(inode(stage, "video/large.mp4"), inode(old_dir, "video/large.mp4"));
	assert_int_not_equal(inode(stage, "讲义/第59讲 知识产权.txt"),
	    inode(old_dir, "讲义/第59讲 知识产权.txt"));
	close(stage);
	close(old_dir);
}

static void
a_spoilt_old_file_gives_the_frames_that_are_whole(void **state)
{
	int old_dir = make_old(), stage = new_stage();
	struct tree_old old = { .dirfd = old_dir, .index = releases[0].index };
	struct tree_figures figures;
	struct tree *t;
	size_t whole, spoilt;

	(void)state;
	t = open_tree(stage, 1, &old);
	whole = n_planned(t);
	tree_free(t);
	close(stage);
	stage = new_stage();
	overwrite(old_dir, "video/large.mp4", "spoilt", 500000);
	assert_int_equal(unlinkat(old_dir, "video/twin.mp4", 0), 0);
	overwrite(old_dir, "a/b/empty", "no more", 0);
	t = open_tree(stage, 1, &old);
	spoilt = n_planned(t);
	tree_figures(t, &figures);
	assert_int_equal(spoilt, whole + 1);
	assert_true(figures.copied_bytes > 1000000);
	finish(t, stage, 1);
	close(stage);
	close(old_dir);
}

static void
an_old_file_in_the_stage_is_never_written_to(void **state)
{
	int old_dir = make_old(), stage = new_stage();
	struct tree *t = open_tree(stage, 1, NULL);

	(void)state;
	tree_free(t);
	/* As if a run had linked them, and then the releases had been mixed up. */
	assert_int_equal(linkat(old_dir, "video/other.mp4", stage, "video/other.mp4", 0), 0);
	assert_int_equal(linkat(old_dir, "讲义/第07讲 知识产权.txt", stage,
	                     "讲义/第07讲 知识产权.txt", 0),
	    0);
	assert_int_equal(linkat(old_dir, "video/large.mp4", stage, "video/twin.mp4", 0), 0);
	finish(open_tree(stage, 1, NULL), stage, 1);
	expect_release(old_dir, 0);
	assert_int_equal(inode(stage, "video/twin.mp4"), inode(old_dir, "video/large.mp4"));
	close(stage);
	close(old_dir);
}

static void
where_links_are_refused_files_are_copied(void **state)
{
	char far[] = "/dev/shm/kebao-tree-test-XXXXXX";
	int old_dir = make_old(), stage;
	struct tree_old old = { .dirfd = old_dir, .index = releases[0].index };
	struct stat here, there;
	struct err e = { 0 };
	struct tree *t;

	(void)state;
	assert_non_null(mkdtemp(far));
	stage = open(far, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fstat(stage, &there), 0);
	assert_int_equal(fstat(old_dir, &here), 0);
	t = open_tree(stage, 1, &old);
	assert_in_range(n_planned(t), 1, 12);
	finish(t, stage, 1);
	expect_release(old_dir, 0);
	close(stage);
	close(old_dir);
	OK(file_remove_tree(AT_FDCWD, far, &e));
	if (here.st_dev == there.st_dev)
		SKIP("no second file system here");
}

/* --- releases that contradict themselves --- */

typedef void twist_fn(struct index_entry *entry, struct digest *sha256);

/* An index of release 0's frames with other words about the files. */
static struct index *
twisted(twist_fn *twist)
{
	struct err e = { 0 };
	struct index *ix = index_new(&e);

	assert_non_null(ix);
	for (uint32_t i = 0; i < index_n_entries(releases[0].index); i++) {
		struct index_entry entry;
		struct digest sha256;

		index_entry(releases[0].index, i, &entry);
		sha256 = *entry.sha256;
		twist(&entry, &sha256);
		OK(index_add_entry(ix, &entry.tar, &e));
		if (entry.tar.kind != TAR_DIRECTORY)
			index_set_content(ix, i, entry.crc32, &sha256);
	}
	for (uint32_t i = 0; i < index_n_frames(releases[0].index); i++) {
		struct index_frame f;

		index_frame(releases[0].index, i, &f);
		OK(index_add_frame(ix, f.len, f.sha256, &e));
	}
	OK(index_finish(ix, &e));
	return ix;
}

static void
small_hash(struct index_entry *entry, struct digest *sha256)
{
	if (strcmp(entry->tar.path, "讲义/第07讲 知识产权.txt") == 0)
		sha256->bytes[0] ^= 1;
}

static void
large_hash(struct index_entry *entry, struct digest *sha256)
{
	if (strcmp(entry->tar.path, "video/large.mp4") == 0)
		sha256->bytes[0] ^= 1;
}

static void
empty_hash(struct index_entry *entry, struct digest *sha256)
{
	if (strcmp(entry->tar.path, "a/b/empty") == 0)
		sha256->bytes[0] ^= 1;
}

static void
other_mode(struct index_entry *entry, struct digest *sha256)
{
	(void)sha256;
	if (strcmp(entry->tar.path, "讲义/第08讲 知识产权.txt") == 0)
		entry->tar.kind = TAR_EXECUTABLE;
}

static void
a_release_that_contradicts_itself_is_refused(void **state)
{
	static const struct {
		twist_fn *twist;
		const char *path;
	} cases[] = { { small_hash, "讲义/第07讲 知识产权.txt" },
		{ large_hash, "video/large.mp4" }, { empty_hash, "a/b/empty" },
		{ other_mode, "讲义/第08讲 知识产权.txt" } };

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct index *ix = twisted(cases[c].twist);
		int stage = new_stage(), rc;
		struct tree *t = NULL;
		struct err e = { 0 };

		rc = tree_open(stage, ix, NULL, &t, &e);
		for (uint32_t i = 0; rc == 0 && i < index_n_frames(ix); i++)
			rc = give(t, 0, i, &e);
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_UNTRUSTED);
		assert_non_null(strstr(e.text, cases[c].path));
		assert_false(file_exists(stage, cases[c].path));
		tree_free(t);
		index_free(ix);
		close(stage);
	}
}

/* --- looking at it later --- */

static void
note_fault(void *ctx, enum tree_fault fault, const char *path)
{
	static const char *const names[] = { [TREE_MISSING] = "missing",
		[TREE_CHANGED] = "changed",
		[TREE_UNREADABLE] = "unreadable",
		[TREE_EXTRA] = "extra" };
	struct err e = { 0 };

	OK(buf_printf(ctx, &e, "%s %s;", names[fault], path));
}

static void
verify_finds_every_fault(void **state)
{
	int dir = make_old();
	struct buf faults = BUF_INIT;
	struct tree_verify_options opt = { .on_fault = note_fault, .ctx = &faults };
	struct err e = { 0 };
	uint32_t n;

	(void)state;
	assert_int_equal(unlinkat(dir, "a/b/empty", 0), 0);
	assert_int_equal(unlinkat(dir, "a/b", AT_REMOVEDIR), 0);
	overwrite(dir, "video/large.mp4", "?", 700000);
	overwrite(dir, "run.sh", "more than it was before", 0);
	assert_int_equal(unlinkat(dir, "video/twin.mp4", 0), 0);
	assert_int_equal(symlinkat("large.mp4", dir, "video/twin.mp4"), 0);
	assert_int_equal(unlinkat(dir, "video/exact.mp4", 0), 0);
	assert_int_equal(mkfifoat(dir, "video/exact.mp4", 0600), 0);
	put_text(dir, "video/extra", "x");
	put_text(dir, "extra/many", "x");
	put_text(dir, "extra/more", "x");
	OK(tree_verify(dir, releases[0].index, &opt, &n, &e));
	assert_string_equal(buf_text(&faults),
	    "missing a/b/;missing a/b/empty;changed run.sh;changed video/exact.mp4;"
	    "changed video/large.mp4;missing video/twin.mp4;extra extra/;extra video/extra;");
	assert_int_equal(n, 8);
	buf_clear(&faults);
	close(dir);
}

/* --- failures of the machine --- */

/* Everything from opening to finishing; -1 at the first failure. */
static int
whole_run(int stage, struct release *r, const uint8_t *tar, const struct tree_old *old,
    struct err *e)
{
	struct tree_options opt = { .olds = old, .n_olds = old != NULL };
	struct tree *t;
	int rc;

	if (tree_open(stage, r->index, &opt, &t, e) == -1)
		return -1;
	rc = 0;
	for (uint32_t i = 0; rc == 0 && i < index_n_frames(r->index); i++) {
		struct index_frame f;

		index_frame(r->index, i, &f);
		rc = tree_frame(t, i, tar + f.off, f.len, e);
	}
	if (rc == 0)
		rc = tree_finish(t, e);
	tree_free(t);
	return rc;
}

static void
a_failure_at_any_call_is_survived(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_WRITE, FAULT_FSYNC,
		FAULT_RENAME };
	struct err e = { 0 };
	struct release r;
	uint8_t *tar;
	unsigned n_failed = 0;
	int folder = open_dir(top.dirfd, "small"), old_dir = new_stage();
	struct tree_old old;

	(void)state;
	put_text(folder, "a/讲义.txt", "text");
	put_text(folder, "a/empty", "");
	put_random(folder, "video.mp4", 150000, 5);
	release_make(&r, folder, store, top.dirfd, 0);
	tar = release_tar(&r, store);
	OK(whole_run(old_dir, &r, tar, NULL, &e));
	old = (struct tree_old){ .dirfd = old_dir, .index = r.index };
	for (size_t k = 0; k < 2 * sizeof(kinds) / sizeof(kinds[0]); k++) {
		bool has_fired = true;

		for (long nth = 1; has_fired; nth++) {
			int stage = new_stage(), rc;
			uint32_t n = 1;

			e = (struct err){ 0 };
			fault_arm(kinds[k / 2], nth);
			rc = whole_run(stage, &r, tar, k % 2 != 0 ? &old : NULL, &e);
			has_fired = fault_disarm();
			/* Where a link cannot be made, a copy is. */
			if (has_fired && kinds[k / 2] != FAULT_RENAME)
				assert_int_equal(rc, -1);
			if (rc == -1)
				assert_int_equal(e.class,
				    kinds[k / 2] == FAULT_WRITE ? ERR_BUSY : ERR_SYSTEM);
			n_failed += rc == -1;
			OK(whole_run(stage, &r, tar, k % 2 != 0 ? &old : NULL, &e));
			OK(tree_verify(stage, r.index, NULL, &n, &e));
			assert_int_equal(n, 0);
			close(stage);
		}
	}
	assert_true(n_failed > 20);
	OK(whole_run(old_dir, &r, tar, NULL, &e));
	free(tar);
	release_clear(&r);
	close(old_dir);
	close(folder);
}

/* --- patience --- */

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

	assert_true(done >= p->done && done <= total);
	p->done = done;
	p->total = total;
	if (done >= p->cancel_at)
		atomic_store(&p->cancel, true);
}

static void
progress_is_reported_and_a_cancel_obeyed(void **state)
{
	int old_dir = make_old(), stage = new_stage();
	struct progress p = { .cancel_at = UINT64_MAX };
	struct tree_old old = { .dirfd = old_dir, .index = releases[0].index };
	struct tree_options opt = { .olds = &old,
		.n_olds = 1,
		.cancel = &p.cancel,
		.on_progress = on_progress,
		.ctx = &p };
	struct tree_verify_options verify = { .cancel = &p.cancel, .on_progress =
	    on_progress, .ctx = &p };
	struct err e = { 0 };
	struct tree *t;
	uint32_t n;

	(void)state;
	OK(tree_open(stage, releases[1].index, &opt, &t, &e));
	assert_true(p.total > 0 && p.done == p.total);
	finish(t, stage, 1);
	p.done = 0;
	OK(tree_verify(old_dir, releases[0].index, &verify, &n, &e));
	assert_int_equal(p.done, index_file_bytes(releases[0].index));
	p.done = 0;
	p.cancel_at = 1000000;
	assert_int_equal(tree_verify(old_dir, releases[0].index, &verify, &n, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	p = (struct progress){ .cancel_at = 1000000 };
	assert_int_equal(tree_open(stage, releases[1].index, &opt, &t, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	close(stage);
	close(old_dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_order_make_the_release),
		cmocka_unit_test(frames_in_any_order_make_the_release),
		cmocka_unit_test(the_plan_is_each_content_once_and_no_structure),
		cmocka_unit_test(wrong_content_is_refused_and_harmless),
		cmocka_unit_test(an_unfinished_tree_does_not_finish),
		cmocka_unit_test(an_interruption_anywhere_costs_nothing),
		cmocka_unit_test(one_frame_a_run_arrives),
		cmocka_unit_test(damage_between_runs_is_repaired),
		cmocka_unit_test(a_linked_folder_in_the_stage_is_replaced),
		cmocka_unit_test(what_does_not_belong_is_removed),
		cmocka_unit_test(a_release_begun_can_become_another),
		cmocka_unit_test(an_update_takes_over_what_did_not_change),
		cmocka_unit_test(a_touched_old_file_is_copied_after_a_look),
		cmocka_unit_test(an_unproven_old_file_is_linked_only_when_it_is_right),
		cmocka_unit_test(a_spoilt_old_file_gives_the_frames_that_are_whole),
		cmocka_unit_test(an_old_file_in_the_stage_is_never_written_to),
		cmocka_unit_test(where_links_are_refused_files_are_copied),
		cmocka_unit_test(a_release_that_contradicts_itself_is_refused),
		cmocka_unit_test(verify_finds_every_fault),
		cmocka_unit_test(a_failure_at_any_call_is_survived),
		cmocka_unit_test(progress_is_reported_and_a_cancel_obeyed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
