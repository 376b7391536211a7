/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_audit.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"

#define COLUMNS "seq, at, actor, action, object, detail, hash"

/* A copy that the log can hold: printable UTF-8, not too long. */
static char *
clean(const char *text)
{
	char *out = malloc(AUDIT_TEXT_BYTES);

	if (out != NULL)
		(void)err_quote(out, AUDIT_TEXT_BYTES, text, strlen(text)); /* returns out */
	return out;
}

static int
read_head(sqlite3 *db, int64_t *seq, struct digest *hash, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int got = -1;

	if (state_query_open(&q, db, "SELECT seq, hash FROM audit_head", e) == 0)
		got = state_query_step(&q, e);
	if (got == 1) {
		*seq = state_query_get_int(&q, 0);
		if (!state_query_get_digest(&q, 1, hash))
			got = 0;
	}
	state_query_close(&q);
	if (got == 0)
		return state_query_damaged("the head of the audit log", e);
	return got == 1 ? 0 : -1;
}

static int
write_head(sqlite3 *db, const struct audit_entry *a, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db, "UPDATE audit_head SET seq = ?, hash = ?", e) == 0) {
		state_query_int(&q, a->seq);
		state_query_digest(&q, &a->hash);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

static int
write_entry(sqlite3 *db, const struct audit_entry *a, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db, "INSERT INTO audit (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)",
	        e) == 0) {
		state_query_int(&q, a->seq);
		state_query_int(&q, a->at);
		state_query_text(&q, a->actor);
		state_query_text(&q, a->action);
		state_query_text(&q, a->object);
		state_query_text(&q, a->detail);
		state_query_digest(&q, &a->hash);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_audit_append(struct sqlite3 *db, const struct audit_note *note, struct err *e)
{
	struct audit_entry a = { 0 };
	struct digest prev;
	int rc = -1;

	a.at = note->at;
	a.actor = clean(note->actor);
	a.action = clean(note->action);
	a.object = clean(note->object);
	a.detail = clean(note->detail);
	if (a.actor == NULL || a.action == NULL || a.object == NULL || a.detail == NULL) {
		err_nomem(e);
		goto out;
	}
	if (read_head(db, &a.seq, &prev, e) == -1)
		goto out;
	a.seq++;
	if (audit_hash(&prev, &a, &a.hash, e) == -1 || write_entry(db, &a, e) == -1 ||
	    write_head(db, &a, e) == -1)
		goto out;
	rc = 0;
out:
	audit_entry_clear(&a);
	return rc;
}

int
state_audit_add(struct state *s, const struct audit_note *note, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	return state_db_commit(s, note, e);
}

static int
read_entry(struct state_query *q, struct audit_entry *a, struct err *e)
{
	memset(a, 0, sizeof(*a));
	a->seq = state_query_get_int(q, 0);
	a->at = state_query_get_int(q, 1);
	if (!state_query_get_digest(q, 6, &a->hash))
		return state_query_damaged("a row of audit", e);
	a->actor = strdup(state_query_get_text(q, 2));
	a->action = strdup(state_query_get_text(q, 3));
	a->object = strdup(state_query_get_text(q, 4));
	a->detail = strdup(state_query_get_text(q, 5));
	if (a->actor == NULL || a->action == NULL || a->object == NULL || a->detail == NULL) {
		audit_entry_clear(a);
		return err_nomem(e);
	}
	return 0;
}

int
state_audit_list(struct state *s, int64_t after, size_t max, struct audit_entry **out,
    size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct audit_entry *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (max > 0)
		rows = calloc(max, sizeof(*rows));
	if (max > 0 && rows == NULL) {
		err_nomem(e);
	} else if (state_query_open(&q, db,
	               "SELECT " COLUMNS " FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
	                   e) == 0) {
		state_query_int(&q, after);
		state_query_int(&q, (int64_t)max);
		while ((got = state_query_step(&q, e)) == 1) {
			if (read_entry(&q, &rows[n_rows], e) == -1) {
				got = -1;
				break;
			}
			n_rows++;
		}
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1) {
		state_audit_free(rows, n_rows);
		return -1;
	}
	if (n_rows == 0) {
		free(rows);
		rows = NULL;
	}
	*out = rows;
	*n = n_rows;
	return 0;
}

void
state_audit_free(struct audit_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		audit_entry_clear(&entries[i]);
	free(entries);
}

/* Check the row q stands on as the one after prev_seq; *prev becomes its hash. */
static int
check_link(struct state_query *q, int64_t prev_seq, struct digest *prev, struct err *e)
{
	struct audit_entry a;
	struct digest is;
	int rc = -1;

	if (read_entry(q, &a, e) == -1)
		return -1;
	if (a.seq != prev_seq + 1)
		err_set(e, ERR_UNTRUSTED, "audit log: entry %lld is missing",
		    (long long)prev_seq + 1);
	else if (audit_hash(prev, &a, &is, e) == -1)
		rc = -1;
	else if (!digest_equal(&is, &a.hash))
		err_set(e, ERR_UNTRUSTED, "audit log: entry %lld was changed", (long long)a.seq);
	else
		rc = 0;
	*prev = a.hash;
	audit_entry_clear(&a);
	return rc;
}

static int
verify_on(sqlite3 *db, int64_t *n_entries, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct digest prev = { { 0 } }, head;
	int64_t n = 0, head_seq;
	int got = -1;

	if (read_head(db, &head_seq, &head, e) == -1)
		return -1;
	if (state_query_open(&q, db, "SELECT " COLUMNS " FROM audit ORDER BY seq", e) == 0)
		while ((got = state_query_step(&q, e)) == 1) {
			if (check_link(&q, n, &prev, e) == -1) {
				got = -1;
				break;
			}
			n++;
		}
	state_query_close(&q);
	if (got == -1)
		return -1;
	if (n != head_seq || !digest_equal(&prev, &head))
		return err_set(e, ERR_UNTRUSTED,
		    "audit log: it ends with entry %lld, the last one written was %lld",
		    (long long)n, (long long)head_seq);
	if (n_entries != NULL)
		*n_entries = n;
	return 0;
}

int
state_audit_verify(struct state *s, int64_t *n_entries, struct err *e)
{
	sqlite3 *db;
	int rc;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	rc = state_query_script(db, "BEGIN", e);
	if (rc == 0) {
		rc = verify_on(db, n_entries, e);
		(void)sqlite3_exec(db, "END", NULL, NULL, NULL); /* it only read */
	}
	state_db_reader_give(s, db);
	return rc;
}
