/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that are read in a pool: few at a time for one address, however many it asks for. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/http/exchange.h"
#include "daemon/http/reply.h"
#include "daemon/limits.h"
#include "tests/unit/daemon/rig.h"

#define N_MINE 8u
#define N_OTHERS 3u /* that all of them share a lane with us by chance will not happen */
#define BYTES (3u << 20)

static struct rig rig;
static atomic_uint n_reading, most_reading; /* for 127.0.0.1 */
static atomic_bool is_open, is_denied;
static sem_t gate, mine_begun, other_begun, cut;

/* Nobody reads on while the gate is closed. */
static void
pass(void)
{
	if (!atomic_load(&is_open))
		assert(sem_wait(&gate) == 0);
}

static int
read_mine(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	unsigned now = atomic_fetch_add(&n_reading, 1) + 1, most = atomic_load(&most_reading);

	(void)ctx;
	(void)off;
	(void)e;
	while (now > most && !atomic_compare_exchange_weak(&most_reading, &most, now))
		;
	assert(sem_post(&mine_begun) == 0);
	pass();
	memset(out, 'm', room);
	*n = room;
	(void)atomic_fetch_sub(&n_reading, 1);
	return 0;
}

static int
read_other(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	(void)ctx;
	(void)off;
	(void)e;
	assert(sem_post(&other_begun) == 0);
	pass();
	memset(out, 'o', room);
	*n = room;
	return 0;
}

static bool
still_allowed(struct exchange *x)
{
	(void)x;
	return !atomic_load(&is_denied);
}

static void
after(struct exchange *x, int status, uint64_t sent_bytes, bool is_whole)
{
	(void)x;
	(void)status;
	(void)sent_bytes;
	if (!is_whole)
		assert(sem_post(&cut) == 0);
}

static void
close_nothing(void *ctx)
{
	(void)ctx;
}

static int
send_long(struct exchange *x, struct err *e)
{
	const struct reply_source source = { .close = close_nothing,
		.read = strcmp(x->peer, "127.0.0.1") == 0 ? read_mine : read_other };
	const struct reply_entity what = { .content_type = "text/plain", .length = BYTES };

	return reply_stream(x, &source, &what, e);
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/", .run = ROUTE_ON_LOOP, .handler = send_long },
};

static void
ask(struct rig_client *c, in_addr_t from)
{
	rig.from = from;
	rig_connect(&rig, c, NULL, NULL);
	rig.from = 0;
	assert_true(rig_send_text(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
}

static void
gets_all(struct rig_client *c)
{
	struct rig_reply r;

	rig_reply(c, true, &r);
	assert_int_equal(r.status, 200);
	assert_true(r.is_whole);
	assert_int_equal(buf_len(&r.body), BYTES);
	rig_reply_clear(&r);
	rig_close(c);
}

static void
wait_for(sem_t *sem, unsigned n)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RIG_DEADLINE_S;
	while (n-- > 0)
		assert_int_equal(sem_timedwait(sem, &until), 0);
}

static void
close_gate(void)
{
	atomic_store(&is_open, false);
	atomic_store(&most_reading, 0);
	assert(sem_init(&gate, 0, 0) == 0 && sem_init(&mine_begun, 0, 0) == 0 &&
	    sem_init(&other_begun, 0, 0) == 0 && sem_init(&cut, 0, 0) == 0);
}

static void
open_gate(void)
{
	atomic_store(&is_open, true);
	for (unsigned i = 0; i < 100; i++) /* more than threads */
		assert_int_equal(sem_post(&gate), 0);
}

static void
an_address_has_few_blocks_and_others_have_theirs(void **state)
{
	struct rig_client mine[N_MINE], others[N_OTHERS];

	(void)state;
	close_gate();
	for (size_t i = 0; i < N_MINE; i++)
		ask(&mine[i], INADDR_LOOPBACK);
	wait_for(&mine_begun, LIMIT_LANE_READS);
	for (size_t i = 0; i < N_OTHERS; i++)
		ask(&others[i], INADDR_LOOPBACK + 1 + (in_addr_t)i);
	wait_for(&other_begun, 1);
	assert_int_equal(atomic_load(&n_reading), LIMIT_LANE_READS);
	open_gate();
	for (size_t i = 0; i < N_MINE; i++)
		gets_all(&mine[i]);
	for (size_t i = 0; i < N_OTHERS; i++)
		gets_all(&others[i]);
	assert_int_equal(atomic_load(&most_reading), LIMIT_LANE_READS);
}

static void
who_goes_leaves_his_place_to_others(void **state)
{
	struct rig_client mine[N_MINE], last;

	(void)state;
	close_gate();
	for (size_t i = 0; i < N_MINE; i++)
		ask(&mine[i], INADDR_LOOPBACK);
	wait_for(&mine_begun, LIMIT_LANE_READS);
	for (size_t i = 0; i < N_MINE; i += 2)
		rig_close(&mine[i]); /* one that is read for among them */
	ask(&last, INADDR_LOOPBACK);
	open_gate();
	for (size_t i = 1; i < N_MINE; i += 2)
		gets_all(&mine[i]);
	gets_all(&last);
	assert_int_equal(atomic_load(&most_reading), LIMIT_LANE_READS);
}

static void
who_is_cut_leaves_it_too(void **state)
{
	struct rig_client mine[N_MINE], last;

	(void)state;
	close_gate();
	for (size_t i = 0; i < N_MINE; i++)
		ask(&mine[i], INADDR_LOOPBACK);
	wait_for(&mine_begun, LIMIT_LANE_READS);
	atomic_store(&is_denied, true);
	wait_for(&cut, N_MINE - LIMIT_LANE_READS); /* while they wait */
	open_gate();
	wait_for(&cut, LIMIT_LANE_READS); /* when they come back from the pool */
	atomic_store(&is_denied, false);
	for (size_t i = 0; i < N_MINE; i++)
		rig_close(&mine[i]);
	ask(&last, INADDR_LOOPBACK);
	gets_all(&last);
}

static int
set_up(void **state)
{
	(void)state;
	rig_init(&rig);
	rig.config.n_workers = 1;
	rig.config.n_pool = N_MINE;
	rig.config.deadlines.allowed_ms = 1;
	rig.service.still_allowed = still_allowed;
	rig.service.after = after;
	rig.service.routes = routes;
	rig.service.n_routes = sizeof(routes) / sizeof(routes[0]);
	rig_start(&rig);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_few_blocks_and_others_have_theirs),
		cmocka_unit_test(who_goes_leaves_his_place_to_others),
		cmocka_unit_test(who_is_cut_leaves_it_too),
	};
	int rc = cmocka_run_group_tests(tests, set_up, tear_down);

	return rig_end(rc);
}
