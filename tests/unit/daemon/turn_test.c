/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's time is shared by address, and nobody has it with messages that ask for nothing. */
#include <setjmp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/http/exchange.h"
#include "daemon/http/reply.h"
#include "daemon/limits.h"
#include "tests/unit/daemon/rig.h"

#define N_BUSY 40u
#define OTHERS (INADDR_LOOPBACK + 1)

static struct rig rig;
static sem_t is_held, may_go;
static unsigned n_served, served_other_at; /* the loop's, until all is answered */

/* Keep the loop until the test lets it go on. */
static int
hold(struct exchange *x, struct err *e)
{
	assert(sem_post(&is_held) == 0 && sem_wait(&may_go) == 0);
	return reply_empty(x, 200, e);
}

/* As much of the loop's time as one address has at once. */
static int
work(struct exchange *x, struct err *e)
{
	struct timespec began, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	do
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - began.tv_sec) * 1000000 + (now.tv_nsec - began.tv_nsec) / 1000 <=
	       LIMIT_LANE_US);
	n_served++;
	if (strcmp(x->peer, "127.0.0.1") != 0)
		served_other_at = n_served;
	return reply_empty(x, 200, e);
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/hold", .handler = hold },
	{ .method = METHOD_GET, .pattern = "/work", .handler = work },
};

static void
ask(struct rig_client *c, const char *path)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	assert_true(rig_send_text(c, text));
}

static void
is_answered(struct rig_client *c)
{
	struct rig_reply r;

	rig_reply(c, true, &r);
	assert_int_equal(r.status, 200);
	rig_reply_clear(&r);
}

/* When another address is served, among N_BUSY requests that came before his. */
static unsigned
serve_beside(uint32_t address)
{
	struct rig_client busy[N_BUSY], other, holder;

	n_served = served_other_at = 0;
	for (size_t i = 0; i < N_BUSY; i++)
		rig_connect(&rig, &busy[i], NULL, NULL);
	rig.from = address;
	rig_connect(&rig, &holder, NULL, NULL);
	rig_connect(&rig, &other, NULL, NULL);
	rig.from = 0;
	ask(&holder, "/hold");
	assert_int_equal(sem_wait(&is_held), 0);
	/* All of this is there when the loop goes on, and the other comes last. */
	for (size_t i = 0; i < N_BUSY; i++)
		ask(&busy[i], "/work");
	ask(&other, "/work");
	assert_int_equal(sem_post(&may_go), 0);
	is_answered(&holder);
	is_answered(&other);
	for (size_t i = 0; i < N_BUSY; i++)
		is_answered(&busy[i]);
	assert_int_equal(n_served, N_BUSY + 1);
	for (size_t i = 0; i < N_BUSY; i++)
		rig_close(&busy[i]);
	rig_close(&other);
	rig_close(&holder);
	return served_other_at;
}

static void
an_address_with_many_connections_does_not_keep_others_waiting(void **state)
{
	uint32_t other = OTHERS;
	unsigned at;

	(void)state;
	/* Once in 256 two addresses share a lane, by chance: then another one. */
	do
		at = serve_beside(other++);
	while (at > N_BUSY / 4 && other < OTHERS + 4);
	assert_in_range(at, 1, N_BUSY / 4);
}

/* How many of n new keys could be sent. */
static unsigned
renew_keys(struct rig_client *c, unsigned n)
{
	unsigned i = 0;

	while (i < n && SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
	       SSL_do_handshake(c->ssl) == 1)
		i++;
	return i;
}

static void
new_keys_are_given_but_not_without_end(void **state)
{
	struct rig_client c;
	struct rig_reply r;

	(void)state;
	rig_connect(&rig, &c, NULL, NULL);
	assert_int_equal(renew_keys(&c, LIMIT_TLS_STEPS / 10), LIMIT_TLS_STEPS / 10);
	ask(&c, "/work");
	is_answered(&c);
	rig_close(&c);
	rig_connect(&rig, &c, NULL, NULL);
	(void)renew_keys(&c, LIMIT_TLS_STEPS + 1); /* each takes one at least */
	(void)rig_send_text(&c, "GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n");
	rig_reply(&c, true, &r);
	assert_int_equal(r.status, 0);
	rig_reply_clear(&r);
	rig_close(&c);
}

static int
start(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert(sem_init(&is_held, 0, 0) == 0 && sem_init(&may_go, 0, 0) == 0);
	rig_init(&rig);
	rig.config.n_workers = 1;
	rig.service.routes = routes;
	rig.service.n_routes = sizeof(routes) / sizeof(routes[0]);
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
		cmocka_unit_test(an_address_with_many_connections_does_not_keep_others_waiting),
		cmocka_unit_test(new_keys_are_given_but_not_without_end),
	};

	return rig_end(cmocka_run_group_tests_name("turn", tests, start, stop));
}
