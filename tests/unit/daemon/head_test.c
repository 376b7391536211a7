/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests: what is refused and with which status, however the bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http/head.h"

#define GET_(rest) "GET / HTTP/1.1\r\nHost: h\r\n" rest "\r\n"
#define POST_(rest) "POST / HTTP/1.1\r\nHost: h\r\n" rest "\r\n"

struct bytes {
	const char *text;
	size_t len; /* 0: strlen */
};

static const struct {
	int status;
	struct bytes in;
	const char *why;
} malformed[] = {
	/* The request line. */
	{ 400, { "GET\r\n\r\n", 0 }, "no target" },
	{ 400, { "GET /\r\n\r\n", 0 }, "HTTP/0.9" },
	{ 400, { "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "two blanks" },
	{ 400, { "GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "two blanks before the version" },
	{ 400, { "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a tab for a blank" },
	{ 400, { " GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a blank in front" },
	{ 505, { "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 0 }, "a blank behind" },
	{ 400, { "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "two empty lines in front" },
	{ 400, { "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a bare LF in front" },
	{ 501, { "get / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "methods are upper case" },
	{ 501, { "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "OPTIONS" },
	{ 501, { "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "TRACE" },
	{ 501, { "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "CONNECT" },
	{ 501, { "PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "known to llhttp, not to us" },
	{ 501, { "FROBNICATE / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an unknown token" },
	{ 400, { "G<T / HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "not a token" },
	{ 400, { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11 }, "TLS within TLS" },
	{ 505, { "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 0 }, "HTTP/2.0" },
	{ 505, { "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 0 }, "HTTP/1.2" },
	{ 505, { "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 0 }, "HTTP/0.9 by name" },
	{ 505, { "GET / HTTP/11\r\nHost: h\r\n\r\n", 0 }, "no dot" },
	{ 400, { "GET / http/1.1\r\nHost: h\r\n\r\n", 0 }, "lower case" },
	{ 400, { "GET / ICY/1.1\r\nHost: h\r\n\r\n", 0 }, "another protocol" },
	{ 505, { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0 }, "the preface of HTTP/2" },
	/* The target. */
	{ 400, { "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "absolute form" },
	{ 400, { "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "asterisk form" },
	{ 400, { "GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "authority form" },
	{ 400, { "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "relative" },
	{ 400, { "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an encoded NUL" },
	{ 400, { "GET /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an encoded slash" },
	{ 400, { "GET /a%2Fb HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an encoded slash" },
	{ 400, { "GET /../a HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "climbing" },
	{ 400, { "GET /%2e%2e/a HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "climbing, encoded" },
	{ 400, { "GET /a/./b HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a dot segment" },
	{ 400, { "GET /a/.. HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "climbing at the end" },
	{ 400, { "GET /a//b HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an empty segment" },
	{ 400, { "GET // HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "only empty segments" },
	{ 400, { "GET /a%5cb HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a backslash, encoded" },
	{ 400, { "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a backslash" },
	{ 400, { "GET /%0a HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an encoded line feed" },
	{ 400, { "GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "not UTF-8" },
	{ 400, { "GET /%c0%af HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "an overlong slash" },
	{ 400, { "GET /\xe8\xaf\xbe HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "raw UTF-8" },
	{ 400, { "GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "half an escape" },
	{ 400, { "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "no hex" },
	{ 400, { "GET /a?b=%4 HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "half an escape in the query" },
	{ 400, { "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a fragment" },
	{ 400, { "GET /a\"b HTTP/1.1\r\nHost: h\r\n\r\n", 0 }, "a quote" },
	/* Host. */
	{ 400, { "GET / HTTP/1.1\r\n\r\n", 0 }, "no Host" },
	{ 400, { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 0 }, "two Hosts" },
	{ 400, { "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0 }, "an empty Host" },
	{ 400, { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0 }, "a blank in Host" },
	{ 400, { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0 }, "a path in Host" },
	{ 400, { "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", 0 }, "two Hosts on 1.0" },
	/* Lines and names. */
	{ 400, { "GET / HTTP/1.1\nHost: h\n\n", 0 }, "bare LF" },
	{ 400, { "GET / HTTP/1.1\r\nHost: h\n\r\n", 0 }, "one bare LF" },
	{ 400, { "GET / HTTP/1.1\r\nHost: h\r\n\n", 0 }, "a bare LF at the end" },
	{ 400, { GET_("A: b\rc\r\n"), 0 }, "a CR within a value" },
	{ 505, { "GET / HTTP/1.1\rHost: h\r\n\r\n", 0 }, "a CR after the request line" },
	{ 400, { GET_("A: b\r\n c\r\n"), 0 }, "a folded value" },
	{ 400, { GET_("A:\r\n b\r\n"), 0 }, "a folded value, empty at first" },
	{ 400, { GET_("A: b\r\n\tc: d\r\n"), 0 }, "a line that begins with a tab" },
	{ 400, { "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 0 }, "a fold of nothing" },
	{ 400, { GET_("A : b\r\n"), 0 }, "a blank before the colon" },
	{ 400, { GET_(": b\r\n"), 0 }, "no name" },
	{ 400, { GET_("A\r\n"), 0 }, "no colon" },
	{ 400, { GET_("A(b: c\r\n"), 0 }, "not a token" },
	{ 400, { GET_("\xc3\xa4: c\r\n"), 0 }, "not ASCII" },
	{ 400, { "GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 36 }, "a NUL in a value" },
	{ 400, { GET_("A: b\x01\r\n"), 0 }, "a control character in a value" },
	{ 400, { GET_("A: b\x7f\r\n"), 0 }, "a DEL in a value" },
	{ 400, { GET_("Range: bytes=0-1\r\nRange: bytes=2-3\r\n"), 0 }, "two ranges" },
	{ 400, { GET_("If-None-Match: \"a\"\r\nif-none-match: \"b\"\r\n"), 0 }, "two conditions" },
	{ 400, { GET_("Upload-Offset: 1\r\nUpload-Offset: 2\r\n"), 0 }, "two offsets" },
	/* Framing. */
	{ 501, { POST_("Transfer-Encoding: chunked\r\n"), 0 }, "chunked" },
	{ 501, { POST_("Transfer-Encoding: gzip, chunked\r\n"), 0 }, "coded and chunked" },
	{ 501, { POST_("Transfer-Encoding: identity\r\n"), 0 }, "a last coding but chunked" },
	{ 400, { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0 }, "chunked on 1.0" },
	{ 400, { POST_("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 0 }, "both" },
	{ 400, { POST_("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 0 }, "both" },
	{ 400, { POST_("Content-Length: 3\r\nContent-Length: 3\r\n"), 0 }, "two lengths" },
	{ 400, { POST_("Content-Length: 3, 3\r\n"), 0 }, "a list of lengths" },
	{ 400, { POST_("Content-Length: -1\r\n"), 0 }, "negative" },
	{ 400, { POST_("Content-Length: +1\r\n"), 0 }, "a sign" },
	{ 400, { POST_("Content-Length: 0x10\r\n"), 0 }, "hexadecimal" },
	{ 400, { POST_("Content-Length: 1 2\r\n"), 0 }, "a blank within" },
	{ 400, { POST_("Content-Length:\r\n"), 0 }, "empty" },
	{ 400, { POST_("Content-Length: 99999999999999999999999\r\n"), 0 }, "over 64 bits" },
	{ 400, { POST_("Content-Length: 9999999999999999999\r\n"), 0 }, "over 63 bits" },
	{ 400, { GET_("Content-Length: 1\r\n"), 0 }, "a body on GET" },
	{ 400, { "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", 0 }, "a body on HEAD" },
	{ 417, { POST_("Content-Length: 1\r\nExpect: 200-ok\r\n"), 0 }, "another expectation" },
};

enum { CUT_NONE = -1, CUT_EVERYWHERE = -2 };

struct fed {
	struct head head;
	struct head_refusal why;
	enum head_verdict verdict;
	size_t at; /* bytes that were there when the verdict fell */
	char bytes[LIMIT_HEAD_BYTES];
};

/* Feed whole, in two parts, or byte by byte. */
static void
feed(struct fed *f, const char *text, size_t len, long cut)
{
	size_t have = 0;

	assert_true(len <= sizeof(f->bytes));
	memset(f->bytes, 'x', sizeof(f->bytes));
	head_init(&f->head, f->bytes);
	f->why = (struct head_refusal){ 0, NULL };
	do {
		size_t next = len;

		if (cut == CUT_EVERYWHERE)
			next = have + 1;
		else if (have == 0 && cut > 0)
			next = (size_t)cut;
		memcpy(f->bytes + have, text + have, next - have);
		have = next;
		f->verdict = head_feed(&f->head, have, &f->why);
	} while (f->verdict == HEAD_MORE && have < len);
	f->at = have;
}

static void
malformed_heads_get_their_status(void **state)
{
	struct fed *f = malloc(sizeof(*f));
	unsigned n_wrong = 0;

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		const char *text = malformed[i].in.text;
		size_t len = malformed[i].in.len == 0 ? strlen(text) : malformed[i].in.len;

		for (long cut = CUT_EVERYWHERE; cut < (long)len; cut++) {
			feed(f, text, len, cut);
			if (f->verdict == HEAD_BAD && f->why.status == malformed[i].status)
				continue;
			print_error("%s, cut %ld: verdict %d, status %d\n", malformed[i].why, cut,
			    (int)f->verdict, f->why.status);
			n_wrong++;
			break;
		}
	}
	free(f);
	assert_int_equal(n_wrong, 0);
}

static void
a_good_head_is_read_however_it_comes(void **state)
{
	static const char text[] = "\r\nPATCH /uploads/%E8%AF%BE%20b?x=1&y=%41 HTTP/1.1\r\n"
	    "Host: [::1]:8443\r\nUpload-OFFSET:\t 17 \t\r\nEmpty:\r\nConnection: Foo , Close\r\n"
	    "Content-Length: 5\r\nExpect: 100-Continue\r\nAccept: a\r\nAccept: b\r\n\r\nhello";
	struct fed *f = malloc(sizeof(*f));

	(void)state;
	assert_non_null(f);
	for (long cut = CUT_EVERYWHERE; cut < (long)sizeof(text) - 1; cut++) {
		feed(f, text, sizeof(text) - 1, cut);
		assert_int_equal(f->verdict, HEAD_DONE);
		assert_int_equal(f->head.method, METHOD_PATCH);
		assert_string_equal(f->head.path, "/uploads/课 b");
		assert_string_equal(f->head.query, "x=1&y=%41");
		assert_string_equal(head_find(&f->head, "upload-offset"), "17");
		assert_string_equal(head_find(&f->head, "empty"), "");
		assert_string_equal(head_find(&f->head, "accept"), "a");
		assert_null(head_find(&f->head, "accep"));
		assert_int_equal(f->head.body_bytes, 5);
		assert_true(f->head.has_length && f->head.expects_continue);
		assert_false(f->head.keep_alive || f->head.is_http10);
		assert_int_equal(f->head.len, sizeof(text) - 1 - 5);
	}
	free(f);
}

static void
connections_are_kept_as_the_versions_say(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} heads[] = {
		{ "GET / HTTP/1.1\r\nHost: h\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: a,CLOSE\r\n\r\n",
		    false },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
		    true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false },
	};
	struct fed *f = malloc(sizeof(*f));

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		feed(f, heads[i].text, strlen(heads[i].text), CUT_NONE);
		assert_int_equal(f->verdict, HEAD_DONE);
		assert_int_equal(f->head.keep_alive, heads[i].keep_alive);
	}
	free(f);
}

/* "GET /" and n times fill, a line end, then more headers. */
static char *
long_head(const char *before, char fill, size_t n, const char *after)
{
	size_t a = strlen(before), b = strlen(after);
	char *text = malloc(a + n + b + 1);

	assert_non_null(text);
	memcpy(text, before, a);
	memset(text + a, fill, n);
	memcpy(text + a + n, after, b + 1);
	return text;
}

static void
limits_are_kept_to_the_byte(void **state)
{
	static const char first[] = "GET / HTTP/1.1\r\nHost: h\r\n";
	struct fed *f = malloc(sizeof(*f));
	struct {
		char *text;
		enum head_verdict verdict;
		int status;
	} t[] = {
		{ long_head("GET /", 'a', LIMIT_TARGET_BYTES - 1, " HTTP/1.1\r\nHost: h\r\n\r\n"),
		    HEAD_DONE, 0 },
		{ long_head("GET /", 'a', LIMIT_TARGET_BYTES, " HTTP/1.1\r\nHost: h\r\n\r\n"),
		    HEAD_BAD, 414 },
		{ long_head("GET / HTTP/1.1\r\nHost: h\r\nA: ", 'a',
		    LIMIT_HEAD_BYTES - (sizeof(first) - 1) - 3 - 4, "\r\n\r\n"), HEAD_DONE, 0 },
		{ long_head("GET / HTTP/1.1\r\nHost: h\r\nA: ", 'a',
		    LIMIT_HEAD_BYTES - (sizeof(first) - 1) - 3 - 3, "\r\n\r"), HEAD_BAD, 431 },
		{ long_head("GET / HTTP/1.1\r\nHost: h\r\n", 'a',
		    LIMIT_HEAD_BYTES - (sizeof(first) - 1), ""), HEAD_BAD, 431 },
	};

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (long cut = CUT_EVERYWHERE; cut <= CUT_NONE; cut++) {
			feed(f, t[i].text, strlen(t[i].text), cut);
			assert_int_equal(f->verdict, t[i].verdict);
			assert_int_equal(f->why.status, t[i].status);
		}
		free(t[i].text);
	}
	free(f);
}

static void
headers_are_counted(void **state)
{
	struct fed *f = malloc(sizeof(*f));
	char text[4096];

	(void)state;
	assert_non_null(f);
	for (unsigned n = LIMIT_HEADERS - 1; n <= LIMIT_HEADERS; n++) {
		(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n");
		for (unsigned i = 0; i < n; i++)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			    "A%u: b\r\n", i);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "\r\n");
		feed(f, text, strlen(text), CUT_NONE);
		assert_int_equal(f->verdict, n < LIMIT_HEADERS ? HEAD_DONE : HEAD_BAD);
		assert_int_equal(f->why.status, n < LIMIT_HEADERS ? 0 : 431);
	}
	free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_heads_get_their_status),
		cmocka_unit_test(a_good_head_is_read_however_it_comes),
		cmocka_unit_test(connections_are_kept_as_the_versions_say),
		cmocka_unit_test(limits_are_kept_to_the_byte),
		cmocka_unit_test(headers_are_counted),
	};

	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
