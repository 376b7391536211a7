/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One release from the hub into the library: record, index, staged files, one
 * rename.  May be interrupted anywhere and called again.
 */
#ifndef KEBAO_CLIENTS_KEBAO_UPDATE_H
#define KEBAO_CLIENTS_KEBAO_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/home.h"
#include "clients/kebao/library.h"
#include "clients/kebao/messages.h"
#include "clients/kebao/transfer.h"

/* What is being done, and how far it is; of the course under way. */
struct update_progress {
	enum message what;         /* MSG_DOING_LOOK, MSG_DOING_FETCH */
	uint64_t done_bytes;
	uint64_t total_bytes;
	uint32_t n_files_done;
	uint32_t n_files;
};

struct choice;
struct hint;

/* How the bytes are to come, or why a patch was of no use. */
struct update_way {
	const struct choice *choice;
	uint32_t from;          /* of a patch: the release it begins from; 0: nothing */
	const struct err *why;  /* NULL: chosen; else the patch failed */
};

struct update {
	struct home *home;               /* borrowed, as all here; locked */
	struct transfer *transfer;
	const struct catalogue *catalogue;
	const struct library *library;   /* what was held when the run began */
	const struct library *hidden;    /* and what lies out of sight: its bytes are good, too */
	const struct catalogue_offer *offer;
	bool keeps_old;                  /* older releases stay */
	const struct hint *hint;         /* as update_cost() saw it; NULL: it is asked for */
	unsigned connections;            /* at most so many at once */
	uint64_t reserve_bytes;          /* of the disk, left alone */
	void (*on_progress)(void *ctx, const struct update_progress *p); /* may be NULL */
	void (*on_way)(void *ctx, const struct update_way *way);         /* may be NULL */
	void *ctx;
};

struct update_figures {
	uint32_t n_files;
	uint64_t file_bytes;
	uint64_t fetched_bytes;      /* over the wire, metadata and gaps included */
	uint64_t full_bytes;         /* what a download without reuse would cost */
	uint64_t bytes_per_second;   /* 0: too little to tell */
};

/* Fetch the release the offer names and make it visible. */
int update_fetch(const struct update *u, struct update_figures *out, struct err *e)
    __attribute__((warn_unused_result));

struct record;

/* What it would cost, as near as can be told without touching the staging directory. */
struct update_cost {
	struct record *record;     /* owned by the caller */
	struct hint *hint;         /* owned by the caller */
	uint64_t fetch_bytes;
	uint64_t full_bytes;
	uint64_t need_bytes;       /* of the disk, without what is staged already */
	uint64_t freed_bytes;      /* when older releases are removed at the end */
	uint32_t held_release;     /* 0: none */
};
void update_cost_clear(struct update_cost *cost);
int update_cost(const struct update *u, struct update_cost *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
