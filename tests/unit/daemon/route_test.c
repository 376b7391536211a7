/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and queries: which pattern answers which path, and what its parameters are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http/route.h"
#include "daemon/http/target.h"

static int
handle(struct exchange *x, struct err *e)
{
	(void)x;
	(void)e;
	return 0;
}

static int
sink(struct exchange *x, const void *bytes, size_t len, struct err *e)
{
	(void)x;
	(void)bytes;
	(void)len;
	(void)e;
	return 0;
}

static const struct route routes[] = {
	{ .method = METHOD_GET, .pattern = "/", .handler = handle, .tag = 1 },
	{ .method = METHOD_HEAD, .pattern = "/uploads/{id}", .handler = handle, .tag = 2 },
	{ .method = METHOD_DELETE, .pattern = "/uploads/{id}", .handler = handle, .tag = 3 },
	{ .method = METHOD_GET, .pattern = "/a/special", .handler = handle, .tag = 4 },
	{ .method = METHOD_GET, .pattern = "/a/{one}", .handler = handle, .tag = 5 },
	{ .method = METHOD_GET, .pattern = "/a/{one}/{two}", .handler = handle, .tag = 6 },
	{ .method = METHOD_GET, .pattern = "/packs/{channel}/{path...}", .handler = handle,
	    .tag = 7 },
	{ .method = METHOD_POST, .pattern = "/a/{one}", .handler = handle, .tag = 8 },
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static void
paths_find_their_routes(void **state)
{
	static const struct {
		enum exchange_method method;
		const char *path;
		enum route_found found;
		int tag;
		const char *params[2];
	} cases[] = {
		{ METHOD_GET, "/", ROUTE_FOUND, 1, { NULL } },
		{ METHOD_HEAD, "/", ROUTE_FOUND, 1, { NULL } },
		{ METHOD_GET, "/a/special", ROUTE_FOUND, 4, { NULL } },
		{ METHOD_POST, "/a/special", ROUTE_FOUND, 8, { "special" } },
		{ METHOD_GET, "/a/课", ROUTE_FOUND, 5, { "课" } },
		{ METHOD_GET, "/a/x/y", ROUTE_FOUND, 6, { "x", "y" } },
		{ METHOD_HEAD, "/uploads/7", ROUTE_FOUND, 2, { "7" } },
		{ METHOD_GET, "/packs/gd.ip/ab/x.pack", ROUTE_FOUND, 7, { "gd.ip", "ab/x.pack" } },
		{ METHOD_GET, "/packs/gd.ip/ab/", ROUTE_FOUND, 7, { "gd.ip", "ab/" } },
		{ METHOD_GET, "/uploads/7", ROUTE_OTHER_METHOD, 0, { NULL } },
		{ METHOD_PUT, "/a/x", ROUTE_OTHER_METHOD, 0, { NULL } },
		{ METHOD_GET, "/a", ROUTE_UNKNOWN, 0, { NULL } },
		{ METHOD_GET, "/a/", ROUTE_UNKNOWN, 0, { NULL } },
		{ METHOD_GET, "/a/x/", ROUTE_UNKNOWN, 0, { NULL } },
		{ METHOD_GET, "/a/x/y/z", ROUTE_UNKNOWN, 0, { NULL } },
		{ METHOD_GET, "/packs/gd.ip", ROUTE_UNKNOWN, 0, { NULL } },
		{ METHOD_GET, "/packs/gd.ip/", ROUTE_UNKNOWN, 0, { NULL } },
		{ METHOD_GET, "/b", ROUTE_UNKNOWN, 0, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route_match m;
		enum route_found found;

		assert_int_equal(route_find(routes, N_ROUTES, cases[i].method, cases[i].path, &m,
		    &found, NULL), 0);
		assert_int_equal(found, cases[i].found);
		if (found == ROUTE_FOUND)
			assert_int_equal(m.route->tag, cases[i].tag);
		for (size_t k = 0; k < 2 && cases[i].params[k] != NULL; k++) {
			assert_true(k < m.n_params);
			assert_string_equal(m.params[k].value, cases[i].params[k]);
		}
		route_match_clear(&m);
	}
}

static void
other_methods_are_listed(void **state)
{
	struct route_match m;
	enum route_found found;

	(void)state;
	assert_int_equal(route_find(routes, N_ROUTES, METHOD_PATCH, "/a/x", &m, &found, NULL), 0);
	assert_int_equal(found, ROUTE_OTHER_METHOD);
	assert_int_equal(m.allow, 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_POST);
	route_match_clear(&m);
}

static void
malformed_tables_are_refused(void **state)
{
	static const struct route bad[] = {
		{ .method = METHOD_GET, .pattern = "a", .handler = handle },
		{ .method = METHOD_GET, .pattern = "/a" },
		{ .method = METHOD_GET, .pattern = "/{a...}/b", .handler = handle },
		{ .method = METHOD_GET, .pattern = "/x{a}", .handler = handle },
		{ .method = METHOD_GET, .pattern = "/{a}x", .handler = handle },
		{ .method = METHOD_GET, .pattern = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}",
		    .handler = handle },
		{ .method = METHOD_POST, .pattern = "/a", .handler = handle,
		    .body = ROUTE_BODY_MEMORY },
		{ .method = METHOD_POST, .pattern = "/a", .handler = handle, .max_body_bytes = 1 },
		{ .method = METHOD_POST, .pattern = "/a", .handler = handle, .max_body_bytes = 1,
		    .body = ROUTE_BODY_STREAM, .run = ROUTE_IN_POOL },
		{ .method = METHOD_POST, .pattern = "/a", .handler = handle, .max_body_bytes = 1,
		    .body = ROUTE_BODY_STREAM, .sink = sink, .run = ROUTE_ON_LOOP },
	};

	(void)state;
	assert_int_equal(route_check(routes, N_ROUTES, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		assert_int_equal(route_check(&bad[i], 1, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
}

static void
queries_are_read_strictly(void **state)
{
	static const char query[] = "a=1&b=%E8%AF%BE+x&c&d=&ab=2&e=%00&f=%ff&g=1&g=2&h=long";
	struct err e = { 0 };
	char out[8];

	(void)state;
	assert_int_equal(target_query(query, "a", out, sizeof(out), &e), 0);
	assert_string_equal(out, "1");
	assert_int_equal(target_query(query, "b", out, sizeof(out), &e), 0);
	assert_string_equal(out, "课 x");
	assert_int_equal(target_query(query, "c", out, sizeof(out), &e), 0);
	assert_string_equal(out, "");
	assert_int_equal(target_query(query, "d", out, sizeof(out), &e), 0);
	assert_string_equal(out, "");
	assert_int_equal(target_query(query, "h", out, 5, &e), 0);
	assert_string_equal(out, "long");
	assert_int_equal(target_query(query, "h", out, 4, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(target_query(query, "x", out, sizeof(out), &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_int_equal(target_query("", "x", out, sizeof(out), &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	for (const char *name = "efg"; *name != '\0'; name++) {
		const char one[] = { *name, '\0' };

		assert_int_equal(target_query(query, one, out, sizeof(out), &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_their_routes),
		cmocka_unit_test(other_methods_are_listed),
		cmocka_unit_test(malformed_tables_are_refused),
		cmocka_unit_test(queries_are_read_strictly),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
