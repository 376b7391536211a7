/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/record.h"
#include "clients/kebao/text.h"

#define HINTS_BYTES (32u << 20) /* of all hints that are kept for the fetch */
#define HINT_FRAME_BYTES 16u    /* of the memory of a hint */

/* Nobody signs hints, and there may be many: beyond some the fetch asks again. */
static void
limit_hints(struct plan *p, struct update_cost *cost)
{
	uint64_t bytes;

	if (cost->hint == NULL)
		return;
	bytes = (uint64_t)hint_n_frames(cost->hint) * HINT_FRAME_BYTES;
	if (bytes <= HINTS_BYTES - p->hints_bytes) {
		p->hints_bytes += bytes;
		return;
	}
	hint_free(cost->hint);
	cost->hint = NULL;
}

static int
add_course(const struct plan_want *want, const struct catalogue_offer *offer, struct plan *p,
    struct err *e)
{
	const struct update u = {
		.home = want->home, .transfer = want->transfer, .catalogue = want->catalogue,
		.library = want->library, .hidden = want->hidden, .offer = offer,
		.keeps_old = want->keeps_old,
		.reserve_bytes = want->settings->reserve_bytes,
	};
	struct plan_course *c = &p->courses[p->n_courses];

	if (update_cost(&u, &c->cost, e) == -1)
		return -1;
	c->offer = offer;
	p->n_courses++;
	limit_hints(p, &c->cost);
	*(c->cost.held_release > 0 ? &p->n_changed : &p->n_new) += 1;
	p->fetch_bytes += c->cost.fetch_bytes;
	p->need_bytes += c->cost.need_bytes;
	p->freed_bytes += c->cost.freed_bytes;
	return 0;
}

/* One course after the other: the older release goes when the new one is there. */
static uint64_t
peak_of(const struct plan *p)
{
	uint64_t taken = 0, freed = 0, peak = 0;

	for (size_t i = 0; i < p->n_courses; i++) {
		taken += p->courses[i].cost.need_bytes;
		if (taken > freed && taken - freed > peak)
			peak = taken - freed;
		freed += p->courses[i].cost.freed_bytes;
	}
	return peak;
}

static int
measure(const struct plan_want *want, struct plan *p, struct err *e)
{
	uint64_t limit = want->settings->limit_bytes_per_second;
	struct home_state state;
	struct pace *pace;

	home_load_state(want->home, &state);
	p->bytes_per_second = state.bytes_per_second;
	p->is_limited = limit > 0 && (p->bytes_per_second == 0 || limit < p->bytes_per_second);
	if (p->is_limited)
		p->bytes_per_second = limit;
	p->reserve_bytes = want->settings->reserve_bytes;
	p->budget_bytes = want->settings->monthly_bytes;
	if (pace_new(want->home, want->settings, &pace, e) == -1)
		return -1;
	p->used_bytes = pace_used_bytes(pace);
	p->pace = pace_ask(pace, &p->until);
	p->closes_at = pace_closes_at(want->settings, (int64_t)time(NULL));
	pace_free(pace);
	p->peak_bytes = peak_of(p);
	return file_free_bytes(home_dirfd(want->home), &p->free_bytes, e);
}

int
plan_make(const struct plan_want *want, struct plan *out, struct err *e)
{
	size_t n = catalogue_n_offers(want->catalogue);
	struct plan p = { .courses = calloc(n + 1, sizeof(*p.courses)),
		.library = want->library, .hidden = want->hidden };
	int rc = p.courses == NULL ? err_nomem(e) : 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct catalogue_offer *offer = catalogue_offer(want->catalogue, i);

		if (library_has(want->library, &offer->name) ||
		    library_has(want->hidden, &offer->name) ||
		    catalogue_is_behind(want->catalogue, want->library, &offer->name) ||
		    (want->is_wanted != NULL && !want->is_wanted(want->ctx, &offer->name)))
			continue;
		rc = add_course(want, offer, &p, e);
	}
	if (rc == 0)
		rc = measure(want, &p, e);
	if (rc == -1) {
		plan_clear(&p);
		return -1;
	}
	*out = p;
	return 0;
}

void
plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->n_courses; i++)
		update_cost_clear(&p->courses[i].cost);
	free(p->courses);
	p->courses = NULL;
	p->n_courses = 0;
}

int
plan_check_space(const struct plan *p, struct err *e)
{
	struct text need, room, reserve;

	if (p->free_bytes >= p->reserve_bytes &&
	    p->free_bytes - p->reserve_bytes >= p->peak_bytes)
		return 0;
	(void)err_set(e, ERR_SYSTEM,
	    "%s are needed at one time, %s are free, and %s of them are to be left alone; nothing"
	    " was fetched: make room, name fewer courses, or see --low-space and the setting"
	    " reserve",
	    text_bytes(&need, p->peak_bytes), text_bytes(&room, p->free_bytes),
	    text_bytes(&reserve, p->reserve_bytes));
	if (e != NULL)
		e->sys = ENOSPC;
	return -1;
}

uint64_t
plan_seconds(const struct plan *p)
{
	return p->bytes_per_second == 0 ? 0 : p->fetch_bytes / p->bytes_per_second + 1;
}

static int
by_need(const void *a, const void *b)
{
	const struct plan_course *x = a, *y = b;

	if (x->cost.need_bytes != y->cost.need_bytes)
		return x->cost.need_bytes < y->cost.need_bytes ? -1 : 1;
	return library_compare(&x->offer->name, &y->offer->name);
}

void
plan_sort_by_need(struct plan *p)
{
	if (p->n_courses > 1)
		qsort(p->courses, p->n_courses, sizeof(*p->courses), by_need);
	p->peak_bytes = peak_of(p);
}
