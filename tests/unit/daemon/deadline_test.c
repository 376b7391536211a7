/* SPDX-License-Identifier: Apache-2.0 */
/* Who is slow is waited for as long as the deadlines say, and no longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/http/exchange.h"
#include "daemon/http/reply.h"
#include "tests/unit/daemon/rig.h"

#define SHORT_MS 500u /* far from what a busy machine needs for anything else */
#define BIG_BYTES (256ull << 20)

static struct rig rig;
static atomic_uint n_begun, n_whole, n_cut; /* requests; that ended in order, and others */
static atomic_int last_cert;       /* enum exchange_cert of the last request */

static void
before(struct exchange *x)
{
	atomic_store(&last_cert, (int)x->cert);
	(void)atomic_fetch_add(&n_begun, 1);
}

static void
after(struct exchange *x, int status, uint64_t sent_bytes, bool is_whole)
{
	(void)x;
	(void)status;
	(void)sent_bytes;
	(void)atomic_fetch_add(is_whole ? &n_whole : &n_cut, 1);
}

static int
answer(struct exchange *x, struct err *e)
{
	return reply_empty(x, 200, e);
}

static int
read_zeros(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	(void)ctx;
	(void)off;
	(void)e;
	memset(out, 0, room);
	*n = room;
	return 0;
}

static void
close_zeros(void *ctx)
{
	(void)ctx;
}

static int
send_big(struct exchange *x, struct err *e)
{
	const struct reply_source source = { .read = read_zeros, .close = close_zeros };
	const struct reply_entity what = { .content_type = "application/octet-stream",
		.length = BIG_BYTES };

	return reply_stream(x, &source, &what, e);
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/", .run = ROUTE_ON_LOOP, .handler = answer },
	{ .method = METHOD_POST, .pattern = "/", .run = ROUTE_ON_LOOP, .body = ROUTE_BODY_MEMORY,
	    .max_body_bytes = 1 << 20, .handler = answer },
	{ .method = METHOD_GET, .pattern = "/big", .run = ROUTE_IN_POOL, .handler = send_big },
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
pause_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	(void)nanosleep(&moment, NULL);
}

/*
 * Send text of one byte after another, or nothing, until the server ends it; ms since began, which
 * is before the server's clock began, so that on a busy machine it is more, never less.
 */
static uint64_t
drag_on(struct rig_client *c, bool sends, uint64_t began)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	while (poll(&p, 1, 20) == 0) {
		assert_true(now_ms() - began < RIG_DEADLINE_S * 1000);
		if (sends && !rig_send_text(c, "X"))
			break;
	}
	/* A ticket of TLS may have been what came; then only the end is left to come. */
	while (rig_receive(c))
		;
	return now_ms() - began;
}

static void
who_does_not_shake_hands_is_cut(void **state)
{
	uint64_t began = now_ms();
	struct rig_client c = { .fd = rig_dial(rig.port) };

	(void)state;
	assert_true(drag_on(&c, false, began) >= SHORT_MS - 20);
	rig_close(&c);
	began = now_ms();
	c = (struct rig_client){ .fd = rig_dial(rig.port) };
	/* A ClientHello that never gets whole. */
	assert_int_equal(send(c.fd, "\x16\x03\x01\x01\x00\x01\x00\x00\xfc", 9, MSG_NOSIGNAL), 9);
	assert_true(drag_on(&c, true, began) >= SHORT_MS - 20);
	rig_close(&c);
}

/* Whether there was an answer; on a busy machine the connection may have been idle for too long. */
static bool
ask(struct rig_client *c)
{
	struct rig_reply r;
	bool is_answered;

	(void)rig_send_text(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_reply(c, true, &r);
	is_answered = r.status == 200;
	rig_reply_clear(&r);
	return is_answered;
}

/* A connection that has been answered once, so that its ticket is read; when that was begun. */
static uint64_t
connect_and_ask(struct rig_client *c, const struct rig_identity *id)
{
	uint64_t first = now_ms(), began;

	for (;;) {
		began = now_ms();
		rig_connect(&rig, c, id, NULL);
		if (ask(c))
			return began;
		assert_true(now_ms() - first < RIG_DEADLINE_S * 1000);
		rig_close(c);
	}
}

/* The same, and the server has begun with a request that begins with text. */
static void
connect_and_begin(struct rig_client *c, const char *text)
{
	uint64_t first = now_ms();
	bool is_up = true;

	for (;;) {
		unsigned begun;

		(void)connect_and_ask(c, NULL);
		begun = atomic_load(&n_begun);
		(void)rig_send_text(c, text);
		do {
			struct pollfd p = { .fd = c->fd, .events = POLLIN };

			is_up = poll(&p, 1, 5) == 0 || rig_receive(c);
		} while (atomic_load(&n_begun) == begun && is_up);
		if (atomic_load(&n_begun) != begun)
			return;
		assert_true(now_ms() - first < RIG_DEADLINE_S * 1000);
		rig_close(c);
	}
}

static void
an_idle_connection_and_a_slow_head_are_cut(void **state)
{
	struct rig_client c;
	uint64_t began;

	(void)state;
	began = connect_and_ask(&c, NULL);
	assert_true(drag_on(&c, false, began) >= SHORT_MS - 20);
	rig_close(&c);
	began = connect_and_ask(&c, NULL);
	(void)rig_send_text(&c, "GET /"); /* fails where the machine was too busy */
	assert_true(drag_on(&c, true, began) >= SHORT_MS - 20); /* bytes that come buy no time */
	rig_close(&c);
}

static void
a_body_that_stalls_or_trickles_is_cut(void **state)
{
	struct rig_client c;

	(void)state;
	for (int sends = 0; sends <= 1; sends++) {
		unsigned cut = atomic_load(&n_cut);
		uint64_t began = now_ms();

		connect_and_begin(&c,
		    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nX");
		assert_true(drag_on(&c, sends == 1, began) >= SHORT_MS - 20);
		rig_close(&c);
		while (atomic_load(&n_cut) == cut) { /* told after the socket is closed */
			assert_true(now_ms() - began < RIG_DEADLINE_S * 1000);
			pause_a_moment();
		}
	}
}

static void
a_reader_who_stalls_or_trickles_is_cut(void **state)
{
	struct rig_client c;

	(void)state;
	for (int reads = 0; reads <= 1; reads++) {
		unsigned cut = atomic_load(&n_cut);
		uint64_t began = now_ms();

		connect_and_begin(&c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
		while (atomic_load(&n_cut) == cut) {
			char bytes[64];

			assert_true(now_ms() - began < RIG_DEADLINE_S * 1000);
			pause_a_moment(); /* a slow reader is what this is */
			if (reads == 1)
				(void)SSL_read(c.ssl, bytes, sizeof(bytes));
		}
		assert_true(now_ms() - began >= SHORT_MS - 20);
		rig_close(&c);
	}
}

/* false where the machine was so busy that the connection was cut before. */
static bool
expires_on_a_connection(void)
{
	struct rig_identity id;
	struct rig_client c;
	uint64_t began = now_ms();
	bool is_up = true;

	rig_identity_new(&id, &(struct rig_kind){ .issuer = &rig.ca, .usage = "clientAuth",
	    .name = "somebody", .from_s = -60, .until_s = 1 });
	atomic_store(&last_cert, CERT_NONE);
	(void)connect_and_ask(&c, &id);
	while (is_up && atomic_load(&last_cert) != CERT_EXPIRED) {
		assert_int_equal(atomic_load(&last_cert), CERT_VERIFIED);
		assert_true(now_ms() - began < RIG_DEADLINE_S * 1000);
		is_up = ask(&c);
		pause_a_moment();
	}
	rig_close(&c);
	rig_identity_clear(&id);
	return is_up;
}

static void
a_certificate_that_expires_meanwhile_is_expired(void **state)
{
	unsigned tries = 0;

	(void)state;
	while (!expires_on_a_connection())
		assert_true(++tries < RIG_DEADLINE_S);
}

static int
start(void **state)
{
	(void)state;
	rig_init(&rig);
	rig.service.routes = routes;
	rig.service.n_routes = sizeof(routes) / sizeof(routes[0]);
	rig.service.before = before;
	rig.service.after = after;
	rig.config.deadlines.handshake_ms = SHORT_MS;
	rig.config.deadlines.head_ms = SHORT_MS;
	rig.config.deadlines.idle_ms = SHORT_MS;
	rig.config.deadlines.stall_ms = SHORT_MS;
	rig.config.deadlines.grace_ms = SHORT_MS;
	rig.config.deadlines.min_rate_bytes_s = 64u << 20;
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
		cmocka_unit_test(who_does_not_shake_hands_is_cut),
		cmocka_unit_test(an_idle_connection_and_a_slow_head_are_cut),
		cmocka_unit_test(a_body_that_stalls_or_trickles_is_cut),
		cmocka_unit_test(a_reader_who_stalls_or_trickles_is_cut),
		cmocka_unit_test(a_certificate_that_expires_meanwhile_is_expired),
	};

	return rig_end(cmocka_run_group_tests_name("deadline", tests, start, stop));
}
