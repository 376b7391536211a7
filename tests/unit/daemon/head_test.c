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
#include "tests/unit/daemon/malformed.h"

enum { CUT_NONE = -1, CUT_EVERYWHERE = -2 };

struct fed {
	struct head head;
	struct head_refusal why;
	enum head_verdict verdict;
	size_t at; /* bytes that were there when the verdict fell */
	char first[LIMIT_HEAD_BYTES], bytes[LIMIT_HEAD_BYTES];
};

/* Feed whole, in two parts, or byte by byte; after the first part the bytes move. */
static void
feed(struct fed *f, const char *text, size_t len, long cut)
{
	size_t have = 0;

	assert_true(len <= sizeof(f->bytes));
	memset(f->first, 'x', sizeof(f->first));
	memset(f->bytes, 'x', sizeof(f->bytes));
	head_init(&f->head, f->first);
	f->why = (struct head_refusal){ 0, NULL };
	do {
		size_t next = len;

		if (cut == CUT_EVERYWHERE)
			next = have + 1;
		else if (have == 0 && cut > 0)
			next = (size_t)cut;
		memcpy((have == 0 ? f->first : f->bytes) + have, text + have, next - have);
		if (have > 0 && f->head.bytes == f->first) {
			memcpy(f->bytes, f->first, have);
			memset(f->first, 'y', sizeof(f->first));
			head_move(&f->head, f->bytes);
		}
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
	for (size_t i = 0; i < N_MALFORMED; i++) {
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
