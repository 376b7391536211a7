/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: the database refuses to change it, and who changes the file is found out. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "catalog/base/file.h"
#include "catalog/hub/state.h"
#include "catalog/hub/state_audit.h"

#define OK(call) assert_int_equal((call), 0)

struct place {
	char dir[64], file[80];
};

/* Three entries in a new state. */
static int
setup(void **out)
{
	struct place *p = calloc(1, sizeof(*p));
	struct state *state;

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/kebao-unit-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->file, sizeof(p->file), "%s/state.db", p->dir);
	OK(state_create(p->file, &state, NULL));
	for (int i = 0; i < 3; i++) {
		const struct audit_note note = {
			1700000000 + i, "xz/01", "publish", "gd.ip/a/1", "",
		};

		OK(state_audit_add(state, &note, NULL));
	}
	state_close(state);
	*out = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	OK(file_remove_tree(AT_FDCWD, p->dir, NULL));
	free(p);
	return 0;
}

/* What somebody with the file and sqlite3 does. */
static int
tamper(const struct place *p, const char *sql)
{
	sqlite3 *db;
	int rc;

	OK(sqlite3_open(p->file, &db));
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

static int
verify(const struct place *p, struct err *e)
{
	struct state *state;
	int64_t n = 0;
	int rc;

	OK(state_open(p->file, &state, NULL));
	rc = state_audit_verify(state, &n, e);
	if (rc == 0)
		assert_int_equal(n, 3);
	state_close(state);
	return rc;
}

#define UNLOCKED "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; "

static void
the_database_refuses_to_change_an_entry(void **state)
{
	assert_int_not_equal(tamper(*state, "UPDATE audit SET actor = 'gd/02' WHERE seq = 2"),
	    SQLITE_OK);
	assert_int_not_equal(tamper(*state, "DELETE FROM audit WHERE seq = 2"), SQLITE_OK);
	OK(verify(*state, NULL));
}

static void
found_out(const struct place *p, const char *sql)
{
	struct err e = { 0 };

	assert_int_equal(tamper(p, sql), SQLITE_OK);
	assert_int_equal(verify(p, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
}

static void
a_changed_entry_is_found_out(void **state)
{
	found_out(*state, UNLOCKED "UPDATE audit SET actor = 'gd/02' WHERE seq = 2");
}

static void
a_removed_entry_is_found_out(void **state)
{
	found_out(*state, UNLOCKED "DELETE FROM audit WHERE seq = 2;"
	    "UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit_head SET seq = 2");
}

static void
a_log_that_was_cut_off_is_found_out(void **state)
{
	found_out(*state, UNLOCKED "DELETE FROM audit WHERE seq = 3");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_database_refuses_to_change_an_entry), T(a_changed_entry_is_found_out),
		T(a_removed_entry_is_found_out), T(a_log_that_was_cut_off_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
