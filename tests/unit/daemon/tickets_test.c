/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of session tickets: when they change, what an old one still opens, and clocks set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/limits.h"
#include "daemon/net/tickets.h"
#include "tests/unit/fault.h"

#define START 1000 /* a machine that has been up for a while */
#define PERIOD ((int64_t)LIMIT_TICKET_KEY_S)

static int
set_up(void **state)
{
	*state = tickets_new(NULL);
	return *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	tickets_free(*state);
	return 0;
}

static struct tickets_key
seal(struct tickets *t, int64_t now)
{
	struct tickets_key key = { 0 };

	assert_int_equal(tickets_seal(t, now, &key), 0);
	return key;
}

static bool
is_same(const struct tickets_key *a, const struct tickets_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What becomes of a ticket that was sealed with key; where it opens, with that very key. */
static enum tickets_verdict
verdict(struct tickets *t, int64_t now, const struct tickets_key *key)
{
	struct tickets_key got = { 0 };
	const struct tickets_key none = { 0 };
	enum tickets_verdict v = tickets_open(t, now, key->name, &got);

	assert_true(is_same(&got, v == TICKETS_UNKNOWN ? &none : key));
	return v;
}

static void
one_key_seals_for_its_time(void **state)
{
	struct tickets *t = *state;
	struct tickets_key first = seal(t, START), later = seal(t, START + PERIOD - 1);
	const struct tickets_key none = { 0 };

	assert_false(is_same(&first, &none));
	assert_true(is_same(&first, &later));
	assert_int_equal(verdict(t, START, &first), TICKETS_OPEN);
	assert_int_equal(verdict(t, START + PERIOD - 1, &first), TICKETS_OPEN);
}

static void
keys_of_two_hubs_are_not_the_same(void **state)
{
	struct tickets *other = tickets_new(NULL);
	struct tickets_key ours = seal(*state, START), theirs;

	assert_non_null(other);
	theirs = seal(other, START);
	assert_memory_not_equal(ours.name, theirs.name, sizeof(ours.name));
	assert_memory_not_equal(ours.cipher, theirs.cipher, sizeof(ours.cipher));
	assert_memory_not_equal(ours.mac, theirs.mac, sizeof(ours.mac));
	assert_int_equal(verdict(*state, START, &theirs), TICKETS_UNKNOWN);
	tickets_free(other);
}

static void
an_old_key_opens_and_asks_for_renewal(void **state)
{
	struct tickets *t = *state;
	struct tickets_key first = seal(t, START), second = seal(t, START + PERIOD);

	assert_memory_not_equal(first.name, second.name, sizeof(first.name));
	assert_memory_not_equal(first.cipher, second.cipher, sizeof(first.cipher));
	assert_memory_not_equal(first.mac, second.mac, sizeof(first.mac));
	assert_int_equal(verdict(t, START + PERIOD, &second), TICKETS_OPEN);
	assert_int_equal(verdict(t, START + PERIOD, &first), TICKETS_OPEN_AND_RENEW);
	assert_int_equal(verdict(t, START + 2 * PERIOD - 1, &first), TICKETS_OPEN_AND_RENEW);
}

static void
older_keys_open_nothing(void **state)
{
	struct tickets *t = *state;
	struct tickets_key first = seal(t, START), second = seal(t, START + PERIOD);
	struct tickets_key third = seal(t, START + 2 * PERIOD);

	assert_int_equal(verdict(t, START + 2 * PERIOD, &third), TICKETS_OPEN);
	assert_int_equal(verdict(t, START + 2 * PERIOD, &second), TICKETS_OPEN_AND_RENEW);
	assert_int_equal(verdict(t, START + 2 * PERIOD, &first), TICKETS_UNKNOWN);
}

/* Keys change when somebody seals; how long they are good does not depend on it. */
static void
a_key_grows_old_where_nobody_seals(void **state)
{
	struct tickets *t = *state;
	struct tickets_key first = seal(t, START), later;

	assert_int_equal(verdict(t, START + PERIOD, &first), TICKETS_OPEN_AND_RENEW);
	assert_int_equal(verdict(t, START + 2 * PERIOD - 1, &first), TICKETS_OPEN_AND_RENEW);
	assert_int_equal(verdict(t, START + 2 * PERIOD, &first), TICKETS_UNKNOWN);
	later = seal(t, START + 5 * PERIOD);
	assert_int_equal(verdict(t, START + 5 * PERIOD, &later), TICKETS_OPEN);
	assert_int_equal(verdict(t, START + 5 * PERIOD, &first), TICKETS_UNKNOWN);
}

static void
without_a_key_nothing_opens(void **state)
{
	const struct tickets_key zero = { 0 };

	assert_int_equal(verdict(*state, START, &zero), TICKETS_UNKNOWN);
	/* Nor by the name of the second, which is not there yet. */
	(void)seal(*state, START);
	assert_int_equal(verdict(*state, START, &zero), TICKETS_UNKNOWN);
}

/* The time since the jump counts, so a key that is used seals for less than two periods. */
static void
a_clock_set_back_breaks_nothing(void **state)
{
	struct tickets *t = *state;
	struct tickets_key first = seal(t, START), second = seal(t, START + PERIOD);
	struct tickets_key now = seal(t, START - 500), next;

	assert_true(is_same(&now, &second));
	assert_int_equal(verdict(t, START - 500, &second), TICKETS_OPEN);
	assert_int_equal(verdict(t, START - 500, &first), TICKETS_OPEN_AND_RENEW);
	next = seal(t, START - 500 + PERIOD - 1);
	assert_true(is_same(&next, &second));
	next = seal(t, START - 500 + PERIOD);
	assert_false(is_same(&next, &second));
	assert_int_equal(verdict(t, START - 500 + PERIOD, &next), TICKETS_OPEN);
	assert_int_equal(verdict(t, START - 500 + PERIOD, &second), TICKETS_OPEN_AND_RENEW);
	assert_int_equal(verdict(t, START - 500 + PERIOD, &first), TICKETS_UNKNOWN);
}

static void
a_clock_far_off_breaks_nothing(void **state)
{
	struct tickets *t = *state;
	struct tickets_key first = seal(t, INT64_MAX / 2), second = seal(t, INT64_MIN / 4);

	assert_true(is_same(&first, &second));
	second = seal(t, INT64_MAX / 2);
	assert_false(is_same(&first, &second));
	assert_int_equal(verdict(t, INT64_MAX / 2, &second), TICKETS_OPEN);
}

static void
out_of_memory_is_said(void **state)
{
	struct err e = { 0 };

	(void)state;
	fault_arm(FAULT_ALLOC, 1);
	assert_null(tickets_new(&e));
	assert_true(fault_disarm());
	assert_int_equal(e.class, ERR_SYSTEM);
	tickets_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_key_seals_for_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_of_two_hubs_are_not_the_same, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(an_old_key_opens_and_asks_for_renewal, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(older_keys_open_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_grows_old_where_nobody_seals, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(without_a_key_nothing_opens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_clock_set_back_breaks_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_clock_far_off_breaks_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(out_of_memory_is_said, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
