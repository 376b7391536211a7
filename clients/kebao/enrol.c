/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/enrol.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/hub/code.h"
#include "catalog/hub/ident.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "catalog/repo/ids.h"
#include "catalog/trust/trust.h"
#include "clients/kebao/hub.h"
#include "clients/kebao/passphrase.h"
#include "clients/kebao/transfer.h"

#define ANSWER_BYTES (LIMIT_ROOT_BYTES * 2 + 65536u) /* a root escaped in JSON, and a certificate */

/* One enrolment under way. */
struct enrolment {
	struct home *home;          /* borrowed */
	const struct enrol_request *r;
	struct code code;           /* wiped */
	char url[280];              /* without the '/' people paste behind it */
	struct buf ca;              /* PEM, as checked against the code */
	struct buf root;            /* N.root.json, as checked against the code */
	struct buf passphrase;      /* wiped */
	struct buf client;          /* key, then the certificate; wiped */
	struct buf csr;
};

static int
take_url(struct enrolment *n, struct err *e)
{
	size_t len = strlen(n->r->url);

	while (len > 0 && n->r->url[len - 1] == '/')
		len--;
	if (len >= sizeof(n->url))
		return err_set(e, ERR_BAD_INPUT, "hub address: longer than %zu bytes",
		    sizeof(n->url) - 1);
	memcpy(n->url, n->r->url, len);
	n->url[len] = '\0';
	return transfer_check_url(n->url, e);
}

/* What the hub says its CA and root are, checked against the code. */
static int
take_trust(struct enrolment *n, struct json *doc, struct err *e)
{
	struct buf der = BUF_INIT;
	const char *ca, *root;
	int rc = -1;

	if (json_get_text(json_top(doc), "ca", &ca, e) == -1 ||
	    json_get_text(json_top(doc), "root", &root, e) == -1 ||
	    buf_add_text(&n->ca, ca, e) == -1 || buf_add_text(&n->root, root, e) == -1)
		goto out;
	if (identity_der(&n->ca, &der, e) == -1)
		goto out;
	if (!code_matches(&n->code, buf_data(&der), buf_len(&der), buf_data(&n->root),
	    buf_len(&n->root))) {
		(void)err_set(e, ERR_UNTRUSTED, "%s is not the hub this code was made for: the"
		    " fingerprint differs; the code's secret was not sent", n->url);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&der);
	return rc;
}

/* Ask whoever answers at the address; nothing secret is sent. */
static int
ask_trust(struct enrolment *n, struct err *e)
{
	struct transfer *t = NULL;
	struct buf answer = BUF_INIT;
	struct json *doc = NULL;
	char path[64];
	int rc = -1;

	(void)snprintf(path, sizeof(path), "/api/v1/trust?root=%u", n->code.root_version);
	if (transfer_new(n->url, NULL, NULL, &t, e) == -1 ||
	    transfer_load(t, path, ANSWER_BYTES, &answer, e) == -1)
		goto out;
	if (json_parse(buf_data(&answer), buf_len(&answer), GATE_ANY, &doc, e) == -1 ||
	    take_trust(n, doc, e) == -1)
		goto out;
	rc = 0;
out:
	transfer_free(t);
	json_free(doc);
	buf_clear(&answer);
	return rc;
}

/* A home that already believes another hub must not be mixed with this one. */
static int
check_home(const struct enrolment *n, struct err *e)
{
	struct buf pem = BUF_INIT, old = BUF_INIT, new = BUF_INIT;
	struct err mine = { 0 };
	int rc = -1;

	if (home_load_identity(n->home, "ca.pem", &pem, &mine) == -1) {
		rc = mine.class == ERR_NOT_FOUND ? 0 : -1;
	} else if (identity_der(&pem, &old, &mine) == 0 && identity_der(&n->ca, &new, &mine) == 0) {
		if (buf_len(&old) == buf_len(&new) &&
		    memcmp(buf_data(&old), buf_data(&new), buf_len(&old)) == 0)
			rc = 0;
		else
			(void)err_set(&mine, ERR_CONFLICT,
			    "%s belongs to another hub (its CA differs): enrol in another home"
			    " (--home DIR)",
			    home_path(n->home));
	}
	if (rc == -1 && e != NULL)
		*e = mine;
	buf_clear(&pem);
	buf_clear(&old);
	buf_clear(&new);
	return rc;
}

static int
take_passphrase(struct enrolment *n, struct err *e)
{
	const struct passphrase_source src = { .file = n->r->passphrase_file };
	struct err mine = { 0 };

	if (n->r->passphrase_file != NULL)
		return passphrase_read(&src, &n->passphrase, e);
	if (home_load_identity(n->home, "passphrase", &n->passphrase, &mine) == 0 &&
	    buf_len(&n->passphrase) > 0) {
		buf_truncate(&n->passphrase, strcspn(buf_text(&n->passphrase), "\r\n"));
		return 0;
	}
	buf_truncate(&n->passphrase, 0);
	if (passphrase_make(&n->passphrase, e) == -1)
		return -1;
	return home_save_identity(n->home, "passphrase", &n->passphrase, e);
}

/* Key and request; kept until the answer is here, so a lost answer can be asked for again. */
static int
take_key(struct enrolment *n, struct err *e)
{
	static const char mark[] = "-----BEGIN CERTIFICATE REQUEST-----";
	struct buf pending = BUF_INIT;
	const char *csr;
	int rc = -1;

	if (home_load_identity(n->home, "pending.pem", &pending, NULL) == 0 &&
	    (csr = strstr(buf_text(&pending), mark)) != NULL &&
	    identity_opens(&pending, buf_text(&n->passphrase))) {
		size_t key_len = (size_t)(csr - buf_text(&pending));

		if (buf_add(&n->client, buf_data(&pending), key_len, e) == -1 ||
		    buf_add_text(&n->csr, csr, e) == -1)
			goto out;
		rc = 0;
		goto out;
	}
	buf_wipe(&pending);
	if (identity_make(buf_text(&n->passphrase), &n->client, &n->csr, e) == -1 ||
	    buf_add(&pending, buf_data(&n->client), buf_len(&n->client), e) == -1 ||
	    buf_add(&pending, buf_data(&n->csr), buf_len(&n->csr), e) == -1 ||
	    home_save_identity(n->home, "pending.pem", &pending, e) == -1)
		goto out;
	rc = 0;
out:
	buf_wipe(&pending);
	return rc;
}

static int
make_request(const struct enrolment *n, struct buf *body, struct err *e)
{
	struct json *ask = json_new();
	char secret[CODE_SECRET_HEX_LEN + 1];
	int rc;

	hex_encode(secret, n->code.secret, CODE_SECRET_LEN);
	json_put_text(json_top(ask), "secret", secret);
	json_put_text(json_top(ask), "csr", buf_text(&n->csr));
	rc = canon_write(json_top(ask), body, e);
	explicit_bzero(secret, sizeof(secret));
	json_free(ask);
	return rc;
}

static int
take_answer(struct enrolment *n, struct json *doc, struct enrol_result *out, struct err *e)
{
	struct json_at top = json_top(doc);
	const char *cert, *org, *role;
	enum ident_role known;

	if (json_get_text(top, "certificate", &cert, e) == -1 ||
	    json_get_text(top, "org", &org, e) == -1 || json_get_text(top, "role", &role, e) == -1)
		return -1;
	if (ids_copy(IDS_ORGANISATION, out->config.org, org, strlen(org), e) == -1)
		return -1;
	if (ident_role_parse(&known, role) == -1)
		return err_set(e, ERR_BAD_INPUT, "the hub gave a role that is not known here");
	(void)snprintf(out->config.role, sizeof(out->config.role), "%s", ident_role_name(known));
	return buf_add_text(&n->client, cert, e);
}

/* Connected to the CA of the code and to no other: now the secret may go. */
static int
ask_certificate(struct enrolment *n, struct enrol_result *out, struct err *e)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct buf body = BUF_INIT, answer = BUF_INIT;
	struct transfer *t = NULL;
	struct transfer_reply reply;
	struct json *doc = NULL;
	struct transfer_request r = {
		.method = TRANSFER_POST, .path = "/api/v1/enroll", .headers = headers,
		.max_bytes = 65536, .sink = transfer_to_buf, .sink_ctx = &answer,
	};
	int rc = -1;

	if (make_request(n, &body, e) == -1 || transfer_new(n->url, &n->ca, NULL, &t, e) == -1)
		goto out;
	r.body = buf_data(&body);
	r.body_len = buf_len(&body);
	if (transfer_again(t, &r, &reply, e) == -1 ||
	    json_parse(buf_data(&answer), buf_len(&answer), GATE_ANY, &doc, e) == -1 ||
	    take_answer(n, doc, out, e) == -1)
		goto out;
	rc = 0;
out:
	transfer_free(t);
	json_free(doc);
	buf_wipe(&body);
	buf_clear(&answer);
	return rc;
}

/* The first root to believe; one that is there came the same way and may be newer. */
static int
keep_root(const struct enrolment *n, struct err *e)
{
	int fd = home_open_dir(n->home, "trust", e);
	int rc = 0;

	if (fd == -1)
		return -1;
	if (!file_exists(fd, "root.json"))
		rc = trust_init(fd, buf_data(&n->root), buf_len(&n->root), e);
	(void)close(fd); /* only a handle */
	return rc;
}

/* Everything that must be there first; config.json, which makes it count, last. */
static int
keep(struct enrolment *n, struct enrol_result *out, struct err *e)
{
	char *path = NULL;
	int rc = -1;

	memcpy(out->config.hub, n->url, sizeof(out->config.hub)); /* of the same size */
	if (n->r->passphrase_file != NULL) {
		path = realpath(n->r->passphrase_file, NULL);
		if (path == NULL || strlen(path) >= sizeof(out->config.passphrase_file)) {
			(void)err_set(e, ERR_BAD_INPUT, "%s: its full path cannot be kept",
			    n->r->passphrase_file);
			goto out;
		}
		memcpy(out->config.passphrase_file, path, strlen(path) + 1);
	}
	if (keep_root(n, e) == -1 ||
	    home_save_identity(n->home, "ca.pem", &n->ca, e) == -1 ||
	    home_save_identity(n->home, "client.pem", &n->client, e) == -1 ||
	    home_save_config(n->home, &out->config, e) == -1 ||
	    home_remove_identity(n->home, "pending.pem", e) == -1)
		goto out;
	rc = 0;
out:
	free(path);
	return rc;
}

int
enrol(struct home *home, const struct enrol_request *r, struct enrol_result *out, struct err *e)
{
	struct enrolment n = { .home = home, .r = r };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (code_decode(&n.code, r->code, e) == -1 || take_url(&n, e) == -1 ||
	    ask_trust(&n, e) == -1 || check_home(&n, e) == -1 || take_passphrase(&n, e) == -1 ||
	    take_key(&n, e) == -1 || ask_certificate(&n, out, e) == -1)
		goto out;
	if (identity_check(&n.client, &n.client, buf_text(&n.passphrase), &n.ca, e) == -1 ||
	    identity_facts(&n.client, &out->facts, e) == -1)
		goto out;
	rc = keep(&n, out, e);
out:
	explicit_bzero(&n.code, sizeof(n.code));
	buf_clear(&n.ca);
	buf_clear(&n.root);
	buf_wipe(&n.passphrase);
	buf_wipe(&n.client);
	buf_clear(&n.csr);
	return rc;
}
