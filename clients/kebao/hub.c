/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "clients/kebao/passphrase.h"

struct hub {
	struct home *home; /* borrowed */
	struct home_config config;
	struct settings settings;
	struct pace *pace; /* borrowed; may be NULL */
	struct transfer *transfer; /* owned */
	struct identity_facts facts;
	struct buf ca;
	struct buf passphrase; /* wiped */
};

/*
 * The first line of a file that somebody named.  Where it is not there, that is what is wrong: not
 * found would mean that nobody has enrolled.
 */
static int
load_named(const char *file, const char *what, struct buf *out, struct err *e)
{
	const struct passphrase_source src = { .file = file };

	if (passphrase_read(&src, out, e) == 0)
		return 0;
	if (e != NULL && e->class == ERR_NOT_FOUND)
		e->class = ERR_BAD_INPUT;
	err_within(e, "%s", what);
	return -1;
}

int
hub_load_passphrase(const struct home *home, const struct home_config *config, struct buf *out,
    struct err *e)
{
	if (config->passphrase_file[0] != '\0')
		return load_named(config->passphrase_file, "the passphrase", out, e);
	if (home_load_identity(home, "passphrase", out, e) == -1)
		return -1;
	buf_truncate(out, strcspn(buf_text(out), "\r\n"));
	if (buf_len(out) == 0)
		return err_set(
		    e, ERR_BAD_INPUT, "%s/identity/passphrase is empty", home_path(home));
	return 0;
}

static int
use_line(const struct hub *hub, struct transfer *t, struct err *e)
{
	const struct settings *s = &hub->settings;
	struct transfer_line line = {
		.limit_bytes_per_second = s->limit_bytes_per_second, .patience_s = s->patience_s,
		.proxy = s->proxy,
	};
	struct buf password = BUF_INIT;
	int rc = -1;

	if (hub->pace != NULL) {
		line.on_received = pace_took;
		line.ctx = hub->pace;
	}
	if (s->proxy_password_file[0] != '\0') {
		if (load_named(s->proxy_password_file, "the proxy's password", &password, e) == -1)
			goto out;
		line.proxy_password = buf_text(&password);
	}
	rc = transfer_use_line(t, &line, e);
out:
	buf_wipe(&password);
	return rc;
}

int
hub_use_settings(struct hub *hub, const struct settings *s, struct pace *pace, struct err *e)
{
	hub->settings = *s;
	hub->pace = pace;
	return use_line(hub, hub->transfer, e);
}

const struct settings *
hub_settings(const struct hub *hub)
{
	return &hub->settings;
}

/* A transfer with the identity as it now lies on disk. */
static int
connect_as(struct hub *hub, const struct buf *client_pem, struct err *e)
{
	const struct transfer_identity id = {
		.cert_pem = client_pem, .key_pem = client_pem,
		.passphrase = buf_text(&hub->passphrase),
	};
	struct identity_facts facts;
	struct transfer *t = NULL;

	if (identity_facts(client_pem, &facts, e) == -1 ||
	    identity_check(client_pem, client_pem, buf_text(&hub->passphrase), &hub->ca, e) == -1 ||
	    transfer_new(hub->config.hub, &hub->ca, &id, &t, e) == -1)
		return -1;
	if (use_line(hub, t, e) == -1) {
		transfer_free(t);
		return -1;
	}
	transfer_free(hub->transfer);
	hub->transfer = t;
	hub->facts = facts;
	return 0;
}

int
hub_open(struct home *home, struct hub **out, struct err *e)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	struct buf client = BUF_INIT;
	int rc = -1;

	if (hub == NULL)
		return err_nomem(e);
	hub->home = home;
	if (home_load_config(home, &hub->config, e) == -1 ||
	    settings_load(home, &hub->settings, e) == -1 ||
	    home_load_identity(home, "ca.pem", &hub->ca, e) == -1 ||
	    home_load_identity(home, "client.pem", &client, e) == -1 ||
	    hub_load_passphrase(home, &hub->config, &hub->passphrase, e) == -1)
		goto out;
	if (connect_as(hub, &client, e) == -1) {
		err_within(e, "%s/identity", home_path(home));
		goto out;
	}
	*out = hub;
	hub = NULL;
	rc = 0;
out:
	buf_wipe(&client);
	hub_close(hub);
	return rc;
}

void
hub_close(struct hub *hub)
{
	if (hub == NULL)
		return;
	transfer_free(hub->transfer);
	buf_clear(&hub->ca);
	buf_wipe(&hub->passphrase);
	free(hub);
}

struct transfer *
hub_transfer(const struct hub *hub)
{
	return hub->transfer;
}

const struct home_config *
hub_config(const struct hub *hub)
{
	return &hub->config;
}

const struct identity_facts *
hub_identity(const struct hub *hub)
{
	return &hub->facts;
}

static int
parse_answer(const struct buf *bytes, const char *path, struct json **out, struct err *e)
{
	if (out == NULL)
		return 0;
	if (json_parse(buf_data(bytes), buf_len(bytes), GATE_ANY, out, e) == 0)
		return 0;
	err_within(e, "answer to %s", path);
	return -1;
}

static int
exchange(struct hub *hub, const struct hub_message *m, bool again, struct json **out,
    struct err *e)
{
	struct buf answer = BUF_INIT;
	struct transfer_reply reply;
	char type[128];
	const char *const headers[] = { type, NULL };
	struct transfer_request r = {
		.method = m->method, .path = m->path, .body = m->body, .body_len = m->body_len,
		.max_bytes = HUB_ANSWER_BYTES, .sink = transfer_to_buf, .sink_ctx = &answer,
	};
	int rc;

	(void)snprintf(type, sizeof(type), "Content-Type: %s",
	    m->content_type != NULL ? m->content_type : "application/json");
	if (m->body_len > 0 || m->method == TRANSFER_POST)
		r.headers = headers;
	rc = again ? transfer_again(hub->transfer, &r, &reply, e)
	           : transfer_once(hub->transfer, &r, &reply, e);
	if (rc == 0)
		rc = parse_answer(&answer, m->path, out, e);
	buf_clear(&answer);
	return rc;
}

int
hub_get(struct hub *hub, const char *path, struct json **out, struct err *e)
{
	const struct hub_message m = { .method = TRANSFER_GET, .path = path };

	return exchange(hub, &m, true, out, e);
}

int
hub_send(struct hub *hub, const struct hub_message *m, struct json **out, struct err *e)
{
	return exchange(hub, m, false, out, e);
}

int
hub_send_again(struct hub *hub, const struct hub_message *m, struct json **out, struct err *e)
{
	return exchange(hub, m, true, out, e);
}

bool
hub_renewal_is_due(const struct identity_facts *f, int64_t now)
{
	return now < f->valid_until && f->valid_until - now <= (f->valid_until - f->valid_from) / 3;
}

/* {"csr": ...} to the hub, the certificate behind the key in client. */
static int
ask_certificate(struct hub *hub, const struct buf *csr, struct buf *client, struct err *e)
{
	struct json *ask = json_new(), *answer = NULL;
	struct buf body = BUF_INIT;
	struct hub_message m = { .method = TRANSFER_POST, .path = "/api/v1/renew" };
	const char *cert;
	int rc = -1;

	json_put_text(json_top(ask), "csr", buf_text(csr));
	if (canon_write(json_top(ask), &body, e) == -1)
		goto out;
	m.body = buf_data(&body);
	m.body_len = buf_len(&body);
	if (hub_send_again(hub, &m, &answer, e) == -1 ||
	    json_get_text(json_top(answer), "certificate", &cert, e) == -1 ||
	    buf_add_text(client, cert, e) == -1)
		goto out;
	rc = 0;
out:
	json_free(ask);
	json_free(answer);
	buf_clear(&body);
	return rc;
}

int
hub_renew(struct hub *hub, struct err *e)
{
	struct buf client = BUF_INIT, csr = BUF_INIT;
	int rc = -1;

	if (identity_make(buf_text(&hub->passphrase), &client, &csr, e) == -1 ||
	    ask_certificate(hub, &csr, &client, e) == -1 ||
	    identity_check(&client, &client, buf_text(&hub->passphrase), &hub->ca, e) == -1 ||
	    home_save_identity(hub->home, "client.pem", &client, e) == -1)
		goto out;
	rc = connect_as(hub, &client, e);
out:
	if (rc == -1)
		err_within(e, "renewing the certificate");
	buf_wipe(&client);
	buf_clear(&csr);
	return rc;
}
