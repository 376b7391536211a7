/* SPDX-License-Identifier: Apache-2.0 */
/* New versions of roles: the bytes they have, what they keep, and what they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "catalog/trust/verify.h"
#include "tests/unit/fault.h"
#include "tests/unit/memrepo.h"

static const struct json_at nowhere = { NULL, NULL };

static struct role *
begun(enum meta_type type, const struct meta *previous)
{
	struct role *r = NULL;

	OK(role_new(type, previous, MEMREPO_NOW, &r, NULL));
	return r;
}

static void
covers(const struct role *r, const char *wanted)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (role_signed(r, &b, &e) == -1)
		fail_msg("%s", e.text);
	assert_string_equal(buf_text(&b), wanted);
	buf_clear(&b);
}

static void
refused(const struct role *r, const char *says)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(role_file(r, NULL, 0, &b, &e), -1);
	if (e.class != ERR_BAD_INPUT || strstr(e.text, says) == NULL)
		fail_msg("wanted \"%s\", got \"%s\"", says, e.text);
	assert_int_equal(buf_len(&b), 0);
	buf_clear(&b);
}

/* The unsigned file, parsed; takes r. */
static struct meta_claim *
finished(struct role *r)
{
	struct meta_claim *c = NULL;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (role_file(r, NULL, 0, &b, &e) == -1)
		fail_msg("%s", e.text);
	OK(meta_parse(buf_data(&b), buf_len(&b), &c, NULL));
	buf_clear(&b);
	role_free(r);
	return c;
}

static void
the_first_versions_have_exactly_these_bytes(void **state)
{
	struct digest d;
	struct role *r = begun(META_TARGETS, NULL);

	(void)state;
	digest_of(&d, "", 0);
	role_set_target(r, "gd.ip/marks/1/record.json", 0, &d, nowhere);
	covers(r, "{\"_type\":\"targets\",\"expires\":\"2027-11-23T08:00:00Z\",\"spec_version\":"
	    "\"1.0.31\",\"targets\":{\"gd.ip/marks/1/record.json\":{\"hashes\":{\"sha256\":"
	    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},"
	    "\"length\":0}},\"version\":1}");
	role_free(r);
	r = begun(META_SNAPSHOT, NULL);
	role_set_file(r, "targets", 3, "", 0);
	covers(r, "{\"_type\":\"snapshot\",\"expires\":\"2027-05-22T08:00:00Z\",\"meta\":"
	    "{\"targets.json\":{\"hashes\":{\"sha256\":"
	    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},"
	    "\"length\":0,\"version\":3}},\"spec_version\":\"1.0.31\",\"version\":1}");
	role_free(r);
	r = begun(META_TIMESTAMP, NULL);
	covers(r, "{\"_type\":\"timestamp\",\"expires\":\"2026-11-30T08:00:00Z\",\"meta\":{},"
	    "\"spec_version\":\"1.0.31\",\"version\":1}");
	role_free(r);
	r = begun(META_ROOT, NULL);
	covers(r, "{\"_type\":\"root\",\"consistent_snapshot\":true,\"expires\":"
	    "\"2028-11-22T08:00:00Z\",\"keys\":{},\"roles\":{},\"spec_version\":\"1.0.31\","
	    "\"version\":1}");
	role_free(r);
}

static void
a_next_version_keeps_what_it_does_not_change(void **state)
{
	static const char before[] = "{\"signatures\":[],\"signed\":{\"_type\":\"targets\","
	    "\"delegations\":{\"keys\":{},\"roles\":[],\"x\":1},"
	    "\"expires\":\"2026-01-01T00:00:00Z\","
	    "\"new\":{\"z\":[\"\\n\"]},\"spec_version\":\"1.0.30\",\"targets\":{\"a/b/1/r\":"
	    "{\"custom\":{\"k\":null},\"hashes\":{\"md5\":\"q\"},\"length\":4,\"y\":2}},"
	    "\"version\":41}}";
	struct meta_claim *c = NULL;
	struct role *r;

	(void)state;
	OK(meta_parse(before, sizeof(before) - 1, &c, NULL));
	r = begun(META_TARGETS, meta_claim_peek(c));
	meta_claim_free(c);
	covers(r, "{\"_type\":\"targets\","
	    "\"delegations\":{\"keys\":{},\"roles\":[],\"x\":1},"
	    "\"expires\":\"2027-11-23T08:00:00Z\","
	    "\"new\":{\"z\":[\"\n\"]},\"spec_version\":\"1.0.31\",\"targets\":{\"a/b/1/r\":"
	    "{\"custom\":{\"k\":null},\"hashes\":{\"md5\":\"q\"},\"length\":4,\"y\":2}},"
	    "\"version\":42}");
	role_set_version(r, 100);
	role_set_expiry(r, 0);
	role_drop_target(r, "a/b/1/r");
	role_drop_target(r, "not/there/1/r");
	covers(r, "{\"_type\":\"targets\","
	    "\"delegations\":{\"keys\":{},\"roles\":[],\"x\":1},"
	    "\"expires\":\"1970-01-01T00:00:00Z\","
	    "\"new\":{\"z\":[\"\n\"]},\"spec_version\":\"1.0.31\",\"targets\":{},\"version\":100}");
	role_free(r);
}

static void
targets_are_set_replaced_and_carry_custom(void **state)
{
	struct json *custom = json_new();
	struct role *r = begun(META_TARGETS, NULL);
	const struct meta_target *t;
	struct meta_claim *c;
	struct digest d;

	(void)state;
	digest_of(&d, "x", 1);
	json_put_text(json_put_object(json_top(custom), "withdrawn"), "reason", "错误");
	role_set_target(r, "gd.ip/a/1/record.json", 1, &d, json_top(custom));
	role_set_target(r, "gd.ip/a/1/bundle.tar", 1ull << 40, &d, nowhere);
	role_set_target(r, "gd.ip/a/1/bundle.tar", 7, &d, nowhere);
	json_free(custom);
	c = finished(r);
	t = meta_find_target(meta_claim_peek(c), "gd.ip/a/1/record.json");
	assert_true(json_is(json_member(t->custom, "withdrawn")));
	assert_true(digest_equal(&t->bytes.sha256, &d));
	t = meta_find_target(meta_claim_peek(c), "gd.ip/a/1/bundle.tar");
	assert_int_equal(t->bytes.length, 7);
	meta_claim_free(c);
}

static void
channels_come_change_and_go_with_their_keys(void **state)
{
	struct sign_key *a = memrepo_key(), *b = memrepo_key();
	const struct key *first[] = { sign_public(a) };
	const struct key *both[] = { sign_public(b), sign_public(a) };
	const struct meta_role *role;
	struct role *r = begun(META_TARGETS, NULL);
	struct meta_claim *c;

	(void)state;
	role_drop_channel(r, "none");
	role_set_channel(r, "gd.ip", first, 1, 1);
	role_set_channel(r, "sz.ip", first, 1, 1);
	c = finished(r);
	assert_int_equal(meta_claim_peek(c)->n_keys, 1);
	r = begun(META_TARGETS, meta_claim_peek(c));
	meta_claim_free(c);
	role_set_channel(r, "gd.ip", both, 2, 2);
	c = finished(r);
	assert_int_equal(meta_claim_peek(c)->n_keys, 2);
	assert_int_equal(meta_claim_peek(c)->n_roles, 2);
	role = meta_find_role(meta_claim_peek(c), "gd.ip");
	assert_int_equal(role->threshold, 2);
	assert_string_equal(role->keyids[0], key_id(sign_public(b)));
	assert_true(role->is_terminating);
	assert_true(meta_role_matches(role, "gd.ip/x/1/record.json"));
	assert_false(meta_role_matches(role, "sz.ip/x/1/record.json"));
	r = begun(META_TARGETS, meta_claim_peek(c));
	meta_claim_free(c);
	role_drop_channel(r, "gd.ip");
	c = finished(r);
	assert_int_equal(meta_claim_peek(c)->n_keys, 1);
	assert_null(meta_find_role(meta_claim_peek(c), "gd.ip"));
	assert_non_null(meta_find_role(meta_claim_peek(c), "sz.ip"));
	meta_claim_free(c);
	sign_free(a);
	sign_free(b);
}

static void
keys_that_cannot_reach_the_threshold_are_refused(void **state)
{
	struct sign_key *a = memrepo_key();
	const struct key *twice[] = { sign_public(a), sign_public(a) };
	static const struct {
		int64_t threshold;
		size_t n;
		const char *says;
	} cases[] = {
		{ 0, 1, "0 signatures cannot come from 1 keys" },
		{ 2, 1, "2 signatures cannot come from 1 keys" },
		{ 1, 0, "1 signatures cannot come from 0 keys" },
		{ 1, 2, "is listed twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct role *r = begun(META_TARGETS, NULL);

		role_set_channel(r, "gd.ip", twice, cases[i].n, cases[i].threshold);
		role_set_channel(r, "sz.ip", twice, 1, 1); /* a later success heals nothing */
		refused(r, cases[i].says);
		role_free(r);
		r = begun(META_ROOT, NULL);
		role_set_top(r, META_SNAPSHOT, twice, cases[i].n, cases[i].threshold);
		refused(r, cases[i].says);
		role_free(r);
	}
	sign_free(a);
}

static void
a_key_that_can_verify_nothing_is_refused(void **state)
{
	static const char text[] =
	    "{\"keytype\":\"x\",\"scheme\":\"y\",\"keyval\":{\"public\":\"z\"}}";
	struct role *r = begun(META_TARGETS, NULL);
	struct key *strange = NULL;
	const struct key *list[1];

	(void)state;
	OK(key_parse_bytes(text, sizeof(text) - 1, &strange, NULL));
	list[0] = strange;
	role_set_channel(r, "gd.ip", list, 1, 1);
	refused(r, "key 1 of the list cannot verify");
	role_free(r);
	key_free(strange);
}

static void
what_readers_would_refuse_is_not_made(void **state)
{
	struct digest d = { { 0 } };
	struct role *r = begun(META_ROOT, NULL);

	(void)state;
	refused(r, "signed.roles: \"root\" is missing");
	role_free(r);
	r = begun(META_TIMESTAMP, NULL);
	refused(r, "\"snapshot.json\" is missing");
	role_free(r);
	r = begun(META_TARGETS, NULL);
	role_set_target(r, "a/b/1/c", UINT64_MAX, &d, nowhere);
	refused(r, "a length is not negative");
	role_free(r);
	r = begun(META_TARGETS, NULL);
	role_set_target(r, "a/\xff/1/c", 1, &d, nowhere);
	refused(r, "not UTF-8");
	role_free(r);
	r = begun(META_TARGETS, NULL);
	role_set_version(r, 0);
	refused(r, "signed.version");
	role_free(r);
	r = begun(META_TARGETS, NULL);
	role_set_version(r, JSON_INT_MAX + 1);
	refused(r, "beyond 2^53");
	role_free(r);
	r = begun(META_TIMESTAMP, NULL);
	role_set_file(r, "snapshot", 1, "", 0);
	for (int i = 0; i < 200; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "role-with-a-long-name-%d", i);
		role_set_file(r, name, 1, "", 0);
	}
	refused(r, "at most 16384 are allowed");
	role_free(r);
}

static void
signatures_are_gathered_one_after_another(void **state)
{
	struct sign_key *a = memrepo_key(), *b = memrepo_key();
	struct role_signer signers[] = { sign_signer(a), sign_signer(b) };
	const struct key *keys[] = { sign_public(a), sign_public(b) };
	struct role *r = begun(META_ROOT, NULL);
	struct buf one = BUF_INIT, two = BUF_INIT, again = BUF_INIT, both = BUF_INIT;
	struct meta_claim *c = NULL;
	struct meta *m = NULL;

	(void)state;
	for (int i = 0; i < META_N_TYPES; i++)
		role_set_top(r, (enum meta_type)i, keys, 2, 2);
	OK(role_file(r, signers, 1, &one, NULL));
	OK(role_file(r, signers, 2, &both, NULL));
	OK(meta_parse(buf_data(&one), buf_len(&one), &c, NULL));
	assert_int_equal(verify_count(meta_claim_peek(c), "root", c, NULL), 1);
	meta_claim_free(c);
	OK(role_cosign(buf_data(&one), buf_len(&one), &signers[1], &two, NULL));
	assert_string_equal(buf_text(&two), buf_text(&both));
	OK(role_cosign(buf_data(&two), buf_len(&two), &signers[1], &again, NULL));
	assert_string_equal(buf_text(&again), buf_text(&two)); /* Ed25519 signs the same alike */
	OK(meta_parse(buf_data(&two), buf_len(&two), &c, NULL));
	OK(verify_root_first(&c, &m, NULL));
	meta_free(m);
	assert_int_equal(role_cosign("{}", 2, &signers[0], &one, NULL), -1);
	role_free(r);
	buf_clear(&one);
	buf_clear(&two);
	buf_clear(&again);
	buf_clear(&both);
	sign_free(a);
	sign_free(b);
}

static int
unwilling(void *ctx, const void *bytes, size_t len, struct buf *sig, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)len;
	(void)sig;
	return err_set(e, ERR_DENIED, "not today");
}

static void
a_signer_that_fails_fails_the_file(void **state)
{
	struct role_signer s = { .keyid = "k", .sign = unwilling };
	struct role *r = begun(META_TARGETS, NULL);
	struct buf b = BUF_INIT;
	struct err e;

	(void)state;
	assert_int_equal(role_file(r, &s, 1, &b, &e), -1);
	assert_int_equal(e.class, ERR_DENIED);
	assert_int_equal(buf_len(&b), 0);
	buf_clear(&b);
	role_free(r);
}

static void
paths_are_those_of_the_repository(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	OK(role_path("root", 3, &b, NULL));
	assert_string_equal(buf_text(&b), "metadata/3.root.json");
	buf_truncate(&b, 0);
	OK(role_path("timestamp", 3, &b, NULL));
	assert_string_equal(buf_text(&b), "metadata/timestamp.json");
	buf_truncate(&b, 0);
	OK(role_path("a/b", 1, &b, NULL));
	assert_string_equal(buf_text(&b), "metadata/1.a%2Fb.json");
	buf_clear(&b);
}

static void
making_survives_every_failing_allocation(void **state)
{
	struct sign_key *a = memrepo_key();
	struct role_signer s = sign_signer(a);
	const struct key *k = sign_public(a);
	struct digest d = { { 0 } };
	long nth;

	(void)state;
	for (nth = 1;; nth++) {
		struct buf b = BUF_INIT;
		struct err e = { 0 };
		struct role *r = NULL;
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = role_new(META_TARGETS, NULL, MEMREPO_NOW, &r, &e);
		if (rc == 0) {
			role_set_channel(r, "gd.ip", &k, 1, 1);
			role_set_target(r, "a/b/1/c", 1, &d, nowhere);
			rc = role_file(r, &s, 1, &b, &e);
		}
		role_free(r);
		buf_clear(&b);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_true(nth > 100);
	sign_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_versions_have_exactly_these_bytes),
		cmocka_unit_test(a_next_version_keeps_what_it_does_not_change),
		cmocka_unit_test(targets_are_set_replaced_and_carry_custom),
		cmocka_unit_test(channels_come_change_and_go_with_their_keys),
		cmocka_unit_test(keys_that_cannot_reach_the_threshold_are_refused),
		cmocka_unit_test(a_key_that_can_verify_nothing_is_refused),
		cmocka_unit_test(what_readers_would_refuse_is_not_made),
		cmocka_unit_test(signatures_are_gathered_one_after_another),
		cmocka_unit_test(a_signer_that_fails_fails_the_file),
		cmocka_unit_test(paths_are_those_of_the_repository),
		cmocka_unit_test(making_survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
