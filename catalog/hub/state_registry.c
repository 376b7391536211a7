/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_registry.h"

#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"

static int
load_row(struct state_query *q, struct regset *set, struct err *e)
{
	const char *json = state_query_get_text(q, 2);
	enum regdoc_kind kind;
	struct regdoc *d;
	int rc;

	if (regdoc_kind_parse(&kind, state_query_get_text(q, 0)) == -1)
		return state_query_damaged("kind of a document", e);
	if (regdoc_parse(kind, json, strlen(json), &d, e) == -1) {
		err_within(e, "stored registry");
		return -1;
	}
	rc = regset_put(set, d, e);
	regdoc_release(d);
	return rc;
}

static int
load_on(sqlite3 *db, struct regset *out, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct regset set = REGSET_INIT;
	int got = -1;

	if (state_query_open(&q, db, "SELECT kind, id, document FROM registry ORDER BY kind, id",
	        e) == 0)
		while ((got = state_query_step(&q, e)) == 1)
			if (load_row(&q, &set, e) == -1) {
				got = -1;
				break;
			}
	state_query_close(&q);
	if (got == -1) {
		regset_clear(&set);
		return -1;
	}
	*out = set;
	return 0;
}

int
state_registry_load(struct state *s, struct regset *out, struct err *e)
{
	sqlite3 *db;
	int rc;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	rc = load_on(db, out, e);
	state_db_reader_give(s, db);
	return rc;
}

static int
put(sqlite3 *db, const struct regset *old, const struct regset *new, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc;

	rc = state_query_open(&q, db,
	    "INSERT OR REPLACE INTO registry (kind, id, document) VALUES (?, ?, ?)", e);
	for (size_t i = 0; i < new->n_docs && rc == 0; i++) {
		const struct regdoc *d = new->docs[i], *was = regset_find(old, d->kind, d->id);

		if (was != NULL && regset_is_same(was, d))
			continue;
		state_query_text(&q, regdoc_kind_name(d->kind));
		state_query_text(&q, d->id);
		state_query_text(&q, d->json);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

static int
drop(sqlite3 *db, const struct regset *old, const struct regset *new, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc;

	rc = state_query_open(&q, db, "DELETE FROM registry WHERE kind = ? AND id = ?", e);
	for (size_t i = 0; i < old->n_docs && rc == 0; i++) {
		const struct regdoc *d = old->docs[i];

		if (regset_find(new, d->kind, d->id) != NULL)
			continue;
		state_query_text(&q, regdoc_kind_name(d->kind));
		state_query_text(&q, d->id);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_registry_replace(struct state *s, const struct regset *docs, const struct audit_note *note,
    struct err *e)
{
	struct regset old = REGSET_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (load_on(db, &old, e) == 0 && drop(db, &old, docs, e) == 0 &&
	    put(db, &old, docs, e) == 0)
		rc = 0;
	regset_clear(&old);
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}
