/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for long bodies and answers: an owner's, everybody's, and that it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/limits.h"
#include "daemon/net/budget.h"

#define ORGS_AT_ONCE (LIMIT_BUDGET_KNOWN_BYTES / LIMIT_BUDGET_OWNER_BYTES)
#define ADDRESSES_AT_ONCE (LIMIT_BUDGET_ADDRESSES_BYTES / LIMIT_BUDGET_OWNER_BYTES)

static const struct budget_owner gd = { .org = "gd" };
static const struct budget_owner firm = { .org = "gd.gz" };

static int
set_up(void **state)
{
	struct budget *b;

	if (budget_new(&b, NULL) == -1)
		return -1;
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	budget_free(*state);
	return 0;
}

/* n-th of so many owners. */
static struct budget_owner
owner(const char *format, unsigned n)
{
	struct budget_owner o = { .number = format == NULL ? n : 0 };

	if (format != NULL)
		(void)snprintf(o.org, sizeof(o.org), "%s%u", format, n);
	return o;
}

static void
short_ones_are_not_counted(void **state)
{
	for (int i = 0; i < 10000; i++) {
		struct budget_claim c = { 0 };

		assert_int_equal(budget_take(*state, &c, &gd, LIMIT_UNCOUNTED_BYTES, NULL), 0);
		assert_int_equal(c.bytes, 0);
		budget_give(*state, &c);
	}
}

static void
an_organisation_has_its_part(void **state)
{
	struct budget_claim one = { 0 }, two = { 0 }, other = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    budget_take(*state, &one, &gd, LIMIT_BUDGET_OWNER_BYTES - 20000, NULL), 0);
	assert_int_equal(budget_take(*state, &two, &gd, 20000, NULL), 0);
	assert_int_equal(budget_take(*state, &other, &gd, 20000, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_non_null(strstr(e.text, "gd has as much"));
	assert_int_equal(other.bytes, 0);
	assert_int_equal(
	    budget_take(*state, &other, &firm, LIMIT_BUDGET_OWNER_BYTES, NULL), 0);
	budget_give(*state, &other);
	budget_give(*state, &one);
	assert_int_equal(
	    budget_take(*state, &one, &gd, LIMIT_BUDGET_OWNER_BYTES - 20000, NULL), 0);
	budget_give(*state, &two);
	budget_give(*state, &one);
}

static void
without_an_organisation_the_address_counts(void **state)
{
	const struct budget_owner here = owner(NULL, 7), there = owner(NULL, 8);
	struct budget_claim one = { 0 }, two = { 0 };
	struct err e = { 0 };

	assert_int_equal(budget_take(*state, &one, &here, LIMIT_BUDGET_OWNER_BYTES, NULL), 0);
	assert_int_equal(budget_take(*state, &two, &here, 20000, &e), -1);
	assert_non_null(strstr(e.text, "your address has as much"));
	assert_int_equal(budget_take(*state, &two, &there, 20000, NULL), 0);
	budget_give(*state, &two);
	budget_give(*state, &one);
}

/* Of one organisation and of one address; what is full of one kind is free of the other. */
static void
answers_are_of_who_holds_the_certificate(void **state)
{
	const struct budget_owner one = { .org = "gd", .number = 1, .is_answer = true };
	const struct budget_owner other = { .org = "gd", .number = 2, .is_answer = true };
	struct budget_claim all = { 0 }, more = { 0 };

	assert_int_equal(budget_take(*state, &all, &one, UINT64_MAX, NULL), 0);
	assert_int_equal(budget_take(*state, &more, &one, 20000, NULL), -1);
	budget_give(*state, &all);
	assert_int_equal(budget_take(*state, &all, &one, LIMIT_BUDGET_OWNER_BYTES, NULL), 0);
	assert_int_equal(budget_take(*state, &more, &other, LIMIT_BUDGET_OWNER_BYTES, NULL), 0);
	budget_give(*state, &more);
	budget_give(*state, &all);
}

static void
bodies_and_answers_are_two_accounts(void **state)
{
	const struct budget_owner bodies[] = { gd, owner(NULL, 7) };

	for (size_t i = 0; i < 2; i++) {
		struct budget_owner answers = bodies[i];
		struct budget_claim body = { 0 }, answer = { 0 }, more = { 0 };
		struct err e = { 0 };

		answers.is_answer = true;
		assert_int_equal(budget_take(*state, &answer, &answers, UINT64_MAX, NULL), 0);
		assert_int_equal(budget_take(*state, &body, &bodies[i], UINT64_MAX, NULL), 0);
		assert_int_equal(budget_take(*state, &more, &answers, 20000, &e), -1);
		assert_non_null(
		    strstr(e.text, i == 0 ? "your certificate has" : "your address has"));
		budget_give(*state, &answer);
		assert_int_equal(budget_take(*state, &more, &answers, 20000, NULL), 0);
		budget_give(*state, &more);
		budget_give(*state, &body);
	}
}

/* All that there is for those; then somebody of theirs is refused, and of the others is not. */
static void
fill(struct budget *b, const char *format, unsigned n, const struct budget_owner *stranger)
{
	const struct budget_owner last = owner(format, n + 1);
	struct budget_claim claims[ORGS_AT_ONCE] = { 0 }, more = { 0 };
	struct err e = { 0 };

	for (unsigned i = 0; i < n; i++) {
		const struct budget_owner o = owner(format, i);

		assert_int_equal(
		    budget_take(b, &claims[i], &o, LIMIT_BUDGET_OWNER_BYTES, NULL), 0);
	}
	assert_int_equal(budget_take(b, &more, &last, 20000, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_non_null(strstr(e.text, "others have"));
	assert_int_equal(budget_take(b, &more, stranger, 20000, NULL), 0);
	budget_give(b, &more);
	for (unsigned i = 0; i < n; i++)
		budget_give(b, &claims[i]);
	assert_int_equal(budget_take(b, &more, &last, LIMIT_BUDGET_OWNER_BYTES, NULL), 0);
	budget_give(b, &more);
}

static void
organisations_have_theirs_and_addresses_theirs(void **state)
{
	const struct budget_owner address = owner(NULL, 1);

	fill(*state, "o", ORGS_AT_ONCE, &address);
	fill(*state, NULL, ADDRESSES_AT_ONCE, &gd);
}

static void
what_is_too_large_is_for_who_is_alone(void **state)
{
	struct budget_claim large = { 0 }, small = { 0 };

	assert_int_equal(budget_take(*state, &small, &firm, 20000, NULL), 0);
	assert_int_equal(budget_take(*state, &large, &gd, UINT64_MAX, NULL), -1);
	budget_give(*state, &small);
	assert_int_equal(budget_take(*state, &large, &gd, UINT64_MAX, NULL), 0);
	assert_int_equal(budget_take(*state, &small, &gd, 20000, NULL), -1);
	assert_int_equal(budget_take(*state, &small, &firm, 20000, NULL), -1);
	assert_int_equal(budget_take(*state, &small, &firm, UINT64_MAX, NULL), -1);
	budget_give(*state, &large);
	assert_int_equal(budget_take(*state, &small, &firm, 20000, NULL), 0);
	budget_give(*state, &small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_ones_are_not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_organisation_has_its_part, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_an_organisation_the_address_counts,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_are_of_who_holds_the_certificate, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(bodies_and_answers_are_two_accounts, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(organisations_have_theirs_and_addresses_theirs,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_large_is_for_who_is_alone, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
