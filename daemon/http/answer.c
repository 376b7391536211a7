/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWN_HEADERS_BYTES 250u /* what answer_head() adds to the headers of the route */

void
answer_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

int
answer_claim(const struct exchange *x, bool is_answer, uint64_t bytes,
    struct budget_claim *claim, struct err *e)
{
	struct budget_owner owner = { .is_answer = is_answer };

	if (x->hold->budget == NULL || x->is_local)
		return 0;
	if (x->org != NULL)
		(void)snprintf(owner.org, sizeof(owner.org), "%s", x->org); /* an id fits */
	if (x->org == NULL)
		owner.number = x->hold->address;
	else if (is_answer)
		owner.number = x->hold->holder;
	return budget_take(x->hold->budget, claim, &owner, bytes, e);
}

void
answer_drop(struct reply *r)
{
	if (r->lease.release != NULL)
		r->lease.release(r->lease.ctx);
	else if (r->fd != -1)
		(void)close(r->fd); /* only read from */
	memset(&r->lease, 0, sizeof(r->lease));
	r->fd = -1;
	if (r->source.close != NULL)
		r->source.close(r->source.ctx);
	memset(&r->source, 0, sizeof(r->source));
	buf_clear(&r->body);
	if (r->budget != NULL)
		budget_give(r->budget, &r->claim);
	r->budget = NULL;
	r->kind = REPLY_NONE;
	r->status = 0;
	r->length = r->off = 0;
	r->has_length = r->is_bodyless = false;
	r->cause.class = ERR_NONE;
}

void
answer_clear(struct reply *r)
{
	answer_drop(r);
	buf_clear(&r->headers);
	r->kept_headers = 0;
}

void
answer_keep_headers(struct reply *r)
{
	r->kept_headers = buf_len(&r->headers);
}

const char *
answer_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 460, "Checksum Mismatch" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void
answer_date(char *out, int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm;

	/* The names are English because this program never leaves the C locale. */
	if (gmtime_r(&t, &tm) == NULL || strftime(out, 30, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
		out[0] = '\0';
}

int
answer_head(const struct reply *r, bool is_http10, bool keep_alive, const char *date,
    struct buf *out, struct err *e)
{
	const char *connection = "";

	if (!keep_alive)
		connection = "Connection: close\r\n";
	else if (is_http10)
		connection = "Connection: keep-alive\r\n";
	if (buf_reserve(out, buf_len(&r->headers) + OWN_HEADERS_BYTES, e) == -1 ||
	    buf_add_text(out, "HTTP/1.1 ", e) == -1 ||
	    buf_add_number(out, (uint64_t)r->status, e) == -1 ||
	    buf_add_text(out, " ", e) == -1 ||
	    buf_add_text(out, answer_reason(r->status), e) == -1 ||
	    buf_add_text(out, "\r\nDate: ", e) == -1 || buf_add_text(out, date, e) == -1 ||
	    buf_add_text(out, "\r\n", e) == -1 || buf_add_text(out, connection, e) == -1 ||
	    buf_add_text(out, "X-Content-Type-Options: nosniff\r\n", e) == -1)
		return -1;
	if (r->has_length && (buf_add_text(out, "Content-Length: ", e) == -1 ||
	    buf_add_number(out, r->length, e) == -1 || buf_add_text(out, "\r\n", e) == -1))
		return -1;
	if (buf_add(out, buf_data(&r->headers), buf_len(&r->headers), e) == -1)
		return -1;
	return buf_add(out, "\r\n", 2, e);
}
