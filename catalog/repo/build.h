/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher's folder becomes a release: index, hash of the tar, packs.
 *
 * In three steps, because between the second and the third the hub is asked
 * which frames it lacks:
 *   build_scan()   what is in the folder, and what people must hear about it;
 *   build_index()  reads everything once, cuts and hashes;
 *   build_packs()  reads what is missing again, compresses, writes packs.
 * The folder may be huge: nothing is kept in memory but names, hashes and a fixed number of
 * frames (below 128 MiB).  All processors work; the result does not depend on their number.
 */
#ifndef KEBAO_CATALOG_REPO_BUILD_H
#define KEBAO_CATALOG_REPO_BUILD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/scan.h"

struct build; /* opaque: a scanned folder */
struct index;

struct build_options {
	unsigned n_threads;        /* 0: all processors */
	uint64_t pack_bytes;       /* of frames in one pack, about; 0: as many as a pack may hold */
	const atomic_bool *cancel; /* may be NULL; set to true: stop soon, with ERR_BUSY */
	scan_finding_fn *on_finding; /* may be NULL; during build_scan() only */
	/* May be NULL.  Called from one thread at a time, not always the caller's. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx; /* lent to both */
};

/*
 * Look at everything below dirfd (borrowed, must stay open until build_free()).  Every finding is
 * reported, not only the first.  -1 with ERR_BAD_INPUT where anything was refused or
 * nothing is left; the text counts and names the first.  opt is copied.
 */
int build_scan(int dirfd, const struct build_options *opt, struct build **out, struct err *e)
    __attribute__((warn_unused_result));
void build_free(struct build *b);

/* Regular files of the release and the sum of their sizes. */
uint32_t build_n_files(const struct build *b);
uint64_t build_bytes(const struct build *b);

struct build_result {
	struct index *index; /* owned by the caller */
	struct digest tar_sha256;
	uint64_t tar_len;
};

/* ERR_CONFLICT where a file changed under our hands; the text names it. */
int build_index(struct build *b, struct build_result *out, struct err *e)
    __attribute__((warn_unused_result));

/* A pack in the spool directory, under the name "<64 hex>.pack", synced. */
struct build_pack {
	struct digest sha256;
	uint64_t len;
	uint32_t n_frames;
};

struct build_packs {
	struct build_pack *packs; /* owned; in the order of the tar */
	size_t n_packs;
	uint64_t content_bytes; /* of the frames in them */
	uint64_t stored_bytes;  /* of the packs */
};

/* Where packs go. */
struct build_spool {
	int dirfd; /* borrowed */
	/*
	 * May be NULL.  A pack is complete: whoever sends it now and removes it needs room for one
	 * only, and loses no more than the work of one when cut off.  Called from one thread
	 * at a time, not always the caller's; -1 ends build_packs() with this failure.
	 */
	int (*on_pack)(void *ctx, const struct build_pack *pack, struct err *e);
	void *ctx; /* lent to it */
};

/*
 * Write packs with the frames of index (made by build_index() of the same b)
 * whose byte in missing is not 0; a content that occurs twice goes in once.  Frames
 * of a file that changed meanwhile are noticed by their hash: ERR_CONFLICT, the text names the
 * file. On failure no pack of this call is left in the spool.
 */
int build_packs(struct build *b, const struct index *index, const uint8_t *missing,
    const struct build_spool *spool, struct build_packs *out, struct err *e)
    __attribute__((warn_unused_result));
void build_packs_clear(struct build_packs *p);

#endif
