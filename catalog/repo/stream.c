/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/stream.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/base/limits.h"
#include "catalog/repo/frame.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"

/* An update alternates between the packs of a few releases. */
#define OPEN_PACKS 4u

struct open_pack {
	struct digest name;
	int fd; /* owned; -1: none */
	uint64_t size;
	uint64_t used_at; /* a count of uses, for finding the stalest */
};

struct stream {
	struct stream_source src;
	const uint32_t *stored_lens; /* lent; NULL: a tar */
	uint32_t frame;              /* the next to begin with */
	uint32_t skip;               /* stored: bytes of it to leave out */
	uint64_t left;               /* stored: bytes until the end of the range */
	bool is_over;                /* after a failure */
	struct open_pack packs[OPEN_PACKS];
	uint64_t n_uses;
	/* A tar only; owned, and made when a frame is unpacked. */
	struct frame_coder *coder;
	uint8_t *stored;
	/* The frame before frame, if content_len is not 0; made for one larger than the room. */
	uint8_t *content;
	size_t content_pos;        /* what of it was given */
	size_t content_len;
};

/* --- packs --- */

static struct open_pack *
stalest(struct stream *s)
{
	struct open_pack *p = &s->packs[0];

	for (unsigned i = 1; i < OPEN_PACKS; i++)
		if (s->packs[i].used_at < p->used_at)
			p = &s->packs[i];
	return p;
}

static int
find_pack(struct stream *s, const struct digest *name, struct open_pack **out, struct err *e)
{
	char path[OBJPATH_SIZE];
	struct open_pack *p;
	uint64_t size;
	int fd;

	for (unsigned i = 0; i < OPEN_PACKS; i++) {
		p = &s->packs[i];
		if (p->fd != -1 && digest_equal(&p->name, name)) {
			p->used_at = ++s->n_uses;
			*out = p;
			return 0;
		}
	}
	objpath_pack(path, s->src.channel, name);
	if (store_read(s->src.store, path, &fd, &size, e) == -1)
		return -1;
	p = stalest(s);
	if (p->fd != -1)
		(void)close(p->fd); /* only read from */
	*p = (struct open_pack){ .name = *name, .fd = fd, .size = size, .used_at = ++s->n_uses };
	*out = p;
	return 0;
}

static int
read_pack(struct stream *s, const struct stream_place *place, void *out, size_t len, struct err *e)
{
	struct open_pack *p;
	uint64_t end;

	if (find_pack(s, &place->pack, &p, e) == -1)
		return -1;
	if (__builtin_add_overflow(place->off, len, &end) || end > p->size) {
		char hex[DIGEST_HEX_LEN + 1];

		digest_hex(hex, &place->pack);
		return err_set(e, ERR_UNTRUSTED,
		    "pack %s has %" PRIu64 " bytes, a frame is said to end at %" PRIu64, hex,
		    p->size, end);
	}
	return file_pread_all(p->fd, out, len, place->off, e);
}

static int
find_place(struct stream *s, uint32_t frame, struct stream_place *out, struct err *e)
{
	struct index_frame f;

	index_frame(s->src.index, frame, &f);
	if (s->src.find(s->src.find_ctx, frame, f.sha256, out, e) == -1)
		goto fail;
	if (out->stored_len == 0 || out->stored_len > LIMIT_FRAME_STORED_BYTES) {
		err_set(e, ERR_UNTRUSTED, "cannot have %" PRIu32 " stored bytes", out->stored_len);
		goto fail;
	}
	return 0;
fail:
	err_within(e, "frame %" PRIu32, frame);
	return -1;
}

/* --- the tar --- */

static int
take_tools(struct stream *s, struct err *e)
{
	if (s->coder == NULL && (s->coder = frame_coder_new(e)) == NULL)
		return -1;
	if (s->stored == NULL && (s->stored = malloc(LIMIT_FRAME_STORED_BYTES)) == NULL)
		return err_nomem(e);
	return 0;
}

/* Unpack the next frame into out, which has room for it. */
static int
next_frame(struct stream *s, uint8_t *out, uint32_t *len, struct err *e)
{
	struct stream_place place;
	struct index_frame f;

	index_frame(s->src.index, s->frame, &f);
	if (take_tools(s, e) == -1 || find_place(s, s->frame, &place, e) == -1)
		return -1;
	if (read_pack(s, &place, s->stored, place.stored_len, e) == -1 ||
	    frame_unpack_checked(s->coder, s->stored, place.stored_len, out,
	        &(struct frame_want){ .sha256 = f.sha256, .len = f.len }, e) == -1) {
		if (e != NULL && e->class == ERR_BAD_INPUT)
			e->class = ERR_UNTRUSTED;
		err_within(e, "frame %" PRIu32, s->frame);
		return -1;
	}
	*len = f.len;
	s->frame++;
	return 0;
}

int
stream_frame(struct stream *s, uint32_t frame, void *out, struct err *e)
{
	uint32_t len;

	assert(s->stored_lens == NULL && frame < index_n_frames(s->src.index));
	s->frame = frame;
	return next_frame(s, out, &len, e);
}

static int
read_tar(struct stream *s, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	struct index_frame f;
	uint32_t len;

	if (s->content_pos == s->content_len) {
		if (s->frame == index_n_frames(s->src.index)) {
			*n = 0;
			return 0;
		}
		index_frame(s->src.index, s->frame, &f);
		s->content_pos = s->content_len = 0;
		if (f.len <= room) {
			if (next_frame(s, out, &len, e) == -1)
				return -1;
			*n = len;
			return 0;
		}
		if (s->content == NULL && (s->content = malloc(LIMIT_FRAME_BYTES)) == NULL)
			return err_nomem(e);
		if (next_frame(s, s->content, &len, e) == -1)
			return -1;
		s->content_len = len;
	}
	*n = s->content_len - s->content_pos;
	if (*n > room)
		*n = room;
	memcpy(out, s->content + s->content_pos, *n);
	s->content_pos += *n;
	return 0;
}

void
stream_rest(struct stream *s)
{
	frame_coder_free(s->coder);
	s->coder = NULL;
	free(s->stored);
	s->stored = NULL;
}

/* --- stored frames --- */

static int
stored_place(struct stream *s, struct stream_place *out, struct err *e)
{
	if (find_place(s, s->frame, out, e) == -1)
		return -1;
	if (out->stored_len != s->stored_lens[s->frame])
		return err_set(e, ERR_UNTRUSTED,
		    "frame %" PRIu32 " has %" PRIu32 " stored bytes, not %" PRIu32, s->frame,
		    out->stored_len, s->stored_lens[s->frame]);
	return 0;
}

/* One read for as many frames as lie back to back. */
static int
read_stored(struct stream *s, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	struct stream_place run, next;
	uint32_t in_frame;
	size_t want = room < s->left ? room : (size_t)s->left, len = 0;

	*n = 0;
	if (want == 0)
		return 0;
	if (stored_place(s, &run, e) == -1)
		return -1;
	run.off += s->skip;
	next = run;
	in_frame = run.stored_len - s->skip;
	for (;;) {
		if (in_frame > want - len) { /* the range or the room ends within the frame */
			s->skip = s->stored_lens[s->frame] - in_frame + (uint32_t)(want - len);
			len = want;
			break;
		}
		len += in_frame;
		s->frame++;
		s->skip = 0;
		if (len == want)
			break;
		if (stored_place(s, &next, e) == -1)
			return -1;
		if (!digest_equal(&next.pack, &run.pack) || next.off != run.off + len)
			break;
		in_frame = next.stored_len;
	}
	if (read_pack(s, &run, out, len, e) == -1)
		return -1;
	s->left -= len;
	*n = len;
	return 0;
}

/* --- both --- */

int
stream_read(struct stream *s, void *out, size_t room, size_t *n, struct err *e)
{
	size_t got = 0;
	int rc;

	if (s->is_over)
		return err_set(e, ERR_SYSTEM, "read after a failure");
	rc = s->stored_lens != NULL ? read_stored(s, out, room, &got, e)
	                            : read_tar(s, out, room, &got, e);
	if (rc == -1)
		s->is_over = true;
	else
		*n = got;
	return rc;
}

static struct stream *
new_stream(const struct stream_source *src, struct err *e)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_nomem(e); /* the NULL below is the report */
		return NULL;
	}
	s->src = *src;
	for (unsigned i = 0; i < OPEN_PACKS; i++)
		s->packs[i].fd = -1;
	return s;
}

int
stream_tar_new(const struct stream_source *src, struct stream **out, struct err *e)
{
	struct stream *s = new_stream(src, e);

	if (s == NULL)
		return -1;
	*out = s;
	return 0;
}

int
stream_stored_new(const struct stream_source *src, const uint32_t *stored_lens, uint64_t off,
    uint64_t len, struct stream **out, struct err *e)
{
	uint32_t n_frames = index_n_frames(src->index), frame = 0;
	uint64_t total = stream_stored_len(stored_lens, n_frames), skip = off, end;
	struct stream *s;

	if (__builtin_add_overflow(off, len, &end) || end > total)
		return err_set(e, ERR_BAD_INPUT, "no such range in %" PRIu64 " bytes", total);
	s = new_stream(src, e);
	if (s == NULL)
		return -1;
	while (frame < n_frames && skip >= stored_lens[frame])
		skip -= stored_lens[frame++];
	s->stored_lens = stored_lens;
	s->frame = frame;
	s->skip = (uint32_t)skip;
	s->left = len;
	*out = s;
	return 0;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < OPEN_PACKS; i++)
		if (s->packs[i].fd != -1)
			(void)close(s->packs[i].fd); /* only read from */
	stream_rest(s);
	free(s->content);
	free(s);
}

uint64_t
stream_stored_len(const uint32_t *stored_lens, size_t n_frames)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n_frames; i++)
		sum += stored_lens[i]; /* 2^21 frames of 2^32 bytes do not overflow */
	return sum;
}

int
stream_etag(char etag[STREAM_ETAG_SIZE], const struct digest *stored_sha256,
    const uint32_t *stored_lens, size_t n_frames, struct err *e)
{
	struct digest_stream *d = digest_new(DIGEST_SHA256, e);
	struct digest sum;
	char hex[DIGEST_HEX_LEN + 1];

	if (d == NULL)
		return -1;
	for (size_t i = 0; i < n_frames; i++) {
		uint32_t n = stored_lens[i];
		uint8_t len[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
			(uint8_t)(n >> 24) };

		digest_add(d, stored_sha256[i].bytes, DIGEST_LEN);
		digest_add(d, len, sizeof(len));
	}
	digest_finish(d, sum.bytes);
	digest_free(d);
	digest_hex(hex, &sum);
	(void)snprintf(etag, STREAM_ETAG_SIZE, "\"z-%.32s\"", hex);
	return 0;
}

int
stream_find_in_hint(void *ctx, uint32_t frame, const struct digest *content,
    struct stream_place *out, struct err *e)
{
	const struct hint *h = ctx;
	struct hint_place p;

	(void)content; /* the hint counts frames as the index does */
	if (frame >= hint_n_frames(h))
		return err_set(e, ERR_NOT_FOUND, "the hint does not know it");
	hint_place(h, frame, &p);
	*out = (struct stream_place){ .pack = *hint_pack(h, p.pack),
		.off = p.off,
		.stored_len = p.stored_len };
	return 0;
}
