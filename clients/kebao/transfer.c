/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/transfer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clients/kebao/args.h"
#include "clients/kebao/attempt.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/status.h"

#define PATIENCE_S 30u
#define TRIES 6u               /* with pauses of 0.5 to 8 s: a quarter of a minute of trouble */
#define FIRST_PAUSE_MS 500u
#define PROGRESS_BYTES 65536u  /* so much news begins the count of tries anew */

int
transfer_check_url(const char *url, struct err *e)
{
	const char *host = url + strlen("https://");
	char quoted[100];

	if (strncmp(url, "https://", strlen("https://")) == 0 && *host != '\0' &&
	    strpbrk(host, "/?#@\\ ") == NULL)
		return 0;
	return err_set(e, ERR_BAD_INPUT,
	    "hub address \"%s\": want https://host or https://host:port",
	    err_quote(quoted, sizeof(quoted), url, strlen(url)));
}

static int
copy_bytes(struct buf *to, const struct buf *from, struct err *e)
{
	return from == NULL ? 0 : buf_add(to, buf_data(from), buf_len(from), e);
}

static unsigned
patience_s(void)
{
	const char *text = getenv("KEBAO_PATIENCE");
	long long n;

	return text != NULL && args_number(text, 1, 3600, &n) == 0 ? (unsigned)n : PATIENCE_S;
}

int
transfer_new(const char *base_url, const struct buf *ca_pem,
    const struct transfer_identity *identity, struct transfer **out, struct err *e)
{
	struct transfer *t = NULL;
	int rc = -1;

	if (transfer_check_url(base_url, e) == -1)
		return -1;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return err_nomem(e);
	t->curl = curl_easy_init();
	t->base_url = strdup(base_url);
	t->patience_s = patience_s();
	if (t->curl == NULL || t->base_url == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	if (copy_bytes(&t->ca, ca_pem, e) == -1)
		goto out;
	if (identity != NULL) {
		if (copy_bytes(&t->cert, identity->cert_pem, e) == -1 ||
		    copy_bytes(&t->key, identity->key_pem, e) == -1)
			goto out;
		t->passphrase = strdup(identity->passphrase);
		if (t->passphrase == NULL) {
			(void)err_nomem(e);
			goto out;
		}
	}
	*out = t;
	t = NULL;
	rc = 0;
out:
	transfer_free(t);
	return rc;
}

static int
replace_text(char **at, const char *text, struct err *e)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		return err_nomem(e);
	if (*at != NULL)
		explicit_bzero(*at, strlen(*at));
	free(*at);
	*at = copy;
	return 0;
}

void
transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	if (t->curl != NULL)
		curl_easy_cleanup(t->curl);
	free(t->base_url);
	buf_clear(&t->ca);
	buf_clear(&t->cert);
	buf_wipe(&t->key);
	if (t->passphrase != NULL) {
		explicit_bzero(t->passphrase, strlen(t->passphrase));
		free(t->passphrase);
	}
	(void)replace_text(&t->proxy, NULL, NULL); /* takes them back: cannot fail */
	(void)replace_text(&t->proxy_password, NULL, NULL);
	free(t);
}

int
transfer_use_line(struct transfer *t, const struct transfer_line *line, struct err *e)
{
	if (replace_text(&t->proxy, line->proxy, e) == -1 ||
	    replace_text(&t->proxy_password, line->proxy_password, e) == -1)
		return -1;
	t->line = *line;
	t->line.proxy = t->proxy;
	t->line.proxy_password = t->proxy_password;
	return 0;
}

const struct transfer_line *
transfer_line(const struct transfer *t)
{
	return &t->line;
}

int
transfer_another(const struct transfer *t, struct transfer **out, struct err *e)
{
	const struct transfer_identity id = {
		.cert_pem = &t->cert, .key_pem = &t->key, .passphrase = t->passphrase,
	};
	struct transfer *another;

	if (transfer_new(t->base_url, &t->ca, t->passphrase != NULL ? &id : NULL, &another,
	    e) == -1)
		return -1;
	if (transfer_use_line(another, &t->line, e) == -1) {
		transfer_free(another);
		return -1;
	}
	*out = another;
	return 0;
}

void
transfer_join(struct transfer *t, struct transfer *another)
{
	struct transfer_totals *sum = &t->totals;
	const struct transfer_totals *more;

	if (another == NULL)
		return;
	more = &another->totals;
	sum->requests += more->requests;
	sum->received_bytes += more->received_bytes;
	sum->sent_bytes += more->sent_bytes;
	sum->busy_ms += more->busy_ms;
	if (another->clock.is_wrong)
		t->clock = another->clock;
	transfer_free(another);
}

void
transfer_on_retry(struct transfer *t,
    void (*on_retry)(void *ctx, const struct err *why, unsigned pause_ms), void *ctx)
{
	t->on_retry = on_retry;
	t->on_retry_ctx = ctx;
}

struct transfer_retry
transfer_retry(const struct transfer *t)
{
	return (struct transfer_retry){ t->on_retry, t->on_retry_ctx };
}

int
transfer_once(struct transfer *t, const struct transfer_request *r, struct transfer_reply *reply,
    struct err *e)
{
	unsigned retry_s;

	return attempt_once(t, r, reply, &retry_s, e);
}

/* --- again --- */

/* A pause before try number n (from 1): doubled each time, half of it by chance. */
static unsigned
pause_ms(unsigned n, unsigned retry_s)
{
	unsigned ms = FIRST_PAUSE_MS << (n < 7 ? n - 1 : 6);
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
		chance = UINT32_MAX / 2;
	ms = ms / 2 + (unsigned)((uint64_t)(ms / 2) * chance / UINT32_MAX);
	return ms > retry_s * 1000 ? ms : retry_s * 1000;
}

/* After failed try n: 0 when another is worth it (the pause is over), else -1 and e as it was. */
static int
wait_to_retry(struct transfer *t, unsigned n, unsigned retry_s, struct err *e)
{
	unsigned ms;

	if (n >= TRIES || retry_s == ATTEMPT_NEVER || e->sys == ENOSPC ||
	    (e->class != ERR_NETWORK && e->class != ERR_BUSY))
		return -1;
	ms = pause_ms(n, retry_s);
	if (t->on_retry != NULL)
		t->on_retry(t->on_retry_ctx, e, ms);
	return interrupt_sleep_ms(ms, e);
}

int
transfer_wait(struct transfer *t, unsigned n, struct err *e)
{
	return wait_to_retry(t, n, 0, e);
}

int
transfer_again(struct transfer *t, const struct transfer_request *r, struct transfer_reply *reply,
    struct err *e)
{
	struct err mine = { 0 };
	unsigned retry_s = 0;

	assert(r->sink == NULL || r->sink == transfer_to_buf);
	for (unsigned n = 1;; n++) {
		if (r->sink == transfer_to_buf)
			buf_truncate(r->sink_ctx, 0);
		if (attempt_once(t, r, reply, &retry_s, &mine) == 0)
			return 0;
		if (wait_to_retry(t, n, retry_s, &mine) == -1)
			break;
	}
	if (e != NULL)
		*e = mine;
	return -1;
}

int
transfer_load(struct transfer *t, const char *path, size_t max_bytes, struct buf *out,
    struct err *e)
{
	struct transfer_reply reply;
	struct transfer_request r = {
		.method = TRANSFER_GET, .path = path, .max_bytes = max_bytes,
		.sink = transfer_to_buf, .sink_ctx = out,
	};

	return transfer_again(t, &r, &reply, e);
}

int
transfer_range(struct transfer *t, const char *path, uint64_t off, uint64_t len,
    transfer_sink *sink, void *ctx, struct err *e)
{
	struct transfer_request r = {
		.method = TRANSFER_GET, .path = path, .sink = sink, .sink_ctx = ctx,
		.has_range = true, .range_off = off, .range_len = len,
	};
	struct err mine = { 0 };
	unsigned retry_s = 0;

	for (unsigned n = 1;; n++) {
		struct transfer_reply reply;

		if (r.range_len == 0 || attempt_once(t, &r, &reply, &retry_s, &mine) == 0)
			return 0;
		r.range_off += reply.body_bytes;
		r.range_len -= reply.body_bytes;
		if (reply.body_bytes >= PROGRESS_BYTES)
			n = 1;
		if (wait_to_retry(t, n, retry_s, &mine) == -1)
			break;
	}
	if (e != NULL)
		*e = mine;
	return -1;
}

/* --- what is known --- */

enum transfer_standing
transfer_standing(const struct transfer *t)
{
	if (t->identity[0] == '\0')
		return TRANSFER_UNSAID;
	if (strcmp(t->identity, "none") == 0)
		return TRANSFER_NONE;
	if (strcmp(t->identity, "revoked") == 0)
		return TRANSFER_REVOKED;
	if (strcmp(t->identity, "expired") == 0)
		return TRANSFER_EXPIRED;
	if (strcmp(t->identity, "unknown") == 0)
		return TRANSFER_UNKNOWN;
	return TRANSFER_MEMBER;
}

int
transfer_check_standing(const struct transfer *t, struct err *e)
{
	const char *why = NULL;

	switch (transfer_standing(t)) {
	case TRANSFER_UNSAID:
	case TRANSFER_MEMBER:
		return 0;
	case TRANSFER_NONE:
		why = "was not taken notice of";
		break;
	case TRANSFER_REVOKED:
		why = "is revoked";
		break;
	case TRANSFER_EXPIRED:
		why = "has expired";
		break;
	case TRANSFER_UNKNOWN:
		why = "is not known there";
		break;
	}
	(void)err_set(e, ERR_DENIED, "%s says that our certificate %s: ask the hub's administrator"
	    " for a new code and run kebao enroll; the library stays", t->base_url, why);
	if (e != NULL)
		e->sys = STATUS_SYS_ENROL;
	return -1;
}

const char *
transfer_identity_text(const struct transfer *t)
{
	return t->identity;
}

const char *
transfer_view(const struct transfer *t)
{
	return t->view;
}

const struct transfer_clock *
transfer_clock(const struct transfer *t)
{
	return &t->clock;
}

const struct transfer_totals *
transfer_totals(const struct transfer *t)
{
	return &t->totals;
}

int
transfer_to_buf(void *buf, const void *bytes, size_t len, struct err *e)
{
	return buf_add(buf, bytes, len, e);
}
