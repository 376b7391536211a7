/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One prepared statement at a time, for the state_*.c files only: bind in order,
 * step, read columns, bind again.  A failure to bind is remembered and reported by
 * the next step, so a chain of binds needs one check.
 */
#ifndef KEBAO_CATALOG_HUB_STATE_QUERY_H
#define KEBAO_CATALOG_HUB_STATE_QUERY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

struct state_query {
	sqlite3 *db;      /* borrowed */
	sqlite3_stmt *st; /* owned; NULL while closed */
	int next;         /* parameter to bind next */
	int rc;           /* the first failed bind, or SQLITE_OK */
};

#define STATE_QUERY_INIT { NULL, NULL, 1, 0 }

/* sql is a constant of ours. */
int state_query_open(struct state_query *q, sqlite3 *db, const char *sql, struct err *e);
void state_query_close(struct state_query *q); /* closed already is fine */

/* Bind; text and digests must live until the step.  NULL binds NULL. */
void state_query_text(struct state_query *q, const char *text);
void state_query_int(struct state_query *q, int64_t v);
void state_query_digest(struct state_query *q, const struct digest *d);

/* 1: a row.  0: the end; the query is then ready to be bound and stepped again.  -1. */
int state_query_step(struct state_query *q, struct err *e);

/* For statements that give no rows: step to the end.  0 or -1. */
int state_query_run(struct state_query *q, struct err *e);

/* Forget the rest of the rows and be ready to be bound again. */
void state_query_again(struct state_query *q);

/* Columns of the current row, from 0. */
int64_t state_query_get_int(const struct state_query *q, int column);
bool state_query_get_digest(const struct state_query *q, int column, struct digest *out);
const char *state_query_get_text(const struct state_query *q, int column); /* lent; "" for NULL */
/* Copy into out; what does not fit is ERR_SYSTEM: the file was changed by other hands. */
int state_query_copy_text(const struct state_query *q, int column, char *out, size_t size,
    struct err *e);

/* Run a constant script of statements without parameters. */
int state_query_script(sqlite3 *db, const char *sql, struct err *e);

/*
 * Room for one element more in an array that grows in powers of two; n is the number it
 * holds.  The array moves; on failure it is freed and the result is NULL (ERR_SYSTEM).
 */
void *state_query_grow(void *array, size_t n, size_t element_bytes, struct err *e);

/* Report the failure of the last call on db; returns -1. */
int state_query_fail(sqlite3 *db, int rc, struct err *e);

/* What is stored cannot be: ERR_SYSTEM naming the table; returns -1. */
int state_query_damaged(const char *what, struct err *e);

#endif
