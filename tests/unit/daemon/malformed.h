/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads that are refused, each with the status that it gets and why: head_test gives them to
 * the parser, cut anywhere; wire_test sends them to the engine over TLS, another request behind.
 */
#ifndef KEBAO_TESTS_UNIT_DAEMON_MALFORMED_H
#define KEBAO_TESTS_UNIT_DAEMON_MALFORMED_H

#include <stddef.h>

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

#define N_MALFORMED (sizeof(malformed) / sizeof(malformed[0]))

#endif
