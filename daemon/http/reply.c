/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/http/answer.h"
#include "daemon/http/range.h"

#define USUAL_HEADERS_BYTES 500u /* of one reply: asked for once instead of growing to it */

bool
reply_is_made(const struct exchange *x)
{
	return x->reply->kind != REPLY_NONE;
}

int
reply_header(struct exchange *x, const char *name, const char *value, struct err *e)
{
	struct buf *headers = &x->reply->headers;
	size_t name_len = strlen(name), value_len = strlen(value), len = name_len + value_len + 4;
	char *at;

	for (const char *p = value; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			return err_set(e, ERR_BAD_INPUT, "reply header %s is not printable ASCII",
			    name);
	if (buf_len(headers) + len > LIMIT_REPLY_HEADERS_BYTES)
		return err_set(e, ERR_BAD_INPUT, "the headers of the reply pass %u bytes",
		    LIMIT_REPLY_HEADERS_BYTES);
	if (buf_len(headers) == 0 && buf_reserve(headers, USUAL_HEADERS_BYTES, e) == -1)
		return -1;
	at = (char *)buf_extend(headers, len, e);
	if (at == NULL)
		return -1;
	memcpy(at, name, name_len);
	memcpy(at + name_len, ": ", 2);
	memcpy(at + name_len + 2, value, value_len);
	memcpy(at + len - 2, "\r\n", 2);
	return 0;
}

int
reply_headerf(struct exchange *x, struct err *e, const char *name, const char *fmt, ...)
{
	char value[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(value))
		return err_set(e, ERR_BAD_INPUT, "reply header %s is too long", name);
	return reply_header(x, name, value, e);
}

/* Statuses that never have a body, nor a Content-Length. */
static bool
is_empty_status(int status)
{
	return status < 200 || status == 204 || status == 304;
}

int
reply_bytes(struct exchange *x, int status, const char *content_type, struct buf *body,
    struct err *e)
{
	struct reply *r = x->reply;
	uint64_t len = buf_len(body);
	struct err full = { 0 };

	assert(!reply_is_made(x));
	assert(!is_empty_status(status) || len == 0);
	if (x->method == METHOD_HEAD)
		buf_clear(body);
	if (answer_claim(x, true, buf_len(body), &r->claim, &full) == -1) {
		buf_clear(body);
		reply_problem(x, &full);
		return 0;
	}
	r->budget = x->hold->budget;
	if (content_type != NULL && reply_header(x, "Content-Type", content_type, e) == -1) {
		buf_clear(body);
		return -1;
	}
	r->body = *body;
	*body = (struct buf)BUF_INIT;
	r->kind = REPLY_BYTES;
	r->status = status;
	r->has_length = !is_empty_status(status);
	r->length = len;
	r->is_bodyless = x->method == METHOD_HEAD;
	return 0;
}

int
reply_empty(struct exchange *x, int status, struct err *e)
{
	struct buf none = BUF_INIT;

	return reply_bytes(x, status, NULL, &none, e);
}

/* Problems. */

int
reply_status_of(enum err_class class, bool has_identity)
{
	switch (class) {
	case ERR_NONE: return 500;
	case ERR_BAD_INPUT: return 400;
	case ERR_UNTRUSTED: return 422;
	case ERR_NOT_FOUND: return 404;
	case ERR_DENIED: return has_identity ? 403 : 401;
	case ERR_CONFLICT: return 409;
	case ERR_BUSY: return 503;
	case ERR_NETWORK: return 502;
	case ERR_WITHHELD: return 502; /* of another hub, seen from this one */
	case ERR_WITHDRAWN: return 410;
	case ERR_SYSTEM: return 500;
	}
	return 500;
}

/* The inside of a JSON string; text is valid UTF-8. */
static int
add_escaped(struct buf *b, const char *text, struct err *e)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char ch = (unsigned char)*p;
		int rc;

		if (ch == '"' || ch == '\\')
			rc = buf_printf(b, e, "\\%c", ch);
		else if (ch < 0x20)
			rc = buf_printf(b, e, "\\u%04x", ch);
		else
			rc = buf_add_u8(b, ch, e);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
problem_body(const struct exchange *x, int status, const struct err *why, struct buf *b)
{
	char hidden[120];
	const char *detail = why->text;

	if (why->class == ERR_SYSTEM || why->class == ERR_NONE) {
		(void)snprintf(hidden, sizeof(hidden),
		    "the hub failed; its log has the cause under request %s", x->id);
		detail = hidden;
	}
	if (buf_printf(b, NULL,
	    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"",
	    answer_reason(status), status) == -1 || add_escaped(b, detail, NULL) == -1)
		return -1;
	return buf_printf(b, NULL, "\",\"class\":\"%s\"}\n", err_class_name(why->class));
}

void
reply_problem_status(struct exchange *x, int status, const struct err *why)
{
	struct reply *r = x->reply;
	const struct err cause = *why; /* why may be the reply's own */
	struct buf body = BUF_INIT;

	answer_drop(r);
	buf_truncate(&r->headers, r->kept_headers);
	if (problem_body(x, status, &cause, &body) == -1)
		goto fail;
	if ((status == 503 || status == 429) && reply_header(x, "Retry-After", "5", NULL) == -1)
		goto fail;
	if (reply_header(x, "Cache-Control", "no-store", NULL) == -1)
		goto fail;
	if (reply_bytes(x, status, "application/problem+json", &body, NULL) == -1)
		goto fail;
	if (cause.class == ERR_SYSTEM)
		r->cause = cause;
	return;
fail:
	buf_clear(&body);
	answer_drop(r); /* no reply: the engine ends the connection */
}

void
reply_problem(struct exchange *x, const struct err *why)
{
	reply_problem_status(x, reply_status_of(why->class, x->cert == CERT_VERIFIED), why);
}

/* Entities. */

static struct range_answer
decide(const struct exchange *x, const struct reply_entity *what, bool is_seekable)
{
	struct range_question q = {
		.is_head = x->method == METHOD_HEAD,
		.range = exchange_header(x, "range"),
		.if_range = exchange_header(x, "if-range"),
		.if_match = exchange_header(x, "if-match"),
		.if_none_match = exchange_header(x, "if-none-match"),
		.etag = what->etag,
		.is_seekable = is_seekable,
		.length = what->length,
	};

	return range_decide(&q);
}

/* Headers that 200, 206 and 304 share. */
static int
add_validators(struct exchange *x, const struct reply_entity *what, struct err *e)
{
	if (what->etag != NULL && reply_header(x, "ETag", what->etag, e) == -1)
		return -1;
	if (what->cache_control != NULL &&
	    reply_header(x, "Cache-Control", what->cache_control, e) == -1)
		return -1;
	return 0;
}

static void
refuse_match(struct exchange *x)
{
	struct err why = { 0 };

	err_set(&why, ERR_CONFLICT, "the object has changed: If-Match names another version");
	reply_problem_status(x, 412, &why);
}

int
reply_conditions(struct exchange *x, const char *etag, const char *cache_control, struct err *e)
{
	const struct reply_entity what = { .etag = etag, .cache_control = cache_control };
	int status;

	assert(!reply_is_made(x));
	status = decide(x, &what, false).status;
	if (status == 412) {
		refuse_match(x);
		return 0;
	}
	if (add_validators(x, &what, e) == -1)
		return -1;
	return status == 304 ? reply_empty(x, 304, e) : 0;
}

static int
refuse_range(struct exchange *x, const struct reply_entity *what, struct err *e)
{
	struct err why = { 0 };
	struct buf body = BUF_INIT;

	err_set(&why, ERR_BAD_INPUT, "the range lies outside of %llu bytes",
	    (unsigned long long)what->length);
	if (problem_body(x, 416, &why, &body) == -1 ||
	    reply_headerf(x, e, "Content-Range", "bytes */%llu",
	    (unsigned long long)what->length) == -1) {
		buf_clear(&body);
		return err_nomem(e);
	}
	return reply_bytes(x, 416, "application/problem+json", &body, e);
}

/*
 * Answer everything but a body of the entity; *has_body tells that one is to
 * follow: length, off and status are then in the reply, its kind is not.
 */
static int
reply_entity_head(struct exchange *x, const struct reply_entity *what, bool is_seekable,
    bool *has_body, struct err *e)
{
	struct reply *r = x->reply;
	struct range_answer a = decide(x, what, is_seekable);

	*has_body = false;
	if (a.status == 412) {
		refuse_match(x);
		return 0;
	}
	if (a.status == 416)
		return refuse_range(x, what, e);
	if (add_validators(x, what, e) == -1)
		return -1;
	if (a.status == 304)
		return reply_empty(x, 304, e);
	if (reply_header(x, "Content-Type", what->content_type, e) == -1 ||
	    reply_header(x, "Accept-Ranges", what->etag != NULL && is_seekable ? "bytes" : "none",
	    e) == -1)
		return -1;
	if (a.status == 206 &&
	    reply_headerf(x, e, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)a.off,
	    (unsigned long long)(a.off + a.len - 1), (unsigned long long)what->length) == -1)
		return -1;
	r->status = a.status;
	r->has_length = true;
	r->length = a.len;
	r->off = a.off;
	if (x->method == METHOD_HEAD || a.len == 0) {
		r->kind = REPLY_BYTES;
		r->is_bodyless = true;
		return 0;
	}
	*has_body = true;
	return 0;
}

int
reply_object(struct exchange *x, int fd, uint64_t off, const struct reply_entity *what,
    struct err *e)
{
	struct reply *r = x->reply;
	bool has_body = false;
	int rc;

	assert(!reply_is_made(x));
	rc = reply_entity_head(x, what, true, &has_body, e);
	if (rc == 0 && has_body) {
		r->kind = REPLY_FILE;
		r->fd = fd;
		r->off += off;
		return 0;
	}
	(void)close(fd); /* only read from */
	return rc;
}

int
reply_lent(struct exchange *x, int fd, const struct reply_lease *lease,
    const struct reply_entity *what, struct err *e)
{
	struct reply *r = x->reply;
	bool has_body = false;
	int rc;

	assert(!reply_is_made(x));
	rc = reply_entity_head(x, what, true, &has_body, e);
	if (rc == 0 && has_body) {
		r->kind = REPLY_FILE;
		r->fd = fd;
		r->lease = *lease;
		return 0;
	}
	lease->release(lease->ctx);
	return rc;
}

int
reply_stream(struct exchange *x, const struct reply_source *source,
    const struct reply_entity *what, struct err *e)
{
	struct reply *r = x->reply;
	bool has_body = false;
	int rc;

	assert(!reply_is_made(x));
	rc = reply_entity_head(x, what, source->is_seekable, &has_body, e);
	if (rc == 0 && has_body) {
		r->kind = REPLY_SOURCE;
		r->source = *source;
		return 0;
	}
	source->close(source->ctx);
	return rc;
}
