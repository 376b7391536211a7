/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bytes of a release are: its index, the place of each frame, and what
 * the views need (length, ETag).  Making one reads the index and asks the state about every
 * frame, so the ones used last are kept, within a bound of bytes; a range request on a
 * bundle then costs no parsing.  Any thread; calls may wait on the disk.
 */
#ifndef KEBAO_DAEMON_APP_LAYOUTS_H
#define KEBAO_DAEMON_APP_LAYOUTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/hub/state_releases.h"
#include "catalog/repo/stream.h"
#include "catalog/repo/zip.h"

struct frames;
struct hint;
struct index;
struct layouts; /* opaque */
struct state;
struct store;

#define LAYOUTS_BYTES (24u << 20) /* kept beside those in use: about 400,000 frames */
#define LAYOUTS_FRAMES_BYTES (1u << 20) /* of unpacked frames: the largest, or 16 usual ones */
#define LAYOUTS_MISSING 4096u     /* hashes of missing frames named at once */

/* Immutable; good until layouts_give_back(). */
struct layout {
	char channel[LIMIT_ID_BYTES + 1];
	struct digest index_hash;
	struct index *index;
	struct hint *hint;
	uint32_t *stored_lens;
	_Atomic(struct zip *) zip; /* layouts_zip() */
	uint64_t zst_len;
	char zst_etag[STREAM_ETAG_SIZE];
};

/* state and store are lent and outlive the result. */
int layouts_new(struct state *state, const struct store *store, size_t max_bytes,
    struct layouts **out, struct err *e) __attribute__((warn_unused_result));
/* No layout may be out. */
void layouts_free(struct layouts *ls);

/*
 * The layout of the index of a channel.  Where the index is not in the store, or
 * frames are missing: ERR_NOT_FOUND (the text counts them), and the hashes of the first
 * LAYOUTS_MISSING of them (32 bytes each) are added to *missing, which may be NULL.
 */
int layouts_take(struct layouts *ls, const char *channel, const struct digest *index_hash,
    struct buf *missing, struct layout **out, struct err *e) __attribute__((warn_unused_result));
void layouts_give_back(struct layouts *ls, struct layout *l); /* NULL is fine */

/* The layout of its .zip, made once and lent as long as l is out.  NULL with *e: no memory. */
const struct zip *layouts_zip(struct layout *l, struct err *e);

/*
 * Keep none of those known, nor any being made at this moment: frames have moved or gone.  Those in
 * use stay with their users.
 */
void layouts_forget(struct layouts *ls);

/*
 * Around taking a layout, writing its hint and whatever that hint follows from: without, an
 * older place could be written over a newer one.
 */
void layouts_hint_begin(struct layouts *ls);
void layouts_hint_end(struct layouts *ls);

/* What streams of the release read from; lends l. */
struct stream_source layouts_source(const struct layouts *ls, const struct layout *l);

/* Frames that streams of any release have unpacked; lent as long as ls. */
struct frames *layouts_frames(const struct layouts *ls);

#endif
