/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as an attacker writes them, over real TLS connections, each with a well-formed
 * request behind it in the same write.  What the engine answers is asserted to the last status:
 * nothing is read as a request that its sender did not mean as one, and after
 * an error nothing is read at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/http/exchange.h"
#include "daemon/http/reply.h"
#include "tests/unit/daemon/malformed.h"
#include "tests/unit/daemon/rig.h"

#define PROBE "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n"
#define AFTER "GET /after HTTP/1.1\r\nHost: h\r\n\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
#define PROBE_LEN_TEXT "32"
#define MAX_BODY 1000

/* Requests that reached the application, and those of them that have a name. */
static atomic_uint n_announced, n_probes, n_afters, n_smuggled;

static void
before(struct exchange *x)
{
	(void)x;
	(void)atomic_fetch_add(&n_announced, 1);
}

static int
answer(struct exchange *x, struct err *e)
{
	if (strcmp(x->path, "/probe") == 0)
		(void)atomic_fetch_add(&n_probes, 1);
	if (strcmp(x->path, "/after") == 0)
		(void)atomic_fetch_add(&n_afters, 1);
	if (strcmp(x->path, "/smuggled") == 0)
		(void)atomic_fetch_add(&n_smuggled, 1);
	return reply_empty(x, 200, e);
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/", .run = ROUTE_ON_LOOP, .handler = answer },
	{ .method = METHOD_POST, .pattern = "/", .run = ROUTE_ON_LOOP, .body = ROUTE_BODY_MEMORY,
	    .max_body_bytes = MAX_BODY, .handler = answer },
	{ .method = METHOD_GET, .pattern = "/probe", .run = ROUTE_ON_LOOP, .handler = answer },
	{ .method = METHOD_GET, .pattern = "/after", .run = ROUTE_IN_POOL, .handler = answer },
	{ .method = METHOD_GET, .pattern = "/smuggled", .run = ROUTE_ON_LOOP, .handler = answer },
};

/* What becomes of the request behind the row's bytes. */
enum then {
	SHUT,   /* it is not read: the connection ends after the last status */
	PROBED, /* it is answered with 200 after the row's own statuses, and so is the next */
	EATEN,  /* its bytes were announced as a body; the request behind it is answered */
};

/* Everything that is not refused by its head alone, and what may follow. */
static const struct {
	int status[3]; /* in this order; 0: no more */
	enum then then;
	struct bytes in;
	const char *why;
} rows[] = {
	/* Odd, but well-formed: the next request is where it should be. */
	{ { 200 }, PROBED, { GET_(""), 0 }, "an ordinary request" },
	{ { 200 }, PROBED, { "\r\n" GET_(""), 0 }, "an empty line in front" },
	{ { 200 }, PROBED, { GET_("") "\r\n", 0 }, "an empty line behind" },
	{ { 200, 400 }, SHUT, { GET_("") "\r\n\r\n", 0 }, "two empty lines behind" },
	{ { 200, 200 }, PROBED, { GET_("") GET_(""), 0 }, "two requests at once" },
	{ { 200 }, PROBED, { "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "HEAD" },
	{ { 200 }, PROBED, { GET_("Content-Length: 0\r\n"), 0 }, "a body of nothing on GET" },
	{ { 200 }, PROBED, { POST_("Content-Length: 0\r\n"), 0 }, "a body of nothing" },
	{ { 200 }, PROBED, { POST_(""), 0 }, "POST without a length has no body" },
	{ { 200 }, PROBED, { POST_("Content-Length: 5\r\n") "hello", 0 }, "a body" },
	{ { 200 }, PROBED, { POST_("Content-Length: 0005\r\n") "hello", 0 }, "zeros in front" },
	{ { 200 }, PROBED, { POST_("Content-Length: \t 5  \r\n") "hello", 0 }, "blanks around" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5\t\r\n") "hello", 0 }, "a tab behind" },
	{ { 200 }, PROBED, { POST_("Content-Length: 5\r\nExpect: 100-continue\r\n") "hello", 0 },
	    "who does not wait for 100 is not told to go on" },
	{ { 200 }, PROBED, { POST_("Expect: 100-continue\r\n"), 0 }, "an expectation of nothing" },
	{ { 200 }, PROBED, { GET_("X-Length: 5\r\nContent_Length: 5\r\n"), 0 },
	    "names that only look like a length" },
	{ { 200 }, PROBED, { GET_("Content-Lengt: 5\r\nTransfer-Encodin: chunked\r\n"), 0 },
	    "names that are cut" },
	{ { 200 }, PROBED, { GET_("Transfer_Encoding: chunked\r\n"), 0 }, "an underscore" },
	{ { 200 }, PROBED, { GET_("TE: chunked\r\nTrailer: Content-Length\r\n"), 0 },
	    "what a client would accept" },
	{ { 200 }, PROBED, { GET_("Connection: upgrade\r\nUpgrade: websocket\r\n"), 0 },
	    "an upgrade is not made" },
	{ { 200 }, PROBED, { GET_("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"), 0 }, "nor to HTTP/2" },
	{ { 200 }, PROBED, { GET_("Proxy-Connection: close\r\nKeep-Alive: timeout=1\r\n"), 0 },
	    "other words about the connection" },
	{ { 200 }, PROBED, { GET_("Connection: Content-Length, Host\r\n"), 0 },
	    "hop-by-hop names are no one's here" },
	{ { 200 }, PROBED, { GET_("X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /smuggled\r\n"
	    "X-Forwarded-For: 127.0.0.1\r\n"), 0 }, "what proxies say is not believed" },
	{ { 200 }, PROBED, { "GET / HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", 0 }, "an address" },
	{ { 200 }, PROBED, { GET_("A: \x80\xff\r\n"), 0 }, "8-bit bytes in a value" },
	{ { 400 }, SHUT, { GET_("A: " SMUGGLED), 0 }, "a request in a value" },
	{ { 404 }, PROBED, { "GET /%67et HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an encoded letter" },
	{ { 200 }, PROBED, { "GET /?%2f=%00 HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
	    "escapes in the query stay what they are" },
	{ { 404 }, PROBED, { "GET /%252e%252e/a HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
	    "what is encoded twice is decoded once" },
	{ { 404 }, PROBED, { "GET /..;/a HTTP/1.1\r\nHost: h\r\n\r\n", 0 },
	    "a parameter of a segment" },
	{ { 404 }, PROBED, { "GET /.../a HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "three dots" },
	{ { 404 }, PROBED, { "GET /Probe HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "paths have a case" },
	{ { 404 }, PROBED, { "GET /probe/ HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a slash behind" },
	{ { 405 }, PROBED, { "DELETE /probe HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "another method" },
	/* The connection ends in order, so what is behind is nobody's. */
	{ { 200 }, SHUT, { GET_("Connection: close\r\n"), 0 }, "close" },
	{ { 200 }, SHUT, { GET_("Connection: keep-alive, close\r\n"), 0 }, "keep and close" },
	{ { 200 }, SHUT, { "GET / HTTP/1.0\r\n\r\n", 0 }, "HTTP/1.0" },
	{ { 200 }, PROBED, { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0 }, "kept" },
	{ { 200 }, SHUT, { "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 0 },
	    "1.0, a body" },
	/* A body is a body, whatever it looks like. */
	{ { 200 }, EATEN, { POST_("Content-Length: " PROBE_LEN_TEXT "\r\n"), 0 },
	    "the probe is a body" },
	{ { 200 }, PROBED, { POST_("Content-Length: 35\r\n") SMUGGLED, 0 }, "a request as a body" },
	{ { 413 }, SHUT, { POST_("Content-Length: 1001\r\n"), 0 }, "larger than the path allows" },
	{ { 413 }, SHUT, { POST_("Content-Length: 999999999999999999\r\n"), 0 }, "huge" },
	{ { 413 }, SHUT, { POST_("Content-Length: 1001\r\nExpect: 100-continue\r\n"), 0 },
	    "too large is said before 100" },
	{ { 404 }, SHUT, { "POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 32\r\n\r\n", 0 },
	    "a body for nothing" },
	{ { 405 }, SHUT, { "PUT /probe HTTP/1.1\r\nHost: h\r\nContent-Length: 32\r\n\r\n", 0 },
	    "a body for another method" },
	/* Transfer-Encoding in all its spellings: no chunk is ever parsed. */
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: chunked\r\n") "0\r\n\r\n" SMUGGLED, 0 },
	    "an empty body of chunks" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: chunked\r\n") "5\r\nhello\r\n0\r\n\r\n", 0 },
	    "chunks" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: chunked\r\n") "5;a=\"\r\n\"\r\nhello\r\n", 0 },
	    "an extension of a chunk" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: chunked\r\n") "-1\r\n" SMUGGLED, 0 },
	    "a negative chunk" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: chunked\r\n") "ffffffffffffffff1\r\n", 0 },
	    "a chunk over 64 bits" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: chunked\r\n") "0\r\nHost: h\r\n\r\n", 0 },
	    "trailers" },
	{ { 501 }, SHUT, { POST_("transfer-encoding: CHUNKED\r\n") "0\r\n\r\n", 0 },
	    "in capitals" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: xchunked\r\n") "0\r\n\r\n", 0 }, "xchunked" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: \"chunked\"\r\n") "0\r\n\r\n", 0 }, "quoted" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding: chunked, identity\r\n") "0\r\n\r\n", 0 },
	    "not the last one" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding: chunked, chunked\r\n") "0\r\n\r\n", 0 },
	    "twice in a list" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), 0 },
	    "twice in two lines" },
	{ { 501 }, SHUT, { POST_("Transfer-Encoding: \t chunked \t\r\n") "0\r\n\r\n", 0 },
	    "blanks around" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding : chunked\r\n") "0\r\n\r\n", 0 },
	    "a blank before the colon" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding\t: chunked\r\n") "0\r\n\r\n", 0 },
	    "a tab before the colon" },
	{ { 400 }, SHUT, { POST_(" Transfer-Encoding: chunked\r\n") "0\r\n\r\n", 0 },
	    "a blank in front" },
	{ { 400 }, SHUT, { POST_("X: y\r\n Transfer-Encoding: chunked\r\n") "0\r\n\r\n", 0 },
	    "folded away" },
	{ { 400 }, SHUT, { POST_("X: y\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", 0 },
	    "behind a bare LF" },
	{ { 400 }, SHUT, { POST_("X: y\rTransfer-Encoding: chunked\r\n") "0\r\n\r\n", 0 },
	    "behind a bare CR" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding: \x0b" "chunked\r\n") "0\r\n\r\n", 0 },
	    "a vertical tab" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding\x00: chunked\r\n") "0\r\n\r\n", 62 },
	    "a NUL behind the name" },
	{ { 400 }, SHUT, { POST_("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")
	    "0\r\n\r\n", 0 }, "both lengths" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5\r\nTransfer-Encoding: identity\r\n")
	    "0\r\n\r\n", 0 }, "both, the other way" },
	{ { 400 }, SHUT, { "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0 },
	    "on 1.0" },
	{ { 501 }, SHUT, { GET_("Transfer-Encoding: chunked\r\n") "0\r\n\r\n", 0 }, "on GET" },
	/* Lengths that two readers would read differently. */
	{ { 400 }, SHUT, { POST_("Content-Length: 5\r\nContent-Length: 0\r\n") "hello", 0 },
	    "two" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5\r\ncontent-length: 5\r\n") "hello", 0 },
	    "twice the same" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5,5\r\n") "hello", 0 }, "a list" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5,\r\n") "hello", 0 }, "half a list" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5;x\r\n") "hello", 0 }, "a parameter" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5.0\r\n") "hello", 0 }, "a fraction" },
	{ { 400 }, SHUT, { POST_("Content-Length: 5e0\r\n") "hello", 0 }, "an exponent" },
	{ { 400 }, SHUT, { POST_("Content-Length: \"5\"\r\n") "hello", 0 }, "quoted" },
	{ { 400 }, SHUT, { POST_("Content-Length: +5\r\n") "hello", 0 }, "a sign" },
	{ { 400 }, SHUT, { POST_("Content-Length: -5\r\n") "hello", 0 }, "negative" },
	{ { 400 }, SHUT, { POST_("Content-Length: 0x5\r\n") "hello", 0 }, "hexadecimal" },
	{ { 400 }, SHUT, { POST_("Content-Length: \xef\xbc\x95\r\n") "hello", 0 }, "a wide digit" },
	{ { 400 }, SHUT, { POST_("Content-Length: 18446744073709551621\r\n") "hello", 0 },
	    "2^64 + 5" },
	{ { 400 }, SHUT, { POST_("Content-Length : 5\r\n") "hello", 0 },
	    "a blank before the colon" },
	{ { 400 }, SHUT, { POST_("X: y\nContent-Length: 5\r\n") "hello", 0 }, "behind a bare LF" },
	{ { 400 }, SHUT, { GET_("Content-Length: 32\r\n"), 0 }, "the probe as a body of GET" },
	{ { 417 }, SHUT, { POST_("Content-Length: 32\r\nExpect: x\r\n"), 0 }, "an expectation" },
	{ { 417 }, SHUT, { GET_("Expect: 100-continue, x\r\n"), 0 }, "two expectations" },
	/* Hosts. */
	{ { 400 }, SHUT, { "GET / HTTP/1.1\r\nHost: h@evil\r\n\r\n", 0 }, "a user in Host" },
	{ { 400 }, SHUT, { "GET / HTTP/1.1\r\nHost: h?x\r\n\r\n", 0 }, "a query in Host" },
	{ { 400 }, SHUT, { "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 0 }, "8-bit bytes in Host" },
	{ { 400 }, SHUT, { "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\nHOST: i\r\n\r\n", 0 },
	    "two Hosts" },
	/* Other protocols. */
	{ { 501 }, SHUT, { "EHLO h\r\n", 0 }, "mail" },
	{ { 501 }, SHUT, { "SSH-2.0-OpenSSH\r\n", 0 }, "SSH" },
	{ { 400 }, SHUT, { "\x80\x2e\x01\x00\x02", 5 }, "SSL 2" },
	{ { 400 }, SHUT, { "\0", 1 }, "a NUL" },
	{ { 505 }, SHUT, { "GET / HTTP/1.1" SMUGGLED, 0 }, "a request line that does not end" },
};

static struct rig rig;

/* How the bytes come: in one write, or each in a TLS record of its own. */
enum pace { PACE_WHOLE, PACE_BYTES, PACE_END };

/* What one connection was answered. */
struct seen {
	int status[6];
	size_t n;
	bool is_shut;
};

/* Send text and whatever stands behind it; false where the server has hung up on us. */
static bool
send_at(struct rig_client *c, const struct buf *bytes, enum pace pace)
{
	size_t step = pace == PACE_WHOLE ? buf_len(bytes) : 1;

	for (size_t off = 0; off < buf_len(bytes); off += step)
		if (!rig_send(c, buf_data(bytes) + off, step))
			return false;
	return true;
}

/*
 * Receive replies until the connection ends or n are there.  A body that comes byte by byte
 * may be invited, one that was sent with its head may not.
 */
static void
receive(struct rig_client *c, size_t n, enum pace pace, struct seen *seen)
{
	struct rig_reply r;

	while (seen->n < n && !seen->is_shut) {
		rig_reply(c, true, &r);
		if (r.status == 0)
			seen->is_shut = true;
		else if (r.status != 100 || pace == PACE_WHOLE)
			seen->status[seen->n++] = r.status;
		rig_reply_clear(&r);
	}
}

static bool
is_refused_head(int status)
{
	return status == 400 || status == 414 || status == 417 || status == 431 ||
	    status == 501 || status == 505;
}

struct wanted {
	int status[6]; /* in this order */
	size_t n;
	enum then then;
	unsigned n_announced;
};

static void
want(struct wanted *w, int status)
{
	w->status[w->n++] = status;
	if (!is_refused_head(status))
		w->n_announced++;
}

/*
 * Send bytes with the probe behind them, and where the connection is to go on, one more.
 * Whether the answers were those, and nothing else reached the application.
 */
static bool
try(const struct bytes *in, const struct wanted *w, enum pace pace)
{
	size_t len = in->len == 0 ? strlen(in->text) : in->len;
	struct buf bytes = BUF_INIT;
	struct rig_client c;
	struct seen seen = { .n = 0 };
	bool is_right;

	atomic_store(&n_announced, 0);
	atomic_store(&n_probes, 0);
	atomic_store(&n_afters, 0);
	assert_int_equal(buf_add(&bytes, in->text, len, NULL), 0);
	assert_int_equal(buf_add(&bytes, PROBE, strlen(PROBE), NULL), 0);
	rig_connect(&rig, &c, NULL, NULL);
	(void)send_at(&c, &bytes, pace); /* the server may hang up in the middle */
	if (w->then == SHUT) {
		receive(&c, sizeof(seen.status) / sizeof(seen.status[0]), pace,
		    &seen);
	} else {
		receive(&c, w->n - 1, pace, &seen);
		(void)rig_send_text(&c, AFTER);
		receive(&c, w->n, pace, &seen);
	}
	rig_close(&c);
	buf_clear(&bytes);
	is_right = seen.n == w->n && memcmp(seen.status, w->status, w->n * sizeof(int)) == 0 &&
	    seen.is_shut == (w->then == SHUT) && atomic_load(&n_announced) == w->n_announced &&
	    atomic_load(&n_probes) == (w->then == PROBED ? 1 : 0) &&
	    atomic_load(&n_afters) == (w->then == SHUT ? 0 : 1) && atomic_load(&n_smuggled) == 0;
	if (!is_right)
		print_error("answered: %d %d %d (%zu), %s, %u requests, %u probes, %u behind\n",
		    seen.status[0], seen.status[1], seen.status[2], seen.n,
		    seen.is_shut ? "shut" : "open", atomic_load(&n_announced),
		    atomic_load(&n_probes), atomic_load(&n_afters));
	return is_right;
}

static void
a_refused_head_ends_the_connection_and_nothing_behind_it_is_read(void **state)
{
	unsigned n_wrong = 0;

	(void)state;
	for (size_t i = 0; i < N_MALFORMED; i++) {
		struct wanted w = { .then = SHUT };

		want(&w, malformed[i].status);
		for (enum pace pace = PACE_WHOLE; pace < PACE_END; pace++) {
			if (try(&malformed[i].in, &w, pace))
				continue;
			print_error("%s (%s)\n", malformed[i].why,
			    pace == PACE_WHOLE ? "at once" : "by the byte");
			n_wrong++;
		}
	}
	assert_int_equal(n_wrong, 0);
}

static void
no_request_hides_in_another(void **state)
{
	unsigned n_wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wanted w = { .then = rows[i].then };

		for (size_t k = 0; k < 3 && rows[i].status[k] != 0; k++)
			want(&w, rows[i].status[k]);
		if (w.then == PROBED)
			want(&w, 200);
		if (w.then != SHUT)
			want(&w, 200);
		for (enum pace pace = PACE_WHOLE; pace < PACE_END; pace++) {
			if (try(&rows[i].in, &w, pace))
				continue;
			print_error("%s (%s)\n", rows[i].why,
			    pace == PACE_WHOLE ? "at once" : "by the byte");
			n_wrong++;
		}
	}
	assert_int_equal(n_wrong, 0);
	assert_true(N_MALFORMED + sizeof(rows) / sizeof(rows[0]) >= 60);
}

/* before, n times fill, after: as the parser's limits, here to the answer. */
static void
try_long(const char *head, char fill, size_t n, const char *tail, int status)
{
	struct buf text = BUF_INIT;
	struct wanted w = { .then = status == 200 || status == 404 ? PROBED : SHUT };
	struct bytes in;

	assert_int_equal(buf_add(&text, head, strlen(head), NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_add(&text, &fill, 1, NULL), 0);
	assert_int_equal(buf_add(&text, tail, strlen(tail), NULL), 0);
	in = (struct bytes){ buf_text(&text), buf_len(&text) };
	want(&w, status);
	if (w.then == PROBED) {
		want(&w, 200);
		want(&w, 200);
	}
	assert_true(try(&in, &w, PACE_WHOLE));
	buf_clear(&text);
}

static void
what_is_too_long_is_refused_to_the_byte(void **state)
{
	static const char end[] = " HTTP/1.1\r\nHost: h\r\n\r\n",
	    line[] = "GET / HTTP/1.1\r\nHost: h\r\n";
	struct buf many = BUF_INIT;

	(void)state;
	try_long("GET /", 'a', LIMIT_TARGET_BYTES - 1, end, 404);
	try_long("GET /", 'a', LIMIT_TARGET_BYTES, end, 414);
	try_long("GET /?", 'a', LIMIT_TARGET_BYTES, end, 414);
	try_long("GET /", 'a', 1 << 20, end, 414);
	try_long("", 'A', 1 << 20, " / HTTP/1.1\r\n\r\n", 501);
	try_long("GET / HTTP/1.1\r\nHost: h\r\n", 'a', 1 << 20, ": b\r\n\r\n", 431);
	try_long("GET / HTTP/1.1\r\nHost: h\r\nA: ", 'a', 1 << 20, "\r\n\r\n", 431);
	try_long("GET / HTTP/1.1\r\nHost: ", 'h', 301, "\r\n\r\n", 400);
	try_long(line, ' ', 1 << 16, "\r\n\r\n", 400);
	for (unsigned n = LIMIT_HEADERS - 1; n <= LIMIT_HEADERS; n++) {
		buf_clear(&many);
		assert_int_equal(buf_printf(&many, NULL, "%s", line), 0);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(buf_printf(&many, NULL, "A%u: b\r\n", i), 0);
		try_long(buf_text(&many), ' ', 0, "\r\n", n < LIMIT_HEADERS ? 200 : 431);
	}
	buf_clear(&many);
}

static void
a_pipeline_is_answered_in_order_and_once(void **state)
{
	struct buf bytes = BUF_INIT;
	struct rig_client c;
	struct rig_reply r;
	const unsigned n = 500;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(buf_printf(&bytes, NULL, "%s", i % 2 == 0 ? PROBE :
		    "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
	atomic_store(&n_probes, 0);
	atomic_store(&n_announced, 0);
	rig_connect(&rig, &c, NULL, NULL);
	assert_true(rig_send(&c, buf_data(&bytes), buf_len(&bytes)));
	for (unsigned i = 0; i < n; i++) {
		rig_reply(&c, true, &r);
		assert_int_equal(r.status, i % 2 == 0 ? 200 : 404);
		rig_reply_clear(&r);
	}
	rig_close(&c);
	buf_clear(&bytes);
	assert_int_equal(atomic_load(&n_probes), n / 2);
	assert_int_equal(atomic_load(&n_announced), n);
}

static int
start(void **state)
{
	(void)state;
	assert(strlen(PROBE) == strtoul(PROBE_LEN_TEXT, NULL, 10) && strlen(SMUGGLED) == 35);
	rig_init(&rig);
	rig.service.routes = routes;
	rig.service.n_routes = sizeof(routes) / sizeof(routes[0]);
	rig.service.before = before;
	rig_start(&rig);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_head_ends_the_connection_and_nothing_behind_it_is_read),
		cmocka_unit_test(no_request_hides_in_another),
		cmocka_unit_test(what_is_too_long_is_refused_to_the_byte),
		cmocka_unit_test(a_pipeline_is_answered_in_order_and_once),
	};

	return rig_end(cmocka_run_group_tests_name("wire", tests, start, stop));
}
