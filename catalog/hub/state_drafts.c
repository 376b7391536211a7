/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_drafts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_row.h"

#define COLUMNS STATE_ROW_COLUMNS ", id, org, state, created_at, role_version, role_hash, reason"

const char *
state_drafts_state_name(enum state_draft_state state)
{
	switch (state) {
	case STATE_DRAFT_CHECKING:
		return "checking";
	case STATE_DRAFT_VERIFIED:
		return "verified";
	case STATE_DRAFT_REFUSED:
		return "refused";
	case STATE_DRAFT_PUBLISHED:
		return "published";
	}
	return "?";
}

static int
parse_state(enum state_draft_state *out, const char *name)
{
	static const enum state_draft_state states[] = {
		STATE_DRAFT_CHECKING,
		STATE_DRAFT_VERIFIED,
		STATE_DRAFT_REFUSED,
		STATE_DRAFT_PUBLISHED,
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(name, state_drafts_state_name(states[i])) == 0) {
			*out = states[i];
			return 0;
		}
	return -1;
}

static int
read_row(struct state_query *q, struct state_draft *d, struct err *e)
{
	const int c = STATE_ROW_N_COLUMNS;

	memset(d, 0, sizeof(*d));
	if (state_row_read(q, 0, &d->release, e) == -1 ||
	    state_query_copy_text(q, c, d->id, sizeof(d->id), e) == -1 ||
	    state_query_copy_text(q, c + 1, d->org, sizeof(d->org), e) == -1 ||
	    state_query_copy_text(q, c + 6, d->reason, sizeof(d->reason), e) == -1)
		return -1;
	if (parse_state(&d->state, state_query_get_text(q, c + 2)) == -1)
		return state_query_damaged("a row of drafts", e);
	d->created_at = state_query_get_int(q, c + 3);
	d->role_version = state_query_get_int(q, c + 4);
	(void)state_query_get_digest(q, c + 5, &d->role_hash); /* zero until published */
	return 0;
}

/* 1: *out is the open draft of the same record.  0: none.  -1. */
static int
find_same(sqlite3 *db, const struct state_draft *want, struct state_draft *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int got = -1;

	if (state_query_open(&q, db,
	        "SELECT " COLUMNS " FROM drafts WHERE channel = ? AND course = ? AND number = ?"
	        " AND record = ? AND org = ? AND state <> 'published'",
	        e) == 0) {
		state_query_text(&q, want->release.channel);
		state_query_text(&q, want->release.course);
		state_query_int(&q, want->release.number);
		state_query_digest(&q, &want->release.record);
		state_query_text(&q, want->org);
		got = state_query_step(&q, e);
		if (got == 1 && read_row(&q, out, e) == -1)
			got = -1;
	}
	state_query_close(&q);
	return got;
}

static int
insert(sqlite3 *db, const struct state_draft *d, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO drafts (" STATE_ROW_COLUMNS ", id, org, state, created_at)"
	        " VALUES (" STATE_ROW_PLACES ", ?, ?, ?, ?)",
	        e) == 0) {
		state_row_bind(&q, &d->release);
		state_query_text(&q, d->id);
		state_query_text(&q, d->org);
		state_query_text(&q, state_drafts_state_name(d->state));
		state_query_int(&q, d->created_at);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_drafts_start(struct state *s, const struct state_draft *want,
    const struct audit_note *note, struct state_draft *out, struct err *e)
{
	struct state_draft d;
	sqlite3 *db;
	int found;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	found = find_same(db, want, &d, e);
	if (found == -1)
		return state_db_rollback(s);
	if (found == 1) {
		(void)state_db_rollback(s); /* it only read */
		*out = d;
		return 0;
	}
	memset(&d, 0, sizeof(d));
	d.release = want->release;
	memcpy(d.org, want->org, sizeof(d.org));
	d.state = STATE_DRAFT_CHECKING;
	d.created_at = note->at;
	if (state_db_new_id(d.id, e) == -1 || insert(db, &d, e) == -1)
		return state_db_rollback(s);
	if (state_db_commit(s, note, e) == -1)
		return -1;
	*out = d;
	return 0;
}

int
state_drafts_get(struct state *s, const char *id, struct state_draft *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_draft d;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "SELECT " COLUMNS " FROM drafts WHERE id = ?", e) == 0) {
		state_query_text(&q, id);
		got = state_query_step(&q, e);
		if (got == 1 && read_row(&q, &d, e) == -1)
			got = -1;
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such draft");
	if (got == 1)
		*out = d;
	return got == 1 ? 0 : -1;
}

/* After the statement that changed one draft: commit, or say that there is none. */
static int
settle(struct state *s, sqlite3 *db, int rc, const struct audit_note *note, struct err *e)
{
	if (rc == 0 && sqlite3_changes(db) != 1)
		rc = err_set(e, ERR_NOT_FOUND, "there is no such draft, or it is published");
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

int
state_drafts_judge(struct state *s, const struct state_draft *d, const struct audit_note *note,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	const struct state_release *r = &d->release;
	sqlite3 *db;
	int rc = -1;

	if (d->state != STATE_DRAFT_VERIFIED && d->state != STATE_DRAFT_REFUSED)
		return err_set(e, ERR_BAD_INPUT, "a draft is verified or refused");
	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "UPDATE drafts SET state = ?, reason = ?, \"index\" = ?, tar = ?, index_len = ?,"
	        " tar_len = ?, zst_len = ?, zst_tag = ?, published_at = ?"
	        " WHERE id = ? AND state <> 'published'",
	        e) == 0) {
		state_query_text(&q, state_drafts_state_name(d->state));
		state_query_text(&q, d->reason);
		state_query_digest(&q, &r->index);
		state_query_digest(&q, &r->tar);
		state_query_int(&q, (int64_t)r->index_len);
		state_query_int(&q, (int64_t)r->tar_len);
		state_query_int(&q, (int64_t)r->zst_len);
		state_query_digest(&q, &r->zst_tag);
		state_query_int(&q, r->published_at);
		state_query_text(&q, d->id);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return settle(s, db, rc, note, e);
}

int
state_drafts_recheck(struct state *s, const char *id, const struct audit_note *note,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "UPDATE drafts SET state = 'checking', reason = ''"
	        " WHERE id = ? AND state <> 'published'",
	        e) == 0) {
		state_query_text(&q, id);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return settle(s, db, rc, note, e);
}

int
state_drafts_end(struct state *s, const char *id, const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "DELETE FROM drafts WHERE id = ? AND state <> 'published'",
	        e) == 0) {
		state_query_text(&q, id);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	if (rc == 0 && sqlite3_changes(db) == 0)
		note = NULL; /* nothing ended */
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

int
state_drafts_list(struct state *s, enum state_draft_state state, struct state_draft **out,
    size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_draft *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT " COLUMNS " FROM drafts WHERE state = ? ORDER BY created_at, id", e) == 0) {
		state_query_text(&q, state_drafts_state_name(state));
		while ((got = state_query_step(&q, e)) == 1) {
			rows = state_query_grow(rows, n_rows, sizeof(*rows), e);
			if (rows == NULL || read_row(&q, &rows[n_rows], e) == -1) {
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
state_drafts_expire(struct state *s, int64_t before, const struct audit_note *note, size_t *n,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;
	size_t gone = 0;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "DELETE FROM drafts WHERE created_at < ?", e) == 0) {
		state_query_int(&q, before);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	if (rc == -1)
		return state_db_rollback(s);
	gone = (size_t)sqlite3_changes(db);
	if (state_db_commit(s, gone > 0 ? note : NULL, e) == -1)
		return -1;
	if (n != NULL)
		*n = gone;
	return 0;
}
