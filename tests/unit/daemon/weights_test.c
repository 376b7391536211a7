/* SPDX-License-Identifier: Apache-2.0 */
/* What share of the line an organisation has: the configuration applied to the registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/hub/registry.h"
#include "daemon/app/weights.h"
#include "daemon/config.h"

static const char documents[] =
    "{\"organisations\":["
    "{\"id\":\"acla\",\"kind\":\"association\",\"name\":{\"zh\":\"全国\"}},"
    "{\"id\":\"beijing\",\"kind\":\"association\",\"parent\":\"acla\",\"region\":\"110000\","
    "\"name\":{\"zh\":\"北京\"}},"
    "{\"id\":\"sichuan\",\"kind\":\"association\",\"parent\":\"acla\",\"region\":\"510000\","
    "\"name\":{\"zh\":\"四川\"}},"
    "{\"id\":\"ganzi\",\"kind\":\"association\",\"parent\":\"sichuan\",\"region\":\"513300\","
    "\"name\":{\"zh\":\"甘孜\"}},"
    "{\"id\":\"ganzi-firm\",\"kind\":\"firm\",\"parent\":\"ganzi\",\"name\":{\"zh\":\"所\"}},"
    "{\"id\":\"far-firm\",\"kind\":\"firm\",\"parent\":\"sichuan\",\"region\":\"110000\","
    "\"name\":{\"zh\":\"所\"}},"
    "{\"id\":\"xpcc\",\"kind\":\"association\",\"parent\":\"acla\",\"region\":\"660000\","
    "\"name\":{\"zh\":\"兵团\"}}]}";

static void
the_nearest_word_counts(void **state)
{
	static const char text[] = "state = /s\n"
	    "weight = 51:3\nweight = 5133:5\nweight = xpcc:7\nweight = 66:2\n"
	    "weight = 110000:4\nweight = anonymous:2\n";
	static const struct {
		const char *org;
		unsigned weight;
	} cases[] = {
		{ "acla", 1 },       /* no region */
		{ "beijing", 4 },    /* the whole code */
		{ "sichuan", 3 },    /* its province */
		{ "ganzi", 5 },      /* the longer beginning */
		{ "ganzi-firm", 5 }, /* none of its own: that of the next one above */
		{ "far-firm", 4 },   /* its own before its parent's */
		{ "xpcc", 7 },       /* the organisation before its region */
		{ "nowhere", 1 },    /* left the registry */
	};
	struct regset none = REGSET_INIT, docs = REGSET_INIT;
	struct registry *reg;
	struct config config, empty;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "k", &config, &e), 0);
	assert_int_equal(config_parse("state = /s\n", 11, "k", &empty, &e), 0);
	assert_int_equal(regset_apply(&none, documents, strlen(documents), &docs, &e), 0);
	assert_int_equal(registry_new(&docs, &reg, &e), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (weights_of(&config, reg, cases[i].org) != cases[i].weight)
			fail_msg("%s has %u", cases[i].org,
			    weights_of(&config, reg, cases[i].org));
		assert_int_equal(weights_of(&empty, reg, cases[i].org), 1);
	}
	assert_int_equal(weights_of_anonymous(&config), 2);
	assert_int_equal(weights_of_anonymous(&empty), 1);
	registry_release(reg);
	regset_clear(&docs);
	config_clear(&config);
	config_clear(&empty);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_counts),
	};

	return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
