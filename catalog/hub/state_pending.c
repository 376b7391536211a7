/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"

void
state_pending_clear(struct state_pending *p)
{
	free(p->role);
	p->role = NULL;
}

/* Run a statement whose parameters are texts, NULL-terminated. */
static int
run(sqlite3 *db, const char *sql, const char *const *texts, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db, sql, e) == 0) {
		for (size_t i = 0; texts[i] != NULL; i++)
			state_query_text(&q, texts[i]);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

static int
read_row(struct state_query *q, struct state_pending *p, struct err *e)
{
	memset(p, 0, sizeof(*p));
	if (state_query_copy_text(q, 0, p->channel, sizeof(p->channel), e) == -1 ||
	    state_query_copy_text(q, 1, p->kind, sizeof(p->kind), e) == -1 ||
	    state_query_copy_text(q, 2, p->object, sizeof(p->object), e) == -1 ||
	    state_query_copy_text(q, 3, p->draft, sizeof(p->draft), e) == -1)
		return -1;
	if (!state_query_get_digest(q, 4, &p->covered))
		return state_query_damaged("a row of pending", e);
	p->version = state_query_get_int(q, 5);
	p->at = state_query_get_int(q, 6);
	p->role = strdup(state_query_get_text(q, 7));
	return p->role == NULL ? err_nomem(e) : 0;
}

/* 1: *out is what waits in the channel, the caller clears it.  0: nothing.  -1. */
static int
find(sqlite3 *db, const char *channel, struct state_pending *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int got = -1;

	if (state_query_open(&q, db,
	        "SELECT channel, kind, object, draft, covered, version, at, role FROM pending"
	        " WHERE channel = ?",
	        e) == 0) {
		state_query_text(&q, channel);
		got = state_query_step(&q, e);
		if (got == 1 && read_row(&q, out, e) == -1)
			got = -1;
	}
	state_query_close(&q);
	return got;
}

static int
insert(sqlite3 *db, const struct state_pending *p, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT OR REPLACE INTO pending"
	        " (channel, kind, object, draft, covered, version, at, role)"
	        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	        e) == 0) {
		state_query_text(&q, p->channel);
		state_query_text(&q, p->kind);
		state_query_text(&q, p->object);
		state_query_text(&q, p->draft);
		state_query_digest(&q, &p->covered);
		state_query_int(&q, p->version);
		state_query_int(&q, p->at);
		state_query_text(&q, p->role);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

static int
insert_signatures(sqlite3 *db, const struct state_pending *p, const char *const *keyids,
    size_t n, const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT OR REPLACE INTO pending_signatures"
	        " (channel, covered, keyid, object, actor, at, is_dropped)"
	        " VALUES (?, ?, ?, ?, ?, ?, 0)",
	        e) == -1)
		goto out;
	for (size_t i = 0; i < n; i++) {
		state_query_text(&q, p->channel);
		state_query_digest(&q, &p->covered);
		state_query_text(&q, keyids[i]);
		state_query_text(&q, p->object);
		state_query_text(&q, note->actor);
		state_query_int(&q, note->at);
		if (state_query_run(&q, e) == -1)
			goto out;
	}
	rc = 0;
out:
	state_query_close(&q);
	return rc;
}

/* What waits in the channel ends.  *n: how many signatures are worth nothing now. */
static int
drop(sqlite3 *db, const char *channel, size_t *n, struct err *e)
{
	const char *const texts[] = { channel, NULL };

	if (run(db, "UPDATE pending_signatures SET is_dropped = 1"
	    " WHERE is_dropped = 0 AND channel = ?", texts, e) == -1)
		return -1;
	*n = (size_t)sqlite3_changes(db);
	return run(db, "DELETE FROM pending WHERE channel = ?", texts, e);
}

int
state_pending_drop(struct state *s, const char *channel, const struct audit_note *note,
    struct err *e)
{
	sqlite3 *db;
	size_t n;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (drop(db, channel, &n, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, n > 0 ? note : NULL, e);
}

static int
put(sqlite3 *db, const struct state_pending *p, const char *const *keyids, size_t n,
    const struct audit_note *note, struct err *e)
{
	if (insert(db, p, e) == -1)
		return -1;
	return insert_signatures(db, p, keyids, n, note, e);
}

/* Another version waits: it ends first, in a transaction and with an entry of its own. */
static int
drop_other(struct state *s, const struct state_pending *p, const struct audit_note *note,
    size_t *n_dropped, struct err *e)
{
	struct audit_note why = { .at = note->at, .actor = note->actor,
		.action = "signatures-dropped", .detail = "another version was sent" };
	struct state_pending other = { .role = NULL };
	sqlite3 *db;
	int got;

	*n_dropped = 0;
	if (state_db_begin(s, &db, e) == -1)
		return -1;
	got = find(db, p->channel, &other, e);
	if (got == 1 && !digest_equal(&other.covered, &p->covered) &&
	    drop(db, p->channel, n_dropped, e) == -1)
		got = -1;
	why.object = other.object;
	got = got == -1 ? state_db_rollback(s)
	                : state_db_commit(s, *n_dropped > 0 ? &why : NULL, e);
	state_pending_clear(&other);
	return got;
}

int
state_pending_put(struct state *s, const struct state_pending *p, const char *const *keyids,
    size_t n, const struct audit_note *note, size_t *n_dropped, struct err *e)
{
	sqlite3 *db;

	if (drop_other(s, p, note, n_dropped, e) == -1 || state_db_begin(s, &db, e) == -1)
		return -1;
	return put(db, p, keyids, n, note, e) == 0 ? state_db_commit(s, note, e)
	                                           : state_db_rollback(s);
}

int
state_pending_end(struct state *s, const char *channel, struct err *e)
{
	const char *const texts[] = { channel, NULL };
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (run(db, "DELETE FROM pending WHERE channel = ?", texts, e) == -1 ||
	    run(db, "DELETE FROM pending_signatures WHERE channel = ?", texts, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, NULL, e);
}

int
state_pending_get(struct state *s, const char *channel, struct state_pending *out, struct err *e)
{
	struct state_pending p = { .role = NULL };
	sqlite3 *db;
	int got;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	got = find(db, channel, &p, e);
	state_db_reader_give(s, db);
	if (got == 1) {
		*out = p;
		return 0;
	}
	state_pending_clear(&p);
	return got == -1 ? -1 : err_set(e, ERR_NOT_FOUND, "nothing waits for signatures in %s",
	    channel);
}

static int
read_signature(struct state_query *q, struct state_pending_signature *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	if (state_query_copy_text(q, 0, out->channel, sizeof(out->channel), e) == -1 ||
	    state_query_copy_text(q, 1, out->object, sizeof(out->object), e) == -1 ||
	    state_query_copy_text(q, 2, out->keyid, sizeof(out->keyid), e) == -1 ||
	    state_query_copy_text(q, 3, out->actor, sizeof(out->actor), e) == -1)
		return -1;
	out->at = state_query_get_int(q, 4);
	out->is_dropped = state_query_get_int(q, 5) != 0;
	return 0;
}

int
state_pending_signatures(struct state *s, const char *channel,
    struct state_pending_signature **out, size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_pending_signature *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT channel, object, keyid, actor, at, is_dropped FROM pending_signatures"
	        " WHERE channel = ? ORDER BY at, keyid",
	        e) == 0) {
		state_query_text(&q, channel);
		while ((got = state_query_step(&q, e)) == 1) {
			rows = state_query_grow(rows, n_rows, sizeof(*rows), e);
			if (rows == NULL || read_signature(&q, &rows[n_rows], e) == -1) {
				got = -1;
				break;
			}
			n_rows++;
		}
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1) {
		free(rows);
		return -1;
	}
	*out = rows;
	*n = n_rows;
	return 0;
}

int
state_pending_channels(struct state *s, struct state_pending_channel **out, size_t *n,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_pending_channel *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT channel FROM pending UNION SELECT channel FROM pending_signatures"
	        " ORDER BY channel",
	        e) == 0)
		while ((got = state_query_step(&q, e)) == 1) {
			rows = state_query_grow(rows, n_rows, sizeof(*rows), e);
			if (rows == NULL || state_query_copy_text(&q, 0, rows[n_rows].id,
			        sizeof(rows[n_rows].id), e) == -1) {
				got = -1;
				break;
			}
			n_rows++;
		}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1) {
		free(rows);
		return -1;
	}
	*out = rows;
	*n = n_rows;
	return 0;
}
