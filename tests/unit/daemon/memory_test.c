/* SPDX-License-Identifier: Apache-2.0 */
/* Long answers that are not read and long bodies that do not come: whose memory that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/http/exchange.h"
#include "daemon/http/reply.h"
#include "tests/unit/daemon/rig.h"

#define ELSEWHERE (INADDR_LOOPBACK + 1)
#define HUGE_BYTES (4u << 20) /* more than sockets take, and than one may have beside others */
#define LONG_BYTES 100000u
#define GET_HUGE "GET /huge HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_LONG "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_SHORT "GET /short HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST_HUGE "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4194304\r\n\r\n"
#define POST_LONG "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"

static struct rig rig;
static struct rig_identity member, colleague;

/* Each certificate by itself, as if nobody had renewed: the last 16 digits of its number. */
static uint64_t
holder(void *app, const char *serial)
{
	(void)app;
	return strtoull(serial + strlen(serial) - 16, NULL, 16);
}

static void
before(struct exchange *x)
{
	x->org = x->cert == CERT_VERIFIED ? "gd" : NULL;
}

static int
send_bytes(struct exchange *x, size_t len, struct err *e)
{
	struct buf body = BUF_INIT;
	uint8_t *at = buf_extend(&body, len, e);

	if (at == NULL)
		return -1;
	memset(at, 'x', len);
	return reply_bytes(x, 200, "text/plain", &body, e);
}

static int
send_huge(struct exchange *x, struct err *e)
{
	return send_bytes(x, HUGE_BYTES, e);
}

static int
send_long(struct exchange *x, struct err *e)
{
	return send_bytes(x, LONG_BYTES, e);
}

static int
send_short(struct exchange *x, struct err *e)
{
	return send_bytes(x, LIMIT_UNCOUNTED_BYTES, e);
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/huge", .run = ROUTE_IN_POOL, .handler = send_huge },
	{ .method = METHOD_GET, .pattern = "/long", .run = ROUTE_IN_POOL, .handler = send_long },
	{ .method = METHOD_GET, .pattern = "/short", .run = ROUTE_ON_LOOP, .handler = send_short },
	{ .method = METHOD_POST, .pattern = "/", .run = ROUTE_IN_POOL, .body = ROUTE_BODY_MEMORY,
	    .max_body_bytes = HUGE_BYTES, .handler = send_short },
};

static void
connect_from(in_addr_t from, struct rig_client *c, const struct rig_identity *id)
{
	rig.from = from;
	rig_connect(&rig, c, id, NULL);
}

/* The status of the answer to text; has_body is false for HEAD. */
static int
ask(struct rig_client *c, const char *text, bool has_body)
{
	struct rig_reply r;
	char after[16];
	int status;

	assert_true(rig_send_text(c, text));
	rig_reply(c, has_body, &r);
	status = r.status;
	if (status == 503) {
		assert_non_null(strstr(buf_text(&r.body), "\"class\":\"busy\""));
		assert_true(rig_header(&r, "Retry-After", after, sizeof(after)));
	}
	rig_reply_clear(&r);
	return status;
}

static int
ask_with_body(struct rig_client *c)
{
	static const char body[LONG_BYTES];

	assert_true(rig_send_text(c, POST_LONG));
	assert_true(rig_send(c, body, sizeof(body)));
	return ask(c, "", true);
}

/* The head of an answer, and no more: the rest is left where it is. */
static void
read_head_only(struct rig_client *c, const char *text)
{
	assert_true(rig_send_text(c, text));
	while (strstr(buf_text(&c->in), "\r\n\r\n") == NULL)
		assert_true(rig_receive(c));
	assert_non_null(strstr(buf_text(&c->in), "HTTP/1.1 200 "));
}

/* Until the hub has seen the other go. */
static void
ask_until_200(in_addr_t from, const struct rig_identity *id, const char *text)
{
	const time_t end = time(NULL) + RIG_DEADLINE_S;
	int status;

	do {
		struct rig_client c;

		connect_from(from, &c, id);
		status = ask(&c, text, true);
		rig_close(&c);
		assert_true(time(NULL) < end);
	} while (status != 200);
}

static void
an_answer_that_is_not_read_is_the_address_s(void **state)
{
	struct rig_client unread, c, other;

	(void)state;
	connect_from(0, &unread, NULL);
	connect_from(0, &c, NULL);
	connect_from(ELSEWHERE, &other, NULL);
	read_head_only(&unread, GET_HUGE);
	assert_int_equal(ask(&c, GET_LONG, true), 503);
	assert_int_equal(ask(&c, GET_SHORT, true), 200);
	assert_int_equal(ask(&c, "HEAD /long HTTP/1.1\r\nHost: h\r\n\r\n", false), 200);
	assert_int_equal(ask(&other, GET_LONG, true), 200);
	rig_close(&unread);
	ask_until_200(0, NULL, GET_LONG);
	rig_close(&c);
	rig_close(&other);
}

/* Not the colleagues', who are of the same organisation, and not of his own requests. */
static void
an_answer_that_is_not_read_is_the_certificate_s(void **state)
{
	struct rig_client unread, own, other, stranger;

	(void)state;
	connect_from(0, &unread, &member);
	connect_from(ELSEWHERE, &own, &member);
	connect_from(0, &other, &colleague);
	connect_from(0, &stranger, NULL);
	read_head_only(&unread, GET_HUGE);
	assert_int_equal(ask(&own, GET_LONG, true), 503);
	assert_int_equal(ask_with_body(&own), 200);
	assert_int_equal(ask(&other, GET_LONG, true), 200);
	assert_int_equal(ask_with_body(&other), 200);
	assert_int_equal(ask(&stranger, GET_LONG, true), 200);
	rig_close(&unread);
	ask_until_200(ELSEWHERE, &member, GET_LONG);
	rig_close(&own);
	rig_close(&other);
	rig_close(&stranger);
}

static void
what_was_read_counts_no_longer(void **state)
{
	struct rig_client c;

	(void)state;
	connect_from(0, &c, NULL);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(&c, i % 2 == 0 ? GET_HUGE : GET_LONG, true), 200);
	rig_close(&c);
}

/* The hub has taken the head of it: 100 Continue says so. */
static void
announce_body(struct rig_client *c)
{
	assert_int_equal(ask(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4194304\r\n"
	    "Expect: 100-continue\r\n\r\n", true), 100);
}

static void
a_body_counts_from_its_head_on(void **state)
{
	struct rig_client held, c, other;

	(void)state;
	connect_from(0, &held, NULL);
	connect_from(0, &c, NULL);
	connect_from(ELSEWHERE, &other, NULL);
	announce_body(&held);
	assert_int_equal(ask(&c, GET_LONG, true), 200); /* answers are another account */
	assert_int_equal(ask(&c, POST_LONG, true), 503);
	assert_true(rig_is_over(&c)); /* nothing of its body was read */
	assert_int_equal(ask_with_body(&other), 200);
	rig_close(&held);
	rig_close(&c);
	rig_close(&other);
}

static void
a_body_that_has_served_counts_no_longer(void **state)
{
	struct rig_client c;
	char *body = calloc(1, HUGE_BYTES);

	(void)state;
	assert_non_null(body);
	connect_from(0, &c, NULL);
	for (int i = 0; i < 3; i++) {
		assert_true(rig_send_text(&c, POST_HUGE));
		assert_true(rig_send(&c, body, HUGE_BYTES));
		assert_int_equal(ask(&c, "", true), 200);
	}
	rig_close(&c);
	free(body);
}

static int
start(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_identity_new(&member, &(struct rig_kind){ .issuer = &rig.ca, .usage = "clientAuth",
	    .name = "member", .from_s = -60, .until_s = 3600 });
	rig_identity_new(&colleague, &(struct rig_kind){ .issuer = &rig.ca, .usage = "clientAuth",
	    .name = "colleague", .from_s = -60, .until_s = 3600 });
	rig.service.routes = routes;
	rig.service.n_routes = sizeof(routes) / sizeof(routes[0]);
	rig.service.before = before;
	rig.service.holder = holder;
	rig_start(&rig);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_identity_clear(&member);
	rig_identity_clear(&colleague);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_is_not_read_is_the_address_s),
		cmocka_unit_test(an_answer_that_is_not_read_is_the_certificate_s),
		cmocka_unit_test(what_was_read_counts_no_longer),
		cmocka_unit_test(a_body_counts_from_its_head_on),
		cmocka_unit_test(a_body_that_has_served_counts_no_longer),
	};

	return rig_end(cmocka_run_group_tests_name("memory", tests, start, stop));
}
