/* SPDX-License-Identifier: Apache-2.0 */
/* Making a patch: groups of new content, each compressed with old content at hand. */
#include <stdlib.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/patch_own.h"
#include "catalog/repo/patch_refs.h"
#include "catalog/repo/patch_ways.h"

/*
 * Groups are smaller than they may be: up to level 12 zstd notes some four million places, and
 * forgets what lies before them.
 */
#define CHANGE_BYTES (2u << 20)  /* new content with old content to refer to ... */
#define REFERENCE_BYTES (4u << 20) /* ... at most so much */
#define FRESH_BYTES (8u << 20)   /* new content without */
#define NEAR_BYTES (256u << 10) /* on either side of the place a part of a large file was at */
#define COPY_BYTES (1u << 16)

/* The frame read last. */
struct reading {
	const struct patch_input *in;
	bool is_from;
	bool has;
	uint32_t frame;
	uint8_t *bytes; /* owned; LIMIT_FRAME_BYTES */
};

struct making {
	const struct patch_input *in;
	int fd; /* borrowed */
	struct patch_recipe recipe;
	struct patch_sums sums; /* of from */
	struct patch_refs *refs; /* owned; NULL until they are needed */
	struct reading from, to;
	struct patch_ways *ways; /* owned, as all below */
	uint8_t *content;
	uint32_t len, room; /* of it */
	uint8_t *prefix;  /* REFERENCE_BYTES */
	struct patch_range *wanted; /* old content of the same paths */
	size_t n_wanted, wanted_room;
	uint64_t off;     /* in the file */
};

/* --- reading --- */

static int
read_frame(struct reading *r, uint32_t frame, const uint8_t **bytes, struct err *e)
{
	const atomic_bool *cancel = r->in->cancel;

	if (cancel != NULL && atomic_load(cancel))
		return err_set(e, ERR_BUSY, "stopped");
	if (!r->has || r->frame != frame) {
		r->has = false;
		if (r->in->read_frame(r->in->ctx, r->is_from, frame, r->bytes, e) == -1)
			return -1;
		r->has = true;
		r->frame = frame;
	}
	*bytes = r->bytes;
	return 0;
}

static int
scan_frame(void *ctx, uint32_t frame, const uint8_t **bytes, struct err *e)
{
	return read_frame(ctx, frame, bytes, e);
}

/* len bytes of a file of from. */
static int
read_file(struct making *m, uint32_t entry, uint64_t off, uint8_t *out, size_t len, struct err *e)
{
	struct index_entry at;

	index_entry(m->in->from, entry, &at);
	off += at.data_off;
	while (len > 0) {
		uint32_t frame = index_frame_at(m->in->from, off);
		const uint8_t *bytes = NULL;
		struct index_frame f;
		size_t n;

		if (read_frame(&m->from, frame, &bytes, e) == -1)
			return -1;
		index_frame(m->in->from, frame, &f);
		n = (size_t)(f.off + f.len - off);
		n = n < len ? n : len;
		memcpy(out, bytes + (off - f.off), n);
		out += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int
read_extent(struct making *m, const struct patch_extent *x, uint8_t *out, struct err *e)
{
	uint32_t entry = patch_sums_find(&m->sums, x->off), left = x->len;
	uint64_t off = x->off;

	for (; left > 0; entry++) {
		uint64_t n = m->sums.ends[entry] - off;

		n = n < left ? n : left;
		if (n > 0 && read_file(m, entry, off - patch_sums_begin(&m->sums, entry), out,
		    (size_t)n, e) == -1)
			return -1;
		out += n;
		off += n;
		left -= (uint32_t)n;
	}
	return 0;
}

/* --- what belongs to the content by name --- */

static int
want(struct making *m, uint64_t off, uint64_t len, struct err *e)
{
	if (len == 0)
		return 0;
	if (m->n_wanted == m->wanted_room) {
		size_t room = m->wanted_room == 0 ? 64 : m->wanted_room * 2;
		struct patch_range *wider = reallocarray(m->wanted, room, sizeof(*wider));

		if (wider == NULL)
			return err_nomem(e);
		m->wanted = wider;
		m->wanted_room = room;
	}
	m->wanted[m->n_wanted++] = (struct patch_range){ off, len };
	return 0;
}

/* The part from off on of a file whose old content has size bytes. */
static struct patch_range
around(uint64_t off, uint64_t len, uint64_t size)
{
	uint64_t begin = off < NEAR_BYTES ? 0 : off - NEAR_BYTES;
	uint64_t end = off + len + NEAR_BYTES;

	if (begin > size)
		begin = size;
	return (struct patch_range){ begin, (end < size ? end : size) - begin };
}

/* A piece of a new file: the same file as it was, at the same place from its front and its end. */
static int
want_same_path(struct making *m, const struct index_piece *piece, struct err *e)
{
	struct index_entry entry, old;
	struct patch_range r;
	uint64_t begin, off = piece->content_off;
	int64_t same;

	index_entry(m->in->to, piece->entry, &entry);
	same = index_find(m->in->from, entry.tar.path, entry.tar.path_len);
	if (same == -1)
		return 0;
	index_entry(m->in->from, (uint32_t)same, &old);
	begin = patch_sums_begin(&m->sums, (uint32_t)same);
	r = around(off, piece->len, old.tar.size);
	if (want(m, begin + r.off, r.len, e) == -1)
		return -1;
	if (old.tar.size == entry.tar.size || off + old.tar.size < entry.tar.size)
		return 0;
	r = around(off + old.tar.size - entry.tar.size, piece->len, old.tar.size);
	return want(m, begin + r.off, r.len, e);
}

/* --- groups --- */

static int
refer(struct making *m, struct patch_group *g, struct patch_extent **extents, struct err *e)
{
	const struct patch_need need = { .content = m->content, .len = m->len,
		.most_bytes = REFERENCE_BYTES, .wanted = m->wanted, .n_wanted = m->n_wanted };
	const struct patch_scan scan = { .from = m->in->from, .sums = &m->sums,
		.plan = &m->recipe, .frame = scan_frame, .ctx = &m->from };

	if (m->in->from == NULL)
		return 0;
	if (m->refs == NULL && patch_refs_new(&scan, &m->refs, e) == -1)
		return -1;
	if (patch_refs_choose(m->refs, &need, extents, &g->n, e) == -1)
		return -1;
	for (uint32_t i = 0; i < g->n; i++) {
		if (read_extent(m, &(*extents)[i], m->prefix + g->base_len, e) == -1)
			return -1;
		g->base_len += (*extents)[i].len;
	}
	return 0;
}

/* 1: written.  0: the patch is too long, or of too many pieces. */
static int
end_group(struct making *m, struct err *e)
{
	struct patch_group g = { .off = m->off, .content_len = m->len };
	struct patch_match match = { .prefix = m->prefix, .content = m->content, .len = m->len };
	struct patch_extent *extents = NULL;
	struct patch_stored stored;
	int rc = -1;

	if (m->len == 0)
		return 1;
	if (refer(m, &g, &extents, e) == -1)
		goto out;
	match.prefix_len = g.base_len;
	if (patch_ways_choose(m->ways, &match, PATCH_PIECES - m->recipe.n_copies,
	    &m->recipe.loose, &stored, e) == -1)
		goto out;
	g.stored_len = stored.len;
	g.rest_len = stored.rest_len;
	g.n_copies = stored.n_copies;
	g.width = stored.width;
	rc = 0;
	if (m->off + g.stored_len > m->in->max_bytes ||
	    m->recipe.n_extents + g.n > PATCH_PIECES)
		goto out;
	rc = -1;
	if (file_write_all(m->fd, stored.bytes, stored.len, e) == -1 ||
	    patch_recipe_add_group(&m->recipe, &g,
	        &(struct patch_pieces){ extents, stored.copies, stored.rest }, e) == -1)
		goto out;
	m->off += g.stored_len;
	m->len = 0;
	m->n_wanted = 0;
	rc = 1;
out:
	free(extents);
	return rc;
}

/* Bytes of the frame that the groups must bring. */
static uint32_t
news_of(const struct making *m, const struct index_frame *f)
{
	struct index_walk walk;
	struct index_piece piece;
	uint32_t sum = 0;

	index_walk_init(&walk, m->in->to, f->off, f->len);
	while (index_walk_next(&walk, &piece))
		if (piece.bytes == NULL && m->recipe.entries[piece.entry].how != PATCH_BASE)
			sum += (uint32_t)piece.len;
	return sum;
}

static int
add_frame(struct making *m, uint32_t frame, struct err *e)
{
	const uint8_t *bytes = NULL;
	struct index_walk walk;
	struct index_piece piece;
	struct index_frame f;
	uint32_t news;
	int rc;

	index_frame(m->in->to, frame, &f);
	news = news_of(m, &f);
	if (news == 0)
		return 1;
	if (news > m->room - m->len && (rc = end_group(m, e)) != 1)
		return rc;
	if (read_frame(&m->to, frame, &bytes, e) == -1)
		return -1;
	index_walk_init(&walk, m->in->to, f.off, f.len);
	while (index_walk_next(&walk, &piece)) {
		if (piece.bytes != NULL || m->recipe.entries[piece.entry].how == PATCH_BASE)
			continue;
		memcpy(m->content + m->len, bytes + (piece.off - f.off), (size_t)piece.len);
		m->len += (uint32_t)piece.len;
		if (m->in->from != NULL && want_same_path(m, &piece, e) == -1)
			return -1;
	}
	return 1;
}

static int
write_groups(struct making *m, struct err *e)
{
	for (uint32_t i = 0; i < m->recipe.n_frames; i++) {
		int rc = m->recipe.frames[i].kind == PATCH_NEW ? add_frame(m, i, e) : 1;

		if (rc != 1)
			return rc;
	}
	return end_group(m, e);
}

/* --- the file --- */

/* 1: written.  0: too long. */
static int
write_recipe(struct making *m, struct err *e)
{
	struct buf bytes = BUF_INIT, header = BUF_INIT, stored = BUF_INIT;
	int rc = -1;

	if (patch_recipe_encode(&m->recipe, m->in->from, m->in->to, &bytes, e) == -1)
		goto out;
	rc = 0;
	if (buf_len(&bytes) > PATCH_RECIPE_BYTES)
		goto out;
	rc = -1;
	if (patch_ways_pack(m->ways, &bytes, &stored, e) == -1)
		goto out;
	rc = 0;
	if (m->off + buf_len(&stored) > m->in->max_bytes)
		goto out;
	rc = -1;
	if (buf_add(&header, PATCH_MAGIC, PATCH_MAGIC_BYTES, e) == -1 ||
	    buf_add(&header, m->in->ends.from.bytes, DIGEST_LEN, e) == -1 ||
	    buf_add(&header, m->in->ends.to.bytes, DIGEST_LEN, e) == -1 ||
	    buf_add_u32le(&header, (uint32_t)buf_len(&stored), e) == -1 ||
	    buf_add_u32le(&header, (uint32_t)buf_len(&bytes), e) == -1 ||
	    file_write_all(m->fd, buf_data(&stored), buf_len(&stored), e) == -1 ||
	    file_pwrite_all(m->fd, buf_data(&header), buf_len(&header), 0, e) == -1)
		goto out;
	m->off += buf_len(&stored);
	rc = 1;
out:
	buf_clear(&stored);
	buf_clear(&bytes);
	buf_clear(&header);
	return rc;
}

static int
name_file(struct making *m, struct patch_made *out, struct err *e)
{
	struct digest_stream *s = digest_new(DIGEST_SHA256, e);
	uint8_t *piece = malloc(COPY_BYTES);
	int rc = -1;

	if (s == NULL)
		goto out;
	if (piece == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	for (uint64_t off = 0; off < m->off;) {
		size_t n = m->off - off < COPY_BYTES ? (size_t)(m->off - off) : COPY_BYTES;

		if (file_pread_all(m->fd, piece, n, off, e) == -1)
			goto out;
		digest_add(s, piece, n);
		off += n;
	}
	digest_finish(s, out->sha256.bytes);
	out->len = m->off;
	out->content_bytes = m->recipe.content_bytes;
	rc = 0;
out:
	digest_free(s);
	free(piece);
	return rc;
}

static int
prepare(struct making *m, struct err *e)
{
	uint8_t header[PATCH_HEADER_BYTES] = { 0 };

	m->from.bytes = malloc(LIMIT_FRAME_BYTES);
	m->to.bytes = malloc(LIMIT_FRAME_BYTES);
	m->room = m->in->from != NULL ? CHANGE_BYTES : FRESH_BYTES;
	m->content = malloc(m->room);
	if (m->from.bytes == NULL || m->to.bytes == NULL || m->content == NULL)
		return err_nomem(e);
	if (patch_ways_new(m->in->level, m->room, &m->ways, e) == -1 ||
	    patch_recipe_plan(m->in->from, m->in->to, &m->recipe, e) == -1)
		return -1;
	m->off = sizeof(header);
	if (file_write_all(m->fd, header, sizeof(header), e) == -1)
		return -1;
	if (m->in->from == NULL)
		return 0;
	m->prefix = malloc(REFERENCE_BYTES);
	if (m->prefix == NULL)
		return err_nomem(e);
	return patch_sums_init(&m->sums, m->in->from, e);
}

int
patch_make(const struct patch_input *in, int fd, struct patch_made *out, struct err *e)
{
	struct making m = { .in = in, .fd = fd, .from = { .in = in, .is_from = true },
		.to = { .in = in } };
	int rc = -1;

	if (prepare(&m, e) == -1)
		goto out;
	rc = write_groups(&m, e);
	if (rc == 1)
		rc = write_recipe(&m, e);
	if (rc == 1 && name_file(&m, out, e) == -1)
		rc = -1;
out:
	patch_recipe_clear(&m.recipe);
	patch_sums_clear(&m.sums);
	patch_refs_free(m.refs);
	patch_ways_free(m.ways);
	free(m.from.bytes);
	free(m.to.bytes);
	free(m.content);
	free(m.prefix);
	free(m.wanted);
	return rc;
}
