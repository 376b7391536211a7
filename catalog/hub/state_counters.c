/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_counters.h"

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"

static int
read_counter(sqlite3 *db, const char *name, int64_t *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int got = -1;

	if (state_query_open(&q, db, "SELECT value FROM counters WHERE name = ?", e) == 0) {
		state_query_text(&q, name);
		got = state_query_step(&q, e);
		if (got == 1)
			*out = state_query_get_int(&q, 0);
		else if (got == 0)
			*out = 0;
	}
	state_query_close(&q);
	return got == -1 ? -1 : 0;
}

static int
write_counter(sqlite3 *db, const char *name, int64_t value, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO counters (name, value) VALUES (?, ?)"
	        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	        e) == 0) {
		state_query_text(&q, name);
		state_query_int(&q, value);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_counters_get(struct state *s, const char *name, int64_t *out, struct err *e)
{
	sqlite3 *db;
	int rc;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	rc = read_counter(db, name, out, e);
	state_db_reader_give(s, db);
	return rc;
}

int
state_counters_next(struct state *s, const char *name, int64_t *out, struct err *e)
{
	sqlite3 *db;
	int64_t value;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (read_counter(db, name, &value, e) == -1)
		return state_db_rollback(s);
	if (value == INT64_MAX) {
		err_set(e, ERR_SYSTEM, "counter %s is at its end", name);
		return state_db_rollback(s);
	}
	if (write_counter(db, name, value + 1, e) == -1)
		return state_db_rollback(s);
	if (state_db_commit(s, NULL, e) == -1)
		return -1;
	*out = value + 1;
	return 0;
}

int
state_counters_raise(struct state *s, const char *name, int64_t value, struct err *e)
{
	sqlite3 *db;
	int64_t old;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (read_counter(db, name, &old, e) == -1)
		return state_db_rollback(s);
	if (value > old && write_counter(db, name, value, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, NULL, e);
}
