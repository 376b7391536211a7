/* SPDX-License-Identifier: Apache-2.0 */
/* The second reading of the folder: what the hub lacks is compressed into packs.  build.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/base/pool.h"
#include "catalog/repo/build_own.h"
#include "catalog/repo/byhash.h"
#include "catalog/repo/frame.h"
#include "catalog/repo/index.h"
#include "catalog/repo/pack.h"

#define TEMP_NAME ".tmp-pack" /* one at a time; a left-over is overwritten */
#define PACK_NAME_SIZE (DIGEST_HEX_LEN + sizeof(".pack"))

struct packing {
	struct build *build;       /* borrowed */
	const struct index *index; /* borrowed */
	uint32_t *wanted;          /* owned; numbers of the frames to pack, in tar order */
	uint32_t n_wanted;
	uint64_t total_bytes;
	/* Reading. */
	uint32_t next; /* in wanted */
	int fd;        /* owned; of file entry, or -1 */
	uint32_t entry;
	/* Compressing. */
	struct frame_coder *coders[BUILD_MAX_THREADS]; /* owned */
	/* Writing. */
	const struct build_spool *spool; /* borrowed */
	int pack_fd;     /* owned; or -1 */
	struct pack_writer *writer; /* owned; of pack_fd */
	struct build_packs packs;   /* owned */
};

struct slot {
	uint8_t *bytes;  /* owned; LIMIT_FRAME_BYTES */
	uint8_t *stored; /* owned; frame_bound(LIMIT_FRAME_BYTES) */
	uint32_t frame;
	struct pack_frame row;
};

/* --- which --- */

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of the frames with one content the first that is missing. */
static int
choose(struct packing *p, const uint8_t *missing, struct err *e)
{
	struct byhash frames;

	if (byhash_frames(p->index, &frames, e) == -1)
		return -1;
	p->wanted = calloc((size_t)frames.n + 1, sizeof(*p->wanted));
	for (uint32_t at = 0, run; p->wanted != NULL && at < frames.n; at += run) {
		struct index_frame f;
		uint32_t i = 0;

		run = byhash_run(&frames, at);
		while (i < run && missing[frames.numbers[at + i]] == 0)
			i++;
		if (i == run)
			continue;
		index_frame(p->index, frames.numbers[at + i], &f);
		p->total_bytes += f.len;
		p->wanted[p->n_wanted++] = frames.numbers[at + i];
	}
	byhash_clear(&frames);
	if (p->wanted == NULL)
		return err_nomem(e);
	qsort(p->wanted, p->n_wanted, sizeof(*p->wanted), by_number);
	return 0;
}

/* --- reading --- */

static int
open_file(struct packing *p, uint32_t entry, struct err *e)
{
	if (p->fd != -1 && p->entry == entry)
		return 0;
	if (p->fd != -1)
		(void)close(p->fd); /* only read from */
	p->entry = entry;
	p->fd = scan_open(&p->build->scan, entry, p->build->dirfd, e);
	return p->fd == -1 ? -1 : 0;
}

static int
read_piece(struct packing *p, const struct index_piece *piece, uint8_t *out, struct err *e)
{
	struct err why = { 0 };

	if (piece->bytes != NULL) {
		memcpy(out, piece->bytes, (size_t)piece->len);
		return 0;
	}
	if (open_file(p, piece->entry, e) == -1)
		return -1;
	if (file_pread_all(p->fd, out, (size_t)piece->len, piece->content_off, &why) == 0)
		return 0;
	if (why.class == ERR_BAD_INPUT) /* it ends too early */
		return scan_changed(&p->build->scan, piece->entry, e);
	err_within(&why, "%.200s", p->build->scan.entries[piece->entry].tar.path);
	if (e != NULL)
		*e = why;
	return -1;
}

static int
read_frame(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct packing *p = ctx;
	struct slot *s = item;
	struct index_piece piece;
	struct index_frame f;
	struct index_walk walk;

	(void)thread;
	if (p->next == p->n_wanted)
		return POOL_END;
	s->frame = p->wanted[p->next++];
	index_frame(p->index, s->frame, &f);
	s->row = (struct pack_frame){ .content = *f.sha256, .content_len = f.len };
	index_walk_init(&walk, p->index, f.off, f.len);
	while (index_walk_next(&walk, &piece))
		if (read_piece(p, &piece, s->bytes + (piece.off - f.off), e) == -1)
			return -1;
	return 0;
}

/* --- compressing --- */

/* The frame is not what it was: find the file to blame. */
static int
blame(struct packing *p, const struct slot *s, struct err *e)
{
	struct index_piece piece;
	struct index_frame f;
	struct index_walk walk;

	index_frame(p->index, s->frame, &f);
	index_walk_init(&walk, p->index, f.off, f.len);
	while (index_walk_next(&walk, &piece)) {
		struct index_entry entry;
		struct digest sum;

		if (piece.bytes != NULL)
			continue;
		index_entry(p->index, piece.entry, &entry);
		digest_of(&sum, s->bytes + (piece.off - f.off), (size_t)piece.len);
		if (piece.len != entry.tar.size || !digest_equal(&sum, entry.sha256))
			return scan_changed(&p->build->scan, piece.entry, e);
	}
	return err_set(e, ERR_BAD_INPUT, "frame %" PRIu32 " is not one of this folder", s->frame);
}

static int
pack_frame(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct packing *p = ctx;
	struct slot *s = item;
	struct digest sum;
	size_t stored_len;

	digest_of(&sum, s->bytes, s->row.content_len);
	if (!digest_equal(&sum, &s->row.content))
		return blame(p, s, e);
	if (frame_pack(p->coders[thread], s->bytes, s->row.content_len, s->stored, &stored_len,
	        e) == -1)
		return -1;
	s->row.stored_len = (uint32_t)stored_len;
	digest_of(&s->row.stored, s->stored, stored_len);
	return 0;
}

/* --- writing --- */

static void
pack_name(char out[PACK_NAME_SIZE], const struct digest *sha256)
{
	digest_hex(out, sha256);
	memcpy(out + DIGEST_HEX_LEN, ".pack", sizeof(".pack"));
}

static int
begin_pack(struct packing *p, struct err *e)
{
	p->pack_fd = openat(p->spool->dirfd, TEMP_NAME,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->pack_fd == -1)
		return err_errno(e, "cannot create a pack in the spool");
	p->writer = pack_writer_new(p->pack_fd, e);
	return p->writer == NULL ? -1 : 0;
}

static int
note_pack(struct packing *p, const struct build_pack *pack, struct err *e)
{
	struct build_pack *more = reallocarray(p->packs.packs, p->packs.n_packs + 1, sizeof(*more));

	if (more == NULL)
		return err_nomem(e);
	p->packs.packs = more;
	more[p->packs.n_packs++] = *pack;
	p->packs.stored_bytes += pack->len;
	return 0;
}

static int
end_pack(struct packing *p, struct err *e)
{
	struct build_pack pack = { .n_frames = pack_writer_n_frames(p->writer) };
	char name[PACK_NAME_SIZE];
	int fd = p->pack_fd;

	if (pack_writer_finish(p->writer, &pack.sha256, &pack.len, e) == -1)
		return -1;
	if (fsync(fd) == -1)
		return err_errno(e, "cannot sync a pack");
	p->pack_fd = -1;
	if (close(fd) == -1)
		return err_errno(e, "cannot write a pack");
	pack_writer_free(p->writer);
	p->writer = NULL;
	if (note_pack(p, &pack, e) == -1)
		return -1;
	pack_name(name, &pack.sha256);
	if (file_rename(p->spool->dirfd, TEMP_NAME, p->spool->dirfd, name, e) == -1)
		return -1;
	return p->spool->on_pack == NULL ? 0 : p->spool->on_pack(p->spool->ctx, &pack, e);
}

static int
write_frame(void *ctx, void *item, unsigned thread, struct err *e)
{
	struct packing *p = ctx;
	struct slot *s = item;
	const struct build_options *opt = &p->build->opt;

	(void)thread;
	if (p->writer != NULL && (!pack_writer_has_room(p->writer, s->row.stored_len) ||
	    pack_writer_len(p->writer) + s->row.stored_len > opt->pack_bytes) &&
	    end_pack(p, e) == -1)
		return -1;
	if (p->writer == NULL && begin_pack(p, e) == -1)
		return -1;
	switch (pack_writer_add(p->writer, &s->row, s->stored, e)) {
	case 0:
		break;
	case 1: /* choose() took each content once */
		return err_set(e, ERR_SYSTEM, "frame %" PRIu32 " came twice", s->frame);
	case -1:
		return -1;
	}
	p->packs.content_bytes += s->row.content_len;
	if (opt->on_progress != NULL)
		opt->on_progress(opt->ctx, p->packs.content_bytes, p->total_bytes);
	return 0;
}

/* --- all --- */

static const struct pool_stage stages[] = {
	{ read_frame, true, 0 },
	{ pack_frame, false, 1u << 0 },
	{ write_frame, true, 1u << 1 },
};

static int
run_stages(struct packing *p, struct err *e)
{
	const struct build_options *opt = &p->build->opt;
	struct pool_line line = { .stages = stages,
		.n_stages = sizeof(stages) / sizeof(stages[0]),
		.ctx = p,
		.slot_size = sizeof(struct slot),
		.n_slots = build_n_slots(p->build),
		.n_threads = opt->n_threads,
		.cancel = opt->cancel };
	struct slot *slots = calloc(line.n_slots, sizeof(*slots));
	int rc = -1;

	if (slots == NULL)
		return err_nomem(e);
	for (unsigned i = 0; i < opt->n_threads; i++) {
		p->coders[i] = frame_coder_new(e);
		if (p->coders[i] == NULL)
			goto out;
	}
	for (unsigned i = 0; i < line.n_slots; i++) {
		slots[i].bytes = malloc(LIMIT_FRAME_BYTES);
		slots[i].stored = malloc(frame_bound(LIMIT_FRAME_BYTES));
		if (slots[i].bytes == NULL || slots[i].stored == NULL) {
			(void)err_nomem(e); /* reported by the -1 below */
			goto out;
		}
	}
	line.slots = slots;
	rc = pool_run(&line, e);
out:
	for (unsigned i = 0; i < line.n_slots; i++) {
		free(slots[i].bytes);
		free(slots[i].stored);
	}
	free(slots);
	return rc;
}

/* Nothing of a failed call stays. */
static void
drop_packs(struct packing *p)
{
	char name[PACK_NAME_SIZE];

	if (p->spool->dirfd != -1)
		(void)unlinkat(p->spool->dirfd, TEMP_NAME, 0); /* the failure is already reported */
	for (size_t i = 0; i < p->packs.n_packs; i++) {
		pack_name(name, &p->packs.packs[i].sha256);
		(void)unlinkat(p->spool->dirfd, name, 0);
	}
	build_packs_clear(&p->packs);
}

int
build_packs(struct build *b, const struct index *index, const uint8_t *missing,
    const struct build_spool *spool, struct build_packs *out, struct err *e)
{
	struct packing p = { .build = b,
		.index = index,
		.fd = -1,
		.spool = spool,
		.pack_fd = -1 };
	int rc = -1;

	assert(index_n_entries(index) == b->scan.n_entries);
	if (choose(&p, missing, e) == -1 || run_stages(&p, e) == -1)
		goto out;
	if (p.writer != NULL && end_pack(&p, e) == -1)
		goto out;
	*out = p.packs;
	rc = 0;
out:
	pack_writer_free(p.writer);
	if (p.pack_fd != -1)
		(void)close(p.pack_fd); /* already of no use */
	if (rc == -1) {
		(void)err_full_is_busy(e);
		drop_packs(&p);
	}
	if (p.fd != -1)
		(void)close(p.fd); /* only read from */
	for (unsigned i = 0; i < BUILD_MAX_THREADS; i++)
		frame_coder_free(p.coders[i]);
	free(p.wanted);
	return rc;
}

void
build_packs_clear(struct build_packs *p)
{
	free(p->packs);
	*p = (struct build_packs){ 0 };
}
