/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe into bytes.  FORMATS.md 3.8. */
#include "catalog/repo/patch_own.h"

/* --- numbers --- */

static int
put(struct buf *b, uint64_t v, struct err *e)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	return buf_add(b, bytes, n, e);
}

static uint64_t
zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int
put_op(struct buf *b, unsigned op, unsigned bits, uint64_t arg, struct err *e)
{
	return put(b, arg << bits | op, e);
}

/* --- writing entries --- */

struct writer {
	const struct patch_recipe *r;
	const struct index *from, *to;
	struct buf *b;
	uint32_t cursor;  /* in the entries of the base */
	uint32_t n_from;
	uint32_t run;     /* entries kept and not written yet */
	uint32_t skipped; /* entries of the base passed over and not written yet */
	uint32_t expected; /* file of the base the next move is thought to come from */
};

static int
flush_runs(struct writer *w, struct err *e)
{
	if (w->run > 0 && put_op(w->b, PATCH_KEEP, PATCH_ENTRY_BITS, w->run, e) == -1)
		return -1;
	if (w->skipped > 0 && put_op(w->b, PATCH_SKIP, PATCH_ENTRY_BITS, w->skipped, e) == -1)
		return -1;
	w->run = w->skipped = 0;
	return 0;
}

static size_t
common_head(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = 0;

	while (n < a_len && n < b_len && a[n] == b[n])
		n++;
	return n;
}

/* The first head_len bytes of the path of entry i, by what it shares with the path before. */
static int
put_head(struct writer *w, uint32_t i, size_t head_len, struct err *e)
{
	struct index_entry entry, before = { .tar = { .path = "" } };
	size_t shared;

	index_entry(w->to, i, &entry);
	if (i > 0)
		index_entry(w->to, i - 1, &before);
	shared = common_head(before.tar.path, before.tar.path_len, entry.tar.path, head_len);
	if (put(w->b, shared, e) == -1 || put(w->b, head_len - shared, e) == -1)
		return -1;
	return buf_add(w->b, entry.tar.path + shared, head_len - shared, e);
}

static int
put_hashes(struct writer *w, const struct index_entry *entry, struct err *e)
{
	if (buf_add_u32le(w->b, entry->crc32, e) == -1)
		return -1;
	return buf_add(w->b, entry->sha256->bytes, DIGEST_LEN, e);
}

static int
put_move(struct writer *w, uint32_t i, const struct index_entry *entry, struct err *e)
{
	uint32_t file = w->r->entries[i].file;
	struct index_entry old;
	size_t tail = 0;

	index_entry(w->from, file, &old);
	while (tail < old.tar.path_len && tail < entry->tar.path_len &&
	    old.tar.path[old.tar.path_len - 1 - tail] ==
	        entry->tar.path[entry->tar.path_len - 1 - tail])
		tail++;
	if (put_op(w->b, PATCH_MOVE, PATCH_ENTRY_BITS, entry->tar.kind, e) == -1 ||
	    put(w->b, zigzag((int64_t)file - w->expected), e) == -1 ||
	    put_head(w, i, entry->tar.path_len - tail, e) == -1 ||
	    put(w->b, old.tar.path_len - tail, e) == -1)
		return -1;
	w->expected = file + 1;
	return 0;
}

/* An entry whose path the base does not have, or not like this. */
static int
put_other(struct writer *w, uint32_t i, const struct index_entry *entry, struct err *e)
{
	const struct patch_entry *pe = &w->r->entries[i];
	bool is_dir = entry->tar.kind == TAR_DIRECTORY;
	enum patch_entry_op op = PATCH_ADD;

	if (flush_runs(w, e) == -1)
		return -1;
	if (!is_dir && pe->how == PATCH_BASE)
		return put_move(w, i, entry, e);
	if (pe->how == PATCH_GIVEN)
		op = PATCH_ADD_GIVEN;
	else if (pe->how == PATCH_TWIN)
		op = PATCH_COPY;
	if (put_op(w->b, op, PATCH_ENTRY_BITS, entry->tar.kind, e) == -1 ||
	    put_head(w, i, entry->tar.path_len, e) == -1)
		return -1;
	if (op == PATCH_COPY)
		return put(w->b, i - pe->file, e);
	if (!is_dir && put(w->b, entry->tar.size, e) == -1)
		return -1;
	return op == PATCH_ADD_GIVEN ? put_hashes(w, entry, e) : 0;
}

/* The path is the base's: kept, changed, or put in its place. */
static int
put_same_path(struct writer *w, uint32_t i, const struct index_entry *entry,
    const struct index_entry *old, struct err *e)
{
	const struct patch_entry *pe = &w->r->entries[i];
	int64_t growth = (int64_t)(entry->tar.size - old->tar.size);

	if (old->tar.kind == entry->tar.kind && old->tar.size == entry->tar.size &&
	    old->crc32 == entry->crc32 && digest_equal(old->sha256, entry->sha256)) {
		if (w->skipped > 0 && flush_runs(w, e) == -1)
			return -1;
		w->run++;
		w->cursor++;
		return 0;
	}
	if (old->tar.kind != entry->tar.kind || pe->how == PATCH_BASE || pe->how == PATCH_TWIN) {
		w->skipped++;
		w->cursor++;
		return put_other(w, i, entry, e);
	}
	w->cursor++;
	if (flush_runs(w, e) == -1)
		return -1;
	if (pe->how == PATCH_DERIVED)
		return put_op(w->b, PATCH_EDIT, PATCH_ENTRY_BITS, zigzag(growth), e);
	if (put_op(w->b, PATCH_EDIT_GIVEN, PATCH_ENTRY_BITS, zigzag(growth), e) == -1)
		return -1;
	return put_hashes(w, entry, e);
}

static int
put_entry(struct writer *w, uint32_t i, struct err *e)
{
	struct index_entry entry, old;

	index_entry(w->to, i, &entry);
	for (; w->cursor < w->n_from; w->cursor++) {
		int order;

		index_entry(w->from, w->cursor, &old);
		order = tar_path_compare(old.tar.path, old.tar.path_len, entry.tar.path,
		    entry.tar.path_len);
		if (order == 0)
			return put_same_path(w, i, &entry, &old, e);
		if (order > 0)
			break;
		w->skipped++;
	}
	return put_other(w, i, &entry, e);
}

/* --- writing frames and groups --- */

static int
put_frames(const struct patch_recipe *r, struct buf *b, struct err *e)
{
	uint32_t cursor = 0;

	for (uint32_t i = 0; i < r->n_frames;) {
		const struct patch_frame *f = &r->frames[i];
		uint32_t n = 1;

		if (f->kind == PATCH_NEW) {
			if (put_op(b, PATCH_FRAME, PATCH_FRAME_BITS, f->len, e) == -1)
				return -1;
			cursor++;
			i++;
			continue;
		}
		if (f->kind == PATCH_AGAIN) {
			if (put_op(b, PATCH_REPEAT, PATCH_FRAME_BITS, i - f->other, e) == -1)
				return -1;
			cursor++;
			i++;
			continue;
		}
		if (f->other != cursor && put_op(b, PATCH_JUMP, PATCH_FRAME_BITS,
		    zigzag((int64_t)f->other - cursor), e) == -1)
			return -1;
		while (i + n < r->n_frames && f[n].kind == PATCH_OLD && f[n].other == f->other + n)
			n++;
		if (put_op(b, PATCH_FRAMES, PATCH_FRAME_BITS, n, e) == -1)
			return -1;
		cursor = f->other + n;
		i += n;
	}
	return 0;
}

int
patch_recipe_encode_copies(const struct patch_copy *copies, uint32_t n, struct buf *b,
    struct err *e)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (put(b, copies[i].gap, e) == -1 ||
		    put(b, zigzag((int64_t)copies[i].from - at), e) == -1 ||
		    put(b, copies[i].len, e) == -1)
			return -1;
		at = copies[i].from + copies[i].len;
	}
	return 0;
}

static int
put_groups(const struct patch_recipe *r, struct buf *b, struct err *e)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < r->n_groups; i++) {
		const struct patch_group *g = &r->groups[i];

		if (put(b, g->content_len, e) == -1 || put(b, g->stored_len, e) == -1 ||
		    put(b, g->n, e) == -1)
			return -1;
		for (uint32_t k = g->first; k < g->first + g->n; k++) {
			const struct patch_extent *x = &r->extents[k];

			if (put(b, zigzag((int64_t)(x->off - at)), e) == -1 ||
			    put(b, x->len, e) == -1)
				return -1;
			at = x->off + x->len;
		}
		if (put(b, g->n_copies, e) == -1)
			return -1;
		if (g->n_copies > 0 && patch_recipe_encode_copies(&r->copies[g->first_copy],
		    g->n_copies, b, e) == -1)
			return -1;
		if (g->stored_len == 0 && put(b, g->width, e) == -1)
			return -1;
	}
	return buf_add(b, buf_data(&r->loose), buf_len(&r->loose), e);
}

int
patch_recipe_encode(const struct patch_recipe *r, const struct index *from, const struct index *to,
    struct buf *b, struct err *e)
{
	struct writer w = { .r = r, .from = from, .to = to, .b = b,
		.n_from = from != NULL ? index_n_entries(from) : 0 };
	size_t before = buf_len(b);

	if (put(b, r->n_entries, e) == -1 || put(b, r->n_frames, e) == -1 ||
	    put(b, r->n_groups, e) == -1)
		goto fail;
	for (uint32_t i = 0; i < r->n_entries; i++)
		if (put_entry(&w, i, e) == -1)
			goto fail;
	w.skipped = 0; /* what the base has behind the last entry needs no word */
	if (flush_runs(&w, e) == -1 || put_frames(r, b, e) == -1 || put_groups(r, b, e) == -1)
		goto fail;
	return 0;
fail:
	buf_truncate(b, before);
	return -1;
}
