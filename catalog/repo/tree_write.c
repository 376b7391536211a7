/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into the staging directory: tree.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/tree_own.h"

#define NEW_MODE 0600 /* until it is sealed */
#define STEP_BYTES 65536u
#define BEGIN_SYNC_BYTES (8u << 20)

int
tree_write_failed(const struct tree *t, uint32_t i, struct err *e)
{
	struct index_entry entry;
	int sys = errno;

	index_entry(t->index, i, &entry);
	errno = sys;
	err_errno(e, "cannot write %.200s", entry.tar.path);
	return err_full_is_busy(e);
}

/* The same for a failed file_...() call, which has filled *e. */
static int
write_failed_within(const struct tree *t, uint32_t i, struct err *e)
{
	struct index_entry entry;

	if (e == NULL)
		return -1;
	index_entry(t->index, i, &entry);
	(void)err_full_is_busy(e);
	err_within(e, "%.200s", entry.tar.path);
	return -1;
}

int
tree_write_create(struct tree *t, uint32_t i, struct err *e)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct index_entry entry;
	const char *base;
	int fd, dirfd;

	index_entry(t->index, i, &entry);
	dirfd = treedir_parent(&t->dir, entry.tar.path, entry.tar.path_len, &base);
	if (dirfd == -1)
		return tree_write_failed(t, i, e);
	treedir_forget(&t->dir);
	fd = openat(dirfd, base, flags, NEW_MODE);
	if (fd == -1 && errno == EEXIST) {
		if (file_remove_tree(dirfd, base, e) == -1)
			return write_failed_within(t, i, e);
		fd = openat(dirfd, base, flags, NEW_MODE);
	}
	return fd != -1 ? fd : tree_write_failed(t, i, e);
}

int
tree_write_seal(struct tree *t, uint32_t i, int fd, struct err *e)
{
	static const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = TAR_MTIME } };
	struct index_entry entry;

	index_entry(t->index, i, &entry);
	/* FAT knows no modes and says EPERM, though the file is ours. */
	if (fchmod(fd, entry.tar.kind == TAR_EXECUTABLE ? 0755 : 0644) == -1 && errno != EPERM)
		return tree_write_failed(t, i, e);
	return futimens(fd, times) == 0 ? 0 : tree_write_failed(t, i, e);
}

int
tree_write_whole(struct tree *t, uint32_t i, const uint8_t *bytes, struct err *e)
{
	struct index_entry entry;
	struct digest sum;
	int fd, rc = -1;

	index_entry(t->index, i, &entry);
	digest_of(&sum, bytes, (size_t)entry.tar.size);
	if (!digest_equal(&sum, entry.sha256))
		return tree_own_contradiction(t, i, e);
	fd = tree_write_create(t, i, e);
	if (fd == -1)
		return -1;
	if (file_write_all(fd, bytes, (size_t)entry.tar.size, e) == -1)
		write_failed_within(t, i, e);
	else
		rc = tree_write_seal(t, i, fd, e);
	if (close(fd) == -1 && rc == 0)
		rc = tree_write_failed(t, i, e);
	t->is_done[i] = rc == 0;
	return rc;
}

/* --- the growing file --- */

void
tree_write_rest(struct tree *t)
{
	uint8_t sum[DIGEST_LEN];

	if (t->growing_fd != -1)
		(void)close(t->growing_fd); /* what is not synced yet is read and checked again */
	t->growing_fd = -1;
	if (t->is_growing)
		digest_finish(t->hash, sum); /* begins anew */
	t->is_growing = false;
	t->hashed_bytes = 0;
	t->unsynced_bytes = 0;
}

static void
grow(struct tree *t, uint32_t i)
{
	if (t->is_growing && t->growing == i)
		return;
	tree_write_rest(t);
	t->is_growing = true;
	t->growing = i;
}

/* An earlier run's file is written to only when it has no other name. */
static int
open_growing(struct tree *t, struct err *e)
{
	struct index_entry entry;
	struct stat st;

	if (t->growing_fd != -1)
		return 0;
	index_entry(t->index, t->growing, &entry);
	t->growing_fd = treedir_open(&t->dir, entry.tar.path, entry.tar.path_len, O_RDWR);
	if (t->growing_fd != -1 && fstat(t->growing_fd, &st) == 0 && st.st_nlink == 1)
		return 0;
	if (t->growing_fd != -1)
		(void)close(t->growing_fd); /* untouched */
	t->growing_fd = tree_write_create(t, t->growing, e);
	return t->growing_fd == -1 ? -1 : 0;
}

/* Bring the hash to the file's end, reading what came out of order. */
static int
hash_rest(struct tree *t, uint64_t size, struct err *e)
{
	uint8_t bytes[STEP_BYTES];

	while (t->hashed_bytes < size) {
		uint64_t left = size - t->hashed_bytes;
		size_t n = left < STEP_BYTES ? (size_t)left : STEP_BYTES;

		if (tree_own_go_on(t, e) == -1)
			return -1;
		if (file_pread_all(t->growing_fd, bytes, n, t->hashed_bytes, e) == -1)
			return write_failed_within(t, t->growing, e);
		digest_add(t->hash, bytes, n);
		t->hashed_bytes += n;
	}
	return 0;
}

/* The file was verified part by part; now as a whole. */
static int
complete(struct tree *t, struct err *e)
{
	uint32_t i = t->growing;
	struct index_entry entry;
	struct digest sum;
	const char *base;
	int dirfd, rc = -1;

	index_entry(t->index, i, &entry);
	if (open_growing(t, e) == -1)
		return -1;
	if (ftruncate(t->growing_fd, (off_t)entry.tar.size) == -1)
		return tree_write_failed(t, i, e);
	if (hash_rest(t, entry.tar.size, e) == -1)
		return -1;
	t->is_growing = false;
	t->hashed_bytes = 0;
	digest_finish(t->hash, sum.bytes);
	if (digest_equal(&sum, entry.sha256)) {
		rc = tree_write_seal(t, i, t->growing_fd, e);
	} else {
		dirfd = treedir_parent(&t->dir, entry.tar.path, entry.tar.path_len, &base);
		if (dirfd != -1)
			(void)unlinkat(dirfd, base, 0); /* it is checked again in any case */
		tree_own_contradiction(t, i, e);
	}
	if (close(t->growing_fd) == -1 && rc == 0)
		rc = tree_write_failed(t, i, e);
	t->growing_fd = -1;
	t->is_done[i] = rc == 0;
	return rc;
}

/*
 * The disk may begin now with what tree_finish() waits for: on a slow line it has nothing else to
 * do.  Only a beginning: whether all is there, the sync at the end says.
 */
static void
begin_sync(struct tree *t, size_t len)
{
	t->unsynced_bytes += len;
	if (t->unsynced_bytes < BEGIN_SYNC_BYTES)
		return;
	(void)sync_file_range(t->growing_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	t->unsynced_bytes = 0;
}

int
tree_write_part(struct tree *t, const struct tree_part *part, struct err *e)
{
	grow(t, part->entry);
	if (!part->is_on_disk) {
		if (open_growing(t, e) == -1)
			return -1;
		if (file_pwrite_all(t->growing_fd, part->bytes, part->len, part->off, e) == -1)
			return write_failed_within(t, part->entry, e);
		begin_sync(t, part->len);
	}
	if (part->off == t->hashed_bytes) {
		digest_add(t->hash, part->bytes, part->len);
		t->hashed_bytes += part->len;
	}
	if (--t->n_left[part->entry] > 0)
		return 0;
	return complete(t, e);
}
