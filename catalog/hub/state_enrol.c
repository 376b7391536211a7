/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_enrol.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"

int
state_enrol_invite(struct state *s, const struct digest *secret_hash, const char *org,
    enum ident_role role, int64_t expires_at, const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "INSERT INTO invitations (secret_hash, org, role, expires_at) VALUES (?, ?, ?, ?)",
	        e) == 0) {
		state_query_digest(&q, secret_hash);
		state_query_text(&q, org);
		state_query_text(&q, ident_role_name(role));
		state_query_int(&q, expires_at);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

/* Judge the row q stands on. */
static int
judge(struct state_query *q, const struct digest *csr_hash, int64_t now,
    struct state_enrol_invitation *out, struct err *e)
{
	struct state_enrol_invitation inv = { 0 };
	struct digest used_by;
	int64_t used_at = state_query_get_int(q, 3);
	bool is_used = state_query_get_digest(q, 4, &used_by);

	if (state_query_copy_text(q, 0, inv.org, sizeof(inv.org), e) == -1)
		return -1;
	if (ident_role_parse(&inv.role, state_query_get_text(q, 1)) == -1)
		return state_query_damaged("role of an invitation", e);
	inv.expires_at = state_query_get_int(q, 2);
	if (is_used) {
		if (!digest_equal(&used_by, csr_hash) ||
		    now - used_at >= STATE_ENROL_REPEAT_SECONDS)
			return err_set(e, ERR_DENIED,
			    "this enrolment code was used already: ask for a new one");
		inv.certificate = strdup(state_query_get_text(q, 5));
		if (inv.certificate == NULL)
			return err_nomem(e);
	} else if (now >= inv.expires_at) {
		return err_set(e, ERR_DENIED, "this enrolment code has expired: ask for a new one");
	}
	*out = inv;
	return 0;
}

int
state_enrol_find(struct state *s, const struct digest *secret_hash,
    const struct digest *csr_hash, int64_t now, struct state_enrol_invitation *out,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT org, role, expires_at, used_at, used_by, certificate"
	        " FROM invitations WHERE secret_hash = ?",
	        e) == 0) {
		int got;

		state_query_digest(&q, secret_hash);
		got = state_query_step(&q, e);
		if (got == 1)
			rc = judge(&q, csr_hash, now, out, e);
		else if (got == 0)
			err_set(e, ERR_DENIED, "this hub knows no such enrolment code");
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	return rc;
}

void
state_enrol_invitation_clear(struct state_enrol_invitation *inv)
{
	free(inv->certificate);
	memset(inv, 0, sizeof(*inv));
}

static int
insert(sqlite3 *db, const struct ident_enrolment *row, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO enrolments (serial, org, role, issued_at, expires_at, revoked_at)"
	        " VALUES (?, ?, ?, ?, ?, ?)",
	        e) == 0) {
		state_query_text(&q, row->serial);
		state_query_text(&q, row->org);
		state_query_text(&q, ident_role_name(row->role));
		state_query_int(&q, row->issued_at);
		state_query_int(&q, row->expires_at);
		state_query_int(&q, row->revoked_at);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc;
}

int
state_enrol_redeem(struct state *s, const struct digest *secret_hash,
    const struct digest *csr_hash, const struct ident_enrolment *row, const char *certificate,
    const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "UPDATE invitations SET used_at = ?, used_by = ?, certificate = ?"
	        " WHERE secret_hash = ? AND used_by IS NULL AND expires_at > ?",
	        e) == -1)
		goto out;
	state_query_int(&q, row->issued_at);
	state_query_digest(&q, csr_hash);
	state_query_text(&q, certificate);
	state_query_digest(&q, secret_hash);
	state_query_int(&q, row->issued_at);
	if (state_query_run(&q, e) == -1)
		goto out;
	if (sqlite3_changes(db) != 1) {
		err_set(e, ERR_CONFLICT, "this enrolment code was used a moment ago");
		goto out;
	}
	rc = insert(db, row, e);
out:
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

int
state_enrol_add(struct state *s, const struct ident_enrolment *row,
    const struct audit_note *note, struct err *e)
{
	sqlite3 *db;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (insert(db, row, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}

int
state_enrol_revoke(struct state *s, const char *serial, int64_t now,
    const struct audit_note *note, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc = -1;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "UPDATE enrolments SET revoked_at = iif(revoked_at = 0, ?, revoked_at)"
	        " WHERE serial = ?",
	        e) == -1)
		goto out;
	state_query_int(&q, now);
	state_query_text(&q, serial);
	if (state_query_run(&q, e) == -1)
		goto out;
	if (sqlite3_changes(db) != 1) {
		char quoted[60];

		err_set(e, ERR_NOT_FOUND, "there is no enrolment %s",
		    err_quote(quoted, sizeof(quoted), serial, strlen(serial)));
		goto out;
	}
	rc = 0;
out:
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, note, e) : state_db_rollback(s);
}

static int
read_row(struct state_query *q, struct ident_enrolment *row, struct err *e)
{
	if (state_query_copy_text(q, 0, row->serial, sizeof(row->serial), e) == -1 ||
	    state_query_copy_text(q, 1, row->org, sizeof(row->org), e) == -1)
		return -1;
	if (ident_role_parse(&row->role, state_query_get_text(q, 2)) == -1)
		return state_query_damaged("role of an enrolment", e);
	row->issued_at = state_query_get_int(q, 3);
	row->expires_at = state_query_get_int(q, 4);
	row->revoked_at = state_query_get_int(q, 5);
	return state_query_copy_text(q, 6, row->renews, sizeof(row->renews), e);
}

int
state_enrol_list(struct state *s, struct ident_enrolment **out, size_t *n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	struct ident_enrolment *rows = NULL;
	size_t n_rows = 0;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT serial, org, role, issued_at, expires_at, revoked_at,"
	        "  coalesce(substr(actor, instr(actor, '/') + 1), '') FROM enrolments LEFT JOIN"
	        "  (SELECT detail, min(actor) AS actor FROM audit WHERE action = 'renew'"
	        "   GROUP BY detail) ON detail = serial"
	        " ORDER BY issued_at, serial",
	        e) == 0)
		while ((got = state_query_step(&q, e)) == 1) {
			rows = state_query_grow(rows, n_rows, sizeof(*rows), e);
			if (rows == NULL || read_row(&q, &rows[n_rows], e) == -1) {
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
