/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/patch_refs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/chunk_gear.h"

#define SLOT_BITS 20u
#define SLOTS (1u << SLOT_BITS)
#define MOST_NOTES (SLOTS / 2)
#define SCAN_BYTES (256u << 20) /* of old content that the new release has as well */
#define UNIT_BITS 10u           /* places are noted to the KiB */
#define DENSEST_BITS 6u         /* a note every 64 bytes, on average */
#define WINDOW 64u              /* bytes a gear hash depends on */

#define WEIGHT_NAME 1000u /* the file has the name */
#define WEIGHT_HIT 4u     /* the bytes were seen here ... */
#define WEIGHT_NEAR 1u    /* ... or beside this */

struct note {
	uint32_t key; /* 0: free */
	uint32_t unit;
};

struct patch_refs {
	const struct patch_sums *sums;
	struct note *notes; /* owned; SLOTS */
	uint32_t n_notes;
	unsigned sample_bits; /* one in 2^this places is noted */
	unsigned bucket_bits; /* what is chosen at once, in bytes */
};

/* --- notes --- */

static bool
is_sample(const struct patch_refs *refs, uint64_t hash)
{
	return hash >> (64 - refs->sample_bits) == 0;
}

static uint32_t
key_of(uint64_t hash)
{
	uint32_t key = (uint32_t)((hash * 0x9e3779b97f4a7c15ull) >> 32);

	return key == 0 ? 1 : key;
}

static struct note *
find(const struct patch_refs *refs, uint32_t key)
{
	uint32_t i = key & (SLOTS - 1);

	while (refs->notes[i].key != 0 && refs->notes[i].key != key)
		i = (i + 1) & (SLOTS - 1);
	return &refs->notes[i];
}

static void
note(struct patch_refs *refs, uint64_t hash, uint64_t off)
{
	struct note *n;

	if (refs->n_notes == MOST_NOTES)
		return;
	n = find(refs, key_of(hash));
	if (n->key != 0)
		return; /* repeated bytes: the first place is as good */
	*n = (struct note){ key_of(hash), (uint32_t)(off >> UNIT_BITS) };
	refs->n_notes++;
}

/* The hash runs over files and frames: the bytes are one sequence. */
static uint64_t
note_bytes(struct patch_refs *refs, uint64_t hash, const uint8_t *bytes, size_t len, uint64_t off)
{
	for (size_t i = 0; i < len; i++) {
		hash = (hash << 1) + chunk_gear[bytes[i]];
		if (is_sample(refs, hash))
			note(refs, hash, off + i);
	}
	return hash;
}

static int
scan_frame(struct patch_refs *refs, const struct patch_scan *scan, uint32_t frame, struct err *e)
{
	const uint8_t *bytes = NULL;
	struct index_piece piece;
	struct index_walk walk;
	struct index_frame f;
	uint64_t hash = 0;

	if (scan->frame(scan->ctx, frame, &bytes, e) == -1)
		return -1;
	index_frame(scan->from, frame, &f);
	index_walk_init(&walk, scan->from, f.off, f.len);
	while (index_walk_next(&walk, &piece))
		if (piece.bytes == NULL)
			hash = note_bytes(refs, hash, bytes + (piece.off - f.off),
			    (size_t)piece.len,
			    patch_sums_begin(scan->sums, piece.entry) + piece.content_off);
	return 0;
}

/* --- what is looked at --- */

/* Mark the frames of the base that the new release has, too. */
static uint8_t *
kept_frames(const struct patch_scan *scan, struct err *e)
{
	uint8_t *kept = calloc((size_t)index_n_frames(scan->from) + 1, 1);

	if (kept == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	for (uint32_t i = 0; i < scan->plan->n_frames; i++)
		if (scan->plan->frames[i].kind == PATCH_OLD)
			kept[scan->plan->frames[i].other] = 1;
	return kept;
}

static uint64_t
frame_bytes(const struct index *ix, const uint8_t *kept, uint8_t which)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		sum += kept[i] == which ? f.len : 0;
	}
	return sum;
}

static int
scan_all(struct patch_refs *refs, const struct patch_scan *scan, struct err *e)
{
	uint8_t *kept = kept_frames(scan, e);
	uint64_t gone, stays, left = SCAN_BYTES;
	int rc = 0;

	if (kept == NULL)
		return -1;
	gone = frame_bytes(scan->from, kept, 0);
	stays = frame_bytes(scan->from, kept, 1);
	refs->sample_bits = DENSEST_BITS;
	while ((gone + (stays < left ? stays : left)) >> refs->sample_bits > MOST_NOTES / 2)
		refs->sample_bits++;
	refs->bucket_bits = refs->sample_bits + 2 > 12 ? refs->sample_bits + 2 : 12;
	for (uint8_t which = 0; which < 2; which++)
		for (uint32_t i = 0; i < index_n_frames(scan->from) && rc == 0; i++) {
			struct index_frame f;

			index_frame(scan->from, i, &f);
			if (kept[i] != which || (which == 1 && f.len > left))
				continue;
			left -= which == 1 ? f.len : 0;
			rc = scan_frame(refs, scan, i, e);
		}
	free(kept);
	return rc;
}

int
patch_refs_new(const struct patch_scan *scan, struct patch_refs **out, struct err *e)
{
	struct patch_refs *refs = calloc(1, sizeof(*refs));

	if (refs == NULL)
		return err_nomem(e);
	refs->sums = scan->sums;
	refs->notes = calloc(SLOTS, sizeof(*refs->notes));
	if (refs->notes == NULL) {
		(void)err_nomem(e);
		goto fail;
	}
	if (scan_all(refs, scan, e) == -1)
		goto fail;
	*out = refs;
	return 0;
fail:
	patch_refs_free(refs);
	return -1;
}

void
patch_refs_free(struct patch_refs *refs)
{
	if (refs == NULL)
		return;
	free(refs->notes);
	free(refs);
}

/* --- choosing --- */

/* A bucket of the base's content and how much speaks for it. */
struct vote {
	uint64_t bucket;
	uint32_t weight;
};

struct votes {
	struct vote *items; /* owned */
	size_t n, room;
};

static int
vote(struct votes *v, uint64_t bucket, uint32_t weight, struct err *e)
{
	if (v->n > 0 && v->items[v->n - 1].bucket == bucket) {
		v->items[v->n - 1].weight += weight;
		return 0;
	}
	if (v->n == v->room) {
		size_t room = v->room == 0 ? 1024 : v->room * 2;
		struct vote *wider = reallocarray(v->items, room, sizeof(*wider));

		if (wider == NULL)
			return err_nomem(e);
		v->items = wider;
		v->room = room;
	}
	v->items[v->n++] = (struct vote){ bucket, weight };
	return 0;
}

static int
vote_by_name(const struct patch_refs *refs, const struct patch_need *need, struct votes *v,
    struct err *e)
{
	for (size_t i = 0; i < need->n_wanted; i++) {
		const struct patch_range *r = &need->wanted[i];

		for (uint64_t b = r->off >> refs->bucket_bits; r->len > 0 &&
		    b <= (r->off + r->len - 1) >> refs->bucket_bits; b++)
			if (vote(v, b, WEIGHT_NAME, e) == -1)
				return -1;
	}
	return 0;
}

static int
vote_by_content(const struct patch_refs *refs, const struct patch_need *need, struct votes *v,
    struct err *e)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < need->len; i++) {
		const struct note *n;
		uint64_t bucket;

		hash = (hash << 1) + chunk_gear[need->content[i]];
		if (i + 1 < WINDOW || !is_sample(refs, hash))
			continue;
		n = find(refs, key_of(hash));
		if (n->key == 0)
			continue;
		bucket = ((uint64_t)n->unit << UNIT_BITS) >> refs->bucket_bits;
		if ((bucket > 0 && vote(v, bucket - 1, WEIGHT_NEAR, e) == -1) ||
		    vote(v, bucket, WEIGHT_HIT, e) == -1 ||
		    vote(v, bucket + 1, WEIGHT_NEAR, e) == -1)
			return -1;
	}
	return 0;
}

static int
by_bucket(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	return x->bucket < y->bucket ? -1 : x->bucket > y->bucket;
}

static int
by_weight(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return by_bucket(a, b);
}

/* One vote per bucket, and the heaviest of them as far as they may be used, in order. */
static void
count(struct votes *v, size_t most)
{
	size_t n = 0;

	qsort(v->items, v->n, sizeof(*v->items), by_bucket);
	for (size_t i = 0; i < v->n; i++) {
		if (n > 0 && v->items[n - 1].bucket == v->items[i].bucket)
			v->items[n - 1].weight += v->items[i].weight;
		else
			v->items[n++] = v->items[i];
	}
	qsort(v->items, n, sizeof(*v->items), by_weight);
	v->n = n < most ? n : most;
	qsort(v->items, v->n, sizeof(*v->items), by_bucket);
}

static int
by_length(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Gaps between buckets as short as this are taken along: bytes are cheaper than extents. */
static int
widest_gap(const struct votes *v, size_t most, uint64_t *out, struct err *e)
{
	uint64_t left = most - v->n, *gaps;
	size_t n = 0;

	*out = 0;
	gaps = calloc(v->n + 1, sizeof(*gaps));
	if (gaps == NULL)
		return err_nomem(e);
	for (size_t i = 1; i < v->n; i++)
		gaps[n++] = v->items[i].bucket - v->items[i - 1].bucket - 1;
	qsort(gaps, n, sizeof(*gaps), by_length);
	for (size_t i = 0; i < n && gaps[i] <= left; i++) {
		left -= gaps[i];
		if (i + 1 == n || gaps[i + 1] > gaps[i])
			*out = gaps[i];
	}
	free(gaps);
	return 0;
}

int
patch_refs_choose(struct patch_refs *refs, const struct patch_need *need,
    struct patch_extent **out, uint32_t *n, struct err *e)
{
	uint64_t total = patch_sums_total(refs->sums), gap;
	size_t most = need->most_bytes >> refs->bucket_bits;
	struct votes v = { NULL, 0, 0 };
	struct patch_extent *extents = NULL;
	uint32_t n_extents = 0;
	int rc = -1;

	if (vote_by_name(refs, need, &v, e) == -1 || vote_by_content(refs, need, &v, e) == -1)
		goto out;
	if (v.n > 0)
		count(&v, most);
	if (widest_gap(&v, most, &gap, e) == -1)
		goto out;
	extents = calloc(v.n + 1, sizeof(*extents));
	if (extents == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	for (size_t i = 0; i < v.n; i++) {
		uint64_t off = v.items[i].bucket << refs->bucket_bits, end;
		struct patch_extent *last = n_extents > 0 ? &extents[n_extents - 1] : NULL;

		if (off >= total)
			break;
		end = off + (1ull << refs->bucket_bits);
		end = end < total ? end : total;
		if (last != NULL && v.items[i].bucket - v.items[i - 1].bucket - 1 <= gap)
			last->len = (uint32_t)(end - last->off);
		else
			extents[n_extents++] = (struct patch_extent){ off, (uint32_t)(end - off) };
	}
	*out = extents;
	*n = n_extents;
	extents = NULL;
	rc = 0;
out:
	free(extents);
	free(v.items);
	return rc;
}
