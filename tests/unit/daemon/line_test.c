/* SPDX-License-Identifier: Apache-2.0 */
/* The engine and the line: who waits for a share is not taken for slow, and is let go of. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http/reply.h"
#include "tests/unit/daemon/rig.h"

static int
answer(struct exchange *x, size_t len, struct err *e)
{
	struct buf body = BUF_INIT;
	uint8_t *at = buf_extend(&body, len, e);
	int rc = -1;

	if (at != NULL) {
		memset(at, 'k', len);
		rc = reply_bytes(x, 200, "text/plain", &body, e);
	}
	buf_clear(&body);
	return rc;
}

static int
answer_small(struct exchange *x, struct err *e)
{
	return answer(x, 100, e);
}

static int
answer_bulk(struct exchange *x, struct err *e)
{
	return answer(x, 150000, e);
}

static int
answer_huge(struct exchange *x, struct err *e)
{
	return answer(x, 32u << 20, e);
}

static int
take_upload(struct exchange *x, const void *bytes, size_t len, struct err *e)
{
	(void)x;
	(void)bytes;
	(void)len;
	(void)e;
	return 0;
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/small", .handler = answer_small },
	{ .method = METHOD_GET, .pattern = "/bulk", .handler = answer_bulk, .is_bulk = true },
	{ .method = METHOD_GET, .pattern = "/huge", .handler = answer_huge, .is_bulk = true },
	{ .method = METHOD_PUT, .pattern = "/bulk", .run = ROUTE_IN_POOL,
	    .body = ROUTE_BODY_STREAM, .max_body_bytes = 1000, .sink = take_upload,
	    .handler = answer_small, .is_bulk = true },
};

/* The test says who asks. */
static void
before(struct exchange *x)
{
	x->group = x->org = exchange_header(x, "x-group");
	x->weight = 1;
}

static void
start(struct rig *rig, uint64_t rate_bytes_s, unsigned max_transfers)
{
	rig->service.routes = routes;
	rig->service.n_routes = sizeof(routes) / sizeof(routes[0]);
	rig->service.before = before;
	rig->config.line = (struct share_config){ .rate_bytes_s = rate_bytes_s,
		.max_transfers = max_transfers };
	rig_start(rig);
}

static void
ask(struct rig_client *c, const char *path, const char *group)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\nX-Group: %s\r\n\r\n",
	    path, group);
	assert_true(rig_send_text(c, text));
}

static void
stats_are(struct rig *rig, unsigned groups, unsigned waiting)
{
	struct server_stats stats;

	for (int i = 0; i < RIG_DEADLINE_S * 100; i++) {
		server_stats(rig->server, &stats);
		if (stats.line.groups == groups && stats.line.waiting == waiting)
			return;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("%u groups, %u waiting", stats.line.groups, stats.line.waiting);
}

/* Deadlines that any wait for a share would break, if it counted against the client. */
static void
who_waits_for_a_share_is_not_slow(void **state)
{
	struct rig_client c[3];
	struct rig_reply r;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.config.deadlines.stall_ms = 60;
	rig.config.deadlines.grace_ms = 60;
	rig.config.deadlines.min_rate_bytes_s = 1000000000;
	start(&rig, 500000, 0);
	for (size_t i = 0; i < 3; i++) {
		rig_connect(&rig, &c[i], NULL, NULL);
		ask(&c[i], "/bulk", i == 0 ? "a" : "b");
	}
	for (size_t i = 0; i < 3; i++) {
		rig_reply(&c[i], true, &r);
		assert_int_equal(r.status, 200);
		assert_true(r.is_whole);
		assert_int_equal(buf_len(&r.body), 150000);
		assert_int_equal(buf_data(&r.body)[149999], 'k');
		rig_reply_clear(&r);
	}
	ask(&c[0], "/small", "a"); /* the connection goes on */
	rig_reply(&c[0], true, &r);
	assert_int_equal(buf_len(&r.body), 100);
	rig_reply_clear(&r);
	stats_are(&rig, 0, 0);
	for (size_t i = 0; i < 3; i++)
		rig_close(&c[i]);
	rig_stop(&rig);
}

static void
who_does_not_read_is_still_cut(void **state)
{
	struct server_stats stats;
	struct rig_client c;
	struct rig_reply r;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.config.deadlines.stall_ms = 300;
	start(&rig, 200000000, 0);
	rig_connect(&rig, &c, NULL, NULL);
	ask(&c, "/huge", "a");
	do
		server_stats(rig.server, &stats);
	while (stats.requests == 0 && poll(NULL, 0, 10) == 0);
	stats_are(&rig, 0, 0); /* nobody has read a byte */
	rig_reply(&c, true, &r);
	assert_false(r.is_whole);
	rig_reply_clear(&r);
	rig_close(&c);
	rig_stop(&rig);
}

static void
small_answers_pass_those_who_wait(void **state)
{
	struct rig_client bulk, c;
	struct rig_reply r;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	start(&rig, 20000, 0); /* ten seconds for the bulk */
	rig_connect(&rig, &bulk, NULL, NULL);
	ask(&bulk, "/bulk", "a");
	stats_are(&rig, 1, 1);
	rig_connect(&rig, &c, NULL, NULL);
	for (int i = 0; i < 20; i++) {
		ask(&c, "/small", i % 2 == 0 ? "a" : "b");
		rig_reply(&c, true, &r);
		assert_int_equal(buf_len(&r.body), 100);
		rig_reply_clear(&r);
	}
	stats_are(&rig, 1, 1); /* it still waits */
	rig_close(&c);
	rig_close(&bulk); /* gone while it waits */
	stats_are(&rig, 0, 0);
	rig_stop(&rig);
}

static void
the_end_does_not_wait_for_the_line(void **state)
{
	struct rig_client c[6];
	struct rig_reply r;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.config.deadlines.drain_ms = 100;
	start(&rig, 20000, 0);
	for (size_t i = 0; i < 6; i++) {
		rig_connect(&rig, &c[i], NULL, NULL);
		ask(&c[i], "/bulk", i % 2 == 0 ? "a" : "b");
	}
	stats_are(&rig, 2, 6);
	rig_stop(&rig);
	for (size_t i = 0; i < 6; i++) {
		rig_reply(&c[i], true, &r);
		assert_false(r.is_whole);
		rig_reply_clear(&r);
		rig_close(&c[i]);
	}
}

static void
refused(struct rig_client *c)
{
	struct rig_reply r;
	char value[40];

	rig_reply(c, true, &r);
	assert_int_equal(r.status, 429);
	assert_true(rig_header(&r, "Retry-After", value, sizeof(value)));
	assert_true(rig_header(&r, "Content-Type", value, sizeof(value)));
	assert_string_equal(value, "application/problem+json");
	rig_reply_clear(&r);
}

/* Without a rate, too; a refusal costs the connection nothing, but for an upload its body. */
static void
one_transfer_too_many_is_refused(void **state)
{
	struct rig_client huge, c;
	struct rig_reply r;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	start(&rig, 0, 1);
	rig_connect(&rig, &huge, NULL, NULL);
	ask(&huge, "/huge", "a");
	stats_are(&rig, 1, 0);
	rig_connect(&rig, &c, NULL, NULL);
	ask(&c, "/bulk", "a");
	refused(&c);
	ask(&c, "/bulk", "b");
	rig_reply(&c, true, &r);
	assert_int_equal(r.status, 200);
	rig_reply_clear(&r);
	ask(&c, "/small", "a");
	rig_reply(&c, true, &r);
	assert_int_equal(r.status, 200);
	rig_reply_clear(&r);
	assert_true(rig_send_text(&c, "PUT /bulk HTTP/1.1\r\nHost: h\r\nX-Group: a\r\n"
	    "Content-Length: 3\r\n\r\nabc"));
	refused(&c);
	rig_close(&c);
	rig_close(&huge);
	stats_are(&rig, 0, 0);
	rig_connect(&rig, &c, NULL, NULL);
	assert_true(rig_send_text(&c, "PUT /bulk HTTP/1.1\r\nHost: h\r\nX-Group: a\r\n"
	    "Content-Length: 3\r\n\r\nabc"));
	rig_reply(&c, true, &r);
	assert_int_equal(r.status, 200);
	rig_reply_clear(&r);
	rig_close(&c);
	rig_stop(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_for_a_share_is_not_slow),
		cmocka_unit_test(who_does_not_read_is_still_cut),
		cmocka_unit_test(small_answers_pass_those_who_wait),
		cmocka_unit_test(the_end_does_not_wait_for_the_line),
		cmocka_unit_test(one_transfer_too_many_is_refused),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return rig_end(cmocka_run_group_tests(tests, NULL, NULL));
}
