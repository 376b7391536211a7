/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository: objects by name, each there as a whole or not at all.  This
 * body keeps them in a directory (FORMATS.md 2).
 *
 * A name (objpath.h makes them) is relative, '/' between its components, none empty and none
 * beginning with '.'; that excludes "..", hidden files and the ".tmp-" names that objects
 * have while they are being written.  No symbolic link is followed.  Whatever
 * is acknowledged is durable: file and directory are synced.  A full disk is ERR_BUSY.
 *
 * All calls may be made from any thread.
 */
#ifndef KEBAO_CATALOG_REPO_STORE_H
#define KEBAO_CATALOG_REPO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

struct store; /* opaque */

enum store_mode {
	STORE_READ,  /* nothing is changed: a stick, a mirror, somebody else's repository */
	/* the only writer: locked, made where absent, left-over temporary files removed */
	STORE_WRITE,
};

/*
 * Open the repository in the directory path (relative to dirfd; AT_FDCWD works).
 * STORE_READ: ERR_NOT_FOUND where there is none.
 * STORE_WRITE: ERR_BUSY where another process (or this one) has it open for writing.
 */
int store_open(int dirfd, const char *path, enum store_mode mode, struct store **out,
    struct err *e) __attribute__((warn_unused_result));
void store_close(struct store *s);

/*
 * Put an immutable object.  Where the name exists with the same bytes: success;
 * with other bytes: ERR_CONFLICT and the old object stays.
 */
int store_put(struct store *s, const char *name, const void *bytes, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The same with a regular file of the store's file system as the object: it is
 * synced, made read-only for others than us (mode 0644) and moved into place; on
 * success from_name is gone.  On failure it is where it was, or in place when only the sync of
 * the directory failed.  From another file system it is
 * copied, then removed.  Nobody may have it open for writing.
 */
int store_put_file(struct store *s, const char *name, int from_dirfd, const char *from_name,
    struct err *e) __attribute__((warn_unused_result));

/* Put or replace a name that is not immutable: timestamp.json and hints. */
int store_replace(struct store *s, const char *name, const void *bytes, size_t len,
    struct err *e) __attribute__((warn_unused_result));

/*
 * Open an object for reading.  *fd is the caller's to close; the object may be
 * read through it even after it was removed.  ERR_NOT_FOUND where there is none (or the
 * name is not one, or it is not a regular file).
 */
int store_read(const struct store *s, const char *name, int *fd, uint64_t *size, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Whether name still stands for the very file behind fd, unchanged since it was stamped.  Cheap,
 * and never waits for a disk as long as fd is open (the kernel then holds the name, too).
 */
struct store_stamp {
	uint64_t dev, ino, size;
	int64_t changed_s, changed_ns;
};
int store_stamp(int fd, struct store_stamp *out, struct err *e) __attribute__((warn_unused_result));
bool store_is_same(const struct store *s, const char *name, const struct store_stamp *stamp);

/* Append a whole object to *b; ERR_BAD_INPUT where it is larger than max_bytes. */
int store_load(const struct store *s, const char *name, size_t max_bytes, struct buf *b,
    struct err *e) __attribute__((warn_unused_result));

bool store_has(const struct store *s, const char *name);

/* Remove durably; one that is not there is success. */
int store_remove(struct store *s, const char *name, struct err *e)
    __attribute__((warn_unused_result));

struct store_item {
	const char *name; /* lent for the call: the whole name */
	uint64_t size;
	int64_t changed_at; /* UTC seconds; when the object was put */
};

/*
 * Call fn for every object below the directory prefix ("packs/gd.ip"; "" for
 * all), in the order of the bytes of the components.  A prefix that does not exist has no
 * objects.  fn returns 0 to go on, 1 to stop (the walk then succeeds), -1 with *e to fail; it may
 * remove the object it is called for, and put none.
 */
typedef int store_walk_fn(void *ctx, const struct store_item *item, struct err *e);
int store_walk(const struct store *s, const char *prefix, store_walk_fn *fn, void *ctx,
    struct err *e) __attribute__((warn_unused_result));

/* Bytes that may still be put. */
int store_free_bytes(const struct store *s, uint64_t *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
