/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fault.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What the linker calls __real_x is the x that would have been called. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t off);
ssize_t __real_pwrite64(int fd, const void *bytes, size_t len, off_t off);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_syncfs(int fd);
int __real_rename(const char *from, const char *to);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t len, off_t off);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_syncfs(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);

/* Calls of the armed kind until the fault; 0 and below: none is armed, or it fired. */
static atomic_long left;
static atomic_bool fired;
static atomic_int armed_kind;
static atomic_bool pretends_sync;

void
fault_arm(enum fault_kind kind, long nth)
{
	atomic_store(&fired, false);
	atomic_store(&armed_kind, (int)kind);
	atomic_store(&left, nth);
}

bool
fault_disarm(void)
{
	atomic_store(&left, 0);
	return atomic_load(&fired);
}

void
fault_pretend_sync(bool pretend)
{
	atomic_store(&pretends_sync, pretend);
}

static bool
fails(enum fault_kind kind, int error)
{
	if (atomic_load(&left) <= 0 || atomic_load(&armed_kind) != (int)kind)
		return false;
	if (atomic_fetch_sub(&left, 1) != 1)
		return false;
	atomic_store(&fired, true);
	errno = error;
	return true;
}

/* cJSON is a library of its own, but it lets us in. */
static void *
cjson_malloc(size_t size)
{
	return __wrap_malloc(size);
}

static void __attribute__((constructor))
hook_cjson(void)
{
	cJSON_Hooks hooks = { .malloc_fn = cjson_malloc, .free_fn = free };

	cJSON_InitHooks(&hooks);
}

void *
__wrap_malloc(size_t size)
{
	return fails(FAULT_ALLOC, ENOMEM) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails(FAULT_ALLOC, ENOMEM) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails(FAULT_ALLOC, ENOMEM) ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails(FAULT_ALLOC, ENOMEM) ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails(FAULT_ALLOC, ENOMEM) ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return fails(FAULT_ALLOC, ENOMEM) ? NULL : __real_strndup(s, n);
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t len)
{
	return fails(FAULT_WRITE, ENOSPC) ? -1 : __real_write(fd, bytes, len);
}

ssize_t
__wrap_pwrite(int fd, const void *bytes, size_t len, off_t off)
{
	return fails(FAULT_WRITE, ENOSPC) ? -1 : __real_pwrite(fd, bytes, len, off);
}

ssize_t
__wrap_pwrite64(int fd, const void *bytes, size_t len, off_t off)
{
	return fails(FAULT_WRITE, ENOSPC) ? -1 : __real_pwrite64(fd, bytes, len, off);
}

int
__wrap_fsync(int fd)
{
	if (fails(FAULT_FSYNC, EIO))
		return -1;
	return atomic_load(&pretends_sync) ? 0 : __real_fsync(fd);
}

int
__wrap_fdatasync(int fd)
{
	if (fails(FAULT_FSYNC, EIO))
		return -1;
	return atomic_load(&pretends_sync) ? 0 : __real_fdatasync(fd);
}

int
__wrap_syncfs(int fd)
{
	if (fails(FAULT_FSYNC, EIO))
		return -1;
	return atomic_load(&pretends_sync) ? 0 : __real_syncfs(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	return fails(FAULT_RENAME, EIO) ? -1 : __real_rename(from, to);
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return fails(FAULT_RENAME, EIO) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int
__wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return fails(FAULT_RENAME, EIO) ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int
__wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return fails(FAULT_RENAME, EIO) ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}
