/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/index.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/repo/relpath.h"

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

int
index_reserve(struct index *ix, uint32_t n_entries, uint32_t n_frames, size_t path_bytes,
    struct err *e)
{
	assert(ix->names != NULL);
	if (reserve_entries(ix, n_entries, e) == -1 || reserve_frames(ix, n_frames, e) == -1)
		return -1;
	return buf_reserve(&ix->paths, path_bytes + n_entries, e);
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
		return err_set(e, ERR_BAD_INPUT,
		    "more than %u files and directories", LIMIT_ENTRIES);
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
	if (index_encoded_len(ix) > LIMIT_INDEX_BYTES)
		return err_set(e, ERR_BAD_INPUT, "index would be longer than %u bytes",
		    LIMIT_INDEX_BYTES);
	relpath_set_free(ix->names);
	ix->names = NULL;
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

size_t
index_path_bytes(const struct index *ix)
{
	return buf_len(&ix->paths) - ix->n_entries; /* without their NULs */
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
