/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first reading of the folder: build.h.  Every byte goes into three hashes,
 * of the tar, of its file and of its frame.  The first two are chains, the third is
 * not; so frames flow through stages that run side by side.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "catalog/base/pool.h"
#include "catalog/repo/build_own.h"
#include "catalog/repo/chunk.h"
#include "catalog/repo/cutter.h"
#include "catalog/repo/index.h"

struct content {
	struct digest sha256;
	uint32_t crc32;
};

struct known_frame {
	struct digest sha256;
	uint32_t len;
};

struct reading {
	struct build *build;   /* borrowed */
	struct index *index;   /* owned; entries only until the reading is over */
	struct cutter *cutter; /* owned */
	uint64_t off;          /* of the next frame in the tar */
	struct digest_stream *tar;  /* owned */
	struct digest_stream *file; /* owned */
	uint32_t file_crc;
	struct content *contents; /* owned; by entry */
	struct known_frame *frames; /* owned */
	uint32_t n_frames;
	uint32_t frame_room;
	uint64_t done_bytes;
};

struct slot {
	uint8_t *bytes; /* owned; CHUNK_MAX */
	uint64_t off;
	uint32_t len;
	struct digest sha256;
	bool is_whole_file; /* the frame is the content of file entry and nothing else */
	uint32_t entry;
};

/* --- stages --- */

static int
cut_frame(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct reading *r = ctx;
	struct slot *s = item;

	(void)thread;
	if (cutter_next(r->cutter, s->bytes, &s->len, e) == -1)
		return -1;
	s->off = r->off;
	r->off += s->len;
	return s->len == 0 ? POOL_END : 0;
}

static int
hash_frame(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct slot *s = item;

	(void)ctx;
	(void)thread;
	(void)e;
	digest_of(&s->sha256, s->bytes, s->len);
	return 0;
}

static int
hash_tar(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct reading *r = ctx;
	struct slot *s = item;

	(void)thread;
	(void)e;
	digest_add(r->tar, s->bytes, s->len);
	return 0;
}

static int
hash_files(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct reading *r = ctx;
	struct slot *s = item;
	struct index_piece piece;
	struct index_walk walk;

	(void)thread;
	(void)e;
	s->is_whole_file = false;
	index_walk_init(&walk, r->index, s->off, s->len);
	while (index_walk_next(&walk, &piece)) {
		const uint8_t *at = s->bytes + (piece.off - s->off);

		if (piece.bytes != NULL)
			continue;
		r->file_crc = (uint32_t)crc32_z(r->file_crc, at, (size_t)piece.len);
		/* Then the frame's hash is the file's, too. */
		s->is_whole_file = piece.len == s->len && piece.content_off == 0 &&
		    piece.is_file_end;
		s->entry = piece.entry;
		if (!s->is_whole_file)
			digest_add(r->file, at, (size_t)piece.len);
		if (!piece.is_file_end)
			continue;
		r->contents[piece.entry].crc32 = r->file_crc;
		r->file_crc = 0;
		if (!s->is_whole_file)
			digest_finish(r->file, r->contents[piece.entry].sha256.bytes);
	}
	return 0;
}

static int
note_frame(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct reading *r = ctx;
	struct slot *s = item;
	const struct build_options *opt = &r->build->opt;

	(void)thread;
	if (r->n_frames == r->frame_room) {
		uint32_t room = r->frame_room == 0 ? 1024 : r->frame_room * 2;
		struct known_frame *more = reallocarray(r->frames, room, sizeof(*more));

		if (more == NULL)
			return err_nomem(e);
		r->frames = more;
		r->frame_room = room;
	}
	r->frames[r->n_frames++] = (struct known_frame){ .sha256 = s->sha256, .len = s->len };
	if (s->is_whole_file)
		r->contents[s->entry].sha256 = s->sha256;
	r->done_bytes += s->len;
	if (opt->on_progress != NULL)
		opt->on_progress(opt->ctx, r->done_bytes, index_tar_len(r->index));
	return 0;
}

static const struct pool_stage stages[] = {
	{ cut_frame, true, 0 },
	{ hash_frame, false, 1u << 0 },
	{ hash_files, true, 1u << 0 },
	{ hash_tar, true, 1u << 0 },
	{ note_frame, true, 1u << 1 | 1u << 2 | 1u << 3 },
};

static int
run_stages(struct reading *r, struct err *e)
{
	const struct build_options *opt = &r->build->opt;
	struct pool_line line = { .stages = stages,
		.n_stages = sizeof(stages) / sizeof(stages[0]),
		.ctx = r,
		.slot_size = sizeof(struct slot),
		.n_slots = build_n_slots(r->build),
		.n_threads = opt->n_threads,
		.cancel = opt->cancel };
	struct slot *slots = calloc(line.n_slots, sizeof(*slots));
	int rc = -1;

	if (slots == NULL)
		return err_nomem(e);
	for (unsigned i = 0; i < line.n_slots; i++) {
		slots[i].bytes = malloc(CHUNK_MAX);
		if (slots[i].bytes == NULL) {
			(void)err_nomem(e); /* reported by the -1 below */
			goto out;
		}
	}
	line.slots = slots;
	rc = pool_run(&line, e);
out:
	for (unsigned i = 0; i < line.n_slots; i++)
		free(slots[i].bytes);
	free(slots);
	return rc;
}

/* --- before and after --- */

static int
begin(struct reading *r, struct err *e)
{
	const struct scan *scan = &r->build->scan;

	r->index = index_new(e);
	if (r->index == NULL)
		return -1;
	for (uint32_t i = 0; i < scan->n_entries; i++)
		if (index_add_entry(r->index, &scan->entries[i].tar, e) == -1)
			return -1;
	r->contents = calloc(scan->n_entries, sizeof(*r->contents));
	if (r->contents == NULL)
		return err_nomem(e);
	for (uint32_t i = 0; i < scan->n_entries; i++)
		if (scan->entries[i].tar.kind != TAR_DIRECTORY && scan->entries[i].tar.size == 0)
			digest_of(&r->contents[i].sha256, "", 0);
	r->cutter = cutter_new(scan, r->build->dirfd, e);
	r->tar = r->cutter == NULL ? NULL : digest_new(DIGEST_SHA256, e);
	r->file = r->tar == NULL ? NULL : digest_new(DIGEST_SHA256, e);
	return r->file == NULL ? -1 : 0;
}

static int
complete(struct reading *r, struct err *e)
{
	const struct scan *scan = &r->build->scan;

	for (uint32_t i = 0; i < scan->n_entries; i++)
		if (scan->entries[i].tar.kind != TAR_DIRECTORY)
			index_set_content(r->index, i, r->contents[i].crc32,
			    &r->contents[i].sha256);
	for (uint32_t i = 0; i < r->n_frames; i++)
		if (index_add_frame(r->index, r->frames[i].len, &r->frames[i].sha256, e) == -1)
			return -1;
	return index_finish(r->index, e);
}

int
build_index(struct build *b, struct build_result *out, struct err *e)
{
	struct reading r = { .build = b };
	int rc = -1;

	if (begin(&r, e) == -1 || run_stages(&r, e) == -1 || complete(&r, e) == -1)
		goto out;
	out->tar_len = r.off;
	digest_finish(r.tar, out->tar_sha256.bytes);
	out->index = r.index;
	r.index = NULL;
	rc = 0;
out:
	index_free(r.index);
	cutter_free(r.cutter);
	digest_free(r.tar);
	digest_free(r.file);
	free(r.contents);
	free(r.frames);
	return rc;
}
