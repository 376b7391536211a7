/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, all or nothing.  Names are relative to a directory descriptor
 * (AT_FDCWD works).  "Durable" means: the file is synced, then renamed, then
 * its directory is synced, so after a power cut there is the old file or the
 * new one and nothing between.
 */
#ifndef KEBAO_CATALOG_BASE_FILE_H
#define KEBAO_CATALOG_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

/*
 * Append the whole file to *b.  -1 with ERR_NOT_FOUND where there is none,
 * ERR_BAD_INPUT where it is not a regular file or larger than max_bytes.
 */
int file_load(int dirfd, const char *name, size_t max_bytes, struct buf *b, struct err *e);

/* Replace name durably and atomically; directories above it must exist. */
int file_save(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode,
    struct err *e);

/*
 * Create name durably.  Where it already exists with the same bytes: success;
 * with other bytes: ERR_CONFLICT, and the old file stays.
 */
int file_create(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode,
    struct err *e);

/* mkdir -p below dirfd, each new directory synced into its parent. */
int file_make_dirs(int dirfd, const char *path, mode_t mode, struct err *e);
/* The same for the directory part of path; nothing to do where path has no '/'. */
int file_make_parents(int dirfd, const char *path, mode_t mode, struct err *e);

/* rename, then sync of the target's directory (and the source's). */
int file_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, struct err *e);

/*
 * Swap two names of one file system, at once where it can do that (never half), else by way
 * of a third name; then synced.
 */
int file_exchange(int dirfd, const char *a, const char *b, struct err *e);

/* fsync of the directory that holds path. */
int file_sync_dir_of(int dirfd, const char *path, struct err *e);

/* Remove a file; one that is not there is success. */
int file_remove(int dirfd, const char *name, struct err *e);

/*
 * Remove what killed writers left in the directory at path, and in those down to depth levels below
 * it: temporary names of file_save() and file_create() that nobody touched since before (UTC
 * seconds).  What cannot be looked at or removed stays.
 */
void file_tidy(int dirfd, const char *path, unsigned depth, int64_t before);

/* Remove a directory with all it holds, never following a link; absent is success. */
int file_remove_tree(int dirfd, const char *path, struct err *e);

bool file_exists(int dirfd, const char *name);

/* Write or read all len bytes, EINTR and short counts handled; EOF before len is ERR_BAD_INPUT. */
int file_write_all(int fd, const void *bytes, size_t len, struct err *e);
int file_read_all(int fd, void *bytes, size_t len, struct err *e);
int file_pread_all(int fd, void *bytes, size_t len, uint64_t off, struct err *e);
int file_pwrite_all(int fd, const void *bytes, size_t len, uint64_t off, struct err *e);

/* Bytes a write into the directory may still use (what df calls available). */
int file_free_bytes(int dirfd, uint64_t *out, struct err *e);

#endif
