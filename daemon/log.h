/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one JSON object per event and line on stderr, where journald or a
 * file picks it up; a test may want it elsewhere.  Bytes from a peer are made printable first;
 * keys, codes and tokens never come here.  Any thread; a line is written whole.
 *
 *	struct log_line l;
 *	log_begin(&l, LOG_LEVEL_INFO, "draft-verified");
 *	log_text(&l, "draft", id);
 *	log_number(&l, "bytes", n);
 *	log_end(&l);
 */
#ifndef KEBAO_DAEMON_LOG_H
#define KEBAO_DAEMON_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

enum log_level {
	LOG_LEVEL_ERROR, /* something of ours is broken */
	LOG_LEVEL_WARN,	 /* somebody should look */
	LOG_LEVEL_INFO,	 /* each request, each change */
	LOG_LEVEL_DEBUG,
};

struct log_line {
	char text[3072];
	size_t len;
	bool is_off; /* below the level: nothing is collected */
};

/* Events above this level are dropped; LOG_LEVEL_INFO until it is set. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* Where lines go; STDERR_FILENO until it is set.  fd is lent for as long as lines may come. */
void log_set_fd(int fd);

/* "error", "warn", "info", "debug"; 0 or -1. */
int log_parse_level(const char *text, enum log_level *out);

void log_begin(struct log_line *l, enum log_level level, const char *event);
/* A value that does not fit is cut; NULL is written as null. */
void log_text(struct log_line *l, const char *key, const char *value);
void log_number(struct log_line *l, const char *key, int64_t value);
void log_err(struct log_line *l, const struct err *e); /* "class" and "error" */
void log_end(struct log_line *l);

/*
 * Lines of one thread that go with one write: a loop answers some thirty requests between two looks
 * at its sockets.  on_first is told of the first line after each log_flush(), so that somebody
 * calls that soon.  A process that dies loses what is gathered.
 */
struct log_gathering {
	void (*on_first)(void *ctx);
	void *ctx;
	size_t len;
	char text[PIPE_BUF]; /* what a pipe takes whole, whoever else writes to it */
};

/* g (zero but for the callback) is lent until log_gather(NULL), which flushes; this thread's. */
void log_gather(struct log_gathering *g);
void log_flush(void);

/* One event with one text. */
void log_note(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One event that failed. */
void log_failure(enum log_level level, const char *event, const struct err *e);

#endif
