/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/head.h"

#include <string.h>
#include <strings.h>

#include "daemon/http/target.h"

static enum head_verdict
refuse(struct head_refusal *why, int status, const char *text)
{
	why->status = status;
	why->text = text;
	return HEAD_BAD;
}

/* RFC 9110 5.6.2 */
static bool
is_token_char(unsigned char ch)
{
	static const bool others[128] = {
		['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true,
		['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
		['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
	};

	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	    (ch < sizeof(others) && others[ch]);
}

/* Callbacks: they only remember where things stand. */

static int
stop(struct head *h, int status, const char *text)
{
	h->stop_status = status;
	h->stop_text = text;
	return HPE_USER;
}

static int
on_url(llhttp_t *parser, const char *at, size_t len)
{
	struct head *h = parser->data;

	if (h->target_len == 0)
		h->target = (size_t)(at - h->bytes);
	h->target_len += len;
	if (h->target_len > LIMIT_TARGET_BYTES)
		return stop(h, 414, "the target is too long");
	return 0;
}

static int
on_name(llhttp_t *parser, const char *at, size_t len)
{
	struct head *h = parser->data;
	struct head_field *f;

	if (!h->is_in_name) {
		if (h->n_fields == LIMIT_HEADERS)
			return stop(h, 431, "too many headers");
		h->is_in_name = true;
		f = &h->fields[h->n_fields++];
		*f = (struct head_field){ .name = (uint16_t)(at - h->bytes) };
	}
	f = &h->fields[h->n_fields - 1];
	f->name_len = (uint16_t)(f->name_len + len);
	return 0;
}

static int
on_value(llhttp_t *parser, const char *at, size_t len)
{
	struct head *h = parser->data;
	struct head_field *f;

	if (h->n_fields == 0)
		return stop(h, 400, "a header without a name");
	f = &h->fields[h->n_fields - 1];
	if (f->value == 0)
		f->value = (uint16_t)(at - h->bytes);
	else if (at != h->bytes + f->value + f->value_len && len > 0)
		return stop(h, 400, "a folded header");
	f->value_len = (uint16_t)(f->value_len + len);
	return 0;
}

static int
on_name_complete(llhttp_t *parser)
{
	struct head *h = parser->data;

	h->is_in_name = false;
	return 0;
}

static int
on_headers_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_field_complete = on_name_complete,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
};

void
head_init(struct head *h, char *bytes)
{
	/* The fields are written before they are counted; the rest begins at zero. */
	memset(h, 0, offsetof(struct head, fields));
	h->bytes = bytes;
	h->fed = 0;
	h->target = h->target_len = 0;
	h->is_in_name = false;
	h->stop_status = 0;
	h->stop_text = NULL;
	llhttp_init(&h->parser, HTTP_REQUEST, &settings);
	h->parser.data = h;
}

void
head_move(struct head *h, char *bytes)
{
	h->bytes = bytes;
}

/* Our rules, once llhttp has found the end. */

static const struct {
	const char *name;
	enum exchange_method method;
} methods[] = {
	{ "GET", METHOD_GET },
	{ "HEAD", METHOD_HEAD },
	{ "POST", METHOD_POST },
	{ "PUT", METHOD_PUT },
	{ "PATCH", METHOD_PATCH },
	{ "DELETE", METHOD_DELETE },
};

/* The request line is METHOD SP target SP HTTP/1.x CRLF, each blank once. */
static enum head_verdict
check_request_line(struct head *h, struct head_refusal *why)
{
	size_t start = h->bytes[0] == '\r' ? 2 : 0; /* one empty line is forgiven: RFC 9112 2.2 */
	const char *line = h->bytes + start, *rest;
	size_t room = h->len - start, name_len = 0;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t len = strlen(methods[i].name);

		if (room > len && memcmp(line, methods[i].name, len) == 0 && line[len] == ' ') {
			h->method = methods[i].method;
			name_len = len;
		}
	}
	if (name_len == 0) {
		if (is_token_char((unsigned char)line[0]))
			return refuse(why, 501, "the method is not served here");
		return refuse(why, 400, "malformed request line");
	}
	if (h->target != start + name_len + 1)
		return refuse(why, 400, "malformed request line");
	rest = h->bytes + h->target + h->target_len;
	if (h->bytes + h->len - rest < 11 || memcmp(rest, " HTTP/", 6) != 0 || rest[7] != '.' ||
	    rest[9] != '\r' || rest[10] != '\n')
		return refuse(why, 400, "malformed request line");
	if (rest[6] != '1' || (rest[8] != '0' && rest[8] != '1'))
		return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	h->is_http10 = rest[8] == '0';
	return HEAD_DONE;
}

/* No bare CR or LF, no line that begins with a blank, no control character. */
static enum head_verdict
check_bytes(const struct head *h, struct head_refusal *why)
{
	for (size_t i = 0; i < h->len; i++) {
		unsigned char ch = (unsigned char)h->bytes[i];

		if (ch == '\n' && (i == 0 || h->bytes[i - 1] != '\r'))
			return refuse(why, 400, "a line that does not end in CR LF");
		if (ch == '\r' && (i + 1 == h->len || h->bytes[i + 1] != '\n'))
			return refuse(why, 400, "a CR within a line");
		if ((ch == ' ' || ch == '\t') && i > 0 && h->bytes[i - 1] == '\n')
			return refuse(why, 400, "a folded header");
		if ((ch < 0x20 && ch != '\t' && ch != '\r' && ch != '\n') || ch == 0x7f)
			return refuse(why, 400, "a control character in the head");
	}
	return HEAD_DONE;
}

/* Lower-case the names, cut the blanks around the values, end both with NUL. */
static enum head_verdict
finish_fields(struct head *h, struct head_refusal *why)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		struct head_field *f = &h->fields[i];
		char *name = h->bytes + f->name, *value = h->bytes + f->value;

		if (f->name_len == 0 || name[f->name_len] != ':')
			return refuse(why, 400, "a header name that is not a token");
		for (size_t k = 0; k < f->name_len; k++) {
			if (!is_token_char((unsigned char)name[k]))
				return refuse(why, 400, "a header name that is not a token");
			if (name[k] >= 'A' && name[k] <= 'Z')
				name[k] = (char)(name[k] - 'A' + 'a');
		}
		name[f->name_len] = '\0';
		if (f->value_len == 0) {
			f->value = (uint16_t)(f->name + f->name_len); /* the NUL: "" */
			continue;
		}
		while (f->value_len > 0 && (*value == ' ' || *value == '\t')) {
			value++;
			f->value++;
			f->value_len--;
		}
		while (f->value_len > 0 &&
		    (value[f->value_len - 1] == ' ' || value[f->value_len - 1] == '\t'))
			f->value_len--;
		value[f->value_len] = '\0'; /* a blank or the CR */
	}
	return HEAD_DONE;
}

static bool
is_single(const char *name)
{
	static const char *const names[] = { "host", "range", "authorization", "expect",
		"user-agent", "referer", "origin", NULL };
	static const char *const prefixes[] = { "content-", "if-", "upload-", "tus-", "kebao-",
		"x-kebao-", NULL };

	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; prefixes[i] != NULL; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static enum head_verdict
check_repeats(const struct head *h, struct head_refusal *why)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		const char *name = h->bytes + h->fields[i].name;

		if (!is_single(name))
			continue;
		for (size_t k = i + 1; k < h->n_fields; k++)
			if (strcmp(name, h->bytes + h->fields[k].name) == 0)
				return refuse(why, 400,
				    "a header that may stand once stands twice");
	}
	return HEAD_DONE;
}

/* name or address with an optional port: what can stand in an authority, and nothing else. */
static enum head_verdict
check_host(const struct head *h, struct head_refusal *why)
{
	const char *host = head_find(h, "host");

	if (host == NULL)
		return h->is_http10 ? HEAD_DONE : refuse(why, 400, "the Host header is missing");
	if (*host == '\0' || strlen(host) > 300)
		return refuse(why, 400, "malformed Host header");
	for (const char *p = host; *p != '\0'; p++)
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
		    (*p >= 'A' && *p <= 'Z') || strchr("-._~!$&'()*+,;=%:[]", *p) != NULL))
			return refuse(why, 400, "malformed Host header");
	return HEAD_DONE;
}

/* Whether the comma-separated list has the token (lower case), in any case. */
static bool
has_token(const char *list, const char *token)
{
	size_t token_len = strlen(token);

	while (*list != '\0') {
		size_t len;

		list += strspn(list, " \t,");
		len = strcspn(list, " \t,");
		if (len == token_len && strncasecmp(list, token, len) == 0)
			return true;
		list += len;
	}
	return false;
}

static enum head_verdict
check_framing(struct head *h, struct head_refusal *why)
{
	const char *length = head_find(h, "content-length"), *expect = head_find(h, "expect");
	bool is_closed = false, is_kept = false;

	if (head_find(h, "transfer-encoding") != NULL)
		return h->is_http10 ?
		    refuse(why, 400, "Transfer-Encoding is unknown to HTTP/1.0") :
		    refuse(why, 501, "a body needs a Content-Length, not a Transfer-Encoding");
	if (length != NULL) {
		if (*length == '\0' || strlen(length) > 18 ||
		    strspn(length, "0123456789") != strlen(length))
			return refuse(why, 400, "malformed Content-Length");
		h->has_length = true;
		for (const char *p = length; *p != '\0'; p++)
			h->body_bytes = h->body_bytes * 10 + (uint64_t)(*p - '0');
	}
	if (h->body_bytes > 0 && (h->method == METHOD_GET || h->method == METHOD_HEAD))
		return refuse(why, 400, "GET and HEAD have no body");
	if (expect != NULL) {
		if (strcasecmp(expect, "100-continue") != 0)
			return refuse(why, 417, "the only expectation met here is 100-continue");
		h->expects_continue = !h->is_http10 && h->body_bytes > 0;
	}
	for (size_t i = 0; i < h->n_fields; i++) {
		if (strcmp(h->bytes + h->fields[i].name, "connection") != 0)
			continue;
		is_closed |= has_token(h->bytes + h->fields[i].value, "close");
		is_kept |= has_token(h->bytes + h->fields[i].value, "keep-alive");
	}
	h->keep_alive = !is_closed && (!h->is_http10 || is_kept);
	return HEAD_DONE;
}

static enum head_verdict
finish(struct head *h, struct head_refusal *why)
{
	enum head_verdict v;

	if ((v = check_request_line(h, why)) != HEAD_DONE || (v = check_bytes(h, why)) != HEAD_DONE)
		return v;
	if (target_split(h->bytes + h->target, h->target_len, &h->path, &h->query, NULL) == -1)
		return refuse(why, 400, "malformed target");
	if ((v = finish_fields(h, why)) != HEAD_DONE || (v = check_repeats(h, why)) != HEAD_DONE ||
	    (v = check_host(h, why)) != HEAD_DONE)
		return v;
	return check_framing(h, why);
}

/* llhttp has stopped for good: what to say about it. */
static enum head_verdict
explain(struct head *h, llhttp_errno_t error, struct head_refusal *why)
{
	const char *at = llhttp_get_error_pos(&h->parser);

	if (h->stop_status != 0)
		return refuse(why, h->stop_status, h->stop_text);
	if (error == HPE_PAUSED_H2_UPGRADE)
		return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	if (error == HPE_INVALID_VERSION)
		return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	if (error == HPE_INVALID_METHOD && at != NULL && is_token_char((unsigned char)*at))
		return refuse(why, 501, "the method is not served here");
	return refuse(why, 400, "malformed request");
}

enum head_verdict
head_feed(struct head *h, size_t len, struct head_refusal *why)
{
	llhttp_errno_t error;

	error = llhttp_execute(&h->parser, h->bytes + h->fed, len - h->fed);
	if (error == HPE_OK) {
		h->fed = len;
		if (len < LIMIT_HEAD_BYTES)
			return HEAD_MORE;
		return refuse(why, 431, "the head is too long");
	}
	if (error != HPE_PAUSED)
		return explain(h, error, why);
	h->len = (size_t)(llhttp_get_error_pos(&h->parser) - h->bytes);
	return finish(h, why);
}

const char *
head_find(const struct head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (strcmp(h->bytes + h->fields[i].name, name) == 0)
			return h->bytes + h->fields[i].value;
	return NULL;
}
