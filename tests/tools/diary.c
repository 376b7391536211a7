/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps a diary of what a program does to files, for tests of what a power cut leaves: a library
 * to be preloaded, which appends an entry to the file named by $DIARY after each call that changes
 * a file or a directory, or syncs one.  tests/system/cut.pl reads it.
 *
 *	LD_PRELOAD=.../diary DIARY=file kebao fetch
 *
 * Syncs are noted and not done: no test waits for its disk.  Files are known by their inode.  Only
 * the calls that kebao makes are here; what it does by another would be missing in the diary,
 * which the test notices.  No call goes through libc, so it does not matter who else is preloaded.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* All numbers as the machine has them; behind it the names and the bytes. */
struct entry {
	char op; /* see cut.pl */
	char pad[3];
	uint32_t mode;
	uint64_t inode;     /* of the file, or of the directory of the first name */
	uint64_t other;     /* of the directory of the second name, or of what was made */
	uint64_t off;       /* where it is written; length; time */
	uint64_t said;      /* bytes on standard output by now */
	uint32_t name_len, other_len, bytes_len, flags;
};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int diary = -1;

static void __attribute__((constructor))
begin(void)
{
	const char *path = getenv("DIARY");

	if (path != NULL)
		diary = (int)syscall(SYS_openat, AT_FDCWD, path,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void
note(struct entry *e, const char *name, const char *other, const void *bytes, size_t len)
{
	int was = errno;
	long said = syscall(SYS_lseek, STDOUT_FILENO, 0, SEEK_CUR);
	struct iovec v[4] = {
		{ e, sizeof(*e) }, { (void *)name, name != NULL ? strlen(name) : 0 },
		{ (void *)other, other != NULL ? strlen(other) : 0 }, { (void *)bytes, len },
	};
	ssize_t n;

	if (diary == -1)
		return;
	e->said = said > 0 ? (uint64_t)said : 0;
	e->name_len = (uint32_t)v[1].iov_len;
	e->other_len = (uint32_t)v[2].iov_len;
	e->bytes_len = (uint32_t)len;
	n = syscall(SYS_writev, diary, v, 4);
	assert(n == (ssize_t)(sizeof(*e) + v[1].iov_len + v[2].iov_len + len));
	errno = was;
}

/* --- which file --- */

static uint64_t
inode_of_fd(int fd)
{
	struct stat st;

	return syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0 ? st.st_ino : 0;
}

/* 0: there is none. */
static uint64_t
inode_of(int dirfd, const char *path)
{
	struct stat st;

	return syscall(SYS_newfstatat, dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* The directory a path lies in; *base is its last part. */
static uint64_t
parent_of(int dirfd, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];

	*base = slash != NULL ? slash + 1 : path;
	if (slash == NULL)
		return dirfd == AT_FDCWD ? inode_of(dirfd, ".") : inode_of_fd(dirfd);
	assert((size_t)(slash - path) + 1 < sizeof(dir));
	memcpy(dir, path, (size_t)(slash - path) + 1);
	dir[slash - path + (slash == path)] = '\0';
	return inode_of(dirfd, dir);
}

static int
is_file(int fd)
{
	struct stat st;

	return syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISREG(st.st_mode);
}

/* --- the calls --- */

#define BEGIN (void)pthread_mutex_lock(&one_at_a_time)
#define END (void)pthread_mutex_unlock(&one_at_a_time)

int openat64(int dirfd, const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t off);
int ftruncate64(int fd, off64_t len);

static int
opened(int dirfd, const char *path, int flags, mode_t mode)
{
	struct entry e = { .op = 'c' };
	struct stat st;
	const char *base;
	uint64_t was;
	int fd;

	if ((flags & (O_CREAT | O_TRUNC)) == 0)
		return (int)syscall(SYS_openat, dirfd, path, flags, mode);
	BEGIN;
	was = inode_of(dirfd, path);
	e.inode = parent_of(dirfd, path, &base);
	fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (fd != -1 && was == 0 && syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0) {
		e.other = st.st_ino;
		e.mode = st.st_mode & 07777;
		note(&e, base, NULL, NULL, 0);
	} else if (fd != -1 && (flags & O_TRUNC) != 0) {
		e.op = 't';
		e.inode = was;
		note(&e, NULL, NULL, NULL, 0);
	}
	END;
	return fd;
}

#define MODE_OF(flags, mode) \
	do { \
		va_list ap; \
		va_start(ap, flags); \
		mode = ((flags) & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0; \
		va_end(ap); \
	} while (0)

int
openat64(int dirfd, const char *path, int flags, ...)
{
	mode_t mode;

	MODE_OF(flags, mode);
	return opened(dirfd, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode;

	MODE_OF(flags, mode);
	return opened(AT_FDCWD, path, flags, mode);
}

static void
wrote(int fd, const void *bytes, size_t len, uint64_t off)
{
	struct entry e = { .op = 'w', .inode = inode_of_fd(fd), .off = off };

	note(&e, NULL, NULL, bytes, len);
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	ssize_t n;

	if (!is_file(fd))
		return syscall(SYS_write, fd, bytes, len);
	BEGIN;
	n = syscall(SYS_write, fd, bytes, len);
	if (n > 0)
		wrote(fd, bytes, (size_t)n,
		    (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - (uint64_t)n);
	END;
	return n;
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t off)
{
	ssize_t n;

	BEGIN;
	n = syscall(SYS_pwrite64, fd, bytes, len, off);
	if (n > 0)
		wrote(fd, bytes, (size_t)n, (uint64_t)off);
	END;
	return n;
}

int
ftruncate64(int fd, off64_t len)
{
	struct entry e = { .op = 't', .inode = inode_of_fd(fd), .off = (uint64_t)len };
	int rc;

	BEGIN;
	rc = (int)syscall(SYS_ftruncate, fd, len);
	if (rc == 0)
		note(&e, NULL, NULL, NULL, 0);
	END;
	return rc;
}

int
fchmod(int fd, mode_t mode)
{
	struct entry e = { .op = 'm', .inode = inode_of_fd(fd), .mode = mode };
	int rc;

	BEGIN;
	rc = (int)syscall(SYS_fchmod, fd, mode);
	if (rc == 0)
		note(&e, NULL, NULL, NULL, 0);
	END;
	return rc;
}

int
futimens(int fd, const struct timespec times[2])
{
	struct entry e = { .op = 'u', .inode = inode_of_fd(fd), .off = (uint64_t)times[1].tv_sec };
	int rc;

	BEGIN;
	rc = (int)syscall(SYS_utimensat, fd, NULL, times, 0);
	if (rc == 0)
		note(&e, NULL, NULL, NULL, 0);
	END;
	return rc;
}

int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct entry e = { .op = 'd' };
	const char *base;
	int rc;

	BEGIN;
	e.inode = parent_of(dirfd, path, &base);
	rc = (int)syscall(SYS_mkdirat, dirfd, path, mode);
	if (rc == 0) {
		e.other = inode_of(dirfd, path);
		e.mode = mode;
		note(&e, base, NULL, NULL, 0);
	}
	END;
	return rc;
}

int
linkat(int from_dirfd, const char *from, int to_dirfd, const char *to, int flags)
{
	struct entry e = { .op = 'l' };
	const char *base;
	int rc;

	BEGIN;
	e.other = inode_of(from_dirfd, from);
	e.inode = parent_of(to_dirfd, to, &base);
	rc = (int)syscall(SYS_linkat, from_dirfd, from, to_dirfd, to, flags);
	if (rc == 0)
		note(&e, base, NULL, NULL, 0);
	END;
	return rc;
}

int
unlinkat(int dirfd, const char *path, int flags)
{
	struct entry e = { .op = 'x' };
	const char *base;
	int rc;

	BEGIN;
	e.inode = parent_of(dirfd, path, &base);
	rc = (int)syscall(SYS_unlinkat, dirfd, path, flags);
	if (rc == 0)
		note(&e, base, NULL, NULL, 0);
	END;
	return rc;
}

int
renameat2(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	struct entry e = { .op = 'r', .flags = flags };
	const char *base, *to_base;
	int rc;

	BEGIN;
	e.inode = parent_of(from_dirfd, from, &base);
	e.other = parent_of(to_dirfd, to, &to_base);
	rc = (int)syscall(SYS_renameat2, from_dirfd, from, to_dirfd, to, flags);
	if (rc == 0)
		note(&e, base, to_base, NULL, 0);
	END;
	return rc;
}

int
renameat(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return renameat2(from_dirfd, from, to_dirfd, to, 0);
}

/* --- syncs --- */

int
fsync(int fd)
{
	struct entry e = { .op = 's', .inode = inode_of_fd(fd) };

	BEGIN;
	note(&e, NULL, NULL, NULL, 0);
	END;
	return 0;
}

int
syncfs(int fd)
{
	struct entry e = { .op = 'S', .inode = inode_of_fd(fd) };

	BEGIN;
	note(&e, NULL, NULL, NULL, 0);
	END;
	return 0;
}
