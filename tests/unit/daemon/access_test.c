/* SPDX-License-Identifier: Apache-2.0 */
/* Who may what, decided anew for every request and for those that run. */
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

#include "catalog/base/file.h"
#include "catalog/hub/state.h"
#include "catalog/hub/state_enrol.h"
#include "catalog/hub/state_registry.h"
#include "daemon/app/access.h"

#define NOON 1795579200 /* 2026-11-25T04:00:00Z: noon in China */

static const char documents[] =
    "{\"organisations\":["
    "{\"id\":\"gd\",\"kind\":\"association\",\"name\":{\"zh\":\"广东\"}},"
    "{\"id\":\"xz\",\"kind\":\"association\",\"name\":{\"zh\":\"西藏\"}},"
    "{\"id\":\"xz-firm\",\"kind\":\"firm\",\"parent\":\"xz\",\"name\":{\"zh\":\"所\"}},"
    "{\"id\":\"sh\",\"kind\":\"association\",\"name\":{\"zh\":\"上海\"}}],"
    "\"pairings\":[{\"id\":\"gd-xz\",\"donor\":\"gd\",\"recipient\":\"xz\","
    "\"level\":\"association\","
    "\"from\":\"2026-11-01\",\"until\":\"2026-11-25\"}],"
    "\"channels\":["
    "{\"id\":\"gd.open\",\"publisher\":\"gd\",\"audience\":\"public\",\"title\":{\"zh\":\"甲\"}},"
    "{\"id\":\"gd.all\",\"publisher\":\"gd\",\"audience\":\"members\",\"title\":{\"zh\":\"乙\"}},"
    "{\"id\":\"gd.ip\",\"publisher\":\"gd\",\"audience\":\"paired\",\"title\":{\"zh\":\"丙\"}}]}";

static char dir[] = "/tmp/kebao-unit-XXXXXX";
static struct state *state;
static struct access *access_;

static void
serial_of(char *out, int number)
{
	snprintf(out, IDENT_SERIAL_HEX_LEN + 1, "%032x", (unsigned)number);
}

static void
enrol(int number, const char *org, enum ident_role role)
{
	struct audit_note note = { NOON, "test", "enrol", org, "" };
	struct ident_enrolment row = { .role = role, .issued_at = NOON,
		.expires_at = NOON + 86400 };
	struct err e = { 0 };

	serial_of(row.serial, number);
	snprintf(row.org, sizeof(row.org), "%s", org);
	if (state_enrol_add(state, &row, &note, &e) == -1)
		fail_msg("%s", e.text);
}

enum { PUBLISHER = 1, PAIRED, BELOW, OTHER, ADMIN, PUBLISHING_MEMBER, AUDITOR };

static void
load_documents(const char *json)
{
	struct audit_note note = { NOON, "test", "registry", "registry", "" };
	struct regset none = REGSET_INIT, docs = REGSET_INIT;
	struct registry *reg;
	struct err e = { 0 };

	if (regset_apply(&none, json, strlen(json), &docs, &e) == -1 ||
	    state_registry_replace(state, &docs, &note, &e) == -1)
		fail_msg("%s", e.text);
	if (access_ != NULL) {
		if (registry_new(&docs, &reg, &e) == -1 ||
		    access_set_registry(access_, reg, &e) == -1)
			fail_msg("%s", e.text);
		registry_release(reg);
	}
	regset_clear(&docs);
}

static int
set_up(void **s)
{
	char path[64];
	struct err e = { 0 };

	(void)s;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	access_ = NULL;
	if (state_create(path, &state, &e) == -1)
		fail_msg("%s", e.text);
	load_documents(documents);
	enrol(PUBLISHER, "gd", IDENT_PUBLISHER);
	enrol(PUBLISHING_MEMBER, "gd", IDENT_MEMBER);
	enrol(PAIRED, "xz", IDENT_MEMBER);
	enrol(BELOW, "xz-firm", IDENT_MEMBER);
	enrol(OTHER, "sh", IDENT_PUBLISHER);
	enrol(ADMIN, "sh", IDENT_ADMIN);
	enrol(AUDITOR, "sh", IDENT_AUDITOR);
	if (access_new(state, &access_, &e) == -1)
		fail_msg("%s", e.text);
	return 0;
}

static int
tear_down(void **s)
{
	(void)s;
	access_free(access_);
	state_close(state);
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

/* 0: nobody. */
static struct access_client *
client(int number, int64_t now)
{
	char serial[IDENT_SERIAL_HEX_LEN + 1] = "";
	struct access_client *c;

	if (number != 0)
		serial_of(serial, number);
	c = access_client_new(access_, serial, false, now);
	assert_non_null(c);
	return c;
}

static bool
sees(int number, const char *channel, int64_t now)
{
	struct access_client *c = client(number, now);
	struct err e = { 0 }, absent = { 0 };
	int rc = access_see(c, channel, &e);

	if (rc == -1) {
		(void)access_absent(&absent);
		assert_int_equal(e.class, ERR_NOT_FOUND);
		assert_string_equal(e.text, absent.text);
	}
	access_client_free(c);
	return rc == 0;
}

static void
audience_decides_who_sees_a_channel(void **s)
{
	static const struct {
		const char *channel;
		bool nobody, publisher, paired, below, other;
	} want[] = {
		{ "gd.open", true, true, true, true, true },
		{ "gd.all", false, true, true, true, true },
		{ "gd.ip", false, true, true, true, false },
		{ "gd.none", false, false, false, false, false },
	};

	(void)s;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(sees(0, want[i].channel, NOON), want[i].nobody);
		assert_int_equal(sees(PUBLISHER, want[i].channel, NOON), want[i].publisher);
		assert_int_equal(sees(PAIRED, want[i].channel, NOON), want[i].paired);
		assert_int_equal(sees(BELOW, want[i].channel, NOON), want[i].below);
		assert_int_equal(sees(OTHER, want[i].channel, NOON), want[i].other);
		assert_int_equal(sees(99, want[i].channel, NOON), want[i].nobody);
	}
}

static void
a_pairing_ends_at_midnight_of_the_hubs_zone(void **s)
{
	(void)s;
	assert_true(sees(PAIRED, "gd.ip", NOON + 12 * 3600 - 1));
	assert_false(sees(PAIRED, "gd.ip", NOON + 12 * 3600));
	access_set_offset(access_, 0);
	assert_true(sees(PAIRED, "gd.ip", NOON + 12 * 3600));
	assert_false(sees(PAIRED, "gd.ip", NOON + 20 * 3600));
}

static void
publishing_needs_the_role_and_the_organisation(void **s)
{
	static const struct {
		int who;
		enum err_class class;
	} want[] = {
		{ PUBLISHER, ERR_NONE },
		{ PUBLISHING_MEMBER, ERR_DENIED },
		{ PAIRED, ERR_DENIED },
		{ OTHER, ERR_NOT_FOUND }, /* may not even see it */
		{ ADMIN, ERR_NOT_FOUND },
		{ 0, ERR_DENIED },
		{ 99, ERR_DENIED },
	};

	(void)s;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct access_client *c = client(want[i].who, NOON);
		struct err e = { 0 };

		(void)access_publish(c, "gd.ip", &e);
		if (e.class != want[i].class)
			fail_msg("who %d: %s", want[i].who, e.text);
		access_client_free(c);
	}
}

static void
administering_needs_the_role(void **s)
{
	struct access_client *c;
	struct err e = { 0 };

	(void)s;
	c = client(ADMIN, NOON);
	assert_int_equal(access_admin(c, &e), 0);
	access_client_free(c);
	for (int who = 0; who <= OTHER; who++) {
		c = client(who, NOON);
		assert_int_equal(access_admin(c, &e), -1);
		assert_int_equal(e.class, ERR_DENIED);
		assert_int_equal(access_staff(c, &e) == 0, who == PUBLISHER || who == OTHER);
		assert_int_equal(access_enrolled(c, &e) == 0, who != 0);
		access_client_free(c);
	}
}

static void
an_auditor_looks_and_touches_nothing(void **s)
{
	struct access_client *c = client(AUDITOR, NOON);
	struct err e = { 0 };

	(void)s;
	assert_int_equal(access_audit(c, &e), 0);
	assert_true(access_still(access_, c, NOON));
	assert_int_equal(access_role(c, "gd.ip", &e), 0);
	assert_true(access_is_auditor(c));
	assert_int_equal(access_admin(c, &e), -1);
	assert_int_equal(access_staff(c, &e), -1);
	assert_int_equal(access_renew(c, "gd.all", &e), -1);
	assert_int_equal(e.class, ERR_DENIED);
	assert_string_equal(e.text, "this needs a publisher of the channel; "
	    "you are an auditor of sh");
	assert_int_equal(access_publish(c, "gd.all", &e), -1);
	assert_int_equal(access_see(c, "gd.all", &e), 0);
	assert_int_equal(access_see(c, "gd.ip", &e), -1);
	access_client_free(c);
	for (int who = 0; who <= PUBLISHING_MEMBER; who++) {
		c = client(who, NOON);
		assert_int_equal(access_audit(c, &e) == 0, who == ADMIN);
		assert_false(access_is_auditor(c));
		access_client_free(c);
	}
}

static void
a_running_transfer_ends_with_the_revocation(void **s)
{
	struct audit_note note = { NOON, "test", "revoke", "", "" };
	struct access_client *member = client(PAIRED, NOON), *other = client(BELOW, NOON);
	char serial[IDENT_SERIAL_HEX_LEN + 1];
	struct err e = { 0 };

	(void)s;
	assert_int_equal(access_see(member, "gd.ip", &e), 0);
	assert_int_equal(access_see(other, "gd.ip", &e), 0);
	assert_true(access_still(access_, member, NOON));
	serial_of(serial, PAIRED);
	assert_int_equal(state_enrol_revoke(state, serial, NOON, &note, &e), 0);
	assert_int_equal(access_reload_identities(access_, state, &e), 0);
	assert_false(access_still(access_, member, NOON));
	assert_true(access_still(access_, other, NOON));
	assert_false(sees(PAIRED, "gd.ip", NOON));
	access_client_free(member);
	access_client_free(other);
}

static void
a_running_transfer_ends_with_the_pairing_and_the_certificate(void **s)
{
	struct access_client *c = client(BELOW, NOON), *publisher = client(PUBLISHER, NOON);
	struct err e = { 0 };

	(void)s;
	assert_int_equal(access_see(c, "gd.ip", &e), 0);
	assert_int_equal(access_publish(publisher, "gd.ip", &e), 0);
	assert_false(access_still(access_, c, NOON + 12 * 3600)); /* midnight */
	assert_true(access_still(access_, publisher, NOON + 12 * 3600));
	assert_false(access_still(access_, publisher, NOON + 86400)); /* expired */
	load_documents("{\"organisations\":[{\"id\":\"gd\",\"kind\":\"association\",\"name\":"
	    "{\"zh\":\"广东\"}}]}");
	assert_false(access_still(access_, c, NOON));
	assert_false(access_still(access_, publisher, NOON));
	access_client_free(c);
	access_client_free(publisher);
}

static void
a_request_keeps_the_tables_it_began_with(void **s)
{
	struct access_client *c = client(BELOW, NOON);
	struct err e = { 0 };

	(void)s;
	load_documents("{}");
	assert_int_equal(access_see(c, "gd.ip", &e), 0);
	assert_false(sees(BELOW, "gd.ip", NOON));
	access_client_free(c);
}

/* The first becomes the second, as POST /api/v1/renew notes it. */
static void
renew(int from, int to)
{
	char actor[80], old[IDENT_SERIAL_HEX_LEN + 1];
	struct ident_enrolment row = { .org = "xz", .issued_at = NOON, .expires_at = NOON + 1 };
	struct audit_note note = { NOON, actor, "renew", "xz", row.serial };
	struct err e = { 0 };

	serial_of(old, from);
	serial_of(row.serial, to);
	snprintf(actor, sizeof(actor), "xz/%s", old);
	if (state_enrol_add(state, &row, &note, &e) == -1 ||
	    access_reload_identities(access_, state, &e) == -1)
		fail_msg("%s", e.text);
}

static uint64_t
holder(int number)
{
	char serial[IDENT_SERIAL_HEX_LEN + 1];

	serial_of(serial, number);
	return access_holder(access_, serial);
}

static void
who_renews_stays_the_same_holder(void **s)
{
	uint64_t first = holder(PAIRED);

	(void)s;
	renew(PAIRED, 100);
	renew(100, 50); /* issued in the same second, and sorted before what it renews */
	renew(PAIRED, 101);
	renew(999, 102); /* of one that is in no table */
	renew(999, 103);
	assert_int_equal(holder(PAIRED), first);
	assert_int_equal(holder(100), first);
	assert_int_equal(holder(50), first);
	assert_int_equal(holder(101), first);
	assert_int_not_equal(holder(BELOW), first);
	assert_int_not_equal(holder(102), first);
	assert_int_equal(holder(102), holder(103));
	assert_int_not_equal(holder(777), first);
	assert_int_not_equal(holder(777), holder(778)); /* unknown ones are not one */
}

static void
enrolments_in_a_circle_are_read(void **s)
{
	struct ident_enrolment rows[3] = { { .serial = "a", .renews = "c" },
		{ .serial = "b", .renews = "a" }, { .serial = "c", .renews = "b" } };
	struct ident_table *t;
	struct err e = { 0 };

	(void)s;
	assert_int_equal(ident_table_new(rows, 3, &t, &e), 0);
	assert_int_equal(ident_holder(t, "a"), ident_holder(t, "b"));
	assert_int_equal(ident_holder(t, "a"), ident_holder(t, "c"));
	ident_table_release(t);
}

static void
good_certificates_of_a_holder_are_counted(void **s)
{
	struct ident_enrolment rows[] = { { .serial = "a", .expires_at = 10 },
		{ .serial = "b", .renews = "a", .expires_at = 20 },
		{ .serial = "c", .renews = "b", .expires_at = 20, .revoked_at = 5 },
		{ .serial = "d", .expires_at = 20 } };
	struct ident_table *t;
	struct err e = { 0 };

	(void)s;
	assert_int_equal(ident_table_new(rows, 4, &t, &e), 0);
	assert_int_equal(ident_n_good(t, ident_holder(t, "c"), 9), 2);
	assert_int_equal(ident_n_good(t, ident_holder(t, "a"), 10), 1);
	assert_int_equal(ident_n_good(t, ident_holder(t, "d"), 19), 1);
	assert_int_equal(ident_n_good(t, ident_holder(t, "d"), 20), 0);
	ident_table_release(t);
}

static void
a_foreign_certificate_is_unknown(void **s)
{
	struct access_client *c = access_client_new(access_, "", true, NOON);
	struct err e = { 0 };

	(void)s;
	assert_non_null(c);
	assert_int_equal(c->who.state, IDENT_UNKNOWN);
	assert_int_equal(access_see(c, "gd.open", &e), 0);
	assert_int_equal(access_enrolled(c, &e), -1);
	assert_non_null(strstr(e.text, "not issued by this hub"));
	access_client_free(c);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(audience_decides_who_sees_a_channel),
		TEST(a_pairing_ends_at_midnight_of_the_hubs_zone),
		TEST(publishing_needs_the_role_and_the_organisation),
		TEST(administering_needs_the_role),
		TEST(an_auditor_looks_and_touches_nothing),
		TEST(a_running_transfer_ends_with_the_revocation),
		TEST(a_running_transfer_ends_with_the_pairing_and_the_certificate),
		TEST(a_request_keeps_the_tables_it_began_with),
		TEST(who_renews_stays_the_same_holder),
		TEST(enrolments_in_a_circle_are_read),
		TEST(good_certificates_of_a_holder_are_counted),
		TEST(a_foreign_certificate_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
