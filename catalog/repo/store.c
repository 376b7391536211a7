/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/repo/storedir.h"

#define TEMP_SIZE (sizeof(STOREDIR_TEMP_PREFIX) + 16)
#define OBJECT_MODE 0644
#define DIR_MODE 0755
#define COPY_BYTES 65536u

struct store {
	int dirfd;
	bool is_writer;
};

/* --- directories --- */

/* Open the directory that holds name; *base points at the last component. */
static int
open_parent(const struct store *s, const char *name, const char **base, struct err *e)
{
	const char *slash = strrchr(name, '/');
	char dir[STOREDIR_NAME_SIZE];
	int fd;

	if (slash == NULL)
		(void)snprintf(dir, sizeof(dir), ".");
	else
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - name), name);
	*base = slash == NULL ? name : slash + 1;
	fd = storedir_open(s->dirfd, dir, O_RDONLY | O_DIRECTORY);
	if (fd == -1) {
		err_errno(e, "cannot open the directory of %s", name);
		if (e != NULL && storedir_is_absence(e->sys))
			e->class = ERR_NOT_FOUND;
	}
	return fd;
}

/* The same for a name about to be written: made where absent. */
static int
make_parent(const struct store *s, const char *name, const char **base, struct err *e)
{
	struct err why = { 0 };
	int fd;

	if (storedir_check_name(name, false, e) == -1)
		return -1;
	if (!s->is_writer)
		return err_set(e, ERR_SYSTEM, "%s: the repository is open for reading only", name);
	fd = open_parent(s, name, base, &why);
	if (fd != -1)
		return fd;
	if (why.sys != ENOENT) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (file_make_parents(s->dirfd, name, DIR_MODE, e) == -1)
		return -1;
	return open_parent(s, name, base, e);
}

static int
sync_dir(int dirfd, const char *name, struct err *e)
{
	return fsync(dirfd) == 0 ? 0 : err_errno(e, "cannot sync the directory of %s", name);
}

/* --- temporary files --- */

/* Create a temporary file in dirfd; its name goes to temp. */
static int
temp_open(int dirfd, char temp[TEMP_SIZE], struct err *e)
{
	uint8_t random[8];
	int fd;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_errno(e, "random bytes");
	memcpy(temp, STOREDIR_TEMP_PREFIX, sizeof(STOREDIR_TEMP_PREFIX) - 1);
	hex_encode(temp + sizeof(STOREDIR_TEMP_PREFIX) - 1, random, sizeof(random));
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    OBJECT_MODE);
	return fd != -1 ? fd : err_errno(e, "cannot create a temporary file");
}

/* Sync and close fd, whatever happens. */
static int
sync_and_close(int fd, struct err *e)
{
	int rc = fsync(fd);

	if (rc == -1)
		err_errno(e, "fsync");
	if (close(fd) == -1 && rc == 0)
		rc = err_errno(e, "close");
	return rc;
}

static int
write_temp(int dirfd, char temp[TEMP_SIZE], const void *bytes, size_t len, struct err *e)
{
	int fd = temp_open(dirfd, temp, e);

	if (fd == -1)
		return -1;
	if (file_write_all(fd, bytes, len, e) == -1)
		(void)close(fd); /* the write's failure is the one reported */
	else if (sync_and_close(fd, e) == 0)
		return 0;
	(void)unlinkat(dirfd, temp, 0); /* a left-over is swept at the next opening */
	return -1;
}

/* rename that refuses an existing target with EEXIST; FAT and old NFS lack the flag. */
static int
rename_new(int from_dirfd, const char *from, int dirfd, const char *base)
{
	struct stat st;

	if (renameat2(from_dirfd, from, dirfd, base, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (errno != ENOENT)
		return -1;
	return renameat(from_dirfd, from, dirfd, base); /* we are the only writer */
}

/* --- what is there already --- */

/* 1 where both files hold the same bytes, 0 where not, -1 on failure. */
static int
same_files(int a, int b, struct err *e)
{
	struct stat sa, sb;
	uint8_t *bytes;
	int rc = -1;

	if (fstat(a, &sa) == -1 || fstat(b, &sb) == -1)
		return err_errno(e, "cannot look at the object");
	if (sa.st_size != sb.st_size)
		return 0;
	if (sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino)
		return 1;
	bytes = malloc(2 * COPY_BYTES);
	if (bytes == NULL)
		return err_nomem(e);
	for (uint64_t off = 0; off < (uint64_t)sa.st_size;) {
		uint64_t left = (uint64_t)sa.st_size - off;
		size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;

		if (file_pread_all(a, bytes, n, off, e) == -1 ||
		    file_pread_all(b, bytes + COPY_BYTES, n, off, e) == -1)
			goto out;
		if (memcmp(bytes, bytes + COPY_BYTES, n) != 0) {
			rc = 0;
			goto out;
		}
		off += n;
	}
	rc = 1;
out:
	free(bytes);
	return rc;
}

/*
 * The name exists.  Success where it holds the bytes of the file from, which is then removed;
 * the earlier writer may have died before its sync, so sync again.
 */
static int
settle_existing(int dirfd, const char *base, int from_dirfd, const char *from, const char *name,
    struct err *e)
{
	int have, want, same = -1, rc = -1;

	have = storedir_open(dirfd, base, O_RDONLY | O_NONBLOCK);
	want = storedir_open(from_dirfd, from, O_RDONLY | O_NONBLOCK);
	if (have == -1 || want == -1) {
		err_errno(e, "cannot open %s", name);
		goto out;
	}
	same = same_files(have, want, e);
	if (same == 0)
		err_set(e, ERR_CONFLICT, "%s exists with other content", name);
	if (same != 1)
		goto out;
	if (fsync(have) == -1) {
		err_errno(e, "cannot sync %s", name);
		goto out;
	}
	if (sync_dir(dirfd, name, e) == -1)
		goto out;
	(void)unlinkat(from_dirfd, from, 0); /* a left-over is swept at the next opening */
	rc = 0;
out:
	if (have != -1)
		(void)close(have); /* only read from */
	if (want != -1)
		(void)close(want);
	return rc;
}

/* --- writing --- */

int
store_put(struct store *s, const char *name, const void *bytes, size_t len, struct err *e)
{
	char temp[TEMP_SIZE];
	const char *base;
	int rc = -1, dirfd = make_parent(s, name, &base, e);

	if (dirfd == -1)
		return -1;
	if (write_temp(dirfd, temp, bytes, len, e) == -1) {
		(void)err_full_is_busy(e);
		err_within(e, "cannot write %s", name);
		goto out;
	}
	if (rename_new(dirfd, temp, dirfd, base) == 0)
		rc = sync_dir(dirfd, name, e);
	else if (errno == EEXIST)
		rc = settle_existing(dirfd, base, dirfd, temp, name, e);
	else
		err_errno(e, "cannot put %s in place", name);
	if (rc == -1)
		(void)unlinkat(dirfd, temp, 0); /* already gone after a rename */
out:
	(void)close(dirfd); /* only a handle */
	return rc;
}

int
store_replace(struct store *s, const char *name, const void *bytes, size_t len, struct err *e)
{
	char temp[TEMP_SIZE];
	const char *base;
	int rc = -1, dirfd = make_parent(s, name, &base, e);

	if (dirfd == -1)
		return -1;
	if (write_temp(dirfd, temp, bytes, len, e) == -1) {
		(void)err_full_is_busy(e);
		err_within(e, "cannot write %s", name);
		goto out;
	}
	if (renameat(dirfd, temp, dirfd, base) == -1) {
		err_errno(e, "cannot put %s in place", name);
		(void)unlinkat(dirfd, temp, 0);
		goto out;
	}
	rc = sync_dir(dirfd, name, e);
out:
	(void)close(dirfd); /* only a handle */
	return rc;
}

/* Copy the file from into a synced temporary file of dirfd. */
static int
copy_to_temp(int dirfd, char temp[TEMP_SIZE], int from, struct err *e)
{
	uint8_t *bytes = malloc(COPY_BYTES);
	int fd, rc = -1;

	if (bytes == NULL)
		return err_nomem(e);
	fd = temp_open(dirfd, temp, e);
	if (fd == -1)
		goto out;
	for (;;) {
		ssize_t n = read(from, bytes, COPY_BYTES);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			err_errno(e, "read");
		else if (n > 0 && file_write_all(fd, bytes, (size_t)n, e) == 0)
			continue;
		else if (n == 0)
			rc = 0;
		break;
	}
	if (rc == 0)
		rc = sync_and_close(fd, e);
	else
		(void)close(fd); /* the failure before is the one reported */
	if (rc == -1)
		(void)unlinkat(dirfd, temp, 0);
out:
	free(bytes);
	return rc;
}

static int
put_copy(int dirfd, const char *base, int from_dirfd, const char *from_name, int from,
    const char *name, struct err *e)
{
	char temp[TEMP_SIZE];
	int rc = -1;

	if (copy_to_temp(dirfd, temp, from, e) == -1)
		return err_full_is_busy(e);
	if (rename_new(dirfd, temp, dirfd, base) == 0)
		rc = sync_dir(dirfd, name, e);
	else if (errno == EEXIST)
		rc = settle_existing(dirfd, base, dirfd, temp, name, e);
	else
		err_errno(e, "cannot put %s in place", name);
	if (rc == -1)
		(void)unlinkat(dirfd, temp, 0); /* already gone after a rename */
	else
		(void)unlinkat(from_dirfd, from_name, 0); /* the object is safe without it */
	return rc;
}

int
store_put_file(struct store *s, const char *name, int from_dirfd, const char *from_name,
    struct err *e)
{
	struct stat st;
	const char *base;
	int from = -1, rc = -1, dirfd = make_parent(s, name, &base, e);

	if (dirfd == -1)
		return -1;
	from = openat(from_dirfd, from_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from == -1 || fstat(from, &st) == -1) {
		err_errno(e, "cannot open %s", from_name);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_BAD_INPUT, "%s is not a regular file", from_name);
		goto out;
	}
	if (fchmod(from, OBJECT_MODE) == -1 || fsync(from) == -1) {
		err_errno(e, "cannot sync %s", from_name);
		goto out;
	}
	if (rename_new(from_dirfd, from_name, dirfd, base) == 0)
		rc = sync_dir(dirfd, name, e);
	else if (errno == EEXIST)
		rc = settle_existing(dirfd, base, from_dirfd, from_name, name, e);
	else if (errno == EXDEV)
		rc = put_copy(dirfd, base, from_dirfd, from_name, from, name, e);
	else
		err_errno(e, "cannot put %s in place", name);
out:
	if (from != -1)
		(void)close(from); /* synced above */
	(void)close(dirfd);        /* only a handle */
	return rc;
}

int
store_remove(struct store *s, const char *name, struct err *e)
{
	struct err why = { 0 };
	const char *base;
	int dirfd, rc = 0;

	if (storedir_check_name(name, false, e) == -1)
		return -1;
	if (!s->is_writer)
		return err_set(e, ERR_SYSTEM, "%s: the repository is open for reading only", name);
	dirfd = open_parent(s, name, &base, &why);
	if (dirfd == -1 && why.class == ERR_NOT_FOUND)
		return 0;
	if (dirfd == -1) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (unlinkat(dirfd, base, 0) == 0)
		rc = sync_dir(dirfd, name, e);
	else if (errno != ENOENT)
		rc = err_errno(e, "cannot remove %s", name);
	(void)close(dirfd); /* only a handle */
	return rc;
}

/* --- reading --- */

int
store_read(const struct store *s, const char *name, int *fd, uint64_t *size, struct err *e)
{
	struct stat st;
	int got;

	if (storedir_check_name(name, false, e) == -1)
		return -1;
	got = storedir_open(s->dirfd, name, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	if (got == -1) {
		int sys = errno;

		err_errno(e, "cannot open %s", name);
		if (e != NULL && storedir_is_absence(sys))
			e->class = ERR_NOT_FOUND;
		return -1;
	}
	if (fstat(got, &st) == -1) {
		err_errno(e, "cannot look at %s", name);
		(void)close(got);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(got);
		return err_set(e, ERR_NOT_FOUND, "%s is not a regular file", name);
	}
	*fd = got;
	*size = (uint64_t)st.st_size;
	return 0;
}

static void
stamp_of(const struct stat *st, struct store_stamp *out)
{
	*out = (struct store_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed_s = st->st_ctim.tv_sec,
		.changed_ns = st->st_ctim.tv_nsec,
	};
}

int
store_stamp(int fd, struct store_stamp *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_errno(e, "cannot look at an object");
	stamp_of(&st, out);
	return 0;
}

bool
store_is_same(const struct store *s, const char *name, const struct store_stamp *stamp)
{
	struct store_stamp now;
	struct stat st;

	/* A link in between leads to another file, or to the one that was opened without it. */
	if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	stamp_of(&st, &now);
	return now.dev == stamp->dev && now.ino == stamp->ino && now.size == stamp->size &&
	    now.changed_s == stamp->changed_s && now.changed_ns == stamp->changed_ns;
}

int
store_load(const struct store *s, const char *name, size_t max_bytes, struct buf *b,
    struct err *e)
{
	uint64_t size;
	size_t old = buf_len(b);
	uint8_t *at;
	int fd, rc = -1;

	if (store_read(s, name, &fd, &size, e) == -1)
		return -1;
	if (size > max_bytes) {
		err_set(e, ERR_BAD_INPUT, "%s has %" PRIu64 " bytes, the limit is %zu", name, size,
		    max_bytes);
		goto out;
	}
	at = buf_extend(b, (size_t)size, e);
	if (at == NULL)
		goto out;
	if (file_read_all(fd, at, (size_t)size, e) == -1) {
		err_within(e, "%s", name);
		buf_truncate(b, old);
		goto out;
	}
	rc = 0;
out:
	(void)close(fd); /* only read from */
	return rc;
}

bool
store_has(const struct store *s, const char *name)
{
	uint64_t size;
	int fd;

	if (store_read(s, name, &fd, &size, NULL) == -1)
		return false;
	(void)close(fd); /* only looked at */
	return true;
}

int
store_free_bytes(const struct store *s, uint64_t *out, struct err *e)
{
	return file_free_bytes(s->dirfd, out, e);
}

/* --- walking and life --- */

int
store_walk(const struct store *s, const char *prefix, store_walk_fn *fn, void *ctx, struct err *e)
{
	if (storedir_check_name(prefix, true, e) == -1)
		return -1;
	return storedir_walk(s->dirfd, prefix, fn, ctx, e);
}

static int
begin_writing(struct store *s, struct err *e)
{
	if (flock(s->dirfd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			return err_set(e, ERR_BUSY, "another process is writing to the repository");
		return err_errno(e, "cannot lock the repository");
	}
	s->is_writer = true;
	return storedir_sweep(s->dirfd, e);
}

int
store_open(int dirfd, const char *path, enum store_mode mode, struct store **out, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_nomem(e);
	s->dirfd = -1;
	if (mode == STORE_WRITE && file_make_dirs(dirfd, path, DIR_MODE, e) == -1)
		goto fail;
	s->dirfd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd == -1) {
		int sys = errno;

		err_errno(e, "cannot open repository %s", path);
		if (e != NULL && (sys == ENOENT || sys == ENOTDIR))
			e->class = ERR_NOT_FOUND;
		goto fail;
	}
	if (mode == STORE_WRITE && begin_writing(s, e) == -1) {
		err_within(e, "%s", path);
		goto fail;
	}
	*out = s;
	return 0;
fail:
	store_close(s);
	return -1;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	if (s->dirfd != -1)
		(void)close(s->dirfd); /* gives the lock back; nothing is pending */
	free(s);
}
