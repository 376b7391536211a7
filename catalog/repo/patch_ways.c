/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/patch_ways.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#define MAKE_WINDOW_LOG 24
#define MAKE_TABLE_LOG 22 /* of the slow levels: 16 MiB, not 64 */
#define SLOW_LEVEL 13
#define RECIPE_LEVEL 19  /* it is small, and all of it travels */
#define LOOSE_BYTES (64u << 10)     /* a longer rest has patterns enough of its own */
#define LOOSE_ALL_BYTES (4u << 20)  /* of all rests in the recipe */

struct patch_ways {
	ZSTD_CCtx *cctx; /* owned, as all here */
	int level;
	uint8_t *stored, *other, *rest;
	uint8_t columns[LOOSE_BYTES]; /* the rest, for the recipe */
	size_t stored_room; /* of stored and other */
	struct patch_copy *copies;
	struct buf tried, packed, spare;
};

int
patch_ways_new(int level, uint32_t content_most, struct patch_ways **out, struct err *e)
{
	struct patch_ways *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_nomem(e);
	w->level = level;
	w->stored_room = ZSTD_compressBound(content_most);
	w->cctx = ZSTD_createCCtx();
	w->stored = malloc(w->stored_room);
	w->other = malloc(w->stored_room);
	w->rest = malloc(content_most);
	if (w->cctx == NULL || w->stored == NULL || w->other == NULL || w->rest == NULL) {
		patch_ways_free(w);
		return err_nomem(e);
	}
	*out = w;
	return 0;
}

void
patch_ways_free(struct patch_ways *w)
{
	if (w == NULL)
		return;
	ZSTD_freeCCtx(w->cctx);
	free(w->stored);
	free(w->other);
	free(w->rest);
	free(w->copies);
	buf_clear(&w->tried);
	buf_clear(&w->packed);
	buf_clear(&w->spare);
	free(w);
}

/* --- compressing --- */

/* These bytes, with old content at hand, with or without a search for long matches. */
struct job {
	const struct patch_match *m; /* its prefix */
	const uint8_t *bytes;
	uint32_t len;
	bool is_long;
	uint8_t *out; /* stored_room */
};

static int
set_parameters(struct patch_ways *w, const struct job *job, struct err *e)
{
	size_t rc = ZSTD_CCtx_reset(w->cctx, ZSTD_reset_session_and_parameters);
	uint32_t prefix_len = job->m->prefix_len;
	int window = 17;

	while (window < MAKE_WINDOW_LOG && (job->len + prefix_len) >> window != 0)
		window++;
	if (!ZSTD_isError(rc))
		rc = ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_compressionLevel, w->level);
	if (!ZSTD_isError(rc))
		rc = ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_windowLog, window);
	if (!ZSTD_isError(rc))
		rc = ZSTD_CCtx_setParameter(
		    w->cctx, ZSTD_c_enableLongDistanceMatching, job->is_long);
	if (!ZSTD_isError(rc) && w->level >= SLOW_LEVEL)
		rc = ZSTD_CCtx_setParameter(w->cctx, ZSTD_c_chainLog, MAKE_TABLE_LOG);
	if (!ZSTD_isError(rc) && prefix_len > 0)
		rc = ZSTD_CCtx_refPrefix(w->cctx, job->m->prefix, prefix_len);
	return ZSTD_isError(rc) ? err_set(e, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(rc)) : 0;
}

static int
compress(struct patch_ways *w, const struct job *job, uint32_t *len, struct err *e)
{
	size_t n;

	*len = 0;
	if (job->len == 0)
		return 0;
	if (set_parameters(w, job, e) == -1)
		return -1;
	n = ZSTD_compress2(w->cctx, job->out, w->stored_room, job->bytes, job->len);
	if (ZSTD_isError(n))
		return err_set(e, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(n));
	*len = (uint32_t)n;
	return 0;
}

static int
pack_at(int level, const struct buf *bytes, struct buf *out, struct err *e)
{
	size_t room = ZSTD_compressBound(buf_len(bytes)), n;
	uint8_t *to;

	buf_truncate(out, 0);
	to = buf_extend(out, room, e);
	if (to == NULL)
		return -1;
	n = ZSTD_compress(to, room, buf_data(bytes), buf_len(bytes), level);
	if (ZSTD_isError(n))
		return err_set(e, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(n));
	buf_truncate(out, n);
	return 0;
}

/* The highest level is not always the shortest where there is little but headers. */
int
patch_ways_pack(struct patch_ways *w, const struct buf *bytes, struct buf *out, struct err *e)
{
	struct buf better;

	if (pack_at(RECIPE_LEVEL, bytes, out, e) == -1 ||
	    pack_at(w->level, bytes, &w->spare, e) == -1)
		return -1;
	if (buf_len(&w->spare) < buf_len(out)) {
		better = w->spare;
		w->spare = *out;
		*out = better;
	}
	return 0;
}

/* --- choosing --- */

/* w->other is better than w->stored. */
static void
keep_other(struct patch_ways *w, struct patch_stored *out)
{
	uint8_t *better = w->other;

	w->other = w->stored;
	w->stored = better;
	out->bytes = better;
}

/* What the copies add to the recipe, about. */
static int
cost_of_copies(struct patch_ways *w, uint32_t n, size_t *out, struct err *e)
{
	*out = 0;
	buf_truncate(&w->tried, 0);
	if (n == 0)
		return 0;
	if (patch_recipe_encode_copies(w->copies, n, &w->tried, e) == -1 ||
	    pack_at(w->level, &w->tried, &w->packed, e) == -1)
		return -1;
	*out = buf_len(&w->packed);
	return 0;
}

/* What w->columns add to a recipe that has those before: how much longer the end of them gets. */
static int
cost_of_columns(struct patch_ways *w, const struct buf *before, uint32_t len, size_t *out,
    struct err *e)
{
	size_t n = buf_len(before) < LOOSE_BYTES ? buf_len(before) : LOOSE_BYTES, had = 0;

	buf_truncate(&w->tried, 0);
	if (n > 0) {
		if (buf_add(&w->tried, buf_data(before) + buf_len(before) - n, n, e) == -1 ||
		    pack_at(w->level, &w->tried, &w->packed, e) == -1)
			return -1;
		had = buf_len(&w->packed);
	}
	if (buf_add(&w->tried, w->columns, len, e) == -1 ||
	    pack_at(w->level, &w->tried, &w->packed, e) == -1)
		return -1;
	*out = buf_len(&w->packed) > had ? buf_len(&w->packed) - had : 0;
	return 0;
}

/* The length that most gaps have, if it can be a width; else 1. */
static uint32_t
usual_gap(const struct patch_copy *copies, uint32_t n)
{
	uint32_t seen[PATCH_WIDTH + 1] = { 0 }, best = 1;

	for (uint32_t i = 0; i < n; i++)
		if (copies[i].gap <= PATCH_WIDTH)
			seen[copies[i].gap]++;
	for (uint32_t gap = 2; gap <= PATCH_WIDTH; gap++)
		if (seen[gap] > seen[best])
			best = gap;
	return best;
}

/* The rest in the recipe: what it costs there, and how wide; SIZE_MAX where it is too long. */
static int
try_columns(struct patch_ways *w, const struct buf *before, struct patch_stored *found,
    size_t *cost, struct err *e)
{
	uint32_t usual = usual_gap(found->copies, found->n_copies), len = found->rest_len;
	size_t wide = SIZE_MAX;

	*cost = SIZE_MAX;
	found->width = 1;
	if (len > LOOSE_BYTES || buf_len(before) + len > LOOSE_ALL_BYTES)
		return 0;
	if (usual > 1) {
		patch_to_columns(w->rest, len, usual, w->columns);
		if (cost_of_columns(w, before, len, &wide, e) == -1)
			return -1;
	}
	patch_to_columns(w->rest, len, 1, w->columns);
	if (cost_of_columns(w, before, len, cost, e) == -1)
		return -1;
	if (wide < *cost) {
		*cost = wide;
		found->width = usual;
		patch_to_columns(w->rest, len, usual, w->columns);
	}
	return 0;
}

/* Name long runs, and store the rest or leave it to the recipe, where that is shorter. */
static int
try_copies(struct patch_ways *w, const struct patch_match *m, uint32_t copies_most,
    const struct buf *before, struct patch_stored *out, struct err *e)
{
	struct patch_stored found = { 0 };
	struct job job = { .m = m, .bytes = w->rest, .out = w->other };
	size_t copies = 0, rest = 0;
	uint32_t n = 0;

	if (m->prefix_len > 0 && patch_copies_find(m, &w->copies, &n, e) == -1)
		return -1;
	if (n == 0 && m->len > LOOSE_BYTES)
		return 0; /* it would be what there is already */
	found.copies = w->copies;
	found.n_copies = n <= copies_most ? n : 0;
	found.rest_len = job.len = patch_copies_rest(m, w->copies, found.n_copies, w->rest);
	if (cost_of_copies(w, found.n_copies, &copies, e) == -1 ||
	    compress(w, &job, &found.len, e) == -1 ||
	    try_columns(w, before, &found, &rest, e) == -1)
		return -1;
	if (rest <= found.len) {
		found.len = 0;
		found.rest = w->columns;
	} else {
		rest = found.len;
	}
	if (rest + copies >= out->len)
		return 0;
	*out = found;
	keep_other(w, out);
	return 0;
}

/*
 * The search for long matches finds a few edits in much text, and does harm where
 * matches are many and short.
 */
static int
compress_all(struct patch_ways *w, const struct patch_match *m, struct patch_stored *out,
    struct err *e)
{
	struct job job = { .m = m, .bytes = m->content, .len = m->len, .out = w->stored };
	uint32_t len = 0;

	if (compress(w, &job, &out->len, e) == -1)
		return -1;
	out->bytes = w->stored;
	if (m->prefix_len == 0)
		return 0;
	job.is_long = true;
	job.out = w->other;
	if (compress(w, &job, &len, e) == -1)
		return -1;
	if (len < out->len) {
		keep_other(w, out);
		out->len = len;
	}
	return 0;
}

int
patch_ways_choose(struct patch_ways *w, const struct patch_match *m, uint32_t copies_most,
    const struct buf *before, struct patch_stored *out, struct err *e)
{
	free(w->copies);
	w->copies = NULL;
	*out = (struct patch_stored){ .rest_len = m->len };
	if (compress_all(w, m, out, e) == -1)
		return -1;
	return try_copies(w, m, copies_most, before, out, e);
}
