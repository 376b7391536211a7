/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for long bodies: an organisation's, everybody's, and that it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/app/bodies.h"

#define ORGS_AT_ONCE (BODIES_ALL_BYTES / BODIES_ORG_BYTES)

static int
set_up(void **state)
{
	struct bodies *b;

	if (bodies_new(&b, NULL) == -1)
		return -1;
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	bodies_free(*state);
	return 0;
}

static void
short_ones_are_not_counted(void **state)
{
	for (int i = 0; i < 10000; i++) {
		struct body *body;

		assert_int_equal(bodies_take(*state, "gd", BODIES_SHORT_BYTES, &body, NULL), 0);
		assert_null(body);
		bodies_give(*state, body);
	}
}

static void
an_organisation_has_its_part_and_others_theirs(void **state)
{
	struct body *one, *two, *other;
	struct err e = { 0 };

	assert_int_equal(bodies_take(*state, "gd", BODIES_ORG_BYTES - 20000, &one, NULL), 0);
	assert_int_equal(bodies_take(*state, "gd", 20000, &two, NULL), 0);
	assert_int_equal(bodies_take(*state, "gd", 20000, &other, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_non_null(strstr(e.text, "gd is sending"));
	assert_int_equal(bodies_take(*state, "gd.gz", BODIES_ORG_BYTES, &other, NULL), 0);
	bodies_give(*state, other);
	bodies_give(*state, one);
	assert_int_equal(bodies_take(*state, "gd", BODIES_ORG_BYTES - 20000, &one, NULL), 0);
	bodies_give(*state, two);
	bodies_give(*state, one);
}

static void
all_together_have_theirs(void **state)
{
	struct body *bodies[ORGS_AT_ONCE], *more;
	struct err e = { 0 };
	char org[8];

	for (unsigned i = 0; i < ORGS_AT_ONCE; i++) {
		(void)snprintf(org, sizeof(org), "o%u", i);
		assert_int_equal(bodies_take(*state, org, BODIES_ORG_BYTES, &bodies[i], NULL), 0);
	}
	assert_int_equal(bodies_take(*state, "last", 20000, &more, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_non_null(strstr(e.text, "others are sending"));
	for (unsigned i = 0; i < ORGS_AT_ONCE; i++)
		bodies_give(*state, bodies[i]);
	assert_int_equal(bodies_take(*state, "last", BODIES_ORG_BYTES, &more, NULL), 0);
	bodies_give(*state, more);
}

static void
no_number_is_too_large(void **state)
{
	struct body *body;

	assert_int_equal(bodies_take(*state, "gd", UINT64_MAX, &body, NULL), -1);
	assert_int_equal(bodies_take(*state, "gd", UINT64_MAX - 1, &body, NULL), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_ones_are_not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_organisation_has_its_part_and_others_theirs,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_together_have_theirs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_number_is_too_large, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
