/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of kebao fetch: look at the hub, plan, fetch course after course; and where it is to keep
 * trying, wait and do it again until all is here.
 *
 * Each round begins with a new look, so a release published meanwhile is found; what an earlier
 * round (or run) received stays.
 */
#ifndef KEBAO_CLIENTS_KEBAO_FETCH_H
#define KEBAO_CLIENTS_KEBAO_FETCH_H

#include <stdbool.h>

#include "clients/kebao/asked.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/library.h"
#include "clients/kebao/pace.h"
#include "clients/kebao/plan.h"
#include "clients/kebao/recalls.h"
#include "clients/kebao/report.h"
#include "clients/kebao/session.h"
#include "clients/kebao/settings.h"

struct fetch {
	const struct session *s;        /* borrowed, as what follows */
	const struct settings *settings; /* of the home and the command line */
	struct pace *pace;
	struct asked asked;             /* which; its names are borrowed */
	bool is_going_on;               /* that an earlier run was asked for; and what is held */
	bool is_dry;                    /* say the plan, change nothing */
	bool is_json;                   /* ... or events */
	bool deletes;                   /* hidden copies of recalled releases */
	/* Of the round. */
	struct catalogue *catalogue;
	struct library library;
	struct library hidden;          /* recalled, out of sight */
	struct recalls recalls;
	struct plan plan;
	struct report report;
	struct err why;                 /* what ended the round; class ERR_NONE: it was told */
	struct err told;                /* ... as this: the latest of what was told */
	struct err ended;               /* which channel has ended */
	/* What came of it. */
	size_t n_fetched;
	uint64_t bytes_per_second;
	bool has_waited;
	bool has_ended;                 /* a channel, which was told */
};

/* To its end; what goes wrong was said. */
enum status fetch_run(struct fetch *f);

#endif
