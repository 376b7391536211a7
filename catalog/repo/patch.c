/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/patch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/patch_own.h"

struct patch {
	int fd; /* borrowed */
	struct patch_base base;
	struct patch_ends ends;
	struct patch_recipe recipe;
	struct patch_sums sums; /* of the base */
	const atomic_bool *cancel; /* borrowed; may be NULL */
	bool has_index; /* patch_index() has succeeded */
	ZSTD_DCtx *dctx;  /* owned, as all below */
	uint8_t *content; /* of the group that was unpacked last */
	uint8_t *prefix;
	uint8_t *stored;
	uint8_t *frame; /* LIMIT_FRAME_BYTES */
	uint32_t unpacked; /* number of that group, or n_groups */
	uint32_t group; /* where the walk is: the group ... */
	uint32_t pos;   /* ... and the byte in it */
};

/* --- opening --- */

/* One zstd frame without a dictionary of ours, of exactly this content. */
static int
unpack(struct patch *p, const void *stored, size_t stored_len, uint8_t *out, size_t len,
    struct err *e)
{
	size_t n;

	if (ZSTD_getFrameContentSize(stored, stored_len) != len ||
	    ZSTD_findFrameCompressedSize(stored, stored_len) != stored_len)
		return err_set(e, ERR_BAD_INPUT, "part of the patch is not what its table says");
	n = ZSTD_decompressDCtx(p->dctx, out, len, stored, stored_len);
	if (ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
		return err_nomem(e);
	if (ZSTD_isError(n) || n != len)
		return err_set(e, ERR_BAD_INPUT, "part of the patch cannot be unpacked");
	return 0;
}

static int
read_recipe(struct patch *p, uint64_t groups_len, uint32_t stored_len, uint32_t len,
    struct err *e)
{
	uint8_t *stored = malloc((size_t)stored_len + 1), *bytes = malloc((size_t)len + 1);
	int rc = -1;

	if (stored == NULL || bytes == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	if (file_pread_all(p->fd, stored, stored_len, PATCH_HEADER_BYTES + groups_len, e) == -1 ||
	    unpack(p, stored, stored_len, bytes, len, e) == -1)
		goto out;
	rc = patch_recipe_parse(bytes, len, groups_len, p->base.index, &p->recipe, e);
out:
	free(stored);
	free(bytes);
	return rc;
}

static int
read_header(int fd, uint8_t header[PATCH_HEADER_BYTES], uint64_t *size, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_errno(e, "look at the patch");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < PATCH_HEADER_BYTES)
		return err_set(e, ERR_BAD_INPUT, "not a patch");
	if (file_pread_all(fd, header, PATCH_HEADER_BYTES, 0, e) == -1)
		return -1;
	if (memcmp(header, PATCH_MAGIC, PATCH_MAGIC_BYTES) != 0)
		return err_set(e, ERR_BAD_INPUT, "not a patch of format 3");
	*size = (uint64_t)st.st_size;
	return 0;
}

int
patch_leads_to(int fd, struct digest *to, struct err *e)
{
	uint8_t header[PATCH_HEADER_BYTES];
	uint64_t size;

	if (read_header(fd, header, &size, e) == -1)
		return -1;
	memcpy(to->bytes, header + PATCH_MAGIC_BYTES + DIGEST_LEN, DIGEST_LEN);
	return 0;
}

static int
read_all(struct patch *p, struct err *e)
{
	uint8_t header[PATCH_HEADER_BYTES];
	const uint8_t *at = header + PATCH_MAGIC_BYTES;
	uint32_t stored_len, len;
	uint64_t size;

	if (read_header(p->fd, header, &size, e) == -1)
		return -1;
	if (memcmp(at, p->ends.from.bytes, DIGEST_LEN) != 0 ||
	    memcmp(at + DIGEST_LEN, p->ends.to.bytes, DIGEST_LEN) != 0)
		return err_set(e, ERR_BAD_INPUT, "the patch is between other releases");
	stored_len = buf_get_u32le(at + 2 * DIGEST_LEN);
	len = buf_get_u32le(at + 2 * DIGEST_LEN + 4);
	if (len > PATCH_RECIPE_BYTES || stored_len > ZSTD_COMPRESSBOUND(PATCH_RECIPE_BYTES) ||
	    stored_len > size - PATCH_HEADER_BYTES)
		return err_set(e, ERR_BAD_INPUT, "the patch has no place for its recipe");
	return read_recipe(p, size - PATCH_HEADER_BYTES - stored_len, stored_len, len, e);
}

/* Room for the largest group there is. */
static int
make_room(struct patch *p, struct err *e)
{
	const struct patch_recipe *r = &p->recipe;
	uint32_t content = 0, prefix = 0, stored = 0;

	for (uint32_t i = 0; i < r->n_groups; i++) {
		const struct patch_group *g = &r->groups[i];

		content = g->content_len > content ? g->content_len : content;
		prefix = g->base_len > prefix ? g->base_len : prefix;
		stored = g->stored_len > stored ? g->stored_len : stored;
	}
	p->content = malloc((size_t)content + 1);
	p->prefix = malloc((size_t)prefix + 1);
	p->stored = malloc((size_t)stored + 1);
	p->frame = malloc(LIMIT_FRAME_BYTES);
	if (p->content == NULL || p->prefix == NULL || p->stored == NULL || p->frame == NULL)
		return err_nomem(e);
	p->unpacked = r->n_groups;
	return 0;
}

int
patch_open(int fd, const struct patch_base *base, const struct patch_ends *ends,
    struct patch **out, struct err *e)
{
	static const struct digest nothing;
	struct patch *p = calloc(1, sizeof(*p));

	assert((base->index == NULL) == digest_equal(&ends->from, &nothing));
	if (p == NULL)
		return err_nomem(e);
	p->fd = fd;
	p->base = *base;
	p->ends = *ends;
	p->dctx = ZSTD_createDCtx();
	if (p->dctx == NULL) {
		(void)err_nomem(e);
		goto fail;
	}
	if ((base->index != NULL && patch_sums_init(&p->sums, base->index, e) == -1) ||
	    read_all(p, e) == -1 || make_room(p, e) == -1)
		goto fail;
	*out = p;
	return 0;
fail:
	patch_close(p);
	return -1;
}

void
patch_close(struct patch *p)
{
	if (p == NULL)
		return;
	patch_recipe_clear(&p->recipe);
	patch_sums_clear(&p->sums);
	ZSTD_freeDCtx(p->dctx);
	free(p->content);
	free(p->prefix);
	free(p->stored);
	free(p->frame);
	free(p);
}

void
patch_set_cancel(struct patch *p, const atomic_bool *cancel)
{
	p->cancel = cancel;
}

uint64_t
patch_content_bytes(const struct patch *p)
{
	return p->recipe.content_bytes;
}

/* --- groups --- */

/* One extent of the base: pieces of neighbouring files. */
static int
read_extent(struct patch *p, const struct patch_extent *x, uint8_t *out, struct err *e)
{
	uint32_t entry = patch_sums_find(&p->sums, x->off), left = x->len;
	uint64_t off = x->off;

	for (; left > 0; entry++) {
		uint64_t n = p->sums.ends[entry] - off;

		if (n > left)
			n = left;
		if (n > 0 && p->base.read(p->base.ctx, entry, off -
		    patch_sums_begin(&p->sums, entry), out, (size_t)n, e) == -1)
			return -1;
		out += n;
		off += n;
		left -= (uint32_t)n;
	}
	return 0;
}

/* What is not copied, to the end of the group's content. */
static int
unpack_rest(struct patch *p, const struct patch_group *g, struct err *e)
{
	uint8_t *out = p->content + (g->content_len - g->rest_len);
	size_t rc;

	if (g->stored_len == 0) {
		patch_from_columns(buf_data(&p->recipe.loose) + g->loose, g->rest_len, g->width,
		    out);
		return 0;
	}
	if (file_pread_all(p->fd, p->stored, g->stored_len, g->off, e) == -1)
		return -1;
	rc = ZSTD_DCtx_refPrefix(p->dctx, g->base_len > 0 ? p->prefix : NULL, g->base_len);
	if (ZSTD_isError(rc))
		return err_set(e, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(rc));
	if (unpack(p, p->stored, g->stored_len, out, g->rest_len, e) == 0)
		return 0;
	/* A prefix that was not used up is not for the next. */
	(void)ZSTD_DCtx_reset(p->dctx, ZSTD_reset_session_and_parameters);
	return -1;
}

/* Move what was not copied to its places, from front to back, and put the copies between. */
static void
put_copies(struct patch *p, const struct patch_group *g)
{
	uint32_t at = 0, rest = g->content_len - g->rest_len;

	for (uint32_t i = 0; i < g->n_copies; i++) {
		const struct patch_copy *c = &p->recipe.copies[g->first_copy + i];

		memmove(p->content + at, p->content + rest, c->gap);
		at += c->gap;
		rest += c->gap;
		memcpy(p->content + at, p->prefix + c->from, c->len);
		at += c->len;
	}
	assert(at == rest); /* the recipe was checked */
}

static int
unpack_group(struct patch *p, uint32_t number, struct err *e)
{
	const struct patch_group *g = &p->recipe.groups[number];
	uint32_t at = 0;

	if (p->unpacked == number)
		return 0;
	if (p->cancel != NULL && atomic_load(p->cancel))
		return err_set(e, ERR_BUSY, "stopped");
	p->unpacked = p->recipe.n_groups;
	for (uint32_t i = g->first; i < g->first + g->n; i++) {
		if (read_extent(p, &p->recipe.extents[i], p->prefix + at, e) == -1)
			return -1;
		at += p->recipe.extents[i].len;
	}
	if (g->rest_len > 0 && unpack_rest(p, g, e) == -1)
		return -1;
	put_copies(p, g);
	p->unpacked = number;
	return 0;
}

/* The next len bytes of all groups together, into out, or passed over where it is NULL. */
static int
take_content(struct patch *p, uint8_t *out, uint64_t len, struct err *e)
{
	while (len > 0) {
		const struct patch_group *g = &p->recipe.groups[p->group];
		uint32_t n = g->content_len - p->pos;

		assert(p->group < p->recipe.n_groups); /* the recipe was checked */
		if (n == 0) {
			p->group++;
			p->pos = 0;
			continue;
		}
		n = n > len ? (uint32_t)len : n;
		if (out != NULL) {
			if (unpack_group(p, p->group, e) == -1)
				return -1;
			memcpy(out, p->content + p->pos, n);
			out += n;
		}
		p->pos += n;
		len -= n;
	}
	return 0;
}

/* --- frames --- */

/* Put new frame number frame, at off of the tar, together in p->frame; or only walk past it. */
static int
make_frame(struct patch *p, uint32_t frame, uint64_t off, bool is_wanted, struct err *e)
{
	struct patch_recipe *r = &p->recipe;
	struct index_walk walk;
	struct index_piece piece;

	index_walk_init(&walk, r->index, off, r->frames[frame].len);
	while (index_walk_next(&walk, &piece)) {
		uint8_t *out = is_wanted ? p->frame + (piece.off - off) : NULL;
		const struct patch_entry *pe;

		if (piece.bytes != NULL) {
			if (is_wanted)
				memcpy(out, piece.bytes, (size_t)piece.len);
			continue;
		}
		pe = &r->entries[piece.entry];
		if (pe->how != PATCH_BASE) {
			if (take_content(p, out, piece.len, e) == -1)
				return -1;
		} else if (is_wanted && p->base.read(p->base.ctx, pe->file, piece.content_off, out,
		    (size_t)piece.len, e) == -1)
			return -1;
	}
	return 0;
}

/* What the base has gone wrong with is, for us, a patch that does not fit. */
static int
not_fitting(struct err *e)
{
	if (e != NULL && (e->class == ERR_UNTRUSTED || e->class == ERR_NOT_FOUND))
		e->class = ERR_BAD_INPUT;
	return -1;
}

/* --- the hashes that follow from content --- */

struct hashing {
	struct patch *p;
	struct digest_stream *file; /* owned; of the file under way */
	uint32_t crc;
};

static void
hash_frame(struct hashing *h, uint32_t frame, uint64_t off)
{
	struct patch_recipe *r = &h->p->recipe;
	struct index_walk walk;
	struct index_piece piece;

	index_walk_init(&walk, r->index, off, r->frames[frame].len);
	while (index_walk_next(&walk, &piece)) {
		const uint8_t *bytes = h->p->frame + (piece.off - off);
		struct digest sha256;

		if (piece.bytes != NULL || r->entries[piece.entry].how != PATCH_DERIVED)
			continue;
		digest_add(h->file, bytes, (size_t)piece.len);
		h->crc = (uint32_t)crc32(h->crc, bytes, (uInt)piece.len);
		if (!piece.is_file_end)
			continue;
		digest_finish(h->file, sha256.bytes);
		index_set_content(r->index, piece.entry, h->crc, &sha256);
		h->crc = (uint32_t)crc32(0, NULL, 0);
	}
}

static int
hash_frames(struct hashing *h, struct err *e)
{
	struct patch_recipe *r = &h->p->recipe;
	uint64_t off = 0;

	for (uint32_t i = 0; i < r->n_frames; off += r->frames[i++].len) {
		const struct patch_frame *f = &r->frames[i];
		struct index_frame known;
		struct digest sha256;

		if (h->p->cancel != NULL && atomic_load(h->p->cancel))
			return err_set(e, ERR_BUSY, "stopped");
		switch ((enum patch_frame_kind)f->kind) {
		case PATCH_OLD:
			index_frame(h->p->base.index, f->other, &known);
			sha256 = *known.sha256;
			break;
		case PATCH_AGAIN:
			index_frame(r->index, f->other, &known);
			sha256 = *known.sha256;
			break;
		case PATCH_NEW:
			if (make_frame(h->p, i, off, true, e) == -1)
				return -1;
			hash_frame(h, i, off);
			digest_of(&sha256, h->p->frame, f->len);
			break;
		}
		if (index_add_frame(r->index, f->len, &sha256, e) == -1)
			return -1;
	}
	return 0;
}

/* Empty files have no frame, twins the hashes of the other. */
static void
hash_rest(struct patch_recipe *r)
{
	struct digest empty;

	digest_of(&empty, "", 0);
	for (uint32_t i = 0; i < r->n_entries; i++) {
		struct index_entry entry;

		index_entry(r->index, i, &entry);
		if (r->entries[i].how == PATCH_DERIVED && entry.tar.size == 0)
			index_set_content(r->index, i, 0, &empty);
		if (r->entries[i].how != PATCH_TWIN)
			continue;
		index_entry(r->index, r->entries[i].file, &entry);
		index_set_content(r->index, i, entry.crc32, entry.sha256);
	}
}

int
patch_index(struct patch *p, struct buf *out, struct err *e)
{
	struct hashing h = { .p = p, .crc = (uint32_t)crc32(0, NULL, 0) };
	size_t before = buf_len(out);
	struct digest sum;

	assert(!p->has_index && index_n_frames(p->recipe.index) == 0);
	h.file = digest_new(DIGEST_SHA256, e);
	if (h.file == NULL)
		return -1;
	p->group = p->pos = 0;
	if (hash_frames(&h, e) == -1) {
		digest_free(h.file);
		return not_fitting(e);
	}
	digest_free(h.file);
	hash_rest(&p->recipe);
	if (index_finish(p->recipe.index, e) == -1 || index_encode(p->recipe.index, out, e) == -1)
		return -1;
	digest_of(&sum, buf_data(out) + before, buf_len(out) - before);
	if (!digest_equal(&sum, &p->ends.to)) {
		buf_truncate(out, before);
		return err_set(e, ERR_BAD_INPUT,
		    "the patch does not lead to the release it is said to lead to");
	}
	p->has_index = true;
	return 0;
}

int
patch_frames(struct patch *p, const struct patch_sink *sink, struct err *e)
{
	const struct patch_recipe *r = &p->recipe;
	uint64_t off = 0;

	assert(p->has_index);
	p->group = p->pos = 0;
	for (uint32_t i = 0; i < r->n_frames; off += r->frames[i++].len) {
		bool is_wanted;

		if (r->frames[i].kind != PATCH_NEW)
			continue;
		is_wanted = sink->wants(sink->ctx, i);
		if (make_frame(p, i, off, is_wanted, e) == -1)
			return not_fitting(e);
		if (is_wanted && sink->give(sink->ctx, i, p->frame, r->frames[i].len, e) == -1)
			return -1;
	}
	return 0;
}
