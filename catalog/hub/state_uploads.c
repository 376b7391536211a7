/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_uploads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_usage.h"

#define COLUMNS "id, org, channel, kind, sha256, length, offset, created_at, touched_at"

const char *
state_uploads_kind_name(enum state_upload_kind kind)
{
	switch (kind) {
	case STATE_UPLOAD_PACK:
		return "pack";
	case STATE_UPLOAD_INDEX:
		return "index";
	case STATE_UPLOAD_RECORD:
		return "record";
	}
	return "?";
}

int
state_uploads_kind_parse(enum state_upload_kind *out, const char *name)
{
	static const enum state_upload_kind kinds[] = {
		STATE_UPLOAD_PACK,
		STATE_UPLOAD_INDEX,
		STATE_UPLOAD_RECORD,
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(name, state_uploads_kind_name(kinds[i])) == 0) {
			*out = kinds[i];
			return 0;
		}
	return -1;
}

static int
read_row(struct state_query *q, struct state_upload *u, struct err *e)
{
	int64_t length = state_query_get_int(q, 5), offset = state_query_get_int(q, 6);

	if (state_query_copy_text(q, 0, u->id, sizeof(u->id), e) == -1 ||
	    state_query_copy_text(q, 1, u->org, sizeof(u->org), e) == -1 ||
	    state_query_copy_text(q, 2, u->channel, sizeof(u->channel), e) == -1)
		return -1;
	if (state_uploads_kind_parse(&u->kind, state_query_get_text(q, 3)) == -1 ||
	    !state_query_get_digest(q, 4, &u->sha256) || offset < 0 || length < offset)
		return state_query_damaged("a row of uploads", e);
	u->length = (uint64_t)length;
	u->offset = (uint64_t)offset;
	u->created_at = state_query_get_int(q, 7);
	u->touched_at = state_query_get_int(q, 8);
	return 0;
}

/* 1: *out is the same upload under way.  0: none.  -1. */
static int
find_same(sqlite3 *db, const struct state_upload *want, struct state_upload *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int got = -1;

	if (state_query_open(&q, db,
	        "SELECT " COLUMNS " FROM uploads"
	        " WHERE org = ? AND channel = ? AND kind = ? AND sha256 = ?",
	        e) == 0) {
		state_query_text(&q, want->org);
		state_query_text(&q, want->channel);
		state_query_text(&q, state_uploads_kind_name(want->kind));
		state_query_digest(&q, &want->sha256);
		got = state_query_step(&q, e);
		if (got == 1 && read_row(&q, out, e) == -1)
			got = -1;
	}
	state_query_close(&q);
	return got;
}

static int
check_quota(sqlite3 *db, const struct state_upload *want, uint64_t quota_bytes, struct err *e)
{
	int64_t stored, announced;
	uint64_t sum;

	if (quota_bytes == 0)
		return 0;
	if (state_usage_get(db, want->org, &stored, &announced, e) == -1)
		return -1;
	if (__builtin_add_overflow((uint64_t)stored, (uint64_t)announced, &sum) ||
	    __builtin_add_overflow(sum, want->length, &sum) || sum > quota_bytes) {
		err_set(e, ERR_BUSY,
		    "%s would pass its quota: %llu bytes more on %lld stored and %lld announced,"
		    " of %llu",
		    want->org, (unsigned long long)want->length, (long long)stored,
		    (long long)announced, (unsigned long long)quota_bytes);
		if (e != NULL)
			e->sys = EDQUOT;
		return -1;
	}
	return 0;
}

static int
insert(sqlite3 *db, const struct state_upload *u, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO uploads (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e) == 0) {
		state_query_text(&q, u->id);
		state_query_text(&q, u->org);
		state_query_text(&q, u->channel);
		state_query_text(&q, state_uploads_kind_name(u->kind));
		state_query_digest(&q, &u->sha256);
		state_query_int(&q, (int64_t)u->length);
		state_query_int(&q, (int64_t)u->offset);
		state_query_int(&q, u->created_at);
		state_query_int(&q, u->touched_at);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_uploads_start(struct state *s, const struct state_upload *want, uint64_t quota_bytes,
    const struct audit_note *note, struct state_upload *out, bool *is_new, struct err *e)
{
	struct state_upload u;
	sqlite3 *db;
	int found;

	if (want->length > INT64_MAX)
		return err_set(e, ERR_BAD_INPUT, "no upload is that long");
	if (state_db_begin(s, &db, e) == -1)
		return -1;
	found = find_same(db, want, &u, e);
	if (found == -1)
		return state_db_rollback(s);
	if (found == 1) {
		(void)state_db_rollback(s); /* it only read */
		if (u.length != want->length)
			return err_set(e, ERR_CONFLICT,
			    "this object is being uploaded with another length, %llu",
			    (unsigned long long)u.length);
		*out = u;
		*is_new = false;
		return 0;
	}
	u = *want;
	u.offset = 0;
	u.created_at = u.touched_at = note->at;
	if (state_db_new_id(u.id, e) == -1 || check_quota(db, &u, quota_bytes, e) == -1 ||
	    insert(db, &u, e) == -1)
		return state_db_rollback(s);
	if (state_db_commit(s, note, e) == -1)
		return -1;
	*out = u;
	*is_new = true;
	return 0;
}

int
state_uploads_get(struct state *s, const char *id, struct state_upload *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_upload u;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "SELECT " COLUMNS " FROM uploads WHERE id = ?", e) == 0) {
		state_query_text(&q, id);
		got = state_query_step(&q, e);
		if (got == 1 && read_row(&q, &u, e) == -1)
			got = -1;
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such upload");
	if (got == 1)
		*out = u;
	return got == 1 ? 0 : -1;
}

int
state_uploads_set_offset(struct state *s, const char *id, uint64_t offset, int64_t now,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (offset > INT64_MAX)
		return err_set(e, ERR_BAD_INPUT, "no upload is that long");
	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "UPDATE uploads SET offset = ?, touched_at = ? WHERE id = ?",
	        e) == -1)
		goto out;
	state_query_int(&q, (int64_t)offset);
	state_query_int(&q, now);
	state_query_text(&q, id);
	if (state_query_run(&q, e) == -1)
		goto out;
	if (sqlite3_changes(db) != 1) {
		err_set(e, ERR_NOT_FOUND, "there is no such upload");
		goto out;
	}
	rc = 0;
out:
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, NULL, e) : state_db_rollback(s);
}

int
state_uploads_end(struct state *s, const char *id, const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "DELETE FROM uploads WHERE id = ?", e) == 0) {
		state_query_text(&q, id);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	if (rc == 0 && sqlite3_changes(db) == 0)
		note = NULL; /* nothing ended */
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

int
state_uploads_list(struct state *s, int64_t before, struct state_upload **out, size_t *n,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_upload *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT " COLUMNS " FROM uploads WHERE touched_at < ? ORDER BY touched_at, id",
	        e) == 0) {
		state_query_int(&q, before);
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
state_uploads_add_object(struct state *s, const struct state_upload *u,
    const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "INSERT INTO objects (channel, kind, sha256, length, org) VALUES (?, ?, ?, ?, ?)"
	        " ON CONFLICT DO NOTHING",
	        e) == -1)
		goto out;
	state_query_text(&q, u->channel);
	state_query_text(&q, state_uploads_kind_name(u->kind));
	state_query_digest(&q, &u->sha256);
	state_query_int(&q, (int64_t)u->length);
	state_query_text(&q, u->org);
	if (state_query_run(&q, e) == -1)
		goto out;
	if (sqlite3_changes(db) == 0)
		note = NULL; /* it was counted before */
	else if (state_usage_add(db, u->org, (int64_t)u->length, e) == -1)
		goto out;
	rc = 0;
out:
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

int
state_uploads_usage(struct state *s, const char *org, uint64_t *stored, uint64_t *announced,
    struct err *e)
{
	sqlite3 *db;
	int64_t a = 0, b = 0;
	int rc;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	rc = state_usage_get(db, org, &a, &b, e);
	state_db_reader_give(s, db);
	if (rc == -1)
		return -1;
	*stored = (uint64_t)a;
	*announced = (uint64_t)b;
	return 0;
}
