/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe out of bytes that nobody vouches for.  FORMATS.md 3.8. */
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/repo/patch_own.h"

/* --- numbers --- */

static int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
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

/* --- reading entries --- */

struct parser {
	struct reader in;
	const struct index *from;
	uint32_t n_from;
	struct patch_recipe *r;
	uint32_t done;     /* entries so far */
	uint32_t cursor;   /* in the entries of the base */
	uint32_t expected; /* see struct writer */
	uint64_t prefix_bytes, prefix_most; /* of all groups: so far, and that they may have */
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

	if (take_bytes(&p->in, PATCH_HASHES_BYTES, &bytes, e) == -1)
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
	enum patch_entry_op op;

	if (take(&p->in, &v, e) == -1)
		return -1;
	op = (enum patch_entry_op)(v & ((1u << PATCH_ENTRY_BITS) - 1));
	arg = v >> PATCH_ENTRY_BITS;
	if (op >= PATCH_ADD) {
		if (arg > TAR_EXECUTABLE)
			return bad(e, "an entry is of no kind");
		t.kind = (enum tar_kind)arg;
	}
	switch (op) {
	case PATCH_KEEP:
		return take_keep(p, arg, e);
	case PATCH_SKIP:
		if (arg == 0 || arg > p->n_from - p->cursor)
			return bad(e, "skips entries that are not there");
		p->cursor += (uint32_t)arg;
		return 0;
	case PATCH_EDIT:
	case PATCH_EDIT_GIVEN:
		return take_edit(p, arg, op == PATCH_EDIT_GIVEN, e);
	case PATCH_ADD:
	case PATCH_ADD_GIVEN:
		return take_add(p, &t, op == PATCH_ADD_GIVEN, e);
	case PATCH_MOVE:
		return take_move(p, &t, e);
	case PATCH_COPY:
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
	arg = v >> PATCH_FRAME_BITS;
	switch ((enum patch_frame_op)(v & ((1u << PATCH_FRAME_BITS) - 1))) {
	case PATCH_FRAMES:
		return take_old_frames(p, i, cursor, arg, e);
	case PATCH_JUMP:
		if (arg > 4ull * LIMIT_FRAMES)
			return bad(e, "a number is out of range");
		*cursor += unzigzag(arg);
		return 0;
	case PATCH_FRAME:
		if (arg == 0 || arg > LIMIT_FRAME_BYTES)
			return bad(e, "a frame has an impossible length");
		*f = (struct patch_frame){ .len = (uint32_t)arg, .kind = PATCH_NEW,
			.other = PATCH_NONE };
		break;
	case PATCH_REPEAT:
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
	p->prefix_bytes += g->base_len;
	return p->prefix_bytes <= p->prefix_most ? 0 : bad(e, "refers to too many bytes");
}

static int
take_copies(struct parser *p, struct patch_group *g, struct patch_copy *copies, struct err *e)
{
	uint32_t done = 0;
	int64_t at = 0;

	g->rest_len = g->content_len;
	for (uint32_t i = 0; i < g->n_copies; i++) {
		uint64_t gap = 0, diff = 0, len = 0;
		int64_t from;

		if (take_up_to(&p->in, g->content_len - done, &gap, e) == -1 ||
		    take_up_to(&p->in, 2ull * PATCH_GROUP_BYTES, &diff, e) == -1 ||
		    take_up_to(&p->in, g->content_len - done - gap, &len, e) == -1)
			return -1;
		from = at + unzigzag(diff);
		if (len == 0 || from < 0 || from > g->base_len ||
		    (int64_t)len > g->base_len - from)
			return bad(e, "copies bytes that are not there");
		copies[i] = (struct patch_copy){ .gap = (uint32_t)gap, .from = (uint32_t)from,
			.len = (uint32_t)len };
		done += (uint32_t)(gap + len);
		g->rest_len -= (uint32_t)len;
		at = from + (int64_t)len;
	}
	return 0;
}

/* Room for what one group may have. */
struct pieces {
	struct patch_extent *extents; /* owned; PATCH_EXTENTS */
	struct patch_copy *copies;    /* owned; PATCH_COPIES */
};

static int
take_group(struct parser *p, uint64_t base_bytes, uint64_t *at, uint64_t *off,
    struct pieces *room, struct err *e)
{
	const struct patch_pieces pieces = { room->extents, room->copies, NULL };
	uint64_t content = 0, stored = 0, n = 0, n_copies = 0, width = 1;
	struct patch_group g = { .off = *off };

	if (take_up_to(&p->in, PATCH_GROUP_BYTES, &content, e) == -1 ||
	    take_up_to(&p->in, PATCH_GROUP_BYTES + PATCH_GROUP_BYTES / 64, &stored, e) == -1 ||
	    take_up_to(&p->in, PATCH_EXTENTS, &n, e) == -1)
		return -1;
	if (content == 0)
		return bad(e, "a group is empty");
	g.content_len = (uint32_t)content;
	g.stored_len = (uint32_t)stored;
	g.n = (uint32_t)n;
	if (take_extents(p, &g, base_bytes, at, room->extents, e) == -1 ||
	    take_up_to(&p->in, PATCH_COPIES, &n_copies, e) == -1)
		return -1;
	g.n_copies = (uint32_t)n_copies;
	if (take_copies(p, &g, room->copies, e) == -1)
		return -1;
	if (stored != 0 && g.rest_len == 0)
		return bad(e, "a group stores what it copies");
	if (stored == 0 && g.rest_len > PATCH_RECIPE_BYTES - p->r->loose_len)
		return bad(e, "its groups leave more in the recipe than there is");
	if (stored == 0 && take_up_to(&p->in, PATCH_WIDTH, &width, e) == -1)
		return -1;
	if (width == 0)
		return bad(e, "the rest of a group has no width");
	g.width = (uint32_t)width;
	if (p->r->n_extents + g.n > PATCH_PIECES || p->r->n_copies + g.n_copies > PATCH_PIECES)
		return bad(e, "its groups are of too many pieces");
	*off += stored;
	return patch_recipe_add_group(p->r, &g, &pieces, e);
}

/* What groups that store nothing do not copy either. */
static int
take_loose(struct parser *p, struct err *e)
{
	if (p->r->loose_len > p->in.left)
		return bad(e, "ends within the content of its groups");
	if (buf_add(&p->r->loose, p->in.p, p->r->loose_len, e) == -1)
		return -1;
	p->in.p += p->r->loose_len;
	p->in.left -= p->r->loose_len;
	return 0;
}

static int
take_groups(struct parser *p, uint32_t n, uint64_t groups_len, struct err *e)
{
	uint64_t need, at = 0, off = PATCH_HEADER_BYTES;
	uint64_t base_bytes = p->from != NULL ? index_file_bytes(p->from) : 0;
	struct pieces room = { NULL, NULL };
	int rc = 0;

	if (need_of_frames(p->r, &need, e) == -1)
		return -1;
	p->prefix_most = PATCH_GROUP_BYTES + PATCH_PREFIX_TIMES * need;
	room.extents = calloc(PATCH_EXTENTS, sizeof(*room.extents));
	room.copies = calloc(PATCH_COPIES, sizeof(*room.copies));
	if (room.extents == NULL || room.copies == NULL)
		rc = err_nomem(e);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = take_group(p, base_bytes, &at, &off, &room, e);
	free(room.extents);
	free(room.copies);
	if (rc == 0 && off - PATCH_HEADER_BYTES != groups_len)
		rc = bad(e, "its groups are not as long as the file");
	if (rc == 0 && p->r->content_bytes != need)
		rc = bad(e, "its groups do not hold what its frames need");
	return rc == 0 ? take_loose(p, e) : -1;
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
