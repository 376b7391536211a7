/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_repack.h"

#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_usage.h"

#define CHANNEL_NO "(SELECT no FROM channels WHERE id = ?1)"

static int
read_frame(struct state_query *q, struct state_frame *f, struct err *e)
{
	int64_t off = state_query_get_int(q, 2), stored_len = state_query_get_int(q, 3),
		content_len = state_query_get_int(q, 4);

	memset(f, 0, sizeof(*f));
	if (!state_query_get_digest(q, 1, &f->content) ||
	    !state_query_get_digest(q, 5, &f->stored) || off < 0 || stored_len <= 0 ||
	    stored_len > UINT32_MAX || content_len < 0 || content_len > UINT32_MAX)
		return state_query_damaged("a row of frames", e);
	f->offset = (uint64_t)off;
	f->stored_len = (uint32_t)stored_len;
	f->content_len = (uint32_t)content_len;
	return 0;
}

int
state_repack_frames(struct state *s, const char *channel, state_repack_fn *fn, void *ctx,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_frame f;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT pack, content, offset, stored_len, content_len, stored FROM frames"
	        " WHERE channel = " CHANNEL_NO " ORDER BY content", e) == 0) {
		state_query_text(&q, channel);
		while ((got = state_query_step(&q, e)) == 1)
			if (read_frame(&q, &f, e) == -1 ||
			    fn(ctx, state_query_get_int(&q, 0), &f, e) == -1) {
				got = -1;
				break;
			}
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	return got;
}

/* 1: entered, *no is its number.  0: it was there.  -1. */
static int
insert_pack(sqlite3 *db, const struct state_pack *pack, int64_t *no, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO packs (channel, sha256, length, org, is_released)"
	        " VALUES (" CHANNEL_NO ", ?2, ?3, ?4, 1) ON CONFLICT DO NOTHING", e) == 0) {
		state_query_text(&q, pack->channel);
		state_query_digest(&q, &pack->sha256);
		state_query_int(&q, (int64_t)pack->length);
		state_query_text(&q, pack->org);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	if (rc == -1)
		return -1;
	*no = sqlite3_last_insert_rowid(db);
	return sqlite3_changes(db) == 1 ? 1 : 0;
}

/* The packs the frames are about to leave. */
static int
mark_left(sqlite3 *db, const char *channel, const struct state_frame *frames, size_t n, int64_t at,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = state_query_open(&q, db,
	    "UPDATE packs SET replaced_at = ?3 WHERE no = (SELECT pack FROM frames"
	    " WHERE channel = " CHANNEL_NO " AND content = ?2)", e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		state_query_text(&q, channel);
		state_query_digest(&q, &frames[i].content);
		state_query_int(&q, at);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

static int
move_frames(sqlite3 *db, const char *channel, int64_t pack, const struct state_frame *frames,
    size_t n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = state_query_open(&q, db,
	    "UPDATE frames SET pack = ?3, offset = ?4"
	    " WHERE channel = " CHANNEL_NO " AND content = ?2 AND stored = ?5", e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		state_query_text(&q, channel);
		state_query_digest(&q, &frames[i].content);
		state_query_int(&q, pack);
		state_query_int(&q, (int64_t)frames[i].offset);
		state_query_digest(&q, &frames[i].stored);
		rc = state_query_run(&q, e);
		if (rc == 0 && sqlite3_changes(db) != 1)
			rc = err_set(e, ERR_CONFLICT, "a frame went while it was being moved");
	}
	state_query_close(&q);
	return rc;
}

#define IS_EMPTY \
	" WHERE channel = " CHANNEL_NO " AND replaced_at != 0 AND length != 0" \
	" AND NOT EXISTS (SELECT 1 FROM frames WHERE frames.channel = packs.channel" \
	" AND frames.pack = packs.no)"

/* Replaced packs that hold nothing: their files stay for a while, nobody pays for them. */
static int
stop_counting(sqlite3 *db, const char *channel, const char *org, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int64_t bytes = 0;
	int rc = -1;

	if (state_query_open(&q, db,
	        "SELECT coalesce(sum(length), 0) FROM packs" IS_EMPTY " AND org = ?2", e) == -1)
		goto out;
	state_query_text(&q, channel);
	state_query_text(&q, org);
	if (state_query_step(&q, e) != 1)
		goto out;
	bytes = state_query_get_int(&q, 0);
	state_query_again(&q);
	if (bytes > 0 && state_usage_take(db, org, bytes, e) == -1)
		goto out;
	state_query_close(&q);
	if (state_query_open(&q, db, "UPDATE packs SET length = 0" IS_EMPTY " AND org = ?2",
	        e) == -1)
		goto out;
	state_query_text(&q, channel);
	state_query_text(&q, org);
	rc = state_query_run(&q, e);
out:
	state_query_close(&q);
	return rc;
}

static int
set_hints_due(sqlite3 *db, const char *channel, int64_t due, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db, "UPDATE channels SET hints_due = ?2 WHERE id = ?1", e) == 0) {
		state_query_text(&q, channel);
		state_query_int(&q, due);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_repack_move(struct state *s, const struct state_pack *pack,
    const struct state_frame *frames, size_t n, const struct audit_note *note, struct err *e)
{
	sqlite3 *db;
	int64_t no;
	int is_new;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	is_new = insert_pack(db, pack, &no, e);
	if (is_new == 0) {
		(void)state_db_rollback(s);
		return 0;
	}
	if (is_new == -1 || mark_left(db, pack->channel, frames, n, note->at, e) == -1 ||
	    move_frames(db, pack->channel, no, frames, n, e) == -1 ||
	    state_usage_add(db, pack->org, (int64_t)pack->length, e) == -1 ||
	    stop_counting(db, pack->channel, pack->org, e) == -1 ||
	    set_hints_due(db, pack->channel, 1, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}

int
state_repack_hints_due(struct state *s, const char *channel, bool *due, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db, "SELECT 1 FROM channels WHERE id = ? AND hints_due = 1",
	        e) == 0) {
		state_query_text(&q, channel);
		got = state_query_step(&q, e);
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	*due = got == 1;
	return got == -1 ? -1 : 0;
}

int
state_repack_hints_done(struct state *s, const char *channel, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (set_hints_due(db, channel, 0, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, NULL, e);
}
