/* SPDX-License-Identifier: Apache-2.0 */
/* The threads for what blocks are shared by address, whoever asks for how much. */
#include <assert.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/net/crew.h"

#define N_JOBS 64u

struct work {
	struct crew_job job;
	char name;  /* of the address; a capital holds its thread until the test lets it go */
};

static struct event_base *base;
static struct mailbox *box;
static struct crew *crew;
static struct sockaddr_storage addresses[3]; /* a, b, c: in three lanes */
static struct work works[N_JOBS];
static unsigned n_works, n_delivered;
static sem_t has_begun, may_end, is_done;
static char began[N_JOBS + 1]; /* names in the order of beginning: with one thread */
static unsigned n_began;

static void
run(struct crew_job *job)
{
	const struct work *w = (const struct work *)job;

	began[__atomic_fetch_add(&n_began, 1, __ATOMIC_SEQ_CST)] = w->name;
	if (w->name >= 'A' && w->name <= 'C') {
		assert(sem_post(&has_begun) == 0 && sem_wait(&may_end) == 0);
		return;
	}
	assert(sem_post(&is_done) == 0);
}

static void
deliver(struct mail *m)
{
	(void)m;
	n_delivered++;
}

/* A job for each letter. */
static void
submit(const char *names)
{
	for (; *names != '\0'; names++) {
		struct work *w = &works[n_works++];

		assert_true(n_works <= N_JOBS);
		w->name = *names;
		w->job.mail.deliver = deliver;
		w->job.box = box;
		w->job.address = &addresses[(*names | 0x20) - 'a'];
		w->job.run = run;
		crew_submit(crew, &w->job);
	}
}

static void
wait_for(sem_t *sem, unsigned n)
{
	while (n-- > 0)
		assert_int_equal(sem_wait(sem), 0);
}

static void
let_go(unsigned n)
{
	while (n-- > 0)
		assert_int_equal(sem_post(&may_end), 0);
}

/* Addresses whose lanes differ: others would share by chance. */
static void
choose_addresses(void)
{
	uint32_t next = INADDR_LOOPBACK;

	memset(addresses, 0, sizeof(addresses));
	for (size_t i = 0; i < 3; i++) {
		struct sockaddr_in *a = (struct sockaddr_in *)&addresses[i];
		bool is_new;

		a->sin_family = AF_INET;
		do {
			a->sin_addr.s_addr = htonl(next++);
			is_new = true;
			for (size_t k = 0; k < i; k++)
				is_new &= crew_lane(crew, &addresses[k]) !=
				    crew_lane(crew, &addresses[i]);
		} while (!is_new);
	}
}

static void
begin(unsigned n_threads)
{
	base = event_base_new();
	assert_non_null(base);
	box = mailbox_new(base, NULL);
	assert_non_null(box);
	crew = crew_new(n_threads, NULL);
	assert_non_null(crew);
	choose_addresses();
	memset(began, 0, sizeof(began));
	n_works = n_began = n_delivered = 0;
	assert(sem_init(&has_begun, 0, 0) == 0 && sem_init(&may_end, 0, 0) == 0 &&
	    sem_init(&is_done, 0, 0) == 0);
}

/* All that was given is done, and the loops have heard of it. */
static void
end(void)
{
	crew_free(crew);
	mailbox_empty(box);
	assert_int_equal(n_began, n_works);
	assert_int_equal(n_delivered, n_works);
	mailbox_free(box);
	event_base_free(base);
}

static void
jobs_begin_in_their_order_and_those_of_several_addresses_in_turn(void **state)
{
	(void)state;
	begin(1);
	submit("A");
	wait_for(&has_begun, 1);
	submit("aaaaaaaaaabbc"); /* the thread is held: all of it is there when it goes on */
	let_go(1);
	end();
	assert_string_equal(began, "Abcabaaaaaaaaa");
}

static void
an_address_that_returns_has_its_place_behind_the_others(void **state)
{
	(void)state;
	begin(1);
	submit("A");
	wait_for(&has_begun, 1);
	submit("aaaBccc");
	let_go(1);
	wait_for(&has_begun, 1); /* B */
	submit("bb");
	let_go(1);
	end();
	assert_string_equal(began, "ABcabcabca");
}

static void
the_last_thread_is_for_another_address(void **state)
{
	(void)state;
	begin(3);
	submit("AAAA");
	wait_for(&has_begun, 2);
	submit("b"); /* while two threads are held and two jobs of the same address wait */
	wait_for(&is_done, 1);
	assert_int_equal(n_began, 3);
	let_go(4);
	end();
}

static void
jobs_that_were_given_are_done_before_the_end(void **state)
{
	(void)state;
	begin(2);
	submit("AaaaBbbbcccc"); /* both threads are held by different ones */
	wait_for(&has_begun, 2);
	let_go(2);
	end();
}

static void
a_crew_of_one_serves_whoever_is_alone(void **state)
{
	(void)state;
	begin(1);
	submit("aaaa");
	wait_for(&is_done, 4);
	end();
	assert_string_equal(began, "aaaa");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_begin_in_their_order_and_those_of_several_addresses_in_turn),
		cmocka_unit_test(an_address_that_returns_has_its_place_behind_the_others),
		cmocka_unit_test(the_last_thread_is_for_another_address),
		cmocka_unit_test(jobs_that_were_given_are_done_before_the_end),
		cmocka_unit_test(a_crew_of_one_serves_whoever_is_alone),
	};

	return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
