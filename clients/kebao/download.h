/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames a tree still needs, from a hub's packs: hint, ranges, each frame
 * through tree_frame(), which checks it.  A wrong hint or a pack that went away
 * costs another look at the hint, never a wrong byte.
 */
#ifndef KEBAO_CLIENTS_KEBAO_DOWNLOAD_H
#define KEBAO_CLIENTS_KEBAO_DOWNLOAD_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/index.h"
#include "catalog/repo/record.h"
#include "catalog/repo/tree.h"
#include "clients/kebao/library.h"
#include "clients/kebao/ranges.h"
#include "clients/kebao/transfer.h"

struct download {
	struct transfer *transfer;      /* borrowed, as all here */
	const struct hint *hint;        /* for the first look; NULL: it is asked for */
	const struct library_name *name;
	const struct record *record;
	const struct index *index;
	struct tree *tree;
	unsigned connections;           /* at most so many; lanes.h */
	const char *hint_path;          /* of a draft; NULL: where hints lie */
	/* May be NULL. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

struct download_figures {
	uint64_t stored_bytes;  /* of all frames of the release: what a full download costs */
	uint64_t asked_bytes;   /* of all ranges asked for */
	uint64_t n_ranges;
	uint64_t elapsed_ms;
};

/*
 * Fill the tree.  -1: ERR_UNTRUSTED where the hub's packs do not hold what is
 * signed, ERR_NETWORK, ERR_NOT_FOUND (no hint, or packs gone), or what the
 * disk said.  What was verified stays in the tree.
 */
int download_frames(const struct download *d, struct download_figures *out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The hint of a release, for the index its record names and its number of frames (0: not
 * known here).  ERR_BAD_INPUT where it is none.  The caller frees *out.
 */
int download_hint(struct transfer *t, const struct library_name *name,
    const struct digest *index, uint32_t n_frames, struct hint **out, struct err *e)
    __attribute__((warn_unused_result));

/* Where these frames lie; the caller frees *out. */
int download_places(const struct hint *hint, const uint32_t *frames, size_t n,
    struct ranges_place **out, struct err *e) __attribute__((warn_unused_result));

/* Stored bytes of all frames of the hint, each content counted where it stands. */
uint64_t download_stored_bytes(const struct hint *hint);

#endif
