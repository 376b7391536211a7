/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe as bytes.  FORMATS.md 3.8. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/repo/patch_own.h"

/* The lower bits of the first number of an item say what it is. */
enum entry_op { KEEP, SKIP, EDIT, EDIT_GIVEN, ADD, ADD_GIVEN, MOVE, TWIN };
#define ENTRY_BITS 3u
enum frame_op { FRAMES_OLD, FRAMES_JUMP, FRAME_NEW, FRAME_AGAIN };
#define FRAME_BITS 2u

#define HASHES_BYTES (4u + DIGEST_LEN)

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

static int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static int
put_op(struct buf *b, unsigned op, unsigned bits, uint64_t arg, struct err *e)
{
	return put(b, arg << bits | op, e);
}

/* What is being read. */
struct reader {
	const uint8_t *p;
	size_t left;
};

static int
bad(struct err *e, const char *what)
{
	return err_set(e, ERR_BAD_INPUT, "recipe of the patch: %s", what);
}

/* At most 63 bits, in the shortest form. */
static int
take(struct reader *r, uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		uint8_t byte;

		if (r->left == 0)
			return bad(e, "cut short");
		byte = *r->p++;
		r->left--;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			if (byte == 0 && shift > 0)
				return bad(e, "a number is not in its shortest form");
			*out = v;
			return 0;
		}
	}
	return bad(e, "a number is too large");
}

static int
take_up_to(struct reader *r, uint64_t max, uint64_t *out, struct err *e)
{
	if (take(r, out, e) == -1)
		return -1;
	return *out <= max ? 0 : bad(e, "a number is out of range");
}

static int
take_bytes(struct reader *r, size_t len, const uint8_t **out, struct err *e)
{
	if (len > r->left)
		return bad(e, "cut short");
	*out = r->p;
	r->p += len;
	r->left -= len;
	return 0;
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
	if (w->run > 0 && put_op(w->b, KEEP, ENTRY_BITS, w->run, e) == -1)
		return -1;
	if (w->skipped > 0 && put_op(w->b, SKIP, ENTRY_BITS, w->skipped, e) == -1)
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
	if (put_op(w->b, MOVE, ENTRY_BITS, entry->tar.kind, e) == -1 ||
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
	enum entry_op op = ADD;

	if (flush_runs(w, e) == -1)
		return -1;
	if (!is_dir && pe->how == PATCH_BASE)
		return put_move(w, i, entry, e);
	if (pe->how == PATCH_GIVEN)
		op = ADD_GIVEN;
	else if (pe->how == PATCH_TWIN)
		op = TWIN;
	if (put_op(w->b, op, ENTRY_BITS, entry->tar.kind, e) == -1 ||
	    put_head(w, i, entry->tar.path_len, e) == -1)
		return -1;
	if (op == TWIN)
		return put(w->b, i - pe->file, e);
	if (!is_dir && put(w->b, entry->tar.size, e) == -1)
		return -1;
	return op == ADD_GIVEN ? put_hashes(w, entry, e) : 0;
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
		return put_op(w->b, EDIT, ENTRY_BITS, zigzag(growth), e);
	if (put_op(w->b, EDIT_GIVEN, ENTRY_BITS, zigzag(growth), e) == -1)
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
			if (put_op(b, FRAME_NEW, FRAME_BITS, f->len, e) == -1)
				return -1;
			cursor++;
			i++;
			continue;
		}
		if (f->kind == PATCH_AGAIN) {
			if (put_op(b, FRAME_AGAIN, FRAME_BITS, i - f->other, e) == -1)
				return -1;
			cursor++;
			i++;
			continue;
		}
		if (f->other != cursor && put_op(b, FRAMES_JUMP, FRAME_BITS,
		    zigzag((int64_t)f->other - cursor), e) == -1)
			return -1;
		while (i + n < r->n_frames && f[n].kind == PATCH_OLD && f[n].other == f->other + n)
			n++;
		if (put_op(b, FRAMES_OLD, FRAME_BITS, n, e) == -1)
			return -1;
		cursor = f->other + n;
		i += n;
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
	}
	return 0;
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

/* --- reading entries --- */

struct parser {
	struct reader in;
	const struct index *from;
	uint32_t n_from;
	struct patch_recipe *r;
	uint32_t done;     /* entries so far */
	uint32_t cursor;   /* in the entries of the base */
	uint32_t expected; /* see struct writer */
	char path[LIMIT_PATH_BYTES + 2];
};

/* Enter the entry, with its hashes where they are known. */
static int
add_entry(struct parser *p, const struct tar_entry *t, const struct patch_entry *pe,
    const struct index_entry *known, struct err *e)
{
	if (p->done == p->r->n_entries)
		return bad(e, "more entries than it says");
	if (index_add_entry(p->r->index, t, e) == -1)
		return -1;
	if (known != NULL && t->kind != TAR_DIRECTORY)
		index_set_content(p->r->index, p->done, known->crc32, known->sha256);
	p->r->entries[p->done++] = *pe;
	return 0;
}

static int
take_keep(struct parser *p, uint64_t n, struct err *e)
{
	if (n == 0 || n > p->n_from - p->cursor)
		return bad(e, "keeps entries that are not there");
	for (; n > 0; n--, p->cursor++) {
		struct patch_entry pe = { .how = PATCH_BASE, .file = p->cursor };
		struct index_entry old;

		index_entry(p->from, p->cursor, &old);
		if (old.tar.kind == TAR_DIRECTORY)
			pe.file = PATCH_NONE;
		if (add_entry(p, &old.tar, &pe, &old, e) == -1)
			return -1;
	}
	return 0;
}

static int
take_hashes(struct parser *p, struct index_entry *known, struct digest *sha256, struct err *e)
{
	const uint8_t *bytes = NULL;

	if (take_bytes(&p->in, HASHES_BYTES, &bytes, e) == -1)
		return -1;
	known->crc32 = buf_get_u32le(bytes);
	memcpy(sha256->bytes, bytes + 4, DIGEST_LEN);
	known->sha256 = sha256;
	return 0;
}

static int
take_edit(struct parser *p, uint64_t growth, bool is_given, struct err *e)
{
	struct patch_entry pe = { .how = is_given ? PATCH_GIVEN : PATCH_DERIVED,
		.file = PATCH_NONE };
	struct index_entry old, known;
	struct digest sha256;
	int64_t size;

	if (p->cursor == p->n_from)
		return bad(e, "changes an entry that is not there");
	index_entry(p->from, p->cursor++, &old);
	if (old.tar.kind == TAR_DIRECTORY || growth > LIMIT_TAR_BYTES * 2)
		return bad(e, "changes what cannot change");
	size = (int64_t)old.tar.size + unzigzag(growth);
	if (size < 0 || (uint64_t)size > LIMIT_TAR_BYTES)
		return bad(e, "gives a file an impossible size");
	old.tar.size = (uint64_t)size;
	if (is_given && take_hashes(p, &known, &sha256, e) == -1)
		return -1;
	return add_entry(p, &old.tar, &pe, is_given ? &known : NULL, e);
}

/* The head of a path into p->path, which holds the path before. */
static int
take_head(struct parser *p, size_t *len, struct err *e)
{
	struct index_entry before = { .tar = { .path = "" } };
	const uint8_t *bytes = NULL;
	uint64_t shared = 0, more = 0;

	if (p->done > 0)
		index_entry(p->r->index, p->done - 1, &before);
	if (take_up_to(&p->in, before.tar.path_len, &shared, e) == -1 ||
	    take_up_to(&p->in, LIMIT_PATH_BYTES + 1 - shared, &more, e) == -1 ||
	    take_bytes(&p->in, more, &bytes, e) == -1)
		return -1;
	memcpy(p->path, before.tar.path, shared);
	memcpy(p->path + shared, bytes, more);
	*len = shared + more;
	return 0;
}

static int
take_move(struct parser *p, struct tar_entry *t, struct err *e)
{
	struct patch_entry pe = { .how = PATCH_BASE };
	struct index_entry old;
	uint64_t diff = 0, dropped = 0;
	int64_t file;

	if (take_up_to(&p->in, 2ull * LIMIT_ENTRIES + 2, &diff, e) == -1)
		return -1;
	file = (int64_t)p->expected + unzigzag(diff);
	if (file < 0 || file >= (int64_t)p->n_from)
		return bad(e, "moves a file that is not there");
	index_entry(p->from, (uint32_t)file, &old);
	if (old.tar.kind == TAR_DIRECTORY || t->kind == TAR_DIRECTORY)
		return bad(e, "moves a directory");
	if (take_head(p, &t->path_len, e) == -1 ||
	    take_up_to(&p->in, old.tar.path_len, &dropped, e) == -1)
		return -1;
	if (t->path_len + old.tar.path_len - dropped > LIMIT_PATH_BYTES + 1)
		return bad(e, "a path is too long");
	memcpy(p->path + t->path_len, old.tar.path + dropped, old.tar.path_len - dropped);
	t->path_len += old.tar.path_len - dropped;
	t->size = old.tar.size;
	pe.file = (uint32_t)file;
	p->expected = pe.file + 1;
	return add_entry(p, t, &pe, &old, e);
}

static int
take_twin(struct parser *p, struct tar_entry *t, struct err *e)
{
	struct patch_entry pe = { .how = PATCH_TWIN };
	struct index_entry twin;
	uint64_t back = 0;

	if (take_head(p, &t->path_len, e) == -1 || take_up_to(&p->in, p->done, &back, e) == -1)
		return -1;
	if (back == 0)
		return bad(e, "a file is its own twin");
	pe.file = p->done - (uint32_t)back;
	index_entry(p->r->index, pe.file, &twin);
	if (twin.tar.kind == TAR_DIRECTORY || t->kind == TAR_DIRECTORY)
		return bad(e, "a directory is a twin");
	t->size = twin.tar.size;
	return add_entry(p, t, &pe, NULL, e);
}

static int
take_add(struct parser *p, struct tar_entry *t, bool is_given, struct err *e)
{
	struct patch_entry pe = { .how = is_given ? PATCH_GIVEN : PATCH_DERIVED,
		.file = PATCH_NONE };
	bool is_dir = t->kind == TAR_DIRECTORY;
	struct index_entry known;
	struct digest sha256;

	if (is_dir) {
		if (is_given)
			return bad(e, "gives hashes of a directory");
		pe.how = PATCH_BASE;
	}
	if (take_head(p, &t->path_len, e) == -1 ||
	    (!is_dir && take_up_to(&p->in, LIMIT_TAR_BYTES, &t->size, e) == -1) ||
	    (is_given && take_hashes(p, &known, &sha256, e) == -1))
		return -1;
	return add_entry(p, t, &pe, is_given ? &known : NULL, e);
}

static int
take_entry(struct parser *p, struct err *e)
{
	struct tar_entry t = { .path = p->path };
	uint64_t v = 0, arg;
	enum entry_op op;

	if (take(&p->in, &v, e) == -1)
		return -1;
	op = (enum entry_op)(v & ((1u << ENTRY_BITS) - 1));
	arg = v >> ENTRY_BITS;
	if (op >= ADD) {
		if (arg > TAR_EXECUTABLE)
			return bad(e, "an entry is of no kind");
		t.kind = (enum tar_kind)arg;
	}
	switch (op) {
	case KEEP:
		return take_keep(p, arg, e);
	case SKIP:
		if (arg == 0 || arg > p->n_from - p->cursor)
			return bad(e, "skips entries that are not there");
		p->cursor += (uint32_t)arg;
		return 0;
	case EDIT:
	case EDIT_GIVEN:
		return take_edit(p, arg, op == EDIT_GIVEN, e);
	case ADD:
	case ADD_GIVEN:
		return take_add(p, &t, op == ADD_GIVEN, e);
	case MOVE:
		return take_move(p, &t, e);
	case TWIN:
		return take_twin(p, &t, e);
	}
	return bad(e, "an entry is of no kind");
}

/* --- reading frames --- */

/* The cursor in the frames of the base may point anywhere; what uses it is checked. */
static int
take_old_frames(struct parser *p, uint32_t *i, int64_t *cursor, uint64_t n, struct err *e)
{
	int64_t n_old = p->from != NULL ? index_n_frames(p->from) : 0;

	if (n == 0 || n > p->r->n_frames - *i || *cursor < 0 || (int64_t)n > n_old - *cursor)
		return bad(e, "keeps frames that are not there");
	for (; n > 0; n--, ++*i, ++*cursor) {
		struct index_frame f;

		index_frame(p->from, (uint32_t)*cursor, &f);
		p->r->frames[*i] = (struct patch_frame){ .len = f.len, .kind = PATCH_OLD,
			.other = (uint32_t)*cursor };
	}
	return 0;
}

static int
take_frame(struct parser *p, uint32_t *i, int64_t *cursor, struct err *e)
{
	struct patch_frame *f = &p->r->frames[*i];
	uint64_t v = 0, arg;

	if (take(&p->in, &v, e) == -1)
		return -1;
	arg = v >> FRAME_BITS;
	switch ((enum frame_op)(v & ((1u << FRAME_BITS) - 1))) {
	case FRAMES_OLD:
		return take_old_frames(p, i, cursor, arg, e);
	case FRAMES_JUMP:
		if (arg > 4ull * LIMIT_FRAMES)
			return bad(e, "a number is out of range");
		*cursor += unzigzag(arg);
		return 0;
	case FRAME_NEW:
		if (arg == 0 || arg > LIMIT_FRAME_BYTES)
			return bad(e, "a frame has an impossible length");
		*f = (struct patch_frame){ .len = (uint32_t)arg, .kind = PATCH_NEW,
			.other = PATCH_NONE };
		break;
	case FRAME_AGAIN:
		if (arg == 0 || arg > *i)
			return bad(e, "repeats a frame that is not there");
		*f = (struct patch_frame){ .len = f[-(int64_t)arg].len, .kind = PATCH_AGAIN,
			.other = *i - (uint32_t)arg };
		break;
	}
	++*i;
	++*cursor;
	return 0;
}

static int
take_frames(struct parser *p, struct err *e)
{
	uint64_t sum = 0;
	uint32_t i = 0;
	int64_t cursor = 0;

	while (i < p->r->n_frames)
		if (take_frame(p, &i, &cursor, e) == -1)
			return -1;
	for (i = 0; i < p->r->n_frames; i++)
		sum += p->r->frames[i].len;
	return sum == index_tar_len(p->r->index) ? 0 : bad(e, "its frames are not its tar");
}

/*
 * What the groups must hold.  The hashes of a file follow only from content that comes whole,
 * so no other frame may have a part of it.
 */
static int
need_of_frames(const struct patch_recipe *r, uint64_t *need, struct err *e)
{
	uint64_t off = 0;

	*need = 0;
	for (uint32_t i = 0; i < r->n_frames; off += r->frames[i++].len) {
		struct index_walk walk;
		struct index_piece piece;

		index_walk_init(&walk, r->index, off, r->frames[i].len);
		while (index_walk_next(&walk, &piece)) {
			uint8_t how;

			if (piece.bytes != NULL)
				continue;
			how = r->entries[piece.entry].how;
			if (r->frames[i].kind != PATCH_NEW && how == PATCH_DERIVED)
				return bad(e, "lacks content of a file");
			if (r->frames[i].kind == PATCH_NEW && how != PATCH_BASE)
				*need += piece.len;
		}
	}
	return 0;
}

/* --- reading groups --- */

static int
take_extents(struct parser *p, struct patch_group *g, uint64_t base_bytes, uint64_t *at,
    struct patch_extent *extents, struct err *e)
{
	for (uint32_t i = 0; i < g->n; i++) {
		uint64_t diff = 0, len = 0;
		int64_t off;

		if (take_up_to(&p->in, 2 * LIMIT_TAR_BYTES, &diff, e) == -1 ||
		    take_up_to(&p->in, PATCH_GROUP_BYTES - g->base_len, &len, e) == -1)
			return -1;
		off = (int64_t)*at + unzigzag(diff);
		if (len == 0 || off < 0 || (uint64_t)off > base_bytes ||
		    len > base_bytes - (uint64_t)off)
			return bad(e, "refers to bytes that are not there");
		extents[i] = (struct patch_extent){ .off = (uint64_t)off, .len = (uint32_t)len };
		g->base_len += (uint32_t)len;
		*at = (uint64_t)off + len;
	}
	return 0;
}

static int
take_group(struct parser *p, uint64_t base_bytes, uint64_t *at, uint64_t *off,
    struct patch_extent *extents, struct err *e)
{
	uint64_t content = 0, stored = 0, n = 0;
	struct patch_group g = { .off = *off };

	if (take_up_to(&p->in, PATCH_GROUP_BYTES, &content, e) == -1 ||
	    take_up_to(&p->in, PATCH_GROUP_BYTES + PATCH_GROUP_BYTES / 64, &stored, e) == -1 ||
	    take_up_to(&p->in, PATCH_EXTENTS, &n, e) == -1)
		return -1;
	if (content == 0 || stored == 0)
		return bad(e, "a group is empty");
	g.content_len = (uint32_t)content;
	g.stored_len = (uint32_t)stored;
	g.n = (uint32_t)n;
	if (take_extents(p, &g, base_bytes, at, extents, e) == -1)
		return -1;
	*off += stored;
	return patch_recipe_add_group(p->r, &g, extents, e);
}

static int
take_groups(struct parser *p, uint32_t n, uint64_t groups_len, struct err *e)
{
	uint64_t need, at = 0, off = PATCH_HEADER_BYTES;
	uint64_t base_bytes = p->from != NULL ? index_file_bytes(p->from) : 0;
	struct patch_extent *extents;
	int rc = 0;

	if (need_of_frames(p->r, &need, e) == -1)
		return -1;
	extents = calloc(PATCH_EXTENTS, sizeof(*extents));
	if (extents == NULL)
		return err_nomem(e);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = take_group(p, base_bytes, &at, &off, extents, e);
	free(extents);
	if (rc == 0 && off - PATCH_HEADER_BYTES != groups_len)
		rc = bad(e, "its groups are not as long as the file");
	if (rc == 0 && p->r->content_bytes != need)
		rc = bad(e, "its groups do not hold what its frames need");
	return rc;
}

static int
allocate(struct patch_recipe *r, uint64_t n_entries, uint64_t n_frames, struct err *e)
{
	r->n_entries = (uint32_t)n_entries;
	r->n_frames = (uint32_t)n_frames;
	r->entries = calloc((size_t)n_entries + 1, sizeof(*r->entries));
	r->frames = calloc((size_t)n_frames + 1, sizeof(*r->frames));
	if (r->entries == NULL || r->frames == NULL)
		return err_nomem(e);
	r->index = index_new(e);
	return r->index == NULL ? -1 : 0;
}

int
patch_recipe_parse(const void *bytes, size_t len, uint64_t groups_len, const struct index *from,
    struct patch_recipe *out, struct err *e)
{
	struct patch_recipe r = { 0 };
	struct parser p = { .in = { bytes, len }, .from = from, .r = &r,
		.n_from = from != NULL ? index_n_entries(from) : 0 };
	uint64_t n_entries = 0, n_frames = 0, n_groups = 0;
	int rc = -1;

	if (take_up_to(&p.in, LIMIT_ENTRIES, &n_entries, e) == -1 ||
	    take_up_to(&p.in, LIMIT_FRAMES, &n_frames, e) == -1 ||
	    take_up_to(&p.in, LIMIT_FRAMES, &n_groups, e) == -1)
		return -1;
	if (n_entries == 0)
		return bad(e, "has no entry");
	if (allocate(&r, n_entries, n_frames, e) == -1)
		goto out;
	while (p.done < r.n_entries)
		if (take_entry(&p, e) == -1)
			goto out;
	if (take_frames(&p, e) == -1 || take_groups(&p, (uint32_t)n_groups, groups_len, e) == -1)
		goto out;
	if (p.in.left != 0) {
		rc = bad(e, "bytes are left over");
		goto out;
	}
	*out = r;
	memset(&r, 0, sizeof(r));
	rc = 0;
out:
	patch_recipe_clear(&r);
	return rc;
}
