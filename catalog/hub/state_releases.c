/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_releases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_row.h"

/* What releases has and drafts has not, in the order of read_row(). */
#define EXTRAS ", is_live, withdrawn_at, ended_at"

/* Of releases AS r: the newest live one of its course. */
#define IS_NEWEST \
	" is_live = 1 AND number = (SELECT max(number) FROM releases AS o" \
	" WHERE o.channel = r.channel AND o.course = r.course AND o.is_live = 1)"

static int
insert(sqlite3 *db, const struct state_release *r, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT OR REPLACE INTO releases (" STATE_ROW_COLUMNS ", is_live)"
	        " VALUES (" STATE_ROW_PLACES ", 1)",
	        e) == 0) {
		state_row_bind(&q, r);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

/* Note since when a release is not live, for those that stopped just now; or forget it. */
static int
set_ended(sqlite3 *db, const char *channel, const char *course, int64_t at, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "UPDATE releases SET ended_at = iif(is_live = 1, 0,"
	        " iif(ended_at = 0, ?, ended_at)) WHERE channel = ? AND course = ?",
	        e) == 0) {
		state_query_int(&q, at);
		state_query_text(&q, channel);
		state_query_text(&q, course);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

static int
set_live(sqlite3 *db, const char *channel, const char *course,
    const struct state_releases_switch *sw, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "UPDATE releases SET is_live = 0 WHERE channel = ? AND course = ?", e) == -1)
		goto out;
	state_query_text(&q, channel);
	state_query_text(&q, course);
	if (state_query_run(&q, e) == -1)
		goto out;
	if (state_query_open(&q, db,
	        "UPDATE releases SET is_live = 1"
	        " WHERE channel = ? AND course = ? AND number = ?",
	        e) == -1)
		goto out;
	for (size_t i = 0; i < sw->n_live; i++) {
		state_query_text(&q, channel);
		state_query_text(&q, course);
		state_query_int(&q, sw->live[i]);
		if (state_query_run(&q, e) == -1)
			goto out;
	}
	rc = 0;
out:
	state_query_close(&q);
	return rc;
}

static int
finish_draft(sqlite3 *db, const struct state_releases_switch *sw, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (sw->draft_id == NULL)
		return 0;
	if (state_query_open(&q, db,
	        "UPDATE drafts SET state = 'published', role_version = ?, role_hash = ?"
	        " WHERE id = ?",
	        e) == 0) {
		state_query_int(&q, sw->role_version);
		state_query_digest(&q, &sw->role_hash);
		state_query_text(&q, sw->draft_id);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	if (rc == 0 && sqlite3_changes(db) != 1)
		return err_set(e, ERR_NOT_FOUND, "there is no draft %s", sw->draft_id);
	return rc;
}

int
state_releases_publish(struct state *s, const struct state_release *r,
    const struct state_releases_switch *sw, const struct audit_note *note, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (insert(db, r, e) == -1 || set_live(db, r->channel, r->course, sw, e) == -1 ||
	    set_ended(db, r->channel, r->course, note->at, e) == -1 ||
	    finish_draft(db, sw, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}

int
state_releases_end(struct state *s, const char *channel, const struct audit_note *note,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "UPDATE releases SET is_live = 0,"
	        " ended_at = iif(ended_at = 0, ?, ended_at) WHERE channel = ?", e) == 0) {
		state_query_int(&q, note->at);
		state_query_text(&q, channel);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

static int
set_withdrawn(sqlite3 *db, const struct state_releases_recall *r, int64_t at, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "UPDATE releases SET withdrawn_at = ?"
	        " WHERE channel = ? AND course = ? AND number = ?",
	        e) == 0) {
		state_query_int(&q, at);
		state_query_text(&q, r->channel);
		state_query_text(&q, r->course);
		state_query_int(&q, r->number);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_releases_recall(struct state *s, const struct state_releases_recall *r,
    const struct state_releases_switch *sw, const struct audit_note *note, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (set_live(db, r->channel, r->course, sw, e) == -1 ||
	    set_ended(db, r->channel, r->course, note->at, e) == -1 ||
	    set_withdrawn(db, r, r->is_undo ? 0 : note->at, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}

static int
read_row(struct state_query *q, struct state_release *r, struct err *e)
{
	memset(r, 0, sizeof(*r));
	r->is_live = state_query_get_int(q, STATE_ROW_N_COLUMNS) != 0;
	r->withdrawn_at = state_query_get_int(q, STATE_ROW_N_COLUMNS + 1);
	r->ended_at = state_query_get_int(q, STATE_ROW_N_COLUMNS + 2);
	return state_row_read(q, 0, r, e);
}

int
state_releases_get(struct state *s, const char *channel, const char *course, uint32_t number,
    struct state_release *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_release r;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT " STATE_ROW_COLUMNS EXTRAS " FROM releases"
	        " WHERE channel = ?1 AND course = ?2 AND"
	        " iif(?3 = 0, is_live = 1, number = ?3) ORDER BY number DESC LIMIT 1",
	        e) == 0) {
		state_query_text(&q, channel);
		state_query_text(&q, course);
		state_query_int(&q, number);
		got = state_query_step(&q, e);
		if (got == 1 && read_row(&q, &r, e) == -1)
			got = -1;
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such release");
	if (got == 1)
		*out = r;
	return got == 1 ? 0 : -1;
}

/* Whether sql gives a row for this index of the channel. */
static int
ask_index(struct state *s, const char *sql, const char *channel, const struct digest *index,
    bool *has, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, sql, e) == 0) {
		state_query_text(&q, channel);
		state_query_digest(&q, index);
		got = state_query_step(&q, e);
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1)
		return -1;
	*has = got == 1;
	return 0;
}

int
state_releases_has_index(struct state *s, const char *channel, const struct digest *index,
    bool *has, struct err *e)
{
	return ask_index(s, "SELECT 1 FROM releases WHERE channel = ? AND \"index\" = ? LIMIT 1",
	    channel, index, has, e);
}

int
state_releases_is_recalled(struct state *s, const char *channel, const struct digest *index,
    bool *is_recalled, struct err *e)
{
	return ask_index(s,
	    "SELECT 1 FROM releases WHERE channel = ?1 AND \"index\" = ?2"
	    " GROUP BY channel HAVING max(withdrawn_at) <> 0"
	    " AND max(is_live AND withdrawn_at = 0) = 0",
	    channel, index, is_recalled, e);
}

/* Releases in an array that grows. */
struct rows {
	struct state_release *items; /* owned */
	size_t n;
};

/* Append the query's row; it may be looked at, and taken back by counting down. */
static int
add_row(struct rows *rows, struct state_query *q, struct err *e)
{
	rows->items = state_query_grow(rows->items, rows->n, sizeof(*rows->items), e);
	if (rows->items == NULL || read_row(q, &rows->items[rows->n], e) == -1)
		return -1;
	rows->n++;
	return 0;
}

/* Run a query of the channel and, where it has a second parameter, the course into an array. */
static int
list(struct state *s, const char *sql, const char *channel, const char *course, struct rows *out,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct rows rows = { NULL, 0 };
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, sql, e) == 0) {
		state_query_text(&q, channel);
		if (course != NULL)
			state_query_text(&q, course);
		while ((got = state_query_step(&q, e)) == 1)
			if (add_row(&rows, &q, e) == -1) {
				got = -1;
				break;
			}
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1) {
		free(rows.items);
		return -1;
	}
	*out = rows;
	return 0;
}

int
state_releases_newest(struct state *s, const char *channel, struct state_release **out,
    size_t *n, struct err *e)
{
	struct rows rows;

	if (list(s,
	        "SELECT " STATE_ROW_COLUMNS EXTRAS " FROM releases AS r"
	        " WHERE channel = ? AND" IS_NEWEST " ORDER BY course",
	        channel, NULL, &rows, e) == -1)
		return -1;
	*out = rows.items;
	*n = rows.n;
	return 0;
}

/*
 * Rows of wanted channels.  Rows and wishes leap over each other: from a row of another channel the
 * query goes on at the next wanted one, so that neither many channels without releases nor many
 * releases of others are looked at one by one.
 */
static int
fill_page(struct state_query *q, const struct state_releases_walk *w, size_t most,
    struct rows *rows, struct err *e)
{
	const char *at = w->next_channel == NULL ? w->channel : w->next_channel(w->ctx, w->channel);
	const char *after = at != NULL && strcmp(at, w->channel) == 0 ? w->course : "";

	while (at != NULL && rows->n < most) {
		const struct state_release *row;
		int got;

		state_query_text(q, at);
		state_query_text(q, after);
		while ((got = state_query_step(q, e)) == 1) {
			if (add_row(rows, q, e) == -1)
				return -1;
			row = &rows->items[rows->n - 1];
			if (w->next_channel != NULL && strcmp(row->channel, at) != 0) {
				at = w->next_channel(w->ctx, row->channel);
				assert(at == NULL || strcmp(at, row->channel) >= 0);
				if (at == NULL || strcmp(at, row->channel) != 0) {
					rows->n--;
					break;
				}
			}
			if (rows->n == most)
				break;
		}
		if (got != 1)
			return got;
		state_query_again(q);
		after = "";
	}
	return 0;
}

int
state_releases_page(struct state *s, const struct state_releases_walk *w, size_t most,
    struct state_release **out, size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct rows rows = { NULL, 0 };
	sqlite3 *db;
	int rc = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT " STATE_ROW_COLUMNS EXTRAS " FROM releases AS r"
	        " WHERE (channel, course) > (?, ?) AND" IS_NEWEST " ORDER BY channel, course",
	        e) == 0)
		rc = fill_page(&q, w, most, &rows, e);
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (rc == -1) {
		free(rows.items);
		return -1;
	}
	*out = rows.items;
	*n = rows.n;
	return 0;
}

int
state_releases_list(struct state *s, const char *channel, const char *course,
    struct state_release **out, size_t *n, struct err *e)
{
	struct rows rows;

	if (list(s,
	        "SELECT " STATE_ROW_COLUMNS EXTRAS " FROM releases"
	        " WHERE channel = ? AND course = ? ORDER BY number",
	        channel, course, &rows, e) == -1)
		return -1;
	*out = rows.items;
	*n = rows.n;
	return 0;
}
