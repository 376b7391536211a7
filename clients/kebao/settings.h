/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this home wants to use its line and its disk: settings.json, one text for each name that
 * was set (kebao config), so that a crontab needs no options.
 *
 *	limit-rate           bytes a second at most, all connections together: 500K, 2M
 *	hours                when it may transfer, local time: 22:00-06:00, or several with commas
 *	monthly-budget       bytes a calendar month at most, local time: 20G
 *	connections          at most so many at once, 1 to 4 (4); more than one only where it helps
 *	patience             seconds of silence after which a connection is given up, 5 to 600 (30)
 *	proxy                http://[name@]host:port; none: what HTTPS_PROXY and NO_PROXY say
 *	proxy-password-file  a file whose first line is the proxy's password, mode 0600
 *	reserve              bytes of the disk to leave alone (64M)
 *	keep-trying          yes: go on for days, over any interruption (no)
 *	keep-old             yes: older releases stay (no)
 *
 * K, M, G, T (small ones, too) are powers of 1,024.  A password never stands here or on a
 * command line.
 */
#ifndef KEBAO_CLIENTS_KEBAO_SETTINGS_H
#define KEBAO_CLIENTS_KEBAO_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "clients/kebao/home.h"

#define SETTINGS_HOURS 8        /* spans of hours in a day */
#define SETTINGS_CONNECTIONS 4u

struct settings_hours {
	unsigned from; /* minute of the day, included */
	unsigned to;   /* not included; from > to: over midnight; equal: the whole day */
};

struct settings {
	uint64_t limit_bytes_per_second; /* 0: none */
	struct settings_hours hours[SETTINGS_HOURS];
	size_t n_hours;                  /* 0: always */
	uint64_t monthly_bytes;          /* 0: no budget */
	unsigned connections;
	unsigned patience_s;             /* 0: not set, the usual (transfer.h) */
	char proxy[280];                 /* "": as the environment says */
	char proxy_password_file[1024];
	uint64_t reserve_bytes;
	bool keeps_trying;
	bool keeps_old;
};

/* What holds where nothing was set. */
void settings_init(struct settings *s);

/*
 * One setting out of its text; "" takes it back.  ERR_BAD_INPUT where there is no such name
 * or the text does not fit; the text of the error shows the form.
 */
int settings_parse(struct settings *s, const char *name, const char *text, struct err *e)
    __attribute__((warn_unused_result));

/* The names in order; NULL behind the last. */
const char *settings_name(size_t i);

/* The text that stands for what holds where this one was not set; NULL: nothing does. */
const char *settings_usual(size_t i);

/* settings.json; where there is none: settings_init(). */
int settings_load(const struct home *h, struct settings *out, struct err *e)
    __attribute__((warn_unused_result));

/* The text of one setting as it was set, "" where it was not, appended to out. */
int settings_get(const struct home *h, const char *name, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* Set (or with "" take back) one, checked first, durably. */
int settings_set(const struct home *h, const char *name, const char *text, struct err *e)
    __attribute__((warn_unused_result));

/* "500K", "2M", "1048576": bytes; -1 where it is not of this form or does not fit. */
int settings_parse_bytes(const char *text, uint64_t *out);

/* In how many minutes from this minute of the day it will be among the hours; 0: it is. */
unsigned settings_minutes_until_open(const struct settings *s, unsigned minute);

#endif
