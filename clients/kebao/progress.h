/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on the terminal that grows: what, how far, how fast, how long
 * still.  Says nothing where stderr is not a terminal or --quiet was given, so
 * cron stays silent.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PROGRESS_H
#define KEBAO_CLIENTS_KEBAO_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/kebao/messages.h"

struct progress {
	enum language lang;
	bool is_shown;
	bool is_drawn;        /* there is a line to wipe */
	char label[160];
	uint64_t total;
	uint64_t done;
	uint32_t n_files;     /* 0: not said */
	uint32_t n_files_done;
	int64_t began_ms;
	int64_t drawn_ms;     /* of the last drawing */
	int64_t mark_ms;      /* the speed is measured from here ... */
	uint64_t mark_done;
	uint64_t speed;       /* bytes per second, smoothed; 0: not known */
	int64_t moved_ms;     /* when it last got on */
	int64_t still_s;      /* so long nothing has moved, in seconds; 0: it moves */
};

/* Begin a line.  is_quiet or a stderr that is no terminal: show nothing. */
void progress_begin(struct progress *p, enum language lang, bool is_quiet, const char *label,
    uint64_t total_bytes);

/* Said before progress_set(). */
void progress_set_files(struct progress *p, uint32_t n_done, uint32_t n_files);

/* How far it has come; p->speed is measured in any case; drawn a few times a second at most. */
void progress_set(struct progress *p, uint64_t done_bytes, uint64_t total_bytes);

/* Wipe the line, so that messages begin on a clean one. */
void progress_end(struct progress *p);

/* Write the line as it would be drawn on a terminal of so many columns. */
int progress_line(const struct progress *p, unsigned columns, struct buf *b, struct err *e);

#endif
