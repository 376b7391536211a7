/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_purge.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_row.h"
#include "catalog/hub/state_usage.h"

static int
read_pack(struct state_query *q, struct state_purge_pack *p, struct err *e)
{
	memset(p, 0, sizeof(*p));
	p->no = state_query_get_int(q, 0);
	if (state_query_copy_text(q, 1, p->channel, sizeof(p->channel), e) == -1)
		return -1;
	if (!state_query_get_digest(q, 2, &p->sha256) || state_query_get_int(q, 3) < 0)
		return state_query_damaged("a row of packs", e);
	p->length = (uint64_t)state_query_get_int(q, 3);
	p->replaced_at = state_query_get_int(q, 4);
	return state_query_copy_text(q, 5, p->org, sizeof(p->org), e);
}

int
state_purge_packs(struct state *s, struct state_purge_pack **out, size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_purge_pack *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT packs.no, channels.id, packs.sha256, packs.length,"
	        " packs.replaced_at, packs.org FROM packs"
	        " JOIN channels ON channels.no = packs.channel ORDER BY packs.no",
	        e) == 0) {
		while ((got = state_query_step(&q, e)) == 1) {
			rows = state_query_grow(rows, n_rows, sizeof(*rows), e);
			if (rows == NULL || read_pack(&q, &rows[n_rows], e) == -1) {
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
state_purge_frames(struct state *s, const char *channel, state_purge_frame_fn *fn, void *ctx,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct digest content;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT pack, content, stored_len FROM frames"
	        " WHERE channel = (SELECT no FROM channels WHERE id = ?)",
	        e) == 0) {
		state_query_text(&q, channel);
		while ((got = state_query_step(&q, e)) == 1) {
			if (!state_query_get_digest(&q, 1, &content))
				got = state_query_damaged("a row of frames", e);
			else
				got = fn(ctx, state_query_get_int(&q, 0), &content,
				    (uint64_t)state_query_get_int(&q, 2), e);
			if (got == -1)
				break;
		}
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	return got == -1 ? -1 : 0;
}

int
state_purge_releases(struct state *s, struct state_release **out, size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct state_release *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT " STATE_ROW_COLUMNS ", is_live, withdrawn_at, ended_at FROM releases", e) ==
	    0) {
		while ((got = state_query_step(&q, e)) == 1) {
			rows = state_query_grow(rows, n_rows, sizeof(*rows), e);
			if (rows == NULL || state_row_read(&q, 0, &rows[n_rows], e) == -1) {
				got = -1;
				break;
			}
			rows[n_rows].is_live = state_query_get_int(&q, STATE_ROW_N_COLUMNS) != 0;
			rows[n_rows].withdrawn_at =
			    state_query_get_int(&q, STATE_ROW_N_COLUMNS + 1);
			rows[n_rows].ended_at = state_query_get_int(&q, STATE_ROW_N_COLUMNS + 2);
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

/* Give the bytes of a row that is about to go back to its organisation: sql selects org, length. */
static int
give_back(sqlite3 *db, const char *sql, const char *channel, const char *kind,
    const struct digest *sha256, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	char org[LIMIT_ID_BYTES + 1] = "";
	int64_t length = 0;
	int got = -1;

	if (state_query_open(&q, db, sql, e) == 0) {
		state_query_text(&q, channel);
		state_query_digest(&q, sha256);
		if (kind != NULL)
			state_query_text(&q, kind);
		got = state_query_step(&q, e);
		if (got == 1 && state_query_copy_text(&q, 0, org, sizeof(org), e) == -1)
			got = -1;
		if (got == 1)
			length = state_query_get_int(&q, 1);
	}
	state_query_close(&q);
	if (got == 1)
		return state_usage_take(db, org, length, e);
	return got; /* 0: no such row, nothing was counted */
}

static int
run(sqlite3 *db, const char *sql, const char *channel, const char *kind,
    const struct digest *sha256, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db, sql, e) == 0) {
		state_query_text(&q, channel);
		state_query_digest(&q, sha256);
		if (kind != NULL)
			state_query_text(&q, kind);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

#define THIS_PACK \
	" WHERE channel = (SELECT no FROM channels WHERE id = ?1) AND sha256 = ?2"

int
state_purge_forget_pack(struct state *s, const char *channel, const struct digest *sha256,
    const struct audit_note *note, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (give_back(db, "SELECT org, length FROM packs" THIS_PACK, channel, NULL, sha256, e) ==
	        -1 ||
	    run(db, "DELETE FROM frames WHERE channel = (SELECT no FROM channels WHERE id = ?1)"
	        " AND pack = (SELECT no FROM packs" THIS_PACK ")", channel, NULL, sha256, e) ==
	        -1 ||
	    run(db, "DELETE FROM packs" THIS_PACK, channel, NULL, sha256, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}

#define THIS_OBJECT " WHERE channel = ?1 AND sha256 = ?2 AND kind = ?3"

int
state_purge_forget_object(struct state *s, const char *channel, const char *kind,
    const struct digest *sha256, const struct audit_note *note, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (give_back(db, "SELECT org, length FROM objects" THIS_OBJECT, channel, kind, sha256,
	        e) == -1 ||
	    run(db, "DELETE FROM objects" THIS_OBJECT, channel, kind, sha256, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}
