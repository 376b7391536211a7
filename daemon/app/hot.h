/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the repository that were asked for lately, kept open: what is hot is answered on
 * the loop, without a thread and without opening anything.  An object is given only while its
 * name still stands for the file that is open (store_is_same()); for what never changes, having
 * its hash as its name, or a version, that is looked at once in ten milliseconds.  Bounded by a
 * number of descriptors.  Any thread.
 */
#ifndef KEBAO_DAEMON_APP_HOT_H
#define KEBAO_DAEMON_APP_HOT_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/objpath.h"

struct hot; /* opaque */
struct store;

#define HOT_OBJECTS 512u /* descriptors kept open beside those in use */
#define HOT_ETAG_SIZE 96

/* Immutable; good until hot_give_back(). */
struct hot_object {
	struct objpath path;
	int fd;        /* to be read with an offset; never closed by the one who borrows */
	uint64_t size;
	char etag[HOT_ETAG_SIZE];
};

/* store is lent and outlives the result. */
int hot_new(const struct store *store, struct hot **out, struct err *e)
    __attribute__((warn_unused_result));
/* No object may be out. */
void hot_free(struct hot *h);

/* Never waits; NULL where the object is not kept, or not as it is kept. */
struct hot_object *hot_find(struct hot *h, const char *name);

/* Waits on the disk: open (name is that of *path), make the ETag, keep.  As store_read(). */
int hot_open(struct hot *h, const char *name, const struct objpath *path,
    struct hot_object **out, struct err *e) __attribute__((warn_unused_result));

/* The same, and it is not kept: for what hot_find() must not give to the next who asks. */
int hot_open_aside(struct hot *h, const char *name, const struct objpath *path,
    struct hot_object **out, struct err *e) __attribute__((warn_unused_result));

/* void *: a function for struct reply_lease. */
void hot_give_back(void *object);

#endif
