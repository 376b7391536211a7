/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run tells of itself while it works: a line on the terminal (progress.h), or events as
 * JSON, one a line on standard output (--progress=json); and always run.json in the home, from
 * which `kebao status` speaks.  run.json is a matter of seconds: never synced, lost without harm.
 *
 * Events (kebao(1)): course, progress, retry, waiting, fetched, end.
 */
#ifndef KEBAO_CLIENTS_KEBAO_REPORT_H
#define KEBAO_CLIENTS_KEBAO_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "clients/kebao/asked.h"
#include "clients/kebao/cli.h"
#include "clients/kebao/home.h"
#include "clients/kebao/library.h"
#include "clients/kebao/progress.h"
#include "clients/kebao/update.h"

enum report_phase {
	REPORT_LOOKING,  /* at the hub: what is new */
	REPORT_FETCHING, /* a course; looking at what is here, too */
	REPORT_WAITING,  /* between two rounds */
	REPORT_ENDED,
};

/* run.json. */
struct report_state {
	enum report_phase phase;
	int64_t process;           /* its id; 0: not known */
	int64_t began_at;
	int64_t updated_at;
	struct library_name name;  /* release 0: no course */
	uint64_t done_bytes;
	uint64_t total_bytes;
	uint64_t bytes_per_second; /* 0: not known */
	int64_t still_since;       /* fetching: since when nothing has come; 0: it comes */
	uint32_t n_files_done;
	uint32_t n_files;
	uint32_t n_courses_done;
	uint32_t n_courses;
	int64_t since;             /* when the hub was first out of reach; 0: it is not */
	int64_t until;             /* waiting: 0 for a word; out of reach: when it is tried again */
	int status;                /* ended: of the program; out of reach: what it would be */
	bool must_enrol;           /* ended: because the certificate is no good any more */
	char why[400];             /* waiting, out of reach, ended: one line */
	char asked[ASKED_SIZE];    /* for what: asked.h */
};

/* Whether it was stopped before it could do all it was asked for; the run itself is over. */
bool report_is_unfinished(const struct report_state *s);

/* What the last run told is of no concern any more: who enrols anew begins anew. */
void report_forget(const struct home *h);

/* -1 where there is no run.json or nobody can read it. */
int report_load(const struct home *h, struct report_state *out);

struct report {
	const struct cli *cli;   /* borrowed */
	const struct home *home; /* borrowed; NULL: run.json is not touched */
	bool is_json;
	struct progress progress;
	bool is_drawing;
	enum message doing;
	int64_t saved_ms;
	int64_t sent_ms;
	struct report_state state;
};

/* home is NULL for a run that changes nothing: what is known of the last one stays. */
void report_begin(struct report *r, const struct cli *cli, const struct home *home,
    const char *asked, bool is_json);
void report_looking(struct report *r);
/* The hub has answered what there is: whatever kept it out of reach is over. */
void report_contact(struct report *r);
/* A course begins. */
void report_course(struct report *r, const struct library_name *name);
/* As update_fetch() gives it, as often as it likes. */
void report_progress(void *report, const struct update_progress *p);
void report_retry(void *report, const struct err *why, unsigned pause_ms);
/* Until a time, or (until is 0) for a word.  Where the network is why, the hub is out of reach. */
void report_wait(struct report *r, const struct err *why, int64_t until);
void report_fetched(struct report *r, const struct library_name *name,
    const struct update_figures *f);
/* why: class ERR_NONE where there is nothing to say. */
void report_end(struct report *r, enum status status, const struct err *why);

#endif
