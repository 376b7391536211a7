/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/attempt.h"

#include <inttypes.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clients/kebao/args.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/problem.h"
#include "clients/kebao/ticks.h"
#include "clients/kebao/transport_error.h"

#define CONNECT_S 20u          /* a hub that does not answer within this is down */
#define SLOWEST_BYTES_S 128u   /* less than this, for as long as we wait, counts as silence */
#define SLOW_PART 32u          /* ... or than this part of the best so far ... */
#define SLOW_MOST 4096u        /* ... but nothing above this */
#define TELLING_BYTES (256u << 10) /* a shorter answer says nothing about the speed */
#define HEADERS_BYTES 65536u   /* of one answer and the interim ones before it */
#define COMPLAINT_BYTES (1u << 20) /* a refusal that is longer is not read to its end */
#define RATE_CREDIT_US 50000       /* what waking late may be made good for */
#define RATE_NAP_MS 100
#define RCVBUF_LEAST (32 << 10)    /* a TLS record and what the kernel adds to it */
#define RCVBUF_MOST_RATE (2u << 20) /* faster than this, a far hub needs the kernel's own size */

/* One attempt under way. */
struct attempt {
	struct transfer *t;
	const struct transfer_request *r;
	struct transfer_reply *reply;
	struct buf problem;         /* body of a refusal, its beginning */
	uint64_t complaint_bytes;   /* all of it */
	bool is_cut;                /* we ended it: the status has to do */
	uint64_t header_bytes;
	struct err e;               /* why a callback stopped the transfer */
	uint64_t sent;              /* bytes of the body read so far */
	uint64_t range_off;         /* from Content-Range; UINT64_MAX where there is none */
	uint64_t range_end;         /* exclusive */
	unsigned retry_after_s;
};

/* --- what comes back --- */

/* The value of header name in line, without blanks around it; false when it is another header. */
static bool
header_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	if (len < n + 1 || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL)
		len--;
	if (len >= size)
		len = 0; /* longer than any of ours: as if it were empty */
	memcpy(out, line, len);
	out[len] = '\0';
	return true;
}

static uint64_t
number_or_none(const char *text)
{
	long long n;

	return args_number(text, 0, INT64_MAX, &n) == 0 ? (uint64_t)n : UINT64_MAX;
}

/* "bytes 0-99/1234" */
static void
take_content_range(struct attempt *a, char *value)
{
	char *dash = strchr(value, '-');
	char *slash = strchr(value, '/');
	uint64_t last;

	if (strncasecmp(value, "bytes ", 6) != 0 || dash == NULL || slash == NULL || dash > slash)
		return;
	*dash = *slash = '\0';
	a->range_off = number_or_none(value + 6);
	last = number_or_none(dash + 1);
	a->range_end = last == UINT64_MAX ? 0 : last + 1;
}

/* --- the rate --- */

/* So many bytes have come: they are paid for in time, before more is read. */
static void
keep_to_rate(struct transfer *t, size_t len)
{
	uint64_t rate = t->line.limit_bytes_per_second;
	int64_t now_us = ticks_ms() * 1000;

	if (rate == 0)
		return;
	if (t->paid_until_us < now_us - RATE_CREDIT_US)
		t->paid_until_us = now_us - RATE_CREDIT_US;
	t->paid_until_us += (int64_t)((uint64_t)len * 1000000 / rate);
	while (!interrupt_pending()) {
		int64_t ms = t->paid_until_us / 1000 - ticks_ms();
		struct err e = { 0 };

		if (ms <= 0)
			return;
		(void)interrupt_sleep_ms(ms < RATE_NAP_MS ? (unsigned)ms : RATE_NAP_MS, &e);
		/* Asked to stop meanwhile: on_body or the next request says so. */
		if (t->line.on_received != NULL &&
		    t->line.on_received(t->line.ctx, 0, &e) == -1)
			return;
	}
}

/*
 * What the program has not read waits in the kernel, at most as much as fits there: about a
 * second's worth.  Without a limit the kernel finds the size that the line needs.
 */
static int
on_socket(void *transfer, curl_socket_t fd, curlsocktype purpose)
{
	const struct transfer *t = transfer;
	uint64_t rate = t->line.limit_bytes_per_second;
	int bytes = rate < RCVBUF_LEAST ? RCVBUF_LEAST : (int)rate;

	(void)purpose;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* a help */
	return CURL_SOCKOPT_OK;
}

static CURLcode
set_rate(struct transfer *t)
{
	uint64_t rate = t->line.limit_bytes_per_second;
	CURLcode c = CURLE_OK;

	if (rate == 0 || rate > RCVBUF_MOST_RATE)
		return c;
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_SOCKOPTFUNCTION, on_socket);
	return c ?: curl_easy_setopt(t->curl, CURLOPT_SOCKOPTDATA, t);
}

static size_t
on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct attempt *a = ctx;
	struct transfer_reply *reply = a->reply;
	size_t len = size * n;
	char value[256];

	if (a->t->line.on_received != NULL &&
	    a->t->line.on_received(a->t->line.ctx, len, &a->e) == -1)
		return 0;
	a->header_bytes += len;
	if (a->header_bytes > HEADERS_BYTES) {
		(void)err_set(&a->e, ERR_BAD_INPUT, "%s: the headers are longer than %u bytes",
		    a->r->path, HEADERS_BYTES);
		return 0;
	}
	/* Behind a body come trailers, and nothing that they say is believed. */
	if (reply->body_bytes > 0 || a->complaint_bytes > 0)
		return len;
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* A new answer begins: what 100 Continue said is of no interest. */
		memset(reply, 0, sizeof(*reply));
		reply->length = reply->upload_offset = reply->upload_length = UINT64_MAX;
		a->range_off = UINT64_MAX;
	} else if (header_value(line, len, "content-length", value, sizeof(value))) {
		reply->length = number_or_none(value);
	} else if (header_value(line, len, "content-range", value, sizeof(value))) {
		take_content_range(a, value);
	} else if (header_value(line, len, "upload-offset", value, sizeof(value))) {
		reply->upload_offset = number_or_none(value);
	} else if (header_value(line, len, "upload-length", value, sizeof(value))) {
		reply->upload_length = number_or_none(value);
	} else if (header_value(line, len, "retry-after", value, sizeof(value))) {
		uint64_t s = number_or_none(value);

		a->retry_after_s = s > ATTEMPT_LONGEST_WAIT_S ? ATTEMPT_LONGEST_WAIT_S
		                                              : (unsigned)s;
	} else if (header_value(line, len, "kebao-identity", value, sizeof(value))) {
		(void)err_quote(a->t->identity, sizeof(a->t->identity), value, strlen(value));
	} else if (header_value(line, len, "kebao-view", value, sizeof(value))) {
		(void)err_quote(a->t->view, sizeof(a->t->view), value, strlen(value));
	} else if (header_value(line, len, "location", value, sizeof(value))) {
		memcpy(reply->location, value, strlen(value) + 1);
	}
	return len;
}

/* The body of the answer to a range begins: is it that range? */
static int
check_range(struct attempt *a, long status)
{
	const struct transfer_request *r = a->r;

	if (!r->has_range)
		return 0;
	if (status == 206 && a->range_off == r->range_off &&
	    a->range_end == r->range_off + r->range_len)
		return 0;
	if (status == 200 && r->range_off == 0 && a->reply->length == r->range_len)
		return 0;
	return err_set(&a->e, ERR_BAD_INPUT,
	    "%s: asked for bytes %" PRIu64 " to %" PRIu64 ", got status %ld with other bytes",
	    r->path, r->range_off, r->range_off + r->range_len - 1, status);
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct attempt *a = ctx;
	const struct transfer_request *r = a->r;
	uint64_t most = r->has_range ? r->range_len : r->max_bytes;
	size_t len = size * n;
	long status = 0;

	a->t->totals.received_bytes += len;
	if (a->t->line.on_received != NULL &&
	    a->t->line.on_received(a->t->line.ctx, len, &a->e) == -1)
		return 0;
	(void)curl_easy_getinfo(a->t->curl, CURLINFO_RESPONSE_CODE, &status); /* stays 0: refused */
	if (status < 200 || status >= 300) {
		a->complaint_bytes += len;
		a->is_cut = a->complaint_bytes > COMPLAINT_BYTES;
		if (a->is_cut)
			return 0;
		if (buf_len(&a->problem) + len > PROBLEM_BYTES)
			return len; /* the beginning of a long complaint will do */
		return buf_add(&a->problem, bytes, len, &a->e) == -1 ? 0 : len;
	}
	if (a->reply->body_bytes == 0 && check_range(a, status) == -1)
		return 0;
	if (len > most - a->reply->body_bytes) {
		(void)err_set(&a->e, ERR_BAD_INPUT,
		    "%s: the answer is longer than %" PRIu64 " bytes", r->path, most);
		return 0;
	}
	if (r->sink != NULL && r->sink(r->sink_ctx, bytes, len, &a->e) == -1)
		return 0;
	a->reply->body_bytes += len;
	keep_to_rate(a->t, len);
	return len;
}

/* --- what goes out --- */

static size_t
on_read(char *out, size_t size, size_t n, void *ctx)
{
	struct attempt *a = ctx;
	const struct transfer_request *r = a->r;
	size_t len = size * n;

	if (len > r->body_len - a->sent)
		len = (size_t)(r->body_len - a->sent);
	if (len == 0)
		return 0;
	if (r->has_body_fd) {
		ssize_t got = pread(r->body_fd, out, len, (off_t)(r->body_off + a->sent));

		if (got <= 0) {
			(void)err_errno(&a->e, "reading what is to be sent to %s", r->path);
			return CURL_READFUNC_ABORT;
		}
		len = (size_t)got;
	} else {
		memcpy(out, (const char *)r->body + a->sent, len);
	}
	a->sent += len;
	a->t->totals.sent_bytes += len;
	return len;
}

static int
on_seek(void *ctx, curl_off_t off, int origin)
{
	struct attempt *a = ctx;

	if (origin != SEEK_SET || off < 0 || (uint64_t)off > a->r->body_len)
		return CURL_SEEKFUNC_FAIL;
	a->sent = (uint64_t)off;
	return CURL_SEEKFUNC_OK;
}

static int
on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct attempt *a = ctx;

	(void)down_total;
	(void)down;
	(void)up_total;
	if (a->r->on_sent != NULL)
		a->r->on_sent(a->r->on_sent_ctx, (uint64_t)up);
	/* A pause is heard where nothing comes, too. */
	if (a->t->line.on_received != NULL &&
	    a->t->line.on_received(a->t->line.ctx, 0, &a->e) == -1)
		return 1;
	return interrupt_pending() ? 1 : 0;
}

/* --- certificates --- */

static int64_t
seconds_of(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* OpenSSL's verdict on one certificate of the chain; we only remember what was wrong. */
static int
on_verify(int is_good, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct transfer *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);

	if (is_good || t->verify_error != X509_V_OK)
		return is_good;
	t->verify_error = X509_STORE_CTX_get_error(ctx);
	if (cert != NULL && (t->verify_error == X509_V_ERR_CERT_NOT_YET_VALID ||
	    t->verify_error == X509_V_ERR_CERT_HAS_EXPIRED)) {
		t->clock.is_wrong = true;
		t->clock.now = (int64_t)time(NULL);
		t->clock.valid_from = seconds_of(X509_get0_notBefore(cert));
		t->clock.valid_until = seconds_of(X509_get0_notAfter(cert));
	}
	return is_good;
}

static CURLcode
on_ssl_ctx(CURL *curl, void *ssl_ctx, void *ctx)
{
	struct transfer *t = ctx;

	(void)curl;
	SSL_CTX_set_app_data((SSL_CTX *)ssl_ctx, t);
	if (buf_len(&t->ca) > 0)
		SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify);
	return CURLE_OK;
}

/* --- one attempt --- */

static struct curl_blob
blob_of(const struct buf *b)
{
	struct curl_blob blob = { b->data, b->len, CURL_BLOB_COPY };

	return blob;
}

static CURLcode
set_tls(struct transfer *t)
{
	struct curl_blob ca = blob_of(&t->ca), cert = blob_of(&t->cert), key = blob_of(&t->key);
	bool is_pinned = buf_len(&t->ca) > 0;
	CURLcode c = CURLE_OK;

	c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, is_pinned ? 1L : 0L);
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, is_pinned ? 2L : 0L);
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL);
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_CAINFO, NULL);
	if (is_pinned)
		c = c ?: curl_easy_setopt(t->curl, CURLOPT_CAINFO_BLOB, &ca);
	if (buf_len(&t->cert) > 0) {
		c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSLCERTTYPE, "PEM");
		c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSLCERT_BLOB, &cert);
		c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSLKEYTYPE, "PEM");
		c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSLKEY_BLOB, &key);
		c = c ?: curl_easy_setopt(t->curl, CURLOPT_KEYPASSWD, t->passphrase);
	}
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
	c = c ?: curl_easy_setopt(t->curl, CURLOPT_SSL_CTX_DATA, t);
	return c;
}

/* Through which proxy, how fast, and when silence is too long. */
static CURLcode
set_line(struct transfer *t, const struct transfer_request *r)
{
	const struct transfer_line *line = &t->line;
	unsigned patience_s = line->patience_s > 0 ? line->patience_s : t->patience_s;
	uint64_t slow = line->slow_bytes_per_second;
	CURL *curl = t->curl;
	CURLcode c = CURLE_OK;
	const char *host;
	char *name;

	/* A small part of what this line was seen to give: the connection is as good as dead. */
	if (slow == 0)
		slow = t->best_bytes_per_second / SLOW_PART;
	slow = slow < SLOWEST_BYTES_S ? SLOWEST_BYTES_S : slow > SLOW_MOST ? SLOW_MOST : slow;
	if (r->patience_s > 0)
		patience_s = r->patience_s;
	/* TCP and TLS together. */
	c = c ?: curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
	    (long)(patience_s < CONNECT_S ? patience_s : CONNECT_S));
	c = c ?: curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)slow);
	c = c ?: curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)patience_s);
	c = c ?: set_rate(t);
	c = c ?: curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	c = c ?: curl_easy_setopt(curl, CURLOPT_PROXYAUTH, (long)CURLAUTH_ANY);
	if (line->proxy == NULL || *line->proxy == '\0')
		return c;
	/* A name in the address would bring an empty password along: both are given apart. */
	host = strrchr(line->proxy, '@');
	name = host != NULL ? strndup(line->proxy + strlen("http://"),
	    (size_t)(host - line->proxy) - strlen("http://")) : NULL;
	c = c ?: curl_easy_setopt(curl, CURLOPT_PROXY, host != NULL ? host + 1 : line->proxy);
	if (host != NULL && name == NULL)
		c = CURLE_OUT_OF_MEMORY;
	if (name != NULL)
		c = c ?: curl_easy_setopt(curl, CURLOPT_PROXYUSERNAME, name);
	if (line->proxy_password != NULL)
		c = c ?: curl_easy_setopt(curl, CURLOPT_PROXYPASSWORD, line->proxy_password);
	free(name);
	return c;
}

static CURLcode
set_method(CURL *curl, const struct transfer_request *r)
{
	CURLcode c = CURLE_OK;

	switch (r->method) {
	case TRANSFER_GET:
		return curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	case TRANSFER_HEAD:
		return curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	case TRANSFER_POST:
		c = c ?: curl_easy_setopt(curl, CURLOPT_POST, 1L);
		return c ?: curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)r->body_len);
	case TRANSFER_PUT:
	case TRANSFER_PATCH:
		c = c ?: curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		c = c ?: curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_len);
		return c ?: curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
		    r->method == TRANSFER_PUT ? "PUT" : "PATCH");
	case TRANSFER_DELETE:
		return curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
	}
	return CURLE_BAD_FUNCTION_ARGUMENT;
}

static CURLcode
set_callbacks(CURL *curl, struct attempt *a)
{
	CURLcode c = CURLE_OK;

	c = c ?: curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	c = c ?: curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
	c = c ?: curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	c = c ?: curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
	c = c ?: curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	c = c ?: curl_easy_setopt(curl, CURLOPT_READDATA, a);
	c = c ?: curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
	c = c ?: curl_easy_setopt(curl, CURLOPT_SEEKDATA, a);
	c = c ?: curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	c = c ?: curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	c = c ?: curl_easy_setopt(curl, CURLOPT_XFERINFODATA, a);
	return c;
}

static CURLcode
set_options(struct transfer *t, struct attempt *a, const char *url, struct curl_slist *headers)
{
	const struct transfer_request *r = a->r;
	CURL *curl = t->curl;
	char range[48];
	CURLcode c = CURLE_OK;

	curl_easy_reset(curl); /* options only: connections stay */
	c = c ?: curl_easy_setopt(curl, CURLOPT_URL, url);
	c = c ?: curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	c = c ?: curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	c = c ?: curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	c = c ?: curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	c = c ?: curl_easy_setopt(curl, CURLOPT_USERAGENT, "kebao/1");
	c = c ?: curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	c = c ?: curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->curl_text);
	c = c ?: curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	c = c ?: set_line(t, r);
	c = c ?: curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (r->has_range) {
		(void)snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, r->range_off,
		    r->range_off + r->range_len - 1); /* 41 characters at most */
		c = c ?: curl_easy_setopt(curl, CURLOPT_RANGE, range);
	}
	c = c ?: set_tls(t);
	c = c ?: set_method(curl, r);
	return c ?: set_callbacks(curl, a);
}

static int
make_headers(const struct transfer_request *r, struct curl_slist **out, struct err *e)
{
	for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL; i++) {
		struct curl_slist *more = curl_slist_append(*out, r->headers[i]);

		if (more == NULL)
			return err_nomem(e);
		*out = more;
	}
	return 0;
}

/* The hub answered: is it a success? */
static int
judge_answer(const struct attempt *a, struct err *e)
{
	int status = a->reply->status;

	if (status < 200 || status >= 300) {
		(void)problem_judge(
		    status, buf_data(&a->problem), buf_len(&a->problem), a->r->path, e);
		/* Metadata is asked for until there is none: catalogue.c judges in the end. */
		if (buf_len(&a->t->cert) > 0 && strncmp(a->r->path, "/metadata/", 10) != 0 &&
		    (e->class == ERR_NOT_FOUND || e->class == ERR_DENIED) &&
		    transfer_check_standing(a->t, e) == -1)
			return -1; /* with the true reason */
		return -1;
	}
	if (a->r->has_range && a->reply->body_bytes != a->r->range_len)
		return err_set(e, ERR_NETWORK, "%s: %" PRIu64 " of %" PRIu64 " bytes came",
		    a->r->path, a->reply->body_bytes, a->r->range_len);
	return 0;
}

static int
perform(struct transfer *t, struct attempt *a, struct err *e)
{
	struct curl_slist *headers = NULL;
	char *url = NULL;
	curl_off_t us = 0, sent_us = 0, first_us = 0, speed = 0;
	long status = 0;
	CURLcode code;
	int rc = -1;

	t->curl_text[0] = '\0';
	t->verify_error = X509_V_OK;
	t->clock.is_wrong = false;
	if (make_headers(a->r, &headers, e) == -1)
		goto out;
	if (asprintf(&url, "%s%s", t->base_url, a->r->path) == -1) {
		url = NULL;
		(void)err_nomem(e);
		goto out;
	}
	code = set_options(t, a, url, headers);
	if (code != CURLE_OK) {
		(void)err_set(e, ERR_SYSTEM, "libcurl: %s", curl_easy_strerror(code));
		goto out;
	}
	t->totals.requests++;
	code = curl_easy_perform(t->curl);
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status); /* stays 0 */
	if (curl_easy_getinfo(t->curl, CURLINFO_TOTAL_TIME_T, &us) == CURLE_OK && us > 0)
		t->totals.busy_ms += (uint64_t)us / 1000;
	if (curl_easy_getinfo(t->curl, CURLINFO_PRETRANSFER_TIME_T, &sent_us) == CURLE_OK &&
	    curl_easy_getinfo(t->curl, CURLINFO_STARTTRANSFER_TIME_T, &first_us) == CURLE_OK &&
	    code == CURLE_OK && first_us > sent_us &&
	    (t->totals.least_wait_us == 0 ||
		(uint64_t)(first_us - sent_us) < t->totals.least_wait_us))
		t->totals.least_wait_us = (uint64_t)(first_us - sent_us);
	if (a->reply->body_bytes >= TELLING_BYTES &&
	    curl_easy_getinfo(t->curl, CURLINFO_SPEED_DOWNLOAD_T, &speed) == CURLE_OK &&
	    speed > 0 && (uint64_t)speed > t->best_bytes_per_second)
		t->best_bytes_per_second = (uint64_t)speed;
	a->reply->status = (int)status;
	if (code != CURLE_OK && !a->is_cut) {
		if (a->e.class != ERR_NONE)
			*e = a->e;
		else
			(void)transport_error(t, code, e);
		goto out;
	}
	rc = judge_answer(a, e);
out:
	curl_slist_free_all(headers);
	free(url);
	return rc;
}

int
attempt_once(struct transfer *t, const struct transfer_request *r, struct transfer_reply *reply,
    unsigned *retry_s, struct err *e)
{
	struct attempt a = { .t = t, .r = r, .reply = reply, .range_off = UINT64_MAX };
	struct err mine = { 0 };
	int rc;

	memset(reply, 0, sizeof(*reply));
	reply->length = reply->upload_offset = reply->upload_length = UINT64_MAX;
	*retry_s = ATTEMPT_NEVER;
	if (interrupt_check(e) == -1)
		return -1;
	if (t->line.on_received != NULL && t->line.on_received(t->line.ctx, 0, e) == -1)
		return -1;
	rc = perform(t, &a, &mine);
	*retry_s = a.e.class == ERR_NONE ? a.retry_after_s : ATTEMPT_NEVER;
	buf_clear(&a.problem);
	if (rc == -1 && e != NULL)
		*e = mine;
	return rc;
}
