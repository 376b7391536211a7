/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment: invitations, certificates, revocation.  PROTOCOL.md sections 4 and 5. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/base/hex.h"
#include "catalog/hub/code.h"
#include "catalog/hub/state_enrol.h"
#include "catalog/json/json.h"
#include "daemon/app/anchors.h"
#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/signer/signer.h"

#define DAYS_DEFAULT 14 /* an invitation is used within days, or made anew */
#define DAYS_MAX 90

static int
answer_certificate(struct exchange *x, const char *pem, const char *org, enum ident_role role,
    struct err *e)
{
	struct json *doc = json_new();

	json_put_text(json_top(doc), "certificate", pem);
	json_put_text(json_top(doc), "org", org);
	json_put_text(json_top(doc), "role", ident_role_name(role));
	return respond_json(x, 200, doc, e);
}

static struct ident_enrolment
row_of(const struct signer_certificate *cert, const char *org, enum ident_role role)
{
	struct ident_enrolment row = { .role = role, .issued_at = cert->issued_at,
		.expires_at = cert->expires_at };

	(void)snprintf(row.serial, sizeof(row.serial), "%s", cert->serial); /* both 33 */
	(void)snprintf(row.org, sizeof(row.org), "%s", org);                /* ids fit */
	return row;
}

/* What an enrolment needs beside the invitation. */
struct request {
	struct digest secret_hash, csr_hash;
	const char *csr; /* lent */
};

/* Use the open invitation up.  ERR_CONFLICT: somebody else was quicker, look again. */
static int
redeem(struct exchange *x, const struct request *rq, const struct state_enrol_invitation *inv,
    struct err *e)
{
	struct app *app = context_app(x);
	struct signer_certificate cert = { 0 };
	struct ident_enrolment row;
	char actor[CONTEXT_ACTOR_SIZE];
	struct audit_note note;
	int rc = -1;

	if (signer_certify(app->signer, rq->csr, strlen(rq->csr), inv->org, &cert, e) == -1)
		return -1;
	row = row_of(&cert, inv->org, inv->role);
	note = context_note(x, actor, "enrol", inv->org, row.serial);
	if (state_enrol_redeem(app->state, &rq->secret_hash, &rq->csr_hash, &row,
	        buf_text(&cert.pem), &note, e) == 0 &&
	    access_reload_identities(app->access, app->state, e) == 0)
		rc = answer_certificate(x, buf_text(&cert.pem), inv->org, inv->role, e);
	signer_certificate_clear(&cert);
	return rc;
}

/* One look at the invitation and what follows from it. */
static int
enrol_once(struct exchange *x, const struct request *rq, struct err *e)
{
	struct state_enrol_invitation inv = { 0 };
	int rc = -1;

	if (state_enrol_find(context_app(x)->state, &rq->secret_hash, &rq->csr_hash, x->now, &inv,
	        e) == -1) {
		if (e->class != ERR_DENIED)
			return -1;
		log_note(LOG_LEVEL_WARN, "enrol-refused", "%s: %s", x->peer, e->text);
		reply_problem_status(x, 403, e); /* a certificate is what is asked for: never 401 */
		return 0;
	}
	if (inv.certificate == NULL)
		rc = redeem(x, rq, &inv, e);
	else if (access_reload_identities(context_app(x)->access, context_app(x)->state, e) == 0)
		rc = answer_certificate(x, inv.certificate, inv.org, inv.role, e);
	state_enrol_invitation_clear(&inv);
	return rc;
}

int
serve_enrol(struct exchange *x, struct err *e)
{
	static const char *const names[] = { "secret", "csr" };
	uint8_t secret[CODE_SECRET_LEN];
	struct request rq;
	struct json *doc;
	const char *hex;
	int rc = -1;

	if (respond_body(x, names, 2, &doc, e) == -1)
		return -1;
	if (json_get_text(json_top(doc), "secret", &hex, e) == -1 ||
	    json_get_text(json_top(doc), "csr", &rq.csr, e) == -1)
		goto out;
	if (hex_decode(secret, sizeof(secret), hex, strlen(hex)) == -1) {
		(void)err_set(e, ERR_BAD_INPUT, "secret: %d hexadecimal digits are wanted",
		    CODE_SECRET_HEX_LEN);
		goto out;
	}
	code_secret_hash(&rq.secret_hash, secret);
	digest_of(&rq.csr_hash, rq.csr, strlen(rq.csr));
	rc = enrol_once(x, &rq, e);
	if (rc == -1 && e->class == ERR_CONFLICT && !reply_is_made(x))
		rc = enrol_once(x, &rq, e);
out:
	explicit_bzero(secret, sizeof(secret));
	json_free(doc);
	return rc;
}

/* Somebody with a stolen key shall not make more certificates than people can revoke. */
static int
may_renew(struct exchange *x, const struct access_client *c, struct err *e)
{
	if (access_n_good(context_app(x)->access, c->who.serial, x->now) < LIMIT_CERTS_OF_HOLDER)
		return 0;
	return err_set(e, ERR_CONFLICT, "this enrolment has %u good certificates already: ask the"
	    " hub's administrator to revoke those that are not in use", LIMIT_CERTS_OF_HOLDER);
}

int
serve_enrol_renew(struct exchange *x, struct err *e)
{
	static const char *const names[] = { "csr" };
	struct app *app = context_app(x);
	struct access_client *c = context_client(x);
	struct signer_certificate cert = { 0 };
	struct ident_enrolment row;
	char actor[CONTEXT_ACTOR_SIZE];
	struct audit_note note;
	const char *csr;
	struct json *doc;
	int rc = -1;

	if (access_enrolled(c, e) == -1 || may_renew(x, c, e) == -1 ||
	    respond_body(x, names, 1, &doc, e) == -1)
		return -1;
	if (json_get_text(json_top(doc), "csr", &csr, e) == -1 ||
	    signer_certify(app->signer, csr, strlen(csr), c->who.org, &cert, e) == -1)
		goto out;
	row = row_of(&cert, c->who.org, c->who.role);
	note = context_note(x, actor, "renew", c->who.org, row.serial);
	if (state_enrol_add(app->state, &row, &note, e) == 0 &&
	    access_reload_identities(app->access, app->state, e) == 0)
		rc = answer_certificate(x, buf_text(&cert.pem), c->who.org, c->who.role, e);
out:
	signer_certificate_clear(&cert);
	json_free(doc);
	return rc;
}

struct invitation {
	char org[LIMIT_ID_BYTES + 1];
	enum ident_role role;
	int64_t days;
};

static int
parse_invitation(const struct exchange *x, struct invitation *out, struct err *e)
{
	static const char *const names[] = { "org", "role", "days" };
	const char *org, *role;
	struct json *doc;
	int rc = -1;

	if (respond_body(x, names, 3, &doc, e) == -1)
		return -1;
	if (json_get_text(json_top(doc), "org", &org, e) == -1 ||
	    json_get_text(json_top(doc), "role", &role, e) == -1 ||
	    json_find_int(json_top(doc), "days", DAYS_DEFAULT, &out->days, e) == -1)
		goto out;
	if (ident_role_parse(&out->role, role) == -1) {
		(void)err_set(e, ERR_BAD_INPUT,
		    "role: member, publisher, admin or auditor is wanted");
		goto out;
	}
	if (out->days < 1 || out->days > DAYS_MAX) {
		(void)err_set(e, ERR_BAD_INPUT, "days: 1 to %d are wanted", DAYS_MAX);
		goto out;
	}
	if (registry_find_organisation(access_client_registry(context_client(x)), org) == NULL) {
		char quoted[80];

		(void)err_set(e, ERR_BAD_INPUT, "org: there is no organisation %s",
		    err_quote(quoted, sizeof(quoted), org, strlen(org)));
		goto out;
	}
	(void)snprintf(out->org, sizeof(out->org), "%s", org); /* the registry's ids fit */
	rc = 0;
out:
	json_free(doc);
	return rc;
}

static int
make_code(struct app *app, struct code *code, struct err *e)
{
	struct anchors a = ANCHORS_INIT;

	if (anchors_load(app, 0, &a, e) == -1)
		return -1;
	code->root_version = (uint16_t)a.root_version; /* 65,535 roots are never signed */
	code_fingerprint(code->fingerprint, buf_data(&a.ca_der), buf_len(&a.ca_der),
	    buf_data(&a.root), buf_len(&a.root));
	anchors_clear(&a);
	return code_new_secret(code->secret, e);
}

int
serve_enrol_invite(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	struct invitation inv;
	char actor[CONTEXT_ACTOR_SIZE], text[CODE_TEXT_SIZE];
	struct audit_note note;
	struct digest hash;
	struct code code;
	struct json *doc;
	int64_t expires_at;
	int rc = -1;

	if (access_admin(context_client(x), e) == -1 || parse_invitation(x, &inv, e) == -1 ||
	    make_code(app, &code, e) == -1)
		return -1;
	expires_at = x->now + inv.days * 86400;
	code_secret_hash(&hash, code.secret);
	note = context_note(x, actor, "invite", inv.org, ident_role_name(inv.role));
	if (state_enrol_invite(app->state, &hash, inv.org, inv.role, expires_at, &note, e) == 0) {
		code_encode(text, &code);
		doc = json_new();
		json_put_text(json_top(doc), "code", text);
		json_put_utc(json_top(doc), "expires", expires_at);
		rc = respond_json(x, 201, doc, e);
	}
	explicit_bzero(&code, sizeof(code));
	explicit_bzero(text, sizeof(text));
	return rc;
}

int
serve_enrol_list(struct exchange *x, struct err *e)
{
	struct ident_enrolment *rows = NULL;
	struct json_at list, at;
	struct json *doc;
	size_t n = 0;

	if (access_audit(context_client(x), e) == -1 ||
	    state_enrol_list(context_app(x)->state, &rows, &n, e) == -1)
		return -1;
	doc = json_new();
	list = json_put_array(json_top(doc), "enrolments");
	for (size_t i = 0; i < n; i++) {
		at = json_add_object(list);
		json_put_text(at, "serial", rows[i].serial);
		json_put_text(at, "org", rows[i].org);
		json_put_text(at, "role", ident_role_name(rows[i].role));
		json_put_utc(at, "issued", rows[i].issued_at);
		json_put_utc(at, "expires", rows[i].expires_at);
		if (rows[i].revoked_at != 0)
			json_put_utc(at, "revoked", rows[i].revoked_at);
	}
	free(rows);
	return respond_json(x, 200, doc, e);
}

int
serve_enrol_revoke(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	const char *serial = exchange_param(x, "serial");
	char actor[CONTEXT_ACTOR_SIZE];
	struct audit_note note;

	if (access_admin(context_client(x), e) == -1)
		return -1;
	note = context_note(x, actor, "revoke", serial, "");
	if (state_enrol_revoke(app->state, serial, x->now, &note, e) == -1 ||
	    access_reload_identities(app->access, app->state, e) == -1)
		return -1;
	return reply_empty(x, 204, e);
}
