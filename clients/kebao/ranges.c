/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/ranges.h"

#include <stdbool.h>
#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	const struct ranges_place *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return (x->frame > y->frame) - (x->frame < y->frame);
}

static bool
joins(const struct ranges_range *r, const struct ranges_place *p, uint64_t gap_bytes)
{
	uint64_t end = r->off + r->len;

	return r->pack == p->pack && p->off >= end && p->off - end < gap_bytes;
}

int
ranges_plan(struct ranges_place *places, size_t n, uint64_t gap_bytes, struct ranges *out,
    struct err *e)
{
	struct ranges_range *items = NULL;
	size_t n_items = 0;
	uint64_t total = 0;

	if (n > 0) {
		items = calloc(n, sizeof(*items)); /* at most one each */
		if (items == NULL)
			return err_nomem(e);
		qsort(places, n, sizeof(*places), compare);
	}
	for (size_t i = 0; i < n; i++) {
		const struct ranges_place *p = &places[i];
		struct ranges_range *r = n_items > 0 ? &items[n_items - 1] : NULL;

		if (r != NULL && joins(r, p, gap_bytes)) {
			total += p->off + p->stored_len - (r->off + r->len);
			r->len = p->off + p->stored_len - r->off;
			r->count++;
		} else {
			items[n_items++] = (struct ranges_range){
				.pack = p->pack, .off = p->off, .len = p->stored_len, .first = i,
				.count = 1,
			};
			total += p->stored_len;
		}
	}
	out->items = items;
	out->n = n_items;
	out->total_bytes = total;
	return 0;
}

void
ranges_clear(struct ranges *r)
{
	free(r->items);
	r->items = NULL;
	r->n = 0;
}
