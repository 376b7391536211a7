/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/index.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/repo/relpath.h"

#define MAGIC "KBINDEX1"
#define HEADER_BYTES 32u
#define ENTRY_BYTES 47u /* of the columns, without the path */
#define FRAME_BYTES 36u

/* Columns, so that nothing is lost to padding; each owned. */
struct index {
	uint32_t n_entries, entry_room;
	uint8_t *kinds;
	uint32_t *path_offs; /* in paths */
	uint64_t *sizes;
	uint64_t *offs; /* of the entries in the tar */
	uint32_t *crcs;
	struct digest *hashes;
	struct buf paths; /* each followed by a NUL */

	uint32_t n_frames, frame_room;
	uint64_t *frame_ends; /* in the tar */
	struct digest *frame_hashes;

	uint64_t entries_len; /* in the tar */
	uint64_t file_bytes;
	uint32_t n_files;
	struct relpath_set *names; /* owned; NULL once finished */
};

struct index *
index_new(struct err *e)
{
	struct index *ix = calloc(1, sizeof(*ix));

	if (ix == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	if ((ix->names = relpath_set_new(e)) == NULL) {
		free(ix);
		return NULL;
	}
	return ix;
}

void
index_free(struct index *ix)
{
	if (ix == NULL)
		return;
	free(ix->kinds);
	free(ix->path_offs);
	free(ix->sizes);
	free(ix->offs);
	free(ix->crcs);
	free(ix->hashes);
	buf_clear(&ix->paths);
	free(ix->frame_ends);
	free(ix->frame_hashes);
	relpath_set_free(ix->names);
	free(ix);
}

/* Give the column at *column room for n items; the old one stays valid on failure. */
static int
widen(void *column, size_t n, size_t item, struct err *e)
{
	void *old, *wider;

	memcpy(&old, column, sizeof(old));
	wider = reallocarray(old, n, item);
	if (wider == NULL)
		return err_nomem(e);
	memcpy(column, &wider, sizeof(wider));
	return 0;
}

static int
reserve_entries(struct index *ix, uint32_t room, struct err *e)
{
	if (room <= ix->entry_room)
		return 0;
	if (widen(&ix->kinds, room, sizeof(*ix->kinds), e) == -1 ||
	    widen(&ix->path_offs, room, sizeof(*ix->path_offs), e) == -1 ||
	    widen(&ix->sizes, room, sizeof(*ix->sizes), e) == -1 ||
	    widen(&ix->offs, room, sizeof(*ix->offs), e) == -1 ||
	    widen(&ix->crcs, room, sizeof(*ix->crcs), e) == -1 ||
	    widen(&ix->hashes, room, sizeof(*ix->hashes), e) == -1)
		return -1;
	ix->entry_room = room;
	return 0;
}

static int
reserve_frames(struct index *ix, uint32_t room, struct err *e)
{
	if (room <= ix->frame_room)
		return 0;
	if (widen(&ix->frame_ends, room, sizeof(*ix->frame_ends), e) == -1 ||
	    widen(&ix->frame_hashes, room, sizeof(*ix->frame_hashes), e) == -1)
		return -1;
	ix->frame_room = room;
	return 0;
}

/* The next size of a table that grows by a half. */
static uint32_t
more_room(uint32_t n)
{
	return n < 32 ? 64 : n + n / 2;
}

static const char *
path_of(const struct index *ix, uint32_t i, size_t *len)
{
	uint32_t end = i + 1 < ix->n_entries ? ix->path_offs[i + 1] : (uint32_t)buf_len(&ix->paths);

	*len = end - ix->path_offs[i] - 1;
	return (const char *)buf_data(&ix->paths) + ix->path_offs[i];
}

static int
refuse(const struct tar_entry *t, const char *why, struct err *e)
{
	char quoted[200];

	return err_set(e, ERR_BAD_INPUT, "entry \"%s\" %s",
	    err_quote(quoted, sizeof(quoted), t->path, t->path_len), why);
}

/* The path's own form: kind and final '/' agree, the name is legal. */
static int
check_form(const struct tar_entry *t, struct err *e)
{
	size_t len = t->path_len;
	bool has_slash = len > 0 && t->path[len - 1] == '/';

	if (t->kind != TAR_DIRECTORY && t->kind != TAR_FILE && t->kind != TAR_EXECUTABLE)
		return refuse(t, "is of an unknown kind", e);
	if (t->kind == TAR_DIRECTORY && !has_slash)
		return refuse(t, "is a directory and does not end in '/'", e);
	if (t->kind == TAR_DIRECTORY && t->size != 0)
		return refuse(t, "is a directory and has a size", e);
	if (t->kind != TAR_DIRECTORY && has_slash)
		return refuse(t, "is a file and ends in '/'", e);
	if (t->size > LIMIT_TAR_BYTES)
		return refuse(t, "is longer than 1 TiB", e);
	return relpath_check(t->path, len - has_slash, e);
}

/* Behind the entry before it, and below a directory that is there. */
static int
check_place(const struct index *ix, const struct tar_entry *t, struct err *e)
{
	const char *before = "", *slash;
	size_t before_len = 0, parent_len;

	if (ix->n_entries > 0) {
		before = path_of(ix, ix->n_entries - 1, &before_len);
		if (tar_path_compare(before, before_len, t->path, t->path_len) >= 0)
			return refuse(t, "is not behind the entry before it in byte order", e);
	}
	slash = memrchr(t->path, '/', t->path_len - (t->kind == TAR_DIRECTORY));
	parent_len = slash == NULL ? 0 : (size_t)(slash + 1 - t->path);
	/* Sorted, and every ancestor of the entry before is there: so it is enough that ... */
	if (parent_len > before_len || memcmp(before, t->path, parent_len) != 0)
		return refuse(t, "has no entry for the directory it lies in", e);
	return 0;
}

static int
check_twin(struct index *ix, const struct tar_entry *t, struct err *e)
{
	uint32_t twin;
	size_t twin_len;
	const char *twin_path;
	int rc = relpath_set_add(ix->names, t->path, t->path_len, ix->n_entries, &twin, e);

	if (rc != 1)
		return rc;
	twin_path = path_of(ix, twin, &twin_len);
	return relpath_twin_error(twin_path, twin_len, t->path, t->path_len, e);
}

static int
append_entry(struct index *ix, const struct tar_entry *t, struct err *e)
{
	uint32_t i = ix->n_entries, path_off = (uint32_t)buf_len(&ix->paths);
	uint8_t *path;

	if (i == ix->entry_room && reserve_entries(ix, more_room(i), e) == -1)
		return -1;
	if ((path = buf_extend(&ix->paths, t->path_len + 1, e)) == NULL)
		return -1;
	memcpy(path, t->path, t->path_len);
	path[t->path_len] = '\0';
	ix->kinds[i] = (uint8_t)t->kind;
	ix->path_offs[i] = path_off;
	ix->sizes[i] = t->size;
	ix->offs[i] = ix->entries_len;
	ix->crcs[i] = 0;
	memset(&ix->hashes[i], 0, sizeof(ix->hashes[i]));
	ix->entries_len += tar_entry_len(t);
	ix->file_bytes += t->size;
	ix->n_files += t->kind != TAR_DIRECTORY;
	ix->n_entries++;
	return 0;
}

int
index_add_entry(struct index *ix, const struct tar_entry *t, struct err *e)
{
	assert(ix->names != NULL);
	if (ix->n_entries == LIMIT_ENTRIES)
		return err_set(e, ERR_BAD_INPUT, "more than %u files and directories", LIMIT_ENTRIES);
	if (check_form(t, e) == -1 || check_place(ix, t, e) == -1)
		return -1;
	if (buf_len(&ix->paths) + t->path_len > LIMIT_INDEX_BYTES)
		return err_set(e, ERR_BAD_INPUT, "names are longer than %u bytes in all",
		    LIMIT_INDEX_BYTES);
	if (ix->entries_len + tar_entry_len(t) + TAR_END_BYTES > LIMIT_TAR_BYTES)
		return refuse(t, "makes the release larger than 1 TiB", e);
	if (check_twin(ix, t, e) == -1)
		return -1;
	return append_entry(ix, t, e);
}

void
index_set_content(struct index *ix, uint32_t i, uint32_t crc32, const struct digest *sha256)
{
	assert(ix->names != NULL && i < ix->n_entries && ix->kinds[i] != TAR_DIRECTORY);
	ix->crcs[i] = crc32;
	ix->hashes[i] = *sha256;
}

int
index_add_frame(struct index *ix, uint32_t len, const struct digest *sha256, struct err *e)
{
	uint32_t i = ix->n_frames;

	assert(ix->names != NULL);
	if (i == LIMIT_FRAMES)
		return err_set(e, ERR_BAD_INPUT, "more than %u frames", LIMIT_FRAMES);
	if (len == 0 || len > LIMIT_FRAME_BYTES)
		return err_set(e, ERR_BAD_INPUT, "frame %" PRIu32 " has %" PRIu32
		    " bytes, not 1 to %u", i, len, LIMIT_FRAME_BYTES);
	if (i == ix->frame_room && reserve_frames(ix, more_room(i), e) == -1)
		return -1;
	ix->frame_ends[i] = (i == 0 ? 0 : ix->frame_ends[i - 1]) + len;
	ix->frame_hashes[i] = *sha256;
	ix->n_frames++;
	return 0;
}

/* Paths without their NULs. */
static size_t
paths_len(const struct index *ix)
{
	return buf_len(&ix->paths) - ix->n_entries;
}

static uint64_t
encoded_len(const struct index *ix)
{
	return HEADER_BYTES + (uint64_t)ix->n_entries * ENTRY_BYTES + paths_len(ix) +
	    (uint64_t)ix->n_frames * FRAME_BYTES;
}

int
index_finish(struct index *ix, struct err *e)
{
	uint64_t frames_len = ix->n_frames == 0 ? 0 : ix->frame_ends[ix->n_frames - 1];

	assert(ix->names != NULL);
	if (ix->n_entries == 0)
		return err_set(e, ERR_BAD_INPUT, "index has no entry");
	if (frames_len != index_tar_len(ix))
		return err_set(e, ERR_BAD_INPUT, "frames of the index are %" PRIu64
		    " bytes long, its tar is %" PRIu64, frames_len, index_tar_len(ix));
	if (encoded_len(ix) > LIMIT_INDEX_BYTES)
		return err_set(e, ERR_BAD_INPUT, "index would be longer than %u bytes",
		    LIMIT_INDEX_BYTES);
	relpath_set_free(ix->names);
	ix->names = NULL;
	return 0;
}

/* Where each column of an encoded index begins. */
struct columns {
	const uint8_t *kinds, *path_lens, *sizes, *crcs, *hashes, *paths, *frame_lens, *frame_hashes;
};

struct header {
	uint32_t n_entries, n_frames, paths_len;
	uint64_t tar_len;
};

static int
parse_header(const uint8_t *p, size_t len, struct header *h, struct columns *c, struct err *e)
{
	uint64_t want;

	if (len > LIMIT_INDEX_BYTES)
		return err_set(e, ERR_BAD_INPUT, "index is longer than %u bytes", LIMIT_INDEX_BYTES);
	if (len < HEADER_BYTES || memcmp(p, MAGIC, 8) != 0)
		return err_set(e, ERR_BAD_INPUT, "not an index of format 1");
	h->n_entries = buf_get_u32le(p + 8);
	h->n_frames = buf_get_u32le(p + 12);
	h->paths_len = buf_get_u32le(p + 16);
	h->tar_len = buf_get_u64le(p + 24);
	if (buf_get_u32le(p + 20) != 0)
		return err_set(e, ERR_BAD_INPUT, "index has bytes set that are to be zero");
	want = HEADER_BYTES + (uint64_t)h->n_entries * ENTRY_BYTES + h->paths_len +
	    (uint64_t)h->n_frames * FRAME_BYTES;
	if (want != len)
		return err_set(e, ERR_BAD_INPUT, "index has %zu bytes, its counts say %" PRIu64, len,
		    want);
	if (h->n_entries > LIMIT_ENTRIES || h->n_frames > LIMIT_FRAMES)
		return err_set(e, ERR_BAD_INPUT, "index has too many entries or frames");
	c->kinds = p + HEADER_BYTES;
	c->path_lens = c->kinds + h->n_entries;
	c->sizes = c->path_lens + 2 * (size_t)h->n_entries;
	c->crcs = c->sizes + 8 * (size_t)h->n_entries;
	c->hashes = c->crcs + 4 * (size_t)h->n_entries;
	c->paths = c->hashes + DIGEST_LEN * (size_t)h->n_entries;
	c->frame_lens = c->paths + h->paths_len;
	c->frame_hashes = c->frame_lens + 4 * (size_t)h->n_frames;
	return 0;
}

static int
parse_entries(struct index *ix, const struct header *h, const struct columns *c, struct err *e)
{
	struct digest zero = { { 0 } }, hash;
	size_t path_off = 0;

	for (uint32_t i = 0; i < h->n_entries; i++) {
		struct tar_entry t = { c->kinds[i], (const char *)c->paths + path_off,
			buf_get_u16le(c->path_lens + 2 * (size_t)i),
			buf_get_u64le(c->sizes + 8 * (size_t)i) };
		uint32_t crc = buf_get_u32le(c->crcs + 4 * (size_t)i);

		if (t.path_len > h->paths_len - path_off)
			return err_set(e, ERR_BAD_INPUT, "paths of the index end within entry %" PRIu32,
			    i);
		path_off += t.path_len;
		if (index_add_entry(ix, &t, e) == -1)
			return -1;
		memcpy(hash.bytes, c->hashes + DIGEST_LEN * (size_t)i, DIGEST_LEN);
		if (t.kind != TAR_DIRECTORY)
			index_set_content(ix, i, crc, &hash);
		else if (crc != 0 || !digest_equal(&hash, &zero))
			return refuse(&t, "is a directory and has a checksum", e);
	}
	if (path_off != h->paths_len)
		return err_set(e, ERR_BAD_INPUT, "index has paths that belong to no entry");
	return 0;
}

static int
parse_frames(struct index *ix, const struct header *h, const struct columns *c, struct err *e)
{
	struct digest hash;

	for (uint32_t i = 0; i < h->n_frames; i++) {
		memcpy(hash.bytes, c->frame_hashes + DIGEST_LEN * (size_t)i, DIGEST_LEN);
		if (index_add_frame(ix, buf_get_u32le(c->frame_lens + 4 * (size_t)i), &hash, e) == -1)
			return -1;
	}
	return 0;
}

int
index_parse(const void *bytes, size_t len, struct index **out, struct err *e)
{
	struct header h;
	struct columns c;
	struct index *ix = NULL;
	int rc = -1;

	if (parse_header(bytes, len, &h, &c, e) == -1 || (ix = index_new(e)) == NULL)
		goto out;
	if (reserve_entries(ix, h.n_entries, e) == -1 || reserve_frames(ix, h.n_frames, e) == -1 ||
	    buf_reserve(&ix->paths, (size_t)h.paths_len + h.n_entries, e) == -1)
		goto out;
	if (parse_entries(ix, &h, &c, e) == -1 || parse_frames(ix, &h, &c, e) == -1 ||
	    index_finish(ix, e) == -1)
		goto out;
	if (h.tar_len != index_tar_len(ix)) {
		(void)err_set(e, ERR_BAD_INPUT, "index says its tar has %" PRIu64
		    " bytes, its entries make %" PRIu64, h.tar_len, index_tar_len(ix));
		goto out;
	}
	*out = ix;
	ix = NULL;
	rc = 0;
out:
	index_free(ix);
	return rc;
}

static uint8_t *
put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (; bytes > 0; bytes--) {
		*p++ = (uint8_t)v;
		v >>= 8;
	}
	return p;
}

static uint8_t *
put_entries(uint8_t *p, const struct index *ix)
{
	size_t len;

	memcpy(p, ix->kinds, ix->n_entries);
	p += ix->n_entries;
	for (uint32_t i = 0; i < ix->n_entries; i++) {
		(void)path_of(ix, i, &len);
		p = put_le(p, len, 2);
	}
	for (uint32_t i = 0; i < ix->n_entries; i++)
		p = put_le(p, ix->sizes[i], 8);
	for (uint32_t i = 0; i < ix->n_entries; i++)
		p = put_le(p, ix->crcs[i], 4);
	memcpy(p, ix->hashes, (size_t)ix->n_entries * DIGEST_LEN);
	p += (size_t)ix->n_entries * DIGEST_LEN;
	for (uint32_t i = 0; i < ix->n_entries; i++) {
		const char *path = path_of(ix, i, &len);

		memcpy(p, path, len);
		p += len;
	}
	return p;
}

int
index_encode(const struct index *ix, struct buf *b, struct err *e)
{
	uint8_t *p;
	uint64_t before = 0;

	assert(ix->names == NULL);
	if ((p = buf_extend(b, (size_t)encoded_len(ix), e)) == NULL)
		return -1;
	memcpy(p, MAGIC, 8);
	p = put_le(p + 8, ix->n_entries, 4);
	p = put_le(p, ix->n_frames, 4);
	p = put_le(p, paths_len(ix), 4);
	p = put_le(p, 0, 4);
	p = put_le(p, index_tar_len(ix), 8);
	p = put_entries(p, ix);
	for (uint32_t i = 0; i < ix->n_frames; i++) {
		p = put_le(p, ix->frame_ends[i] - before, 4);
		before = ix->frame_ends[i];
	}
	memcpy(p, ix->frame_hashes, (size_t)ix->n_frames * DIGEST_LEN);
	return 0;
}

uint32_t
index_n_entries(const struct index *ix)
{
	return ix->n_entries;
}

uint32_t
index_n_files(const struct index *ix)
{
	return ix->n_files;
}

uint64_t
index_file_bytes(const struct index *ix)
{
	return ix->file_bytes;
}

uint32_t
index_n_frames(const struct index *ix)
{
	return ix->n_frames;
}

uint64_t
index_tar_len(const struct index *ix)
{
	return ix->entries_len + TAR_END_BYTES;
}

void
index_entry(const struct index *ix, uint32_t i, struct index_entry *out)
{
	assert(i < ix->n_entries);
	out->tar.kind = ix->kinds[i];
	out->tar.path = path_of(ix, i, &out->tar.path_len);
	out->tar.size = ix->sizes[i];
	out->crc32 = ix->crcs[i];
	out->sha256 = &ix->hashes[i];
	out->off = ix->offs[i];
	out->data_off = ix->offs[i] + tar_head_len(&out->tar);
}

void
index_frame(const struct index *ix, uint32_t i, struct index_frame *out)
{
	assert(i < ix->n_frames);
	out->off = i == 0 ? 0 : ix->frame_ends[i - 1];
	out->len = (uint32_t)(ix->frame_ends[i] - out->off);
	out->sha256 = &ix->frame_hashes[i];
}

int64_t
index_find(const struct index *ix, const char *path, size_t len)
{
	uint32_t low = 0, high = ix->n_entries;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		size_t mid_len;
		const char *mid_path = path_of(ix, mid, &mid_len);
		int order = tar_path_compare(mid_path, mid_len, path, len);

		if (order == 0)
			return mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

int64_t
index_entry_at(const struct index *ix, uint64_t off)
{
	uint32_t low = 0, high = ix->n_entries;

	if (off >= ix->entries_len)
		return -1;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (ix->offs[mid] <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}

uint32_t
index_frame_at(const struct index *ix, uint64_t off)
{
	uint32_t low = 0, high = ix->n_frames;

	assert(off < index_tar_len(ix) && ix->n_frames > 0);
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (ix->frame_ends[mid] <= off)
			low = mid + 1;
		else
			high = mid;
	}
	assert(low < ix->n_frames);
	return low;
}

void
index_frames_of(const struct index *ix, uint32_t i, uint32_t *first, uint32_t *count)
{
	struct index_entry entry;

	index_entry(ix, i, &entry);
	*first = index_frame_at(ix, entry.data_off);
	*count = entry.tar.size == 0 ? 0 :
	    index_frame_at(ix, entry.data_off + entry.tar.size - 1) - *first + 1;
}
