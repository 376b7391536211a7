/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/hint.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"

#define MAGIC "KBHINT1\0" /* with its own NUL: 8 bytes */
#define MAGIC_BYTES 8u
#define SECTION_BYTES 8u /* tag and length */
#define RUN_BYTES 16u
#define PATCH_TAG "PTCH"
#define PATCH_BYTES (2u * DIGEST_LEN + 4u * 8u)

struct run {
	uint64_t off; /* in the pack */
	uint32_t first; /* frame */
	uint32_t pack;
};

struct hint {
	struct digest index;
	struct digest *packs; /* owned */
	uint32_t n_packs;
	struct run *runs; /* owned; in frame order */
	uint32_t n_runs;
	uint32_t *stored_lens; /* owned; by frame */
	uint64_t *offs;        /* owned; by frame, in its pack */
	uint32_t n_frames;
	uint8_t *patches; /* owned; PATCH_BYTES each */
	size_t n_patches;
};

void
hint_free(struct hint *h)
{
	if (h == NULL)
		return;
	free(h->packs);
	free(h->runs);
	free(h->stored_lens);
	free(h->offs);
	free(h->patches);
	free(h);
}

/* A hint with room for so much and nothing in it but the counts. */
static struct hint *
allocate(uint32_t n_packs, uint32_t n_frames, uint32_t n_runs, struct err *e)
{
	struct hint *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	h->packs = calloc(n_packs, sizeof(*h->packs));
	h->stored_lens = calloc(n_frames, sizeof(*h->stored_lens));
	h->offs = calloc(n_frames, sizeof(*h->offs));
	h->runs = calloc(n_runs, sizeof(*h->runs));
	if (h->packs == NULL || h->stored_lens == NULL || h->offs == NULL || h->runs == NULL) {
		hint_free(h);
		(void)err_nomem(e);
		return NULL;
	}
	h->n_packs = n_packs;
	h->n_frames = n_frames;
	h->n_runs = n_runs;
	return h;
}

static int
check_counts(uint64_t n_packs, uint64_t n_frames, struct err *e)
{
	if (n_frames == 0 || n_frames > LIMIT_FRAMES)
		return err_set(e, ERR_BAD_INPUT, "hint speaks of %" PRIu64 " frames, not 1 to %u",
		    n_frames, LIMIT_FRAMES);
	if (n_packs == 0 || n_packs > n_frames)
		return err_set(e, ERR_BAD_INPUT,
		    "hint names %" PRIu64 " packs for %" PRIu64 " frames", n_packs, n_frames);
	return 0;
}

static int
check_place(uint32_t frame, uint64_t off, uint32_t stored_len, struct err *e)
{
	if (stored_len == 0 || stored_len > LIMIT_FRAME_STORED_BYTES)
		return err_set(e, ERR_BAD_INPUT, "hint gives frame %" PRIu32 " the length %" PRIu32,
		    frame, stored_len);
	if (off > LIMIT_PACK_BYTES || stored_len > LIMIT_PACK_BYTES - off)
		return err_set(e, ERR_BAD_INPUT,
		    "hint puts frame %" PRIu32 " behind the end of any pack", frame);
	return 0;
}

/* Whether frame i goes on where the frame before it ended. */
static bool
continues(const struct hint_place *places, uint32_t i)
{
	return i > 0 && places[i].pack == places[i - 1].pack &&
	    places[i].off == places[i - 1].off + places[i - 1].stored_len;
}

static int
check_input(const struct hint_input *in, uint32_t *n_runs, struct err *e)
{
	uint32_t n = 0;

	if (check_counts(in->n_packs, in->n_frames, e) == -1)
		return -1;
	for (uint32_t i = 0; i < in->n_frames; i++) {
		const struct hint_place *place = &in->places[i];

		if (place->pack >= in->n_packs)
			return err_set(e, ERR_BAD_INPUT, "hint puts frame %" PRIu32
			    " into pack %" PRIu32 " of %" PRIu32, i, place->pack, in->n_packs);
		if (check_place(i, place->off, place->stored_len, e) == -1)
			return -1;
		n += !continues(in->places, i);
	}
	*n_runs = n;
	return 0;
}

int
hint_new(const struct hint_input *in, struct hint **out, struct err *e)
{
	struct hint *h;
	uint32_t n_runs = 0, run = 0;

	if (check_input(in, &n_runs, e) == -1)
		return -1;
	if ((h = allocate(in->n_packs, in->n_frames, n_runs, e)) == NULL)
		return -1;
	h->index = *in->index;
	memcpy(h->packs, in->packs, in->n_packs * sizeof(*h->packs));
	for (uint32_t i = 0; i < in->n_frames; i++) {
		h->stored_lens[i] = in->places[i].stored_len;
		h->offs[i] = in->places[i].off;
		if (continues(in->places, i))
			continue;
		h->runs[run].off = in->places[i].off;
		h->runs[run].first = i;
		h->runs[run].pack = in->places[i].pack;
		run++;
	}
	*out = h;
	return 0;
}

/* The four sections that must be there, as they lie in the bytes. */
enum section_kind { SECTION_INDEX, SECTION_PACKS, SECTION_STORED, SECTION_RUNS, N_SECTIONS };

static const struct {
	char tag[5];
	uint32_t item; /* bytes of one */
} section_of[N_SECTIONS] = {
	[SECTION_INDEX] = { "INDX", DIGEST_LEN },
	[SECTION_PACKS] = { "PACK", DIGEST_LEN },
	[SECTION_STORED] = { "STOR", 4 },
	[SECTION_RUNS] = { "RUNS", RUN_BYTES },
};

struct section {
	const uint8_t *bytes; /* lent */
	uint32_t n_items;
};

/* Take one section off the front of what is left. */
static int
take_section(const uint8_t **p, size_t *left, const uint8_t **tag, uint32_t *len, struct err *e)
{
	if (*left < SECTION_BYTES)
		return err_set(e, ERR_BAD_INPUT, "hint is cut short");
	*tag = *p;
	*len = buf_get_u32le(*p + 4);
	*p += SECTION_BYTES;
	*left -= SECTION_BYTES;
	if (*len > *left)
		return err_set(e, ERR_BAD_INPUT, "hint is cut short");
	*p += *len;
	*left -= *len;
	return 0;
}

/* The section of patches, which may be absent: directly behind the four. */
static int
take_patches(const uint8_t *tag, uint32_t len, struct section *patches, struct err *e)
{
	patches->bytes = tag + SECTION_BYTES;
	patches->n_items = len / PATCH_BYTES;
	if (len == 0 || len % PATCH_BYTES != 0 || patches->n_items > HINT_PATCHES)
		return err_set(e, ERR_BAD_INPUT, "hint has %" PRIu32 " bytes of patches", len);
	return 0;
}

static int
split(const uint8_t *p, size_t left, struct section *sections, struct section *patches,
    struct err *e)
{
	const uint8_t *tag = NULL;
	bool is_fifth = true;
	uint32_t len = 0;

	*patches = (struct section){ NULL, 0 };

	for (unsigned i = 0; i < N_SECTIONS; i++) {
		if (take_section(&p, &left, &tag, &len, e) == -1)
			return -1;
		if (memcmp(tag, section_of[i].tag, 4) != 0)
			return err_set(e, ERR_BAD_INPUT, "hint lacks its section %s",
			    section_of[i].tag);
		if (len % section_of[i].item != 0)
			return err_set(e, ERR_BAD_INPUT,
			    "section %s of the hint has a part of an item", section_of[i].tag);
		sections[i].bytes = tag + SECTION_BYTES;
		sections[i].n_items = len / section_of[i].item;
	}
	while (left > 0) {
		if (take_section(&p, &left, &tag, &len, e) == -1)
			return -1;
		for (unsigned i = 0; i < N_SECTIONS; i++)
			if (memcmp(tag, section_of[i].tag, 4) == 0)
				return err_set(e, ERR_BAD_INPUT, "hint has its section %s twice",
				    section_of[i].tag);
		if (memcmp(tag, PATCH_TAG, 4) == 0) {
			if (!is_fifth)
				return err_set(e, ERR_BAD_INPUT,
				    "section " PATCH_TAG " of the hint is not where it belongs");
			if (take_patches(tag, len, patches, e) == -1)
				return -1;
		}
		is_fifth = false;
	}
	return 0;
}

/* Runs from their bytes, and from them the place of each frame. */
static int
parse_runs(struct hint *h, const uint8_t *bytes, struct err *e)
{
	uint32_t frame = 0;

	for (uint32_t i = 0; i < h->n_runs; i++) {
		const uint8_t *p = bytes + (size_t)i * RUN_BYTES;
		uint32_t count = buf_get_u32le(p);
		struct run *run = &h->runs[i];
		uint64_t off;

		run->first = frame;
		run->pack = buf_get_u32le(p + 4);
		run->off = off = buf_get_u64le(p + 8);
		if (count == 0 || count > h->n_frames - frame)
			return err_set(e, ERR_BAD_INPUT, "run %" PRIu32
			    " of the hint is empty or has more frames than there are", i);
		if (run->pack >= h->n_packs)
			return err_set(e, ERR_BAD_INPUT,
			    "run %" PRIu32 " of the hint is in pack %" PRIu32 " of %" PRIu32, i,
			    run->pack, h->n_packs);
		for (; count > 0; count--, frame++) {
			if (check_place(frame, off, h->stored_lens[frame], e) == -1)
				return -1;
			h->offs[frame] = off;
			off += h->stored_lens[frame];
		}
	}
	if (frame != h->n_frames)
		return err_set(e, ERR_BAD_INPUT, "runs of the hint cover %" PRIu32 " of %" PRIu32
		    " frames", frame, h->n_frames);
	return 0;
}

static int
keep_patches(struct hint *h, const struct section *patches, struct err *e)
{
	size_t len = (size_t)patches->n_items * PATCH_BYTES;
	uint8_t *copy;

	if (len == 0)
		return 0;
	copy = malloc(len);
	if (copy == NULL)
		return err_nomem(e);
	memcpy(copy, patches->bytes, len);
	h->patches = copy;
	h->n_patches = patches->n_items;
	return 0;
}

int
hint_parse(const void *bytes, size_t len, struct hint **out, struct err *e)
{
	struct section sections[N_SECTIONS], patches;
	uint32_t n_packs, n_frames, n_runs;
	struct hint *h;

	if (len > LIMIT_HINT_BYTES)
		return err_set(e, ERR_BAD_INPUT, "hint is longer than %u bytes", LIMIT_HINT_BYTES);
	if (len < MAGIC_BYTES || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
		return err_set(e, ERR_BAD_INPUT, "not a hint of format 1");
	if (split((const uint8_t *)bytes + MAGIC_BYTES, len - MAGIC_BYTES, sections,
	    &patches, e) == -1)
		return -1;
	if (sections[SECTION_INDEX].n_items != 1)
		return err_set(e, ERR_BAD_INPUT, "hint does not name one index");
	n_packs = sections[SECTION_PACKS].n_items;
	n_frames = sections[SECTION_STORED].n_items;
	n_runs = sections[SECTION_RUNS].n_items;
	if (check_counts(n_packs, n_frames, e) == -1)
		return -1;
	if (n_runs == 0 || n_runs > n_frames)
		return err_set(e, ERR_BAD_INPUT,
		    "hint has %" PRIu32 " runs for %" PRIu32 " frames", n_runs, n_frames);
	h = allocate(n_packs, n_frames, n_runs, e);
	if (h == NULL)
		return -1;
	memcpy(h->index.bytes, sections[SECTION_INDEX].bytes, DIGEST_LEN);
	memcpy(h->packs, sections[SECTION_PACKS].bytes, (size_t)h->n_packs * DIGEST_LEN);
	for (uint32_t i = 0; i < h->n_frames; i++)
		h->stored_lens[i] = buf_get_u32le(sections[SECTION_STORED].bytes + 4 * (size_t)i);
	if (keep_patches(h, &patches, e) == -1 ||
	    parse_runs(h, sections[SECTION_RUNS].bytes, e) == -1) {
		hint_free(h);
		return -1;
	}
	*out = h;
	return 0;
}

static uint32_t
run_count(const struct hint *h, uint32_t run)
{
	uint32_t end = run + 1 < h->n_runs ? h->runs[run + 1].first : h->n_frames;

	return end - h->runs[run].first;
}

/* Tag and length of a section with n items. */
static int
begin_section(struct buf *b, enum section_kind kind, uint32_t n, struct err *e)
{
	if (buf_add(b, section_of[kind].tag, 4, e) == -1)
		return -1;
	return buf_add_u32le(b, n * section_of[kind].item, e);
}

static int
encode_runs(const struct hint *h, struct buf *b, struct err *e)
{
	if (begin_section(b, SECTION_RUNS, h->n_runs, e) == -1)
		return -1;
	for (uint32_t i = 0; i < h->n_runs; i++)
		if (buf_add_u32le(b, run_count(h, i), e) == -1 ||
		    buf_add_u32le(b, h->runs[i].pack, e) == -1 ||
		    buf_add_u64le(b, h->runs[i].off, e) == -1)
			return -1;
	return 0;
}

int
hint_encode(const struct hint *h, struct buf *b, struct err *e)
{
	size_t before = buf_len(b);
	uint64_t len = MAGIC_BYTES + N_SECTIONS * SECTION_BYTES + DIGEST_LEN +
	    (uint64_t)h->n_packs * DIGEST_LEN + (uint64_t)h->n_frames * 4 +
	    (uint64_t)h->n_runs * RUN_BYTES;

	if (len > LIMIT_HINT_BYTES)
		return err_set(e, ERR_BAD_INPUT, "hint would have %" PRIu64
		    " bytes: the frames are too scattered", len);
	if (buf_reserve(b, len, e) == -1 || buf_add(b, MAGIC, MAGIC_BYTES, e) == -1 ||
	    begin_section(b, SECTION_INDEX, 1, e) == -1 ||
	    buf_add(b, h->index.bytes, DIGEST_LEN, e) == -1 ||
	    begin_section(b, SECTION_PACKS, h->n_packs, e) == -1 ||
	    buf_add(b, h->packs, (size_t)h->n_packs * DIGEST_LEN, e) == -1 ||
	    begin_section(b, SECTION_STORED, h->n_frames, e) == -1)
		goto fail;
	for (uint32_t i = 0; i < h->n_frames; i++)
		if (buf_add_u32le(b, h->stored_lens[i], e) == -1)
			goto fail;
	if (encode_runs(h, b, e) == -1)
		goto fail;
	if (h->n_patches > 0 && (buf_add(b, PATCH_TAG, 4, e) == -1 ||
	    buf_add_u32le(b, (uint32_t)(h->n_patches * PATCH_BYTES), e) == -1 ||
	    buf_add(b, h->patches, h->n_patches * PATCH_BYTES, e) == -1))
		goto fail;
	return 0;
fail:
	buf_truncate(b, before);
	return -1;
}

int
hint_matches(const struct hint *h, const struct digest *index, uint32_t n_frames, struct err *e)
{
	if (!digest_equal(&h->index, index))
		return err_set(e, ERR_UNTRUSTED, "hint is for another index");
	if (h->n_frames != n_frames)
		return err_set(e, ERR_UNTRUSTED, "hint has %" PRIu32 " frames, its index %" PRIu32,
		    h->n_frames, n_frames);
	return 0;
}

uint32_t
hint_n_frames(const struct hint *h)
{
	return h->n_frames;
}

uint32_t
hint_n_packs(const struct hint *h)
{
	return h->n_packs;
}

uint32_t
hint_n_runs(const struct hint *h)
{
	return h->n_runs;
}

const struct digest *
hint_index(const struct hint *h)
{
	return &h->index;
}

const struct digest *
hint_pack(const struct hint *h, uint32_t pack)
{
	assert(pack < h->n_packs);
	return &h->packs[pack];
}

void
hint_place(const struct hint *h, uint32_t frame, struct hint_place *out)
{
	uint32_t low = 0, high = h->n_runs;

	assert(frame < h->n_frames);
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (h->runs[mid].first <= frame)
			low = mid;
		else
			high = mid;
	}
	out->pack = h->runs[low].pack;
	out->stored_len = h->stored_lens[frame];
	out->off = h->offs[frame];
}

size_t
hint_n_patches(const struct hint *h)
{
	return h->n_patches;
}

void
hint_patch(const struct hint *h, size_t i, struct hint_patch *out)
{
	const uint8_t *p = h->patches + i * PATCH_BYTES;

	assert(i < h->n_patches);
	memcpy(out->from.bytes, p, DIGEST_LEN);
	memcpy(out->patch.bytes, p + DIGEST_LEN, DIGEST_LEN);
	p += 2u * DIGEST_LEN;
	out->patch_len = buf_get_u64le(p);
	out->frames_bytes = buf_get_u64le(p + 8);
	out->new_bytes = buf_get_u64le(p + 16);
	out->gone_bytes = buf_get_u64le(p + 24);
}

bool
hint_find_patch(const struct hint *h, const struct digest *from, struct hint_patch *out)
{
	for (size_t i = 0; i < h->n_patches; i++) {
		struct hint_patch patch;

		hint_patch(h, i, &patch);
		if (digest_equal(&patch.from, from)) {
			*out = patch;
			return true;
		}
	}
	return false;
}

int
hint_encode_patches(const struct hint_patch *patches, size_t n, struct buf *b, struct err *e)
{
	size_t before = buf_len(b);

	assert(n > 0 && n <= HINT_PATCHES);
	if (buf_add(b, PATCH_TAG, 4, e) == -1 ||
	    buf_add_u32le(b, (uint32_t)(n * PATCH_BYTES), e) == -1)
		goto fail;
	for (size_t i = 0; i < n; i++)
		if (buf_add(b, patches[i].from.bytes, DIGEST_LEN, e) == -1 ||
		    buf_add(b, patches[i].patch.bytes, DIGEST_LEN, e) == -1 ||
		    buf_add_u64le(b, patches[i].patch_len, e) == -1 ||
		    buf_add_u64le(b, patches[i].frames_bytes, e) == -1 ||
		    buf_add_u64le(b, patches[i].new_bytes, e) == -1 ||
		    buf_add_u64le(b, patches[i].gone_bytes, e) == -1)
			goto fail;
	return 0;
fail:
	buf_truncate(b, before);
	return -1;
}
