/* SPDX-License-Identifier: Apache-2.0 */
/* Connections counted by key, by many threads at once. */
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/net/census.h"
#include "tests/unit/fault.h"

#define N_THREADS 4u
#define N_KEYS 100u
#define N_ROUNDS 200000u
#define MAX 3u

static void
the_next_one_of_a_key_is_refused_and_others_are_not(void **state)
{
	struct census *census = census_new(2, 100, NULL);

	(void)state;
	assert_non_null(census);
	assert_true(census_enter(census, 7));
	assert_true(census_enter(census, 7));
	assert_false(census_enter(census, 7));
	assert_false(census_enter(census, 7)); /* who was refused is not counted */
	assert_true(census_enter(census, 8));
	census_leave(census, 7);
	assert_true(census_enter(census, 7));
	assert_false(census_enter(census, 7));
	census_leave(census, 7);
	census_leave(census, 7);
	census_leave(census, 8);
	assert_true(census_enter(census, 7));
	assert_true(census_enter(census, 7));
	assert_false(census_enter(census, 7));
	census_free(census); /* what is still counted goes, too: a leak would be told */
}

/* More keys than chains: those that share one are still told apart. */
static void
keys_that_share_a_chain_are_counted_each(void **state)
{
	struct census *census = census_new(1, 1, NULL);

	(void)state;
	assert_non_null(census);
	for (uint64_t key = 0; key < 1000; key++)
		assert_true(census_enter(census, key));
	for (uint64_t key = 0; key < 1000; key++)
		assert_false(census_enter(census, key));
	for (uint64_t key = 0; key < 1000; key += 2)
		census_leave(census, key);
	for (uint64_t key = 0; key < 1000; key++)
		assert_int_equal(census_enter(census, key), key % 2 == 0);
	census_free(census);
}

static void
who_has_no_connection_costs_no_memory(void **state)
{
	struct census *census = census_new(1, 1, NULL);

	(void)state;
	assert_non_null(census);
	fault_arm(FAULT_ALLOC, 1);
	assert_false(census_enter(census, 1));
	assert_true(fault_disarm());
	assert_true(census_enter(census, 1));
	census_leave(census, 1);
	fault_arm(FAULT_ALLOC, 1); /* nothing was kept of it: it needs memory again */
	assert_false(census_enter(census, 1));
	assert_true(fault_disarm());
	census_free(census);
}

/* Threads. */

static struct census *shared;
static atomic_uint inside[N_KEYS];
static atomic_uint n_too_many, n_entered;
static pthread_barrier_t all_here;

static void *
come_and_go(void *arg)
{
	unsigned *number = arg, x = *number;

	(void)pthread_barrier_wait(&all_here);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned key;

		x = x * 1664525u + 1013904223u;
		key = (x >> 16) % N_KEYS % ((x >> 24) % 2 == 0 ? N_KEYS : 2);
		if (!census_enter(shared, key))
			continue;
		(void)atomic_fetch_add(&n_entered, 1);
		if (atomic_fetch_add(&inside[key], 1) >= MAX)
			(void)atomic_fetch_add(&n_too_many, 1);
		(void)atomic_fetch_sub(&inside[key], 1);
		census_leave(shared, key);
	}
	return NULL;
}

static void
threads_lose_no_count(void **state)
{
	pthread_t threads[N_THREADS];
	unsigned numbers[N_THREADS];

	(void)state;
	shared = census_new(MAX, N_KEYS, NULL);
	assert_non_null(shared);
	assert_int_equal(pthread_barrier_init(&all_here, NULL, N_THREADS), 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(pthread_barrier_destroy(&all_here), 0);
	assert_true(atomic_load(&n_entered) >= N_ROUNDS);
	assert_int_equal(atomic_load(&n_too_many), 0);
	for (uint64_t key = 0; key < N_KEYS; key++) { /* all have gone */
		for (unsigned i = 0; i < MAX; i++)
			assert_true(census_enter(shared, key));
		assert_false(census_enter(shared, key));
	}
	census_free(shared);
}

static void
one_subscriber_is_one_address(void **state)
{
	struct sockaddr_storage a = { .ss_family = AF_INET6 }, b = { .ss_family = AF_INET6 };
	struct sockaddr_storage v4 = { .ss_family = AF_INET };
	uint8_t *x = ((struct sockaddr_in6 *)&a)->sin6_addr.s6_addr;
	uint8_t *y = ((struct sockaddr_in6 *)&b)->sin6_addr.s6_addr;

	(void)state;
	x[0] = y[0] = 0x20;
	y[15] = 9;
	assert_true(census_key(&a) == census_key(&b)); /* the same /64 */
	y[7] = 1;
	assert_true(census_key(&a) != census_key(&b));
	((struct sockaddr_in *)&v4)->sin_addr.s_addr = htonl(0x0a000001);
	memset(x, 0, 16);
	x[10] = x[11] = 0xff;
	x[12] = 10;
	x[15] = 1;
	assert_true(census_key(&a) == census_key(&v4)); /* the same in IPv6's clothes */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_one_of_a_key_is_refused_and_others_are_not),
		cmocka_unit_test(keys_that_share_a_chain_are_counted_each),
		cmocka_unit_test(who_has_no_connection_costs_no_memory),
		cmocka_unit_test(threads_lose_no_count),
		cmocka_unit_test(one_subscriber_is_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
