/* SPDX-License-Identifier: Apache-2.0 */
/* What is new in a release: the plan of a patch. */
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/byhash.h"
#include "catalog/repo/patch_own.h"

void
patch_recipe_clear(struct patch_recipe *r)
{
	index_free(r->index);
	free(r->entries);
	free(r->frames);
	free(r->groups);
	free(r->extents);
	free(r->copies);
	buf_clear(&r->loose);
	memset(r, 0, sizeof(*r));
}

/* --- content as one sequence --- */

int
patch_sums_init(struct patch_sums *s, const struct index *ix, struct err *e)
{
	uint64_t sum = 0;

	s->n = index_n_entries(ix);
	s->ends = calloc((size_t)s->n + 1, sizeof(*s->ends));
	if (s->ends == NULL)
		return err_nomem(e);
	for (uint32_t i = 0; i < s->n; i++) {
		struct index_entry entry;

		index_entry(ix, i, &entry);
		s->ends[i] = sum += entry.tar.size;
	}
	return 0;
}

void
patch_sums_clear(struct patch_sums *s)
{
	free(s->ends);
	*s = (struct patch_sums){ 0 };
}

uint64_t
patch_sums_total(const struct patch_sums *s)
{
	return s->n == 0 ? 0 : s->ends[s->n - 1];
}

uint32_t
patch_sums_find(const struct patch_sums *s, uint64_t off)
{
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->ends[mid] <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint64_t
patch_sums_begin(const struct patch_sums *s, uint32_t entry)
{
	return entry == 0 ? 0 : s->ends[entry - 1];
}

/* --- the plan --- */

/* What planning looks things up in. */
struct lookup {
	const struct index *from, *to;
	struct byhash from_files, from_frames, to_files, to_frames;
};

static int
lookup_init(struct lookup *l, const struct index *from, const struct index *to, struct err *e)
{
	*l = (struct lookup){ .from = from, .to = to };
	if (from != NULL && (byhash_files(from, &l->from_files, e) == -1 ||
	    byhash_frames(from, &l->from_frames, e) == -1))
		return -1;
	if (byhash_files(to, &l->to_files, e) == -1 || byhash_frames(to, &l->to_frames, e) == -1)
		return -1;
	return 0;
}

static void
lookup_clear(struct lookup *l)
{
	byhash_clear(&l->from_files);
	byhash_clear(&l->from_frames);
	byhash_clear(&l->to_files);
	byhash_clear(&l->to_frames);
}

/* Of the numbers with this hash the first that is not before want, else the first. */
static uint32_t
nearest(const struct byhash *b, const struct digest *sha256, uint32_t want)
{
	const uint32_t *numbers;
	uint32_t n = 0;

	if (b->index == NULL)
		return PATCH_NONE;
	numbers = byhash_find(b, sha256, &n);
	if (n == 0)
		return PATCH_NONE;
	for (uint32_t i = 0; i < n && i < 64; i++)
		if (numbers[i] >= want)
			return numbers[i];
	return numbers[0];
}

static void
plan_frames(const struct lookup *l, struct patch_recipe *r)
{
	uint32_t cursor = 0; /* where the base's frames would go on */

	for (uint32_t i = 0; i < r->n_frames; i++) {
		struct patch_frame *pf = &r->frames[i];
		struct index_frame f;

		index_frame(l->to, i, &f);
		pf->len = f.len;
		pf->kind = PATCH_OLD;
		pf->other = nearest(&l->from_frames, f.sha256, cursor);
		if (pf->other == PATCH_NONE) {
			pf->other = nearest(&l->to_frames, f.sha256, 0);
			pf->kind = pf->other < i ? PATCH_AGAIN : PATCH_NEW;
		}
		cursor = pf->kind == PATCH_OLD ? pf->other + 1 : cursor + 1;
	}
}

/* Whether every frame that holds content of the file comes as a whole. */
static bool
is_all_new(const struct patch_recipe *r, const struct index *to, uint32_t entry)
{
	uint32_t first, count;

	index_frames_of(to, entry, &first, &count);
	for (uint32_t i = first; i < first + count; i++)
		if (r->frames[i].kind != PATCH_NEW)
			return false;
	return true;
}

/* The same path with the same content in the base, or one of this content near it. */
static uint32_t
base_file(const struct lookup *l, const struct index_entry *entry, uint32_t want)
{
	int64_t same;

	if (l->from == NULL)
		return PATCH_NONE;
	same = index_find(l->from, entry->tar.path, entry->tar.path_len);
	if (same != -1) {
		struct index_entry old;

		index_entry(l->from, (uint32_t)same, &old);
		if (old.tar.kind != TAR_DIRECTORY && old.tar.size == entry->tar.size &&
		    digest_equal(old.sha256, entry->sha256))
			return (uint32_t)same;
	}
	return nearest(&l->from_files, entry->sha256, want);
}

static void
plan_entries(const struct lookup *l, struct patch_recipe *r)
{
	uint32_t want = 0;

	for (uint32_t i = 0; i < r->n_entries; i++) {
		struct patch_entry *pe = &r->entries[i];
		struct index_entry entry;

		index_entry(l->to, i, &entry);
		*pe = (struct patch_entry){ .how = PATCH_BASE, .file = PATCH_NONE };
		if (entry.tar.kind == TAR_DIRECTORY)
			continue;
		pe->file = base_file(l, &entry, want);
		if (pe->file != PATCH_NONE) {
			want = pe->file + 1;
			continue;
		}
		pe->file = entry.tar.size == 0 ? PATCH_NONE
		                               : nearest(&l->to_files, entry.sha256, 0);
		if (pe->file < i) {
			pe->how = PATCH_TWIN;
			continue;
		}
		pe->file = PATCH_NONE;
		pe->how = is_all_new(r, l->to, i) ? PATCH_DERIVED : PATCH_GIVEN;
	}
}

int
patch_recipe_plan(const struct index *from, const struct index *to, struct patch_recipe *out,
    struct err *e)
{
	struct patch_recipe r = { .n_entries = index_n_entries(to),
		.n_frames = index_n_frames(to) };
	struct lookup l;
	int rc = -1;

	r.entries = calloc((size_t)r.n_entries + 1, sizeof(*r.entries));
	r.frames = calloc((size_t)r.n_frames + 1, sizeof(*r.frames));
	if (lookup_init(&l, from, to, e) == -1)
		goto out;
	if (r.entries == NULL || r.frames == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	plan_frames(&l, &r);
	plan_entries(&l, &r);
	*out = r;
	memset(&r, 0, sizeof(r));
	rc = 0;
out:
	lookup_clear(&l);
	patch_recipe_clear(&r);
	return rc;
}

/* --- groups --- */

static int
grow(void *array, uint32_t *room, uint32_t need, size_t item, struct err *e)
{
	uint32_t more = *room < 8 ? 8 : *room;
	void *old, *wider;

	if (need <= *room)
		return 0;
	while (more < need)
		more *= 2;
	memcpy(&old, array, sizeof(old));
	wider = reallocarray(old, more, item);
	if (wider == NULL)
		return err_nomem(e);
	memcpy(array, &wider, sizeof(wider));
	*room = more;
	return 0;
}

void
patch_to_columns(const uint8_t *rest, uint32_t len, uint32_t width, uint8_t *out)
{
	for (uint32_t column = 0; column < width; column++)
		for (uint32_t i = column; i < len; i += width)
			*out++ = rest[i];
}

void
patch_from_columns(const uint8_t *columns, uint32_t len, uint32_t width, uint8_t *out)
{
	for (uint32_t column = 0; column < width; column++)
		for (uint32_t i = column; i < len; i += width)
			out[i] = *columns++;
}

int
patch_recipe_add_group(struct patch_recipe *r, const struct patch_group *g,
    const struct patch_pieces *pieces, struct err *e)
{
	struct patch_group *mine;

	if (grow(&r->groups, &r->group_room, r->n_groups + 1, sizeof(*r->groups), e) == -1 ||
	    grow(&r->extents, &r->extent_room, r->n_extents + g->n, sizeof(*r->extents),
	        e) == -1 ||
	    grow(&r->copies, &r->copy_room, r->n_copies + g->n_copies, sizeof(*r->copies),
	        e) == -1)
		return -1;
	if (pieces->loose != NULL && g->stored_len == 0 &&
	    buf_add(&r->loose, pieces->loose, g->rest_len, e) == -1)
		return -1;
	mine = &r->groups[r->n_groups++];
	*mine = *g;
	if (g->stored_len == 0) {
		mine->loose = r->loose_len;
		r->loose_len += g->rest_len;
	}
	mine->first = r->n_extents;
	mine->first_copy = r->n_copies;
	if (g->n > 0)
		memcpy(r->extents + r->n_extents, pieces->extents, g->n * sizeof(*r->extents));
	if (g->n_copies > 0)
		memcpy(r->copies + r->n_copies, pieces->copies,
		    g->n_copies * sizeof(*r->copies));
	r->n_extents += g->n;
	r->n_copies += g->n_copies;
	r->content_bytes += g->content_len;
	return 0;
}
