/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/serve.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/repo/ids.h"
#include "daemon/signer/certify.h"
#include "daemon/signer/found.h"
#include "daemon/signer/vault.h"
#include "daemon/signer/talk.h"

#define NAME_BYTES 256 /* of a host name, with its NUL */
#define NUMBER_SIZE 24 /* of an integer as text */

static struct talk_part
text_part(const char *text)
{
	return (struct talk_part){ text, strlen(text) };
}

static struct talk_part
buf_part(const struct buf *b)
{
	return (struct talk_part){ buf_data(b), buf_len(b) };
}

static struct talk_part
number_part(char text[NUMBER_SIZE], int64_t v)
{
	(void)snprintf(text, NUMBER_SIZE, "%lld", (long long)v); /* always fits */
	return text_part(text);
}

/* ---- answers; each sends exactly one message where it returns 0 ---- */

/* The operation failed, which is not the loop's failure. */
static int
refuse(int fd, const struct err *why, struct err *e)
{
	return talk_send_error(fd, why, e);
}

static int
answer_switch(int fd, const struct vault_switch *sw, struct err *e)
{
	char numbers[3][NUMBER_SIZE];
	const struct talk_part parts[] = {
		number_part(numbers[0], sw->role_version),
		number_part(numbers[1], sw->snapshot_version),
		number_part(numbers[2], sw->timestamp_version),
		buf_part(&sw->snapshot),
		buf_part(&sw->timestamp),
	};

	return talk_send(fd, ERR_NONE, parts, sizeof(parts) / sizeof(parts[0]), e);
}

static int
answer_certificate(int fd, const struct certify_out *cert, struct err *e)
{
	char numbers[2][NUMBER_SIZE];
	const struct talk_part parts[] = {
		number_part(numbers[0], cert->issued_at),
		number_part(numbers[1], cert->expires_at),
		text_part(cert->serial),
		buf_part(&cert->pem),
	};

	return talk_send(fd, ERR_NONE, parts, sizeof(parts) / sizeof(parts[0]), e);
}

static int
on_advance(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	struct vault_switch sw = { .snapshot = BUF_INIT, .timestamp = BUF_INIT };
	char role[IDS_SIZE];
	struct err why = { 0 };
	int rc;

	if (m->n_parts != 2)
		return err_set(e, ERR_BAD_INPUT, "a malformed request to advance");
	if (talk_text(m, 0, role, sizeof(role), &why) == -1 ||
	    vault_advance(v, role, m->parts[1].data, m->parts[1].len, time(NULL), &sw, &why) == -1)
		return refuse(fd, &why, e);
	rc = answer_switch(fd, &sw, e);
	vault_switch_clear(&sw);
	return rc;
}

static int
on_resign(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	struct vault_switch sw = { .snapshot = BUF_INIT, .timestamp = BUF_INIT };
	struct err why = { 0 };
	int rc;

	if (m->n_parts != 0)
		return err_set(e, ERR_BAD_INPUT, "a malformed request to sign anew");
	if (vault_resign(v, time(NULL), &sw, &why) == -1)
		return refuse(fd, &why, e);
	rc = answer_switch(fd, &sw, e);
	vault_switch_clear(&sw);
	return rc;
}

static int
on_prepare_keys(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	struct buf keys = BUF_INIT;
	struct err why = { 0 };
	int rc;

	if (m->n_parts != 0)
		return err_set(e, ERR_BAD_INPUT, "a malformed request for the next keys");
	if (vault_prepare_keys(v, &keys, &why) == -1) {
		rc = refuse(fd, &why, e);
	} else {
		const struct talk_part parts[] = { buf_part(&keys) };

		rc = talk_send(fd, ERR_NONE, parts, 1, e);
	}
	buf_clear(&keys);
	return rc;
}

static int
on_recover(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	struct vault_switch sw = { .snapshot = BUF_INIT, .timestamp = BUF_INIT };
	char text[NUMBER_SIZE], *end;
	struct err why = { 0 };
	long long above;
	int rc;

	if (m->n_parts != 1 || talk_text(m, 0, text, sizeof(text), e) == -1)
		return err_set(e, ERR_BAD_INPUT, "a malformed request to recover");
	above = strtoll(text, &end, 10);
	if (end == text || *end != '\0')
		return err_set(e, ERR_BAD_INPUT, "a malformed request to recover");
	if (vault_recover(v, above, time(NULL), &sw, &why) == -1)
		return refuse(fd, &why, e);
	rc = answer_switch(fd, &sw, e);
	vault_switch_clear(&sw);
	return rc;
}

static int
on_certify(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	struct certify_out cert = { .pem = BUF_INIT };
	char org[IDS_SIZE];
	struct err why = { 0 };
	int rc;

	if (m->n_parts != 2)
		return err_set(e, ERR_BAD_INPUT, "a malformed request for a certificate");
	if (talk_text(m, 1, org, sizeof(org), &why) == -1 ||
	    certify_client(vault_ca(v), m->parts[0].data, m->parts[0].len, org, time(NULL), &cert,
	        &why) == -1)
		return refuse(fd, &why, e);
	rc = answer_certificate(fd, &cert, e);
	certify_out_clear(&cert);
	return rc;
}

/* Copy the parts from first on as host names. */
static int
read_names(const struct talk_message *m, size_t first, char names[][NAME_BYTES],
    const char **list, struct err *e)
{
	for (size_t i = first; i < m->n_parts; i++) {
		if (talk_text(m, i, names[i - first], NAME_BYTES, e) == -1)
			return -1;
		list[i - first] = names[i - first];
	}
	return 0;
}

static int
on_certify_server(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	struct certify_out cert = { .pem = BUF_INIT };
	char names[TALK_PARTS][NAME_BYTES];
	const char *list[TALK_PARTS];
	struct err why = { 0 };
	int rc;

	if (m->n_parts < 1)
		return err_set(e, ERR_BAD_INPUT, "a malformed request for a server certificate");
	if (read_names(m, 1, names, list, &why) == -1 ||
	    certify_server(vault_ca(v), m->parts[0].data, m->parts[0].len, list, m->n_parts - 1,
	        time(NULL), &cert, &why) == -1)
		return refuse(fd, &why, e);
	rc = answer_certificate(fd, &cert, e);
	certify_out_clear(&cert);
	return rc;
}

static int
on_request(int fd, const struct talk_message *m, struct vault *v, struct err *e)
{
	if (m->word == TALK_ADVANCE)
		return on_advance(fd, m, v, e);
	if (m->word == TALK_RESIGN)
		return on_resign(fd, m, v, e);
	if (m->word == TALK_PREPARE_KEYS)
		return on_prepare_keys(fd, m, v, e);
	if (m->word == TALK_RECOVER)
		return on_recover(fd, m, v, e);
	if (m->word == TALK_CERTIFY)
		return on_certify(fd, m, v, e);
	if (m->word == TALK_CERTIFY_SERVER)
		return on_certify_server(fd, m, v, e);
	return err_set(e, ERR_BAD_INPUT, "no such operation: %u", m->word);
}

int
serve_requests(int fd, struct vault *v, struct err *e)
{
	struct talk_message m = { .bytes = BUF_INIT };
	int got;

	while ((got = talk_receive(fd, &m, e)) == 1)
		if (on_request(fd, &m, v, e) == -1) {
			got = -1;
			break;
		}
	talk_clear(&m);
	return got;
}

/* ---- founding ---- */

enum found_part {
	FOUND_STATE_DIR,
	FOUND_OFFLINE_DIR,
	FOUND_ORGANISATION,
	FOUND_ROOT_COUNT,
	FOUND_ROOT_THRESHOLD,
	FOUND_OFFLINE_PASS,
	FOUND_ONLINE_PASS,
	FOUND_HOSTNAMES, /* and all that follow */
};

struct found_request {
	char state_dir[PATH_MAX], offline_dir[PATH_MAX], organisation[1024];
	char names[TALK_PARTS][NAME_BYTES];
	const char *list[TALK_PARTS];
};

static int
get_count(const struct talk_message *m, size_t part, unsigned *out, struct err *e)
{
	char text[8], *end;
	unsigned long v;

	if (talk_text(m, part, text, sizeof(text), e) == -1)
		return -1;
	v = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || v > FOUND_ROOT_KEYS)
		return err_set(e, ERR_BAD_INPUT, "\"%s\" is no number of keys", text);
	*out = (unsigned)v;
	return 0;
}

static int
read_founding(const struct talk_message *m, struct found_request *r, struct found_options *o,
    struct err *e)
{
	if (m->word != TALK_FOUND || m->n_parts < FOUND_HOSTNAMES)
		return err_set(e, ERR_BAD_INPUT, "a malformed request to found a hub");
	if (talk_text(m, FOUND_STATE_DIR, r->state_dir, sizeof(r->state_dir), e) == -1 ||
	    talk_text(m, FOUND_OFFLINE_DIR, r->offline_dir, sizeof(r->offline_dir), e) == -1 ||
	    talk_text(m, FOUND_ORGANISATION, r->organisation, sizeof(r->organisation), e) == -1 ||
	    get_count(m, FOUND_ROOT_COUNT, &o->n_root_keys, e) == -1 ||
	    get_count(m, FOUND_ROOT_THRESHOLD, &o->root_threshold, e) == -1 ||
	    read_names(m, FOUND_HOSTNAMES, r->names, r->list, e) == -1)
		return -1;
	o->state_dir = r->state_dir;
	o->offline_dir = r->offline_dir;
	o->organisation = r->organisation;
	o->hostnames = r->list;
	o->n_hostnames = m->n_parts - FOUND_HOSTNAMES;
	o->offline = (struct sign_passphrase){ m->parts[FOUND_OFFLINE_PASS].data,
		m->parts[FOUND_OFFLINE_PASS].len };
	o->online = (struct sign_passphrase){ m->parts[FOUND_ONLINE_PASS].data,
		m->parts[FOUND_ONLINE_PASS].len };
	o->now = time(NULL);
	return 0;
}

int
serve_founding(int fd, struct err *e)
{
	struct talk_message m = { .bytes = BUF_INIT };
	struct buf ca_der = BUF_INIT, root = BUF_INIT;
	struct found_request *r = calloc(1, sizeof(*r));
	struct found_options o = { 0 };
	struct err why = { 0 };
	int rc = -1;

	if (r == NULL) {
		err_nomem(e);
		goto out;
	}
	if (talk_receive(fd, &m, e) != 1)
		goto out;
	if (read_founding(&m, r, &o, &why) == -1 || found_hub(&o, &ca_der, &root, &why) == -1) {
		rc = refuse(fd, &why, e);
	} else {
		const struct talk_part parts[] = { buf_part(&ca_der), buf_part(&root) };

		rc = talk_send(fd, ERR_NONE, parts, 2, e);
	}
out:
	buf_clear(&ca_der);
	buf_clear(&root);
	talk_clear(&m);
	free(r);
	return rc;
}
