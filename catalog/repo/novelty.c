/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/novelty.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A sorted set of hashes, borrowed from an index. */
struct set {
	const struct digest **items; /* owned array */
	size_t n;
};

static int
compare(const void *a, const void *b)
{
	const struct digest *const *x = a, *const *y = b;

	return memcmp((*x)->bytes, (*y)->bytes, DIGEST_LEN);
}

static bool
has(const struct set *s, const struct digest *d)
{
	return s->n > 0 && bsearch(&d, s->items, s->n, sizeof(*s->items), compare) != NULL;
}

static int
make_set(struct set *s, size_t room, struct err *e)
{
	s->n = 0;
	s->items = calloc(room + 1, sizeof(*s->items));
	return s->items != NULL ? 0 : err_nomem(e);
}

static int
frames_of(const struct index *ix, struct set *out, struct err *e)
{
	uint32_t n = ix != NULL ? index_n_frames(ix) : 0;

	if (make_set(out, n, e) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		out->items[out->n++] = f.sha256;
	}
	qsort(out->items, out->n, sizeof(*out->items), compare);
	return 0;
}

static int
files_of(const struct index *ix, struct set *out, struct err *e)
{
	uint32_t n = ix != NULL ? index_n_entries(ix) : 0;

	if (make_set(out, n, e) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		struct index_entry entry;

		index_entry(ix, i, &entry);
		if (entry.tar.kind != TAR_DIRECTORY)
			out->items[out->n++] = entry.sha256;
	}
	qsort(out->items, out->n, sizeof(*out->items), compare);
	return 0;
}

/* Whether the frame holds a byte of a file that is not among the known ones. */
static bool
has_news(const struct index *ix, const struct index_frame *f, const struct set *files)
{
	struct index_walk walk;
	struct index_piece piece;

	index_walk_init(&walk, ix, f->off, f->len);
	while (index_walk_next(&walk, &piece)) {
		struct index_entry entry;

		if (piece.bytes != NULL)
			continue;
		index_entry(ix, piece.entry, &entry);
		if (!has(files, entry.sha256))
			return true;
	}
	return false;
}

/* Keep one of the frames with the same content. */
static int
drop_twins(const struct index *ix, uint32_t *frames, size_t *n, struct err *e)
{
	struct set seen;
	size_t kept = 0;

	if (make_set(&seen, *n, e) == -1)
		return -1;
	for (size_t i = 0; i < *n; i++) {
		struct index_frame f;

		index_frame(ix, frames[i], &f);
		seen.items[i] = f.sha256;
	}
	seen.n = *n;
	qsort(seen.items, seen.n, sizeof(*seen.items), compare);
	for (size_t i = 0; i < *n; i++) {
		struct index_frame f;
		const struct digest *key;
		const struct digest **at;

		index_frame(ix, frames[i], &f);
		key = f.sha256;
		at = bsearch(&key, seen.items, seen.n, sizeof(*seen.items), compare);
		/* Of equal hashes the search always finds the same one. */
		if (at != NULL && *at == f.sha256)
			frames[kept++] = frames[i];
	}
	*n = kept;
	free(seen.items);
	return 0;
}

int
novelty_frames(const struct index *now, const struct index *old, uint32_t **out, size_t *n,
    struct err *e)
{
	struct set frames = { NULL, 0 }, files = { NULL, 0 };
	uint32_t *found = calloc((size_t)index_n_frames(now) + 1, sizeof(*found));
	size_t n_found = 0;
	int rc = -1;

	if (found == NULL)
		return err_nomem(e);
	if (frames_of(old, &frames, e) == -1 || files_of(old, &files, e) == -1)
		goto out;
	for (uint32_t i = 0; i < index_n_frames(now); i++) {
		struct index_frame f;

		index_frame(now, i, &f);
		if (!has(&frames, f.sha256) && has_news(now, &f, &files))
			found[n_found++] = i;
	}
	if (drop_twins(now, found, &n_found, e) == -1)
		goto out;
	*out = found;
	*n = n_found;
	found = NULL;
	rc = 0;
out:
	free(frames.items);
	free(files.items);
	free(found);
	return rc;
}
