/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a staging directory, and the look at one that is long done: tree.h. */
#include <dirent.h>
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

/* --- what does not belong --- */

/* Called for a name in the directory dirfd that the index does not list as path. */
typedef int extra_fn(void *ctx, int dirfd, const char *name, const char *path, struct err *e);

static bool
is_listed(const struct index *index, const char *path, size_t len, bool is_dir)
{
	int64_t i = index_find(index, path, len);
	struct index_entry entry;

	if (i == -1)
		return false;
	index_entry(index, (uint32_t)i, &entry);
	return (entry.tar.kind == TAR_DIRECTORY) == is_dir;
}

static int
look_at_name(const struct index *index, int dirfd, const char *dir, const char *name, extra_fn *fn,
    void *ctx, struct err *e)
{
	/* The directory's path, a component, '/' and NUL. */
	char path[LIMIT_PATH_BYTES + 2 + 255 + 2];
	struct stat st;
	size_t len;

	len = strlen(dir) + strlen(name);
	if (len + 2 > sizeof(path))
		return err_set(e, ERR_SYSTEM, "a name is too long below %.200s", dir);
	memcpy(path, dir, strlen(dir));
	memcpy(path + strlen(dir), name, strlen(name) + 1);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_errno(e, "cannot look at %.200s", path);
	if (S_ISDIR(st.st_mode)) {
		path[len] = '/';
		path[len + 1] = '\0';
		if (is_listed(index, path, len + 1, true))
			return 0;
	} else if (is_listed(index, path, len, false)) {
		return 0;
	}
	return fn(ctx, dirfd, name, path, e);
}

/* dir is "" or ends in '/'. */
static int
look_into(struct treedir *d, const char *dir, extra_fn *fn, void *ctx, struct err *e)
{
	struct dirent *entry;
	DIR *stream;
	char inside[LIMIT_PATH_BYTES + 4];
	const char *base;
	int parent, fd = -1, rc = 0;
	size_t len = strlen(dir);

	if (len + 2 > sizeof(inside))
		return err_set(e, ERR_SYSTEM, "a name is too long: %.200s", dir);
	memcpy(inside, dir, len); /* the parent of anything in it is the directory itself */
	memcpy(inside + len, "x", 2);
	parent = treedir_parent(d, inside, len + 1, &base);
	if (parent == -1 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0; /* missing, which is somebody else's finding */
	if (parent != -1)
		fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd == -1 ? NULL : fdopendir(fd);
	if (stream == NULL) {
		err_errno(e, "cannot read directory %.200s", dir);
		if (fd != -1)
			(void)close(fd); /* only a handle */
		return -1;
	}
	while (rc == 0 && (errno = 0, entry = readdir(stream)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = look_at_name(d->index, fd, dir, entry->d_name, fn, ctx, e);
	if (rc == 0 && errno != 0)
		rc = err_errno(e, "cannot read directory %.200s", dir);
	(void)closedir(stream); /* only read from */
	return rc;
}

static int
find_extras(struct treedir *d, extra_fn *fn, void *ctx, struct err *e)
{
	if (look_into(d, "", fn, ctx, e) == -1)
		return -1;
	for (uint32_t i = 0; i < index_n_entries(d->index); i++) {
		struct index_entry entry;

		index_entry(d->index, i, &entry);
		if (entry.tar.kind == TAR_DIRECTORY &&
		    look_into(d, entry.tar.path, fn, ctx, e) == -1)
			return -1;
	}
	return 0;
}

/* --- the end --- */

static int
remove_extra(void *ctx, int dirfd, const char *name, const char *path, struct err *e)
{
	(void)ctx;
	(void)path;
	return file_remove_tree(dirfd, name, e);
}

static int
nothing_missing(const struct tree *t, struct err *e)
{
	for (uint32_t i = 0; i < index_n_entries(t->index); i++) {
		struct index_entry entry;
		char shown[300];

		index_entry(t->index, i, &entry);
		if (entry.tar.kind != TAR_DIRECTORY && !t->is_done[i])
			return err_set(e, ERR_NOT_FOUND, "%s is not complete: frames are missing",
			    err_quote(shown, sizeof(shown), entry.tar.path, entry.tar.path_len));
	}
	return 0;
}

int
tree_finish(struct tree *t, struct err *e)
{
	int fd, rc;

	if (nothing_missing(t, e) == -1)
		return -1;
	tree_write_rest(t);
	if (find_extras(&t->dir, remove_extra, NULL, e) == -1)
		return -1;
	/*
	 * Thousands of files and directories at once.  Since Linux 5.8 this reports
	 * write errors that came up after the descriptor was opened, so it is the one
	 * that is older than all of them.
	 */
	fd = t->dir.dirfd;
	rc = syncfs(fd);
	if (rc == -1)
		err_errno(e, "cannot sync the files");
	return rc == 0 ? 0 : err_full_is_busy(e);
}

/* --- verify --- */

struct verify {
	const struct tree_verify_options *opt;
	uint32_t n_faults;
	uint64_t done_bytes;
	uint64_t total_bytes;
	struct digest_stream *hash; /* owned */
	uint8_t *bytes;             /* owned; LIMIT_FRAME_BYTES */
};

static void
report(struct verify *v, enum tree_fault fault, const char *path)
{
	char shown[400];

	v->n_faults++;
	if (v->opt->on_fault != NULL)
		v->opt->on_fault(v->opt->ctx, fault,
		    err_quote(shown, sizeof(shown), path, strlen(path)));
}

static int
report_extra(void *ctx, int dirfd, const char *name, const char *path, struct err *e)
{
	(void)dirfd;
	(void)name;
	(void)e;
	report(ctx, TREE_EXTRA, path);
	return 0;
}

static int
verify_content(struct verify *v, int fd, const struct index_entry *entry, struct err *e)
{
	struct digest sum;
	struct stat st;
	uint64_t off = 0;
	bool is_read = true;

	if (fstat(fd, &st) == -1 || (uint64_t)st.st_size != entry->tar.size) {
		report(v, TREE_CHANGED, entry->tar.path);
		return 0;
	}
	while (is_read && off < entry->tar.size) {
		uint64_t left = entry->tar.size - off;
		size_t n = left < LIMIT_FRAME_BYTES ? (size_t)left : LIMIT_FRAME_BYTES;

		if (v->opt->cancel != NULL && atomic_load(v->opt->cancel))
			return err_set(e, ERR_BUSY, "cancelled");
		is_read = file_pread_all(fd, v->bytes, n, off, NULL) == 0;
		if (is_read)
			digest_add(v->hash, v->bytes, n);
		off += n;
		v->done_bytes += n;
		if (v->opt->on_progress != NULL)
			v->opt->on_progress(v->opt->ctx, v->done_bytes, v->total_bytes);
	}
	digest_finish(v->hash, sum.bytes);
	if (!is_read)
		report(v, TREE_UNREADABLE, entry->tar.path);
	else if (!digest_equal(&sum, entry->sha256))
		report(v, TREE_CHANGED, entry->tar.path);
	return 0;
}

static enum tree_fault
fault_of(int sys)
{
	if (sys == ENOENT || sys == ENOTDIR || sys == ELOOP)
		return TREE_MISSING;
	return sys == EISDIR || sys == ENXIO ? TREE_CHANGED : TREE_UNREADABLE;
}

static int
verify_entry(struct verify *v, struct treedir *d, uint32_t i, struct err *e)
{
	struct index_entry entry;
	const char *base;
	struct stat st;
	int fd, rc;

	index_entry(d->index, i, &entry);
	if (entry.tar.kind == TAR_DIRECTORY) {
		char name[LIMIT_PATH_BYTES + 2];

		fd = treedir_parent(d, entry.tar.path, entry.tar.path_len, &base);
		memcpy(name, base, strlen(base) + 1);
		name[strlen(name) - 1] = '\0'; /* a '/' would follow a link */
		if (fd == -1 || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			report(v, fault_of(errno), entry.tar.path);
		else if (!S_ISDIR(st.st_mode))
			report(v, TREE_MISSING, entry.tar.path);
		return 0;
	}
	fd = treedir_open(d, entry.tar.path, entry.tar.path_len, O_RDONLY);
	if (fd == -1) {
		report(v, fault_of(errno), entry.tar.path);
		return 0;
	}
	rc = verify_content(v, fd, &entry, e);
	(void)close(fd); /* only read from */
	return rc;
}

int
tree_verify(int dirfd, const struct index *index, const struct tree_verify_options *opt,
    uint32_t *n_faults, struct err *e)
{
	static const struct tree_verify_options none;
	struct verify v = { .opt = opt != NULL ? opt : &none,
		.total_bytes = index_file_bytes(index) };
	struct treedir d;
	int rc = -1;

	treedir_init(&d, dirfd, index);
	v.hash = digest_new(DIGEST_SHA256, e);
	if (v.hash == NULL)
		goto out;
	v.bytes = malloc(LIMIT_FRAME_BYTES);
	if (v.bytes == NULL) {
		(void)err_nomem(e); /* reported by the -1 below */
		goto out;
	}
	for (uint32_t i = 0; i < index_n_entries(index); i++)
		if (verify_entry(&v, &d, i, e) == -1)
			goto out;
	if (find_extras(&d, report_extra, &v, e) == -1)
		goto out;
	*n_faults = v.n_faults;
	rc = 0;
out:
	treedir_clear(&d);
	free(v.bytes);
	digest_free(v.hash);
	return rc;
}
