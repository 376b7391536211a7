/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/index.h"
#include "catalog/repo/stream.h"
#include "catalog/repo/zip.h"
#include "daemon/app/frames.h"
#include "daemon/app/layouts.h"

struct view {
	enum view_kind kind;
	struct layouts *layouts;     /* borrowed */
	struct layout *layout;       /* taken from layouts */
	struct stream_source source; /* lends layout */
	struct stream *stream;       /* owned; made by the first read */
	const struct zip *zip;       /* the layout's; VIEW_ZIP */
	uint64_t begin;              /* VIEW_FILE: of the content in the tar */
	uint64_t len;
	char etag[VIEW_ETAG_SIZE];
};

void
view_close(void *view)
{
	struct view *v = view;

	if (v == NULL)
		return;
	stream_free(v->stream);
	layouts_give_back(v->layouts, v->layout);
	free(v);
}

static int
find_file(struct view *v, const char *path, struct err *e)
{
	const struct index *ix = v->layout->index;
	int64_t i = index_find(ix, path, strlen(path));
	char hex[DIGEST_HEX_LEN + 1];
	struct index_entry en;

	if (i >= 0)
		index_entry(ix, (uint32_t)i, &en);
	if (i < 0 || en.tar.kind == TAR_DIRECTORY)
		return err_set(e, ERR_NOT_FOUND, "no such file in this release");
	v->begin = en.data_off;
	v->len = en.tar.size;
	digest_hex(hex, en.sha256);
	(void)snprintf(v->etag, sizeof(v->etag), "\"f-%.32s\"", hex);
	return 0;
}

/* Length and ETag of each kind. */
static int
measure(struct view *v, const struct state_release *r, const char *path, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];

	switch (v->kind) {
	case VIEW_TAR_ZST:
		v->len = v->layout->zst_len;
		(void)snprintf(v->etag, sizeof(v->etag), "%s", v->layout->zst_etag);
		return 0;
	case VIEW_TAR:
		v->len = r->tar_len;
		digest_hex(hex, &r->tar);
		(void)snprintf(v->etag, sizeof(v->etag), "\"%s\"", hex);
		return 0;
	case VIEW_ZIP:
		v->zip = layouts_zip(v->layout, e);
		if (v->zip == NULL)
			return -1;
		v->len = zip_len(v->zip);
		digest_hex(hex, &r->index); /* nothing else decides the bytes */
		(void)snprintf(v->etag, sizeof(v->etag), "\"zip1-%.32s\"", hex);
		return 0;
	case VIEW_FILE:
		return find_file(v, path, e);
	}
	return err_set(e, ERR_SYSTEM, "no such view");
}

int
view_open(struct layouts *layouts, const struct state_release *r, enum view_kind kind,
    const char *path, struct view **out, struct err *e)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_nomem(e);
	v->kind = kind;
	v->layouts = layouts;
	if (layouts_take(layouts, r->channel, &r->index, NULL, &v->layout, e) == -1) {
		if (e->class == ERR_NOT_FOUND)
			e->class = ERR_SYSTEM; /* published, so it should all be there */
		err_within(e, "%s/%s/%u", r->channel, r->course, (unsigned)r->number);
		free(v);
		return -1;
	}
	v->source = layouts_source(layouts, v->layout);
	if (measure(v, r, path, e) == -1) {
		view_close(v);
		return -1;
	}
	*out = v;
	return 0;
}

uint64_t
view_len(const struct view *v)
{
	return v->len;
}

const char *
view_etag(const struct view *v)
{
	return v->etag;
}

/* Bytes of a frame from in on, which end with it or with room. */
static int
read_part(struct view *v, uint32_t number, size_t in, void *out, size_t len, struct err *e)
{
	struct frames *frames = layouts_frames(v->layouts);
	struct frames_key key = { .channel = "" };
	struct index_frame f;
	uint8_t *content;

	index_frame(v->layout->index, number, &f);
	memcpy(key.channel, v->layout->channel, sizeof(key.channel));
	key.content = *f.sha256;
	if (frames_copy(frames, &key, in, out, len))
		return 0;
	content = malloc(f.len);
	if (content == NULL)
		return err_nomem(e);
	if (stream_frame(v->stream, number, content, e) == -1) {
		free(content);
		return -1;
	}
	memcpy(out, content + in, len);
	frames_keep(frames, &key, content, f.len);
	return 0;
}

/* Fill out with bytes of the tar from off on. */
static int
read_tar(struct view *v, uint64_t off, uint8_t *out, size_t len, struct err *e)
{
	const struct index *ix = v->layout->index;
	int rc = 0;

	if (v->stream == NULL && stream_tar_new(&v->source, &v->stream, e) == -1)
		return -1;
	while (len > 0 && rc == 0) {
		uint32_t number = index_frame_at(ix, off);
		struct index_frame f;
		size_t in, n;

		index_frame(ix, number, &f);
		in = (size_t)(off - f.off);
		n = f.len - in < len ? f.len - in : len;
		rc = n == f.len ? stream_frame(v->stream, number, out, e) :
		    read_part(v, number, in, out, n, e);
		off += n;
		out += n;
		len -= n;
	}
	return rc;
}

/* Piece by piece until room is full: many small files are one read. */
static int
read_zip(struct view *v, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	struct zip_piece piece;
	size_t filled = 0;

	while (filled < room && off + filled < v->len) {
		size_t got;

		zip_piece(v->zip, off + filled, &piece);
		got = piece.len < room - filled ? (size_t)piece.len : room - filled;
		if (piece.bytes != NULL)
			memcpy(out + filled, piece.bytes, got);
		else if (read_tar(v, piece.tar_off, out + filled, got, e) == -1)
			return -1;
		filled += got;
	}
	*n = filled;
	return 0;
}

static int
read_stored(struct view *v, uint64_t off, void *out, size_t room, size_t *n, struct err *e)
{
	if (v->stream == NULL && stream_stored_new(&v->source, v->layout->stored_lens, off,
	    v->len - off, &v->stream, e) == -1)
		return -1;
	return stream_read(v->stream, out, room, n, e);
}

static int
read_any(struct view *v, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	switch (v->kind) {
	case VIEW_TAR_ZST: return read_stored(v, off, out, room, n, e);
	case VIEW_TAR:
	case VIEW_FILE:
		*n = room;
		return read_tar(v, v->begin + off, out, room, e);
	case VIEW_ZIP: return read_zip(v, off, out, room, n, e);
	}
	return err_set(e, ERR_SYSTEM, "no such view");
}

/*
 * Between reads nothing is held but open packs: the reader may let us wait for long, on each of his
 * connections.
 */
static int
on_read(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	struct view *v = ctx;
	int rc;

	if (room > v->len - off)
		room = (size_t)(v->len - off);
	rc = read_any(v, off, out, room, n, e);
	if (v->stream != NULL)
		stream_rest(v->stream);
	return rc;
}

struct reply_source
view_source(struct view *v)
{
	return (struct reply_source){
		.ctx = v,
		.is_seekable = true,
		.is_long = v->kind != VIEW_TAR_ZST, /* unpacking is work */
		.read = on_read,
		.close = view_close,
	};
}
