/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_usage.h"

#include "catalog/hub/state_query.h"

int
state_usage_add(sqlite3 *db, const char *org, int64_t bytes, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO usage (org, stored_bytes) VALUES (?, ?)"
	        " ON CONFLICT (org) DO UPDATE SET stored_bytes ="
	        " stored_bytes + excluded.stored_bytes",
	        e) == 0) {
		state_query_text(&q, org);
		state_query_int(&q, bytes);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_usage_take(sqlite3 *db, const char *org, int64_t bytes, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "UPDATE usage SET stored_bytes = stored_bytes - ? WHERE org = ?", e) == 0) {
		state_query_int(&q, bytes);
		state_query_text(&q, org);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_usage_get(sqlite3 *db, const char *org, int64_t *stored, int64_t *announced,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int got = -1;

	if (state_query_open(&q, db,
	        "SELECT coalesce((SELECT stored_bytes FROM usage WHERE org = ?1), 0),"
	        " coalesce((SELECT sum(length) FROM uploads WHERE org = ?1), 0)",
	        e) == 0) {
		state_query_text(&q, org);
		got = state_query_step(&q, e);
		if (got == 1) {
			*stored = state_query_get_int(&q, 0);
			*announced = state_query_get_int(&q, 1);
		}
	}
	state_query_close(&q);
	if (got == 0)
		return state_query_damaged("usage", e);
	return got == 1 ? 0 : -1;
}
