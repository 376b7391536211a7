/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/tree_own.h"

int
tree_own_go_on(const struct tree *t, struct err *e)
{
	if (t->opt.cancel != NULL && atomic_load(t->opt.cancel))
		return err_set(e, ERR_BUSY, "cancelled");
	return 0;
}

void
tree_own_worked(struct tree *t, uint64_t bytes)
{
	t->work_done += bytes;
	if (t->opt.on_progress != NULL && bytes > 0)
		t->opt.on_progress(t->opt.ctx, t->work_done, t->work_total);
}

int
tree_own_contradiction(const struct tree *t, uint32_t i, struct err *e)
{
	struct index_entry entry;
	char shown[300];

	index_entry(t->index, i, &entry);
	return err_set(e, ERR_UNTRUSTED,
	    "%s: the frames give content with another SHA-256 than the index says",
	    err_quote(shown, sizeof(shown), entry.tar.path, entry.tar.path_len));
}

static bool
is_file(const struct index_entry *entry)
{
	return entry->tar.kind != TAR_DIRECTORY;
}

/* --- frames --- */

/* Whether the frame holds content of a file that is not done. */
static bool
is_needed(const struct tree *t, uint32_t frame)
{
	struct index_piece piece;
	struct index_frame f;
	struct index_walk walk;

	if (t->has_frame[frame])
		return false;
	index_frame(t->index, frame, &f);
	index_walk_init(&walk, t->index, f.off, f.len);
	while (index_walk_next(&walk, &piece))
		if (piece.bytes == NULL && !t->is_done[piece.entry])
			return true;
	return false;
}

/* Where verified content of a frame came from. */
enum origin { ORIGIN_DISK, ORIGIN_OLD, ORIGIN_GIVEN };

static void
count(struct tree *t, uint64_t bytes, enum origin origin)
{
	switch (origin) {
	case ORIGIN_DISK:
		t->figures.kept_bytes += bytes;
		return;
	case ORIGIN_OLD:
		t->figures.copied_bytes += bytes;
		return;
	case ORIGIN_GIVEN:
		t->figures.given_bytes += bytes;
		return;
	}
}

/* Verified content for the files in one frame. */
static int
apply(struct tree *t, uint32_t frame, const uint8_t *content, enum origin origin, struct err *e)
{
	struct index_piece piece;
	struct index_frame f;
	struct index_walk walk;

	index_frame(t->index, frame, &f);
	if (index_check_structure(t->index, f.off, content, f.len, e) == -1)
		return -1;
	index_walk_init(&walk, t->index, f.off, f.len);
	while (index_walk_next(&walk, &piece)) {
		const uint8_t *at = content + (piece.off - f.off);
		struct tree_part part = { .entry = piece.entry,
			.off = piece.content_off,
			.bytes = at,
			.len = (size_t)piece.len,
			.is_on_disk = origin == ORIGIN_DISK };
		int rc;

		if (piece.bytes != NULL || t->is_done[piece.entry])
			continue;
		if (piece.content_off == 0 && piece.is_file_end)
			rc = tree_write_whole(t, piece.entry, at, e);
		else
			rc = tree_write_part(t, &part, e);
		if (rc == -1)
			return -1;
		count(t, piece.len, origin);
	}
	t->has_frame[frame] = true;
	return 0;
}

/* The same for every frame of this content; the one at home (if any) has it on disk. */
static int
apply_everywhere(struct tree *t, uint32_t frame, const uint8_t *content, enum origin origin,
    struct err *e)
{
	struct index_frame f;
	const uint32_t *same;
	uint32_t n;

	index_frame(t->index, frame, &f);
	if (origin == ORIGIN_DISK && apply(t, frame, content, ORIGIN_DISK, e) == -1)
		return -1;
	same = byhash_find(&t->frames, f.sha256, &n);
	for (uint32_t i = 0; i < n; i++) {
		enum origin from = origin == ORIGIN_DISK ? ORIGIN_OLD : origin;

		if (is_needed(t, same[i]) && apply(t, same[i], content, from, e) == -1)
			return -1;
	}
	return 0;
}

int
tree_frame(struct tree *t, uint32_t frame, const void *content, size_t len, struct err *e)
{
	struct index_frame f;
	struct digest sum;

	if (frame >= index_n_frames(t->index))
		return err_set(e, ERR_BAD_INPUT, "the release has no frame %" PRIu32, frame);
	index_frame(t->index, frame, &f);
	if (len != f.len)
		return err_set(e, ERR_BAD_INPUT, "frame %" PRIu32 " has %zu bytes, not %" PRIu32,
		    frame, len, f.len);
	digest_of(&sum, content, len);
	if (!digest_equal(&sum, f.sha256))
		return err_set(e, ERR_BAD_INPUT,
		    "frame %" PRIu32 " has another SHA-256 than the index says", frame);
	if (apply_everywhere(t, frame, content, ORIGIN_GIVEN, e) == -1)
		return -1;
	return settle(&t->settle, t->dir.dirfd, e) == 0 ? 0 : err_full_is_busy(e);
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

const uint32_t *
tree_plan(struct tree *t, size_t *n, uint64_t *content_bytes)
{
	size_t n_plan = 0;
	uint64_t bytes = 0;

	for (uint32_t at = 0, run; at < t->frames.n; at += run) {
		const uint32_t *same = t->frames.numbers + at;
		struct index_frame f;
		uint32_t i = 0;

		run = byhash_run(&t->frames, at);
		while (i < run && !is_needed(t, same[i]))
			i++;
		if (i == run)
			continue;
		index_frame(t->index, same[i], &f);
		bytes += f.len;
		t->plan[n_plan++] = same[i];
	}
	qsort(t->plan, n_plan, sizeof(*t->plan), by_number);
	*n = n_plan;
	if (content_bytes != NULL)
		*content_bytes = bytes;
	return t->plan;
}

/* --- beginning --- */

static int
make_dir(struct tree *t, const struct index_entry *entry, struct err *e)
{
	char name[LIMIT_PATH_PART_BYTES + 1];
	const char *base;
	struct stat st;
	size_t len;
	int dirfd = treedir_parent(&t->dir, entry->tar.path, entry->tar.path_len, &base);

	if (dirfd == -1)
		goto fail;
	len = strlen(base) - 1; /* without the '/', which would follow a link */
	if (len >= sizeof(name)) {
		errno = ENAMETOOLONG;
		goto fail;
	}
	memcpy(name, base, len);
	name[len] = '\0';
	if (mkdirat(dirfd, name, 0755) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		goto fail;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (unlinkat(dirfd, name, 0) == 0 && mkdirat(dirfd, name, 0755) == 0)
		return 0;
fail:
	err_errno(e, "cannot make directory %.200s", entry->tar.path);
	return err_full_is_busy(e);
}

/* Hash what an interrupted run left of file i.  1: it is right; 0: not; -1. */
static int
hash_kept(struct tree *t, uint32_t i, int fd, uint64_t size, struct err *e)
{
	struct index_entry entry;
	struct digest sum;

	index_entry(t->index, i, &entry);
	for (uint64_t off = 0; off < size;) {
		size_t n =
		    size - off < LIMIT_FRAME_BYTES ? (size_t)(size - off) : LIMIT_FRAME_BYTES;

		if (tree_own_go_on(t, e) == -1)
			return -1;
		if (file_pread_all(fd, t->scratch, n, off, NULL) == -1) {
			digest_finish(t->hash, sum.bytes); /* begins anew */
			return 0;
		}
		digest_add(t->hash, t->scratch, n);
		off += n;
	}
	digest_finish(t->hash, sum.bytes);
	return digest_equal(&sum, entry.sha256);
}

/* Whatever has the name of file i. */
static int
drop_name(struct tree *t, const struct index_entry *entry, struct err *e)
{
	const char *base;
	int dirfd = treedir_parent(&t->dir, entry->tar.path, entry->tar.path_len, &base);

	if (dirfd == -1)
		return err_errno(e, "cannot open the directory of %.200s", entry->tar.path);
	treedir_forget(&t->dir);
	return file_remove_tree(dirfd, base, e);
}

/*
 * File i as an earlier run left it, if it did: whole and right it is done.  Otherwise
 * it stays only where it may be written to: with other names it is an older
 * release's file, too.  1: done; 0: not; -1.
 */
static int
keep_file(struct tree *t, uint32_t i, const struct index_entry *entry, struct err *e)
{
	struct stat st;
	int fd, rc = 0;

	fd = treedir_open(&t->dir, entry->tar.path, entry->tar.path_len, O_RDWR);
	if (fd == -1)
		return errno == ENOENT ? 0 : drop_name(t, entry, e);
	if (fstat(fd, &st) == -1) {
		(void)close(fd); /* untouched */
		return err_errno(e, "cannot look at %.200s", entry->tar.path);
	}
	if ((uint64_t)st.st_size == entry->tar.size)
		rc = hash_kept(t, i, fd, entry->tar.size, e);
	if (rc == 1 && st.st_nlink == 1 && tree_write_seal(t, i, fd, e) == -1)
		rc = -1;
	(void)close(fd); /* sealed through it at most */
	if (rc == 1) {
		t->is_done[i] = true;
		t->figures.kept_bytes += entry->tar.size;
	} else if (rc == 0 && st.st_nlink != 1) {
		rc = drop_name(t, entry, e);
	}
	return rc;
}

static int
begin_file(struct tree *t, struct tree_old_side **sides, size_t n_sides, uint32_t i,
    const struct index_entry *entry, struct err *e)
{
	uint32_t first;
	int rc = 0;

	t->figures.file_bytes += entry->tar.size;
	if (entry->tar.size == 0)
		return tree_write_whole(t, i, (const uint8_t *)"", e);
	index_frames_of(t->index, i, &first, &t->n_left[i]);
	rc = keep_file(t, i, entry, e);
	for (size_t k = 0; rc == 0 && k < n_sides; k++)
		rc = tree_old_take_file(t, sides[k], i, e);
	tree_own_worked(t, entry->tar.size);
	return rc == -1 ? -1 : 0;
}

/*
 * Frames that are here already: at their place, in an older release, or at
 * another place of this release.
 */
static int
begin_frame(struct tree *t, struct tree_old_side **sides, size_t n_sides, uint32_t frame,
    struct err *e)
{
	struct index_frame f;
	const uint32_t *same;
	uint32_t n;

	if (!is_needed(t, frame))
		return 0;
	if (treedir_read_frame(&t->dir, frame, t->scratch))
		return apply_everywhere(t, frame, t->scratch, ORIGIN_DISK, e);
	for (size_t k = 0; k < n_sides; k++)
		if (tree_old_read_frame(t, sides[k], frame))
			return apply_everywhere(t, frame, t->scratch, ORIGIN_OLD, e);
	index_frame(t->index, frame, &f);
	same = byhash_find(&t->frames, f.sha256, &n);
	for (uint32_t i = 0; i < n; i++)
		if (!is_needed(t, same[i]) &&
		    treedir_read_frame(&t->dir, same[i], t->scratch))
			return apply_everywhere(t, frame, t->scratch, ORIGIN_OLD, e);
	return 0;
}

static int
begin(struct tree *t, struct tree_old_side **sides, size_t n_sides, struct err *e)
{
	struct index_entry entry;

	t->work_total = index_file_bytes(t->index) + index_tar_len(t->index);
	for (uint32_t i = 0; i < index_n_entries(t->index); i++) {
		index_entry(t->index, i, &entry);
		if (tree_own_go_on(t, e) == -1)
			return -1;
		if (is_file(&entry) ? begin_file(t, sides, n_sides, i, &entry, e) == -1
		                    : make_dir(t, &entry, e) == -1)
			return -1;
	}
	for (uint32_t i = 0; i < index_n_frames(t->index); i++) {
		struct index_frame f;

		if (tree_own_go_on(t, e) == -1 || begin_frame(t, sides, n_sides, i, e) == -1)
			return -1;
		index_frame(t->index, i, &f);
		tree_own_worked(t, f.len);
	}
	treedir_forget(&t->dir);
	return 0;
}

static struct tree *
new_tree(int dirfd, const struct index *index, struct err *e)
{
	size_t n_entries = index_n_entries(index), n_frames = index_n_frames(index);
	struct tree *t = calloc(1, sizeof(*t));

	if (t == NULL)
		goto nomem;
	t->index = index;
	t->growing_fd = -1;
	treedir_init(&t->dir, dirfd, index);
	t->has_frame = calloc(n_frames + 1, sizeof(*t->has_frame));
	t->is_done = calloc(n_entries + 1, sizeof(*t->is_done));
	t->n_left = calloc(n_entries + 1, sizeof(*t->n_left));
	t->plan = calloc(n_frames + 1, sizeof(*t->plan));
	t->scratch = malloc(LIMIT_FRAME_BYTES);
	if (t->has_frame == NULL || t->is_done == NULL || t->n_left == NULL || t->plan == NULL ||
	    t->scratch == NULL)
		goto nomem;
	t->hash = digest_new(DIGEST_SHA256, e);
	if (t->hash == NULL || byhash_frames(index, &t->frames, e) == -1) {
		tree_free(t);
		return NULL;
	}
	return t;
nomem:
	(void)err_nomem(e); /* the NULL below is the report */
	tree_free(t);
	return NULL;
}

int
tree_open(int dirfd, const struct index *index, const struct tree_options *opt, struct tree **out,
    struct err *e)
{
	size_t n_olds = opt != NULL ? opt->n_olds : 0;
	struct tree_old_side **sides = calloc(n_olds + 1, sizeof(struct tree_old_side *));
	struct tree *t = new_tree(dirfd, index, e);
	int rc = -1;

	if (sides == NULL)
		(void)err_nomem(e); /* reported by the -1 below */
	if (sides == NULL || t == NULL)
		goto out;
	if (opt != NULL)
		t->opt = *opt;
	t->opt.olds = NULL; /* lent for this call only */
	for (size_t i = 0; i < n_olds; i++)
		if (tree_old_open(&opt->olds[i], &sides[i], e) == -1)
			goto out;
	if (begin(t, sides, n_olds, e) == -1)
		goto out;
	*out = t;
	t = NULL;
	rc = 0;
out:
	for (size_t i = 0; sides != NULL && i < n_olds; i++)
		tree_old_close(sides[i]);
	free(sides);
	tree_free(t);
	return rc;
}

void
tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	if (t->hash != NULL)
		tree_write_rest(t);
	treedir_clear(&t->dir);
	byhash_clear(&t->frames);
	digest_free(t->hash);
	free(t->has_frame);
	free(t->is_done);
	free(t->n_left);
	free(t->plan);
	free(t->scratch);
	free(t);
}

void
tree_figures(const struct tree *t, struct tree_figures *out)
{
	*out = t->figures;
	for (uint32_t i = 0; i < index_n_entries(t->index); i++)
		out->n_files_done += t->is_done[i];
}
