/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a range of the tar that an index describes: index.h. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "catalog/repo/index.h"

void
index_walk_init(struct index_walk *w, const struct index *ix, uint64_t off, uint64_t len)
{
	int64_t entry = index_entry_at(ix, off);

	assert(off <= index_tar_len(ix) && len <= index_tar_len(ix) - off);
	w->ix = ix;
	w->off = off;
	w->end = off + len;
	w->entry = entry == -1 ? index_n_entries(ix) : (uint32_t)entry;
	w->head_of = UINT32_MAX;
}

/* The piece from w->off to until, or to the end of the walk. */
static void
begin_piece(const struct index_walk *w, uint64_t until, struct index_piece *out)
{
	memset(out, 0, sizeof(*out));
	out->off = w->off;
	out->len = (until < w->end ? until : w->end) - w->off;
	out->entry = w->entry;
}

static void
head_piece(struct index_walk *w, const struct index_entry *entry, struct index_piece *out)
{
	if (w->head_of != w->entry) {
		(void)tar_head(w->head, &entry->tar);
		w->head_of = w->entry;
	}
	begin_piece(w, entry->data_off, out);
	out->bytes = w->head + (w->off - entry->off);
}

static void
content_piece(const struct index_walk *w, const struct index_entry *entry, struct index_piece *out)
{
	begin_piece(w, entry->data_off + entry->tar.size, out);
	out->content_off = w->off - entry->data_off;
	out->is_file_end = out->content_off + out->len == entry->tar.size;
}

/* Padding, or the closing blocks: NUL either way. */
static void
zero_piece(const struct index_walk *w, uint64_t until, struct index_piece *out)
{
	begin_piece(w, until, out);
	assert(out->len <= TAR_END_BYTES);
	out->bytes = tar_zeros;
}

bool
index_walk_next(struct index_walk *w, struct index_piece *out)
{
	while (w->off < w->end) {
		struct index_entry entry;
		uint64_t data_end, entry_end;

		if (w->entry == index_n_entries(w->ix)) {
			zero_piece(w, w->end, out);
			w->off += out->len;
			return true;
		}
		index_entry(w->ix, w->entry, &entry);
		data_end = entry.data_off + entry.tar.size;
		entry_end = data_end + tar_padding(entry.tar.size);
		if (w->off == entry_end) {
			w->entry++;
			continue;
		}
		if (w->off < entry.data_off)
			head_piece(w, &entry, out);
		else if (w->off < data_end)
			content_piece(w, &entry, out);
		else
			zero_piece(w, entry_end, out);
		w->off += out->len;
		return true;
	}
	return false;
}

/* Name what the piece belongs to. */
static int
report(const struct index *ix, const struct index_piece *piece, struct err *e)
{
	struct index_entry entry;
	char quoted[200];

	if (piece->entry == index_n_entries(ix))
		return err_set(e, ERR_UNTRUSTED, "end of the tar is not as its index says");
	index_entry(ix, piece->entry, &entry);
	return err_set(e, ERR_UNTRUSTED, "tar header or padding of \"%s\" is not as its index says",
	    err_quote(quoted, sizeof(quoted), entry.tar.path, entry.tar.path_len));
}

int
index_check_structure(const struct index *ix, uint64_t off, const void *bytes, size_t len,
    struct err *e)
{
	const uint8_t *p = bytes;
	struct index_walk walk;
	struct index_piece piece;

	index_walk_init(&walk, ix, off, len);
	while (index_walk_next(&walk, &piece))
		if (piece.bytes != NULL &&
		    memcmp(p + (piece.off - off), piece.bytes, piece.len) != 0)
			return report(ix, &piece, e);
	return 0;
}
