/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
state_query_fail(sqlite3 *db, int rc, struct err *e)
{
	int primary = rc & 0xff;
	int sys = db != NULL ? sqlite3_system_errno(db) : 0;

	if (primary == SQLITE_NOMEM)
		return err_nomem(e);
	if (primary == SQLITE_FULL || (primary == SQLITE_IOERR && sys == ENOSPC)) {
		err_set(e, ERR_BUSY, "the state cannot grow: the disk is full");
		sys = ENOSPC;
	} else if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
		err_set(e, ERR_BUSY, "the state is in use by another program");
	} else if (primary == SQLITE_CONSTRAINT) {
		err_set(e, ERR_CONFLICT, "the state refuses it: %s",
		    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
	} else {
		err_set(e, ERR_SYSTEM, "the state failed: %s (SQLite %d)",
		    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc), rc);
	}
	if (e != NULL)
		e->sys = sys;
	return -1;
}

int
state_query_damaged(const char *what, struct err *e)
{
	return err_set(e, ERR_SYSTEM, "the state is damaged: %s", what);
}

int
state_query_open(struct state_query *q, sqlite3 *db, const char *sql, struct err *e)
{
	int rc;

	state_query_close(q);
	q->db = db;
	q->next = 1;
	q->rc = SQLITE_OK;
	rc = sqlite3_prepare_v2(db, sql, -1, &q->st, NULL);
	if (rc != SQLITE_OK)
		return state_query_fail(db, rc, e);
	return 0;
}

void
state_query_close(struct state_query *q)
{
	(void)sqlite3_finalize(q->st); /* repeats the error of the last step, which was reported */
	q->st = NULL;
}

static void
bound(struct state_query *q, int rc)
{
	if (q->rc == SQLITE_OK)
		q->rc = rc;
	q->next++;
}

void
state_query_text(struct state_query *q, const char *text)
{
	bound(q, text == NULL ? sqlite3_bind_null(q->st, q->next)
	                      : sqlite3_bind_text(q->st, q->next, text, -1, SQLITE_STATIC));
}

void
state_query_int(struct state_query *q, int64_t v)
{
	bound(q, sqlite3_bind_int64(q->st, q->next, v));
}

void
state_query_digest(struct state_query *q, const struct digest *d)
{
	bound(q, d == NULL ? sqlite3_bind_null(q->st, q->next)
	                   : sqlite3_bind_blob(q->st, q->next, d->bytes, DIGEST_LEN,
	                       SQLITE_STATIC));
}

int
state_query_step(struct state_query *q, struct err *e)
{
	int rc = q->rc != SQLITE_OK ? q->rc : sqlite3_step(q->st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE) {
		state_query_fail(q->db, rc, e);
		state_query_again(q);
		return -1;
	}
	state_query_again(q);
	return 0;
}

int
state_query_run(struct state_query *q, struct err *e)
{
	int rc;

	while ((rc = state_query_step(q, e)) == 1)
		;
	return rc;
}

void
state_query_again(struct state_query *q)
{
	(void)sqlite3_reset(q->st); /* repeats the error of the last step, which was reported */
	q->next = 1;
	q->rc = SQLITE_OK;
}

int64_t
state_query_get_int(const struct state_query *q, int column)
{
	return sqlite3_column_int64(q->st, column);
}

bool
state_query_get_digest(const struct state_query *q, int column, struct digest *out)
{
	const void *bytes = sqlite3_column_blob(q->st, column);

	memset(out, 0, sizeof(*out));
	if (bytes == NULL || sqlite3_column_bytes(q->st, column) != DIGEST_LEN)
		return false;
	memcpy(out->bytes, bytes, DIGEST_LEN);
	return true;
}

const char *
state_query_get_text(const struct state_query *q, int column)
{
	const unsigned char *text = sqlite3_column_text(q->st, column);

	return text != NULL ? (const char *)text : "";
}

int
state_query_copy_text(const struct state_query *q, int column, char *out, size_t size,
    struct err *e)
{
	const char *text = state_query_get_text(q, column);
	size_t len = strlen(text);

	if (len >= size)
		return state_query_damaged(sqlite3_column_name(q->st, column), e);
	memcpy(out, text, len + 1);
	return 0;
}

int
state_query_script(sqlite3 *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return state_query_fail(db, rc, e);
	return 0;
}

void *
state_query_grow(void *array, size_t n, size_t element_bytes, struct err *e)
{
	void *bigger;
	size_t want = n == 0 ? 8 : n * 2, bytes;

	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return array; /* between two powers there is room */
	if (__builtin_mul_overflow(want, element_bytes, &bytes) ||
	    (bigger = realloc(array, bytes)) == NULL) {
		free(array);
		err_nomem(e);
		return NULL;
	}
	return bigger;
}
