/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fetch would do, in numbers, before anything moves: courses that are new, changed and
 * withdrawn, bytes to fetch, room on the disk before, during and after.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PLAN_H
#define KEBAO_CLIENTS_KEBAO_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/cli.h"
#include "clients/kebao/home.h"
#include "clients/kebao/library.h"
#include "clients/kebao/pace.h"
#include "clients/kebao/settings.h"
#include "clients/kebao/transfer.h"
#include "clients/kebao/update.h"

struct plan_course {
	const struct catalogue_offer *offer; /* lent by the catalogue */
	struct update_cost cost;             /* its record is owned */
};

struct plan {
	struct plan_course *courses; /* owned */
	size_t n_courses;
	size_t n_new;                /* not held in any release */
	size_t n_changed;
	uint64_t fetch_bytes;
	uint64_t need_bytes;         /* of the disk, for all */
	uint64_t freed_bytes;        /* by older releases that go */
	uint64_t peak_bytes;         /* the most it takes at one time, the reserve not counted */
	uint64_t free_bytes;         /* of the disk, now */
	uint64_t reserve_bytes;
	uint64_t bytes_per_second;   /* as last measured, the limit at most; 0: nobody knows */
	bool is_limited;             /* it is the limit */
	enum pace_state pace;        /* whether a fetch may go on now ... */
	int64_t until;               /* ... and when that changes; 0: nobody knows */
	int64_t closes_at;           /* while it may: when the hours end; 0: never */
	uint64_t budget_bytes;       /* of the month; 0: none */
	uint64_t used_bytes;         /* of it */
	uint64_t hints_bytes;        /* memory of the hints in courses, about */
	const struct library *library, *hidden; /* borrowed, as they were wanted */
};

/* Which courses, and how. */
struct plan_want {
	struct home *home;                /* all borrowed */
	struct transfer *transfer;
	const struct catalogue *catalogue;
	const struct library *library;
	const struct library *hidden;     /* recalled releases: one that is live again is here */
	const struct settings *settings;
	bool keeps_old;
	bool (*is_wanted)(const void *ctx, const struct library_name *name); /* NULL: all */
	const void *ctx;
};

/* The caller calls plan_clear(). */
int plan_make(const struct plan_want *want, struct plan *out, struct err *e)
    __attribute__((warn_unused_result));
void plan_clear(struct plan *p);

/*
 * 0 where the disk has room for all of it, one course after the other, and the reserve; else
 * ERR_SYSTEM with sys ENOSPC and the numbers.
 */
int plan_check_space(const struct plan *p, struct err *e) __attribute__((warn_unused_result));

/* How long the fetch takes at that speed; 0: nobody knows. */
uint64_t plan_seconds(const struct plan *p);

/* Least need first, so that what fits comes first. */
void plan_sort_by_need(struct plan *p);

/* The plan for people, or as a JSON document appended to out. */
void plan_say(const struct plan *p, const struct cli *cli);
int plan_encode(const struct plan *p, const struct catalogue *c, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
