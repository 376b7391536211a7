/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/repack.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/repo/pack_table.h"

/* Frames of one release that lie behind each other in a pack, or nearly. */
struct run {
	size_t first, n; /* in the sorted numbers */
	uint64_t bytes;  /* with the gaps */
	uint32_t pack;
	uint64_t off;
};

/* A release as it lies: the numbers of its frames by place, each once, and their runs. */
struct lie {
	uint32_t *numbers; /* owned */
	size_t n;
	struct run *runs;  /* owned */
	size_t n_runs;
	uint64_t bytes;    /* of all its frames, moved ones included */
	uint64_t gaps;     /* bytes fetched for nothing */
	bool has_moved;    /* some are in the plan already, and will be one run */
};

struct placed {
	const struct repack_frame *frame;
	uint32_t number;
};

static int
by_place(const void *a, const void *b)
{
	const struct repack_frame *x = ((const struct placed *)a)->frame;
	const struct repack_frame *y = ((const struct placed *)b)->frame;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

static int
by_size(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

static void
lie_clear(struct lie *l)
{
	free(l->numbers);
	free(l->runs);
}

/* One frame more, in the order of places; it begins a run or goes on with the last one. */
static void
add_placed(struct lie *l, const struct placed *p, uint64_t gap_bytes)
{
	const struct repack_frame *f = p->frame;
	struct run *last = l->n_runs > 0 ? &l->runs[l->n_runs - 1] : NULL;
	uint64_t gap = last != NULL && last->pack == f->pack
	    ? f->off - (last->off + last->bytes) : UINT64_MAX;

	if (gap > 0 && gap >= gap_bytes) {
		last = &l->runs[l->n_runs++];
		*last = (struct run){ .first = l->n, .pack = f->pack, .off = f->off };
		gap = 0;
	}
	last->bytes += gap + f->stored_len;
	last->n++;
	l->gaps += gap;
	l->numbers[l->n++] = p->number;
}

/* Sort what is not moved, each once. */
static int
find_lie(const struct repack_input *in, const struct repack_release *r, const bool *moves,
    uint64_t gap_bytes, struct lie *l, struct err *e)
{
	struct placed *placed = calloc(r->n + 1, sizeof(*placed));
	size_t n = 0;

	memset(l, 0, sizeof(*l));
	l->numbers = calloc(r->n + 1, sizeof(*l->numbers));
	l->runs = calloc(r->n + 1, sizeof(*l->runs));
	if (placed == NULL || l->numbers == NULL || l->runs == NULL) {
		free(placed);
		lie_clear(l);
		return err_nomem(e);
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct repack_frame *f = &in->frames[r->frames[i]];

		l->bytes += f->stored_len;
		if (moves != NULL && moves[r->frames[i]])
			l->has_moved = true;
		else
			placed[n++] = (struct placed){ f, r->frames[i] };
	}
	qsort(placed, n, sizeof(*placed), by_place);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || placed[i].number != placed[i - 1].number)
			add_placed(l, &placed[i], gap_bytes);
	free(placed);
	return 0;
}

int
repack_count(const struct repack_input *in, const struct repack_release *r, size_t *out,
    struct err *e)
{
	struct lie l;

	if (find_lie(in, r, NULL, REPACK_GAP_BYTES, &l, e) == -1)
		return -1;
	*out = l.n_runs;
	lie_clear(&l);
	return 0;
}

/* All that may leave a pack with too much waste in it, what moves in any case being waste, too. */
static int
leave_waste(const struct repack_input *in, bool *moves, struct err *e)
{
	uint64_t *live = calloc(in->n_packs + 1, sizeof(*live));
	uint32_t *n_live = calloc(in->n_packs + 1, sizeof(*n_live));

	if (live == NULL || n_live == NULL) {
		free(live);
		free(n_live);
		return err_nomem(e);
	}
	for (uint32_t i = 0; i < in->n_frames; i++) {
		if (moves[i])
			continue;
		live[in->frames[i].pack] += in->frames[i].stored_len;
		n_live[in->frames[i].pack]++;
	}
	for (uint32_t i = 0; i < in->n_frames; i++) {
		uint32_t p = in->frames[i].pack;
		uint64_t rest = in->pack_lens[p], table = pack_table_len(n_live[p]);

		/* What the table needs for live frames is no waste, else small packs never rest. */
		rest = rest > table ? rest - table : 0;
		if (!moves[i] && live[p] * 100 < rest * REPACK_LIVE_PERCENT &&
		    !in->frames[i].is_fixed)
			moves[i] = true;
	}
	free(live);
	free(n_live);
	return 0;
}

/* The smallest ranges of a release that has too many. */
static int
merge_ranges(const struct repack_input *in, const struct repack_release *r, bool *moves,
    struct err *e)
{
	size_t left, most, aim;
	struct lie l;

	if (find_lie(in, r, moves, REPACK_GAP_BYTES, &l, e) == -1)
		return -1;
	if (l.gaps * 100 > l.bytes * REPACK_GAPS_PERCENT) {
		/* Few ranges, but at the price of what is between them. */
		lie_clear(&l);
		if (find_lie(in, r, moves, 0, &l, e) == -1)
			return -1;
	}
	most = REPACK_RANGES + (size_t)(l.bytes >> 30);
	aim = REPACK_RANGES / 2 + (size_t)(l.bytes >> 30);
	left = l.n_runs;
	if (left + (l.has_moved ? 1 : 0) > most) {
		qsort(l.runs, l.n_runs, sizeof(*l.runs), by_size);
		for (size_t i = 0; i < l.n_runs && left + 1 > aim; i++, left--)
			for (size_t k = 0; k < l.runs[i].n; k++) {
				uint32_t number = l.numbers[l.runs[i].first + k];

				moves[number] = !in->frames[number].is_fixed;
			}
	}
	lie_clear(&l);
	return 0;
}

/* Those that move: by the tars of the newest releases, then as they lay. */
static int
put_in_order(const struct repack_input *in, bool *moves, struct repack_plan *out, struct err *e)
{
	struct placed *rest = calloc((size_t)in->n_frames + 1, sizeof(*rest));
	size_t n_rest = 0;

	out->frames = calloc((size_t)in->n_frames + 1, sizeof(*out->frames));
	if (rest == NULL || out->frames == NULL) {
		free(rest);
		return err_nomem(e);
	}
	for (size_t r = 0; r < in->n_newest; r++)
		for (size_t i = 0; i < in->newest[r].n; i++) {
			uint32_t number = in->newest[r].frames[i];

			if (moves[number])
				out->frames[out->n++] = number;
			moves[number] = false;
		}
	for (uint32_t i = 0; i < in->n_frames; i++)
		if (moves[i])
			rest[n_rest++] = (struct placed){ &in->frames[i], i };
	qsort(rest, n_rest, sizeof(*rest), by_place);
	for (size_t i = 0; i < n_rest; i++)
		out->frames[out->n++] = rest[i].number;
	for (size_t i = 0; i < out->n; i++)
		out->bytes += in->frames[out->frames[i]].stored_len;
	free(rest);
	return 0;
}

int
repack_make(const struct repack_input *in, struct repack_plan *out, struct err *e)
{
	bool *moves = calloc((size_t)in->n_frames + 1, sizeof(*moves));
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (moves == NULL)
		return err_nomem(e);
	if (leave_waste(in, moves, e) == -1)
		goto out;
	for (size_t i = 0; i < in->n_newest; i++)
		if (merge_ranges(in, &in->newest[i], moves, e) == -1)
			goto out;
	if (leave_waste(in, moves, e) == -1) /* what the ranges left behind */
		goto out;
	rc = put_in_order(in, moves, out, e);
out:
	free(moves);
	if (rc == -1)
		repack_clear(out);
	return rc;
}

void
repack_clear(struct repack_plan *p)
{
	free(p->frames);
	memset(p, 0, sizeof(*p));
}
