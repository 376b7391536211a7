/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release by a patch: the patch file from the hub, the new index out of it and the releases held
 * here, then the frames.  What was received stays until the release is complete or the patch was
 * found wrong.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PATCHED_H
#define KEBAO_CLIENTS_KEBAO_PATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/hint.h"
#include "clients/kebao/home.h"
#include "clients/kebao/transfer.h"

struct patched; /* opaque */
struct tree;
struct tree_old;

struct patched_want {
	const struct home *home; /* borrowed until patched_free(), as all here */
	struct transfer *transfer;
	const char *channel;
	const struct hint_patch *patch;
	const struct digest *to;    /* of the index that is wanted */
	const struct tree_old *old; /* whom patch->from means; NULL: nothing */
	/* May be NULL. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Whether another way mends it: the patch is wrong or is not given, whatever reason is named.  Not
 * so a line that broke, a hub that wants us later, an interruption, this machine.
 */
bool patched_is_useless(const struct err *e);

/*
 * Fetch the patch and compute the index, which is appended to *index: it has the hash to.  -1:
 * where patched_is_useless() says so a wrong file is gone.
 */
int patched_open(const struct patched_want *want, struct patched **out, struct buf *index,
    struct err *e) __attribute__((warn_unused_result));
void patched_free(struct patched *p);

/*
 * Give the tree what it needs and the patch has.  -1: as patched_open(), and where
 * it is useless the tree is as good as before; any other failure is that of tree_frame().
 */
int patched_fill(struct patched *p, struct tree *tree, struct err *e)
    __attribute__((warn_unused_result));

/* The release is here: the file is not needed any more. */
void patched_drop(struct patched *p);

/* How much of a patch is here from an earlier run. */
uint64_t patched_have(const struct home *home, const struct digest *patch);

#endif
