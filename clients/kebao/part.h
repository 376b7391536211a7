/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A range of an object as a file of ours, fetched once: what was received stays on disk whatever
 * ends the run, and the next one asks for the rest only.
 *
 * The file holds the range from its beginning; its length is how far it has come.  Its name must
 * say what it is (the object's hash, and the offset where it is not whole), because nobody looks
 * inside.  Nothing in it is believed: the caller verifies what it makes of the whole file, and
 * where that is wrong calls part_remove() and takes another way, or asks once more.
 * (A power cut may leave a tail of zeros: that is such a case.)
 */
#ifndef KEBAO_CLIENTS_KEBAO_PART_H
#define KEBAO_CLIENTS_KEBAO_PART_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "clients/kebao/home.h"
#include "clients/kebao/transfer.h"

struct part {
	const char *path;  /* of the object at the hub: "/packs/..."; lent, as all here */
	uint64_t off;      /* of the range in it */
	uint64_t len;      /* at least 1 */
	int dirfd;
	const char *name;  /* of the file, below dirfd */
	/* May be NULL: bytes of the range that are here, of earlier runs, too. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * The whole range is in the file when this answers 0.  Else -1, and what came so far stays:
 * as transfer_range() fails, or what the disk said.  One run at a time (the home's lock).
 */
int part_fetch(struct transfer *t, const struct part *p, struct err *e)
    __attribute__((warn_unused_result));

/* Bytes of the range that are here; 0 where there is no file. */
uint64_t part_have(const struct part *p);

/* Forget what was received; none is fine. */
int part_remove(const struct part *p, struct err *e) __attribute__((warn_unused_result));

/*
 * Where parts of this home lie: work/.parts, opened and made; the caller closes it.
 * part_tidy() removes those that nobody has touched for 14 days; called with the lock held.
 */
int part_open_dir(const struct home *h, struct err *e);
void part_tidy(const struct home *h, int64_t now);

/*
 * A whole object of len bytes and this SHA-256, into out (emptied first).  A short one comes
 * at once, a longer one through a part that is removed once it was right.  One that has
 * another hash is asked for once more, then ERR_UNTRUSTED.
 */
struct part_object {
	const char *path;
	uint64_t len;
	const struct digest *sha256;
};
int part_load(const struct home *h, struct transfer *t, const struct part_object *o,
    struct buf *out, struct err *e) __attribute__((warn_unused_result));

#endif
