/* SPDX-License-Identifier: Apache-2.0 */
/* What older local releases can give: tree.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/tree_own.h"

struct tree_old_side {
	struct treedir dir;
	struct byhash files;
	struct byhash frames;
	bool is_doubted;
	bool is_unproven;
};

int
tree_old_open(const struct tree_old *old, struct tree_old_side **out, struct err *e)
{
	struct tree_old_side *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_nomem(e);
	s->is_unproven = old->is_unproven;
	treedir_init(&s->dir, old->dirfd, old->index);
	s->is_doubted = old->is_doubted;
	if (byhash_files(old->index, &s->files, e) == -1 ||
	    byhash_frames(old->index, &s->frames, e) == -1) {
		tree_old_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
tree_old_close(struct tree_old_side *s)
{
	if (s == NULL)
		return;
	treedir_clear(&s->dir);
	byhash_clear(&s->files);
	byhash_clear(&s->frames);
	free(s);
}

bool
tree_old_read_frame(struct tree *t, struct tree_old_side *s, uint32_t frame)
{
	const uint32_t *found;
	struct index_frame f, g;
	uint32_t n;

	index_frame(t->index, frame, &f);
	found = byhash_find(&s->frames, f.sha256, &n);
	for (uint32_t i = 0; i < n; i++) {
		index_frame(s->dir.index, found[i], &g);
		if (g.len == f.len && treedir_read_frame(&s->dir, found[i], t->scratch))
			return true;
	}
	return false;
}

/* --- whole files --- */

/* As the seal left it: nobody has touched it since it was verified. */
static bool
is_untouched(const struct stat *st, const struct tar_entry *want)
{
	mode_t mode = want->kind == TAR_EXECUTABLE ? 0755 : 0644;

	return (uint64_t)st->st_size == want->size && st->st_mtim.tv_sec == TAR_MTIME &&
	    st->st_mtim.tv_nsec == 0 && (st->st_mode & 07777) == mode;
}

/* Read the file, where its times and modes prove nothing. */
static bool
has_hash(struct tree *t, int fd, const struct index_entry *want)
{
	struct digest_stream *hash = digest_new(DIGEST_SHA256, NULL);
	struct digest sum;
	bool is_read = hash != NULL;

	for (uint64_t off = 0; is_read && off < want->tar.size;) {
		uint64_t left = want->tar.size - off;
		size_t n = left < LIMIT_FRAME_BYTES ? (size_t)left : LIMIT_FRAME_BYTES;

		is_read = tree_own_go_on(t, NULL) == 0 &&
		    file_pread_all(fd, t->scratch, n, off, NULL) == 0;
		if (is_read)
			digest_add(hash, t->scratch, n);
		off += n;
	}
	if (is_read)
		digest_finish(hash, sum.bytes);
	digest_free(hash);
	return is_read && digest_equal(&sum, want->sha256);
}

/* 1: linked; 0: it cannot be. */
static int
link_file(struct tree *t, struct tree_old_side *s, const struct index_entry *from, uint32_t i)
{
	struct index_entry to;
	struct stat was, is;
	const char *from_base, *to_base;
	int fd, from_dirfd, to_dirfd;

	index_entry(t->index, i, &to);
	fd = treedir_open(&s->dir, from->tar.path, from->tar.path_len, O_RDONLY);
	if (fd == -1)
		return 0;
	if (fstat(fd, &was) == -1 || !is_untouched(&was, &to.tar) ||
	    (s->is_unproven && !has_hash(t, fd, &to))) {
		(void)close(fd); /* only looked at */
		return 0;
	}
	(void)close(fd);
	from_dirfd = treedir_parent(&s->dir, from->tar.path, from->tar.path_len, &from_base);
	to_dirfd = treedir_parent(&t->dir, to.tar.path, to.tar.path_len, &to_base);
	if (from_dirfd == -1 || to_dirfd == -1)
		return 0;
	treedir_forget(&t->dir);
	if (linkat(from_dirfd, from_base, to_dirfd, to_base, 0) == -1) {
		if (errno != EEXIST || file_remove_tree(to_dirfd, to_base, NULL) == -1 ||
		    linkat(from_dirfd, from_base, to_dirfd, to_base, 0) == -1)
			return 0;
	}
	if (fstatat(to_dirfd, to_base, &is, AT_SYMLINK_NOFOLLOW) == 0 && is.st_ino == was.st_ino &&
	    is.st_dev == was.st_dev)
		return 1;
	(void)unlinkat(to_dirfd, to_base, 0); /* it was replaced under our hands */
	return 0;
}

/* 1: copied with the right hash; 0: other content; -1. */
static int
copy_bytes(struct tree *t, int from, int to, const struct index_entry *want, struct err *e)
{
	struct digest_stream *hash = digest_new(DIGEST_SHA256, e);
	struct digest sum;
	int rc = -1;

	if (hash == NULL)
		return -1;
	for (uint64_t off = 0; off < want->tar.size;) {
		uint64_t left = want->tar.size - off;
		size_t n = left < LIMIT_FRAME_BYTES ? (size_t)left : LIMIT_FRAME_BYTES;

		if (tree_own_go_on(t, e) == -1)
			goto out;
		if (file_pread_all(from, t->scratch, n, off, NULL) == -1) {
			rc = 0;
			goto out;
		}
		digest_add(hash, t->scratch, n);
		if (file_write_all(to, t->scratch, n, e) == -1) {
			(void)err_full_is_busy(e);
			err_within(e, "%.200s", want->tar.path);
			goto out;
		}
		off += n;
	}
	digest_finish(hash, sum.bytes);
	rc = digest_equal(&sum, want->sha256);
out:
	digest_free(hash);
	return rc;
}

static int
copy_file(struct tree *t, struct tree_old_side *s, const struct index_entry *from, uint32_t i,
    struct err *e)
{
	struct index_entry to;
	struct stat st;
	const char *base;
	int in, out, dirfd, rc;

	index_entry(t->index, i, &to);
	in = treedir_open(&s->dir, from->tar.path, from->tar.path_len, O_RDONLY);
	if (in == -1)
		return 0;
	if (fstat(in, &st) == -1 || (uint64_t)st.st_size != to.tar.size) {
		(void)close(in); /* only looked at */
		return 0;
	}
	out = tree_write_create(t, i, e);
	if (out == -1) {
		(void)close(in);
		return -1;
	}
	rc = copy_bytes(t, in, out, &to, e);
	if (rc == 1 && tree_write_seal(t, i, out, e) == -1)
		rc = -1;
	(void)close(in); /* only read from */
	if (close(out) == -1 && rc == 1)
		rc = tree_write_failed(t, i, e);
	if (rc != 1) {
		dirfd = treedir_parent(&t->dir, to.tar.path, to.tar.path_len, &base);
		if (dirfd != -1)
			(void)unlinkat(dirfd, base, 0); /* it would be checked again in any case */
	}
	return rc;
}

int
tree_old_take_file(struct tree *t, struct tree_old_side *s, uint32_t i, struct err *e)
{
	const uint32_t *found;
	struct index_entry to, from;
	uint32_t n;
	int rc;

	index_entry(t->index, i, &to);
	found = byhash_find(&s->files, to.sha256, &n);
	for (uint32_t k = 0; k < n && !s->is_doubted; k++) {
		index_entry(s->dir.index, found[k], &from);
		if (from.tar.size == to.tar.size && link_file(t, s, &from, i) == 1) {
			t->figures.linked_bytes += to.tar.size;
			t->is_done[i] = true;
			return 1;
		}
	}
	for (uint32_t k = 0; k < n; k++) {
		index_entry(s->dir.index, found[k], &from);
		rc = from.tar.size == to.tar.size ? copy_file(t, s, &from, i, e) : 0;
		if (rc == 0)
			continue;
		if (rc == 1) {
			t->figures.copied_bytes += to.tar.size;
			t->is_done[i] = true;
		}
		return rc;
	}
	return 0;
}
