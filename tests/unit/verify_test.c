/* SPDX-License-Identifier: Apache-2.0 */
/* From claim to metadata: every check refuses something that nothing else refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/trust/verify.h"
#include "tests/unit/fault.h"
#include "tests/unit/memrepo.h"

struct world {
	struct memrepo *repo;
	struct meta *root; /* version 1, believed */
};

static struct meta_claim *
claim_of(const struct buf *bytes)
{
	struct meta_claim *c = NULL;
	struct err e = { 0 };

	if (meta_parse(buf_data(bytes), buf_len(bytes), &c, &e) == -1)
		fail_msg("%s", e.text);
	return c;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct meta_claim *c;

	assert_non_null(w);
	w->repo = memrepo_new();
	c = claim_of(memrepo_bytes(w->repo, "root", 1));
	OK(verify_root_first(&c, &w->root, NULL));
	assert_null(c);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	meta_free(w->root);
	memrepo_free(w->repo);
	free(w);
	return 0;
}

static void
says(const struct err *e, const char *wanted)
{
	if (e->class != ERR_UNTRUSTED || strstr(e->text, wanted) == NULL)
		fail_msg("wanted \"%s\", got %s \"%s\"", wanted, err_class_name(e->class), e->text);
}

/* The claim is refused, and stays the caller's; takes it. */
static void
role_refused(const struct verify_want *want, struct meta_claim *c, const char *wanted)
{
	struct meta *m = NULL;
	struct err e = { 0 };

	assert_int_equal(verify_role(want, &c, &m, &e), -1);
	assert_null(m);
	assert_non_null(c);
	says(&e, wanted);
	meta_claim_free(c);
}

static void
role_believed(const struct verify_want *want, struct meta_claim *c)
{
	struct meta *m = NULL;
	struct err e = { 0 };

	if (verify_role(want, &c, &m, &e) == -1)
		fail_msg("%s", e.text);
	assert_null(c);
	meta_free(m);
}

/* A file from JSON text of `signed`, with a signature under each of the given keyids. */
static struct meta_claim *
signed_text(const char *text, struct sign_key *const *keys, const char *const *keyids, size_t n)
{
	struct buf file = BUF_INIT, next = BUF_INIT;
	struct meta_claim *c;

	OK(buf_printf(&file, NULL, "{\"signatures\":[],\"signed\":%s}", text));
	for (size_t i = 0; i < n; i++) {
		struct role_signer s = sign_signer(keys[i]);

		s.keyid = keyids[i];
		buf_truncate(&next, 0);
		OK(role_cosign(buf_data(&file), buf_len(&file), &s, &next, NULL));
		buf_truncate(&file, 0);
		OK(buf_add(&file, buf_data(&next), buf_len(&next), NULL));
	}
	c = claim_of(&file);
	buf_clear(&file);
	buf_clear(&next);
	return c;
}

/* --- bytes --- */

static void
bytes_must_have_length_and_every_hash(void **state)
{
	struct meta_bytes want = { .length = 3, .has_sha256 = true, .has_sha512 = true };
	struct digest_stream *s = digest_new(DIGEST_SHA512, NULL);
	struct meta_bytes half;
	struct err e;

	(void)state;
	digest_of(&want.sha256, "abc", 3);
	digest_add(s, "abc", 3);
	digest_finish(s, want.sha512);
	digest_free(s);
	OK(verify_bytes(&want, "abc", 3, NULL));
	assert_int_equal(verify_bytes(&want, "abcd", 4, &e), -1);
	says(&e, "4 bytes where 3 are signed");
	assert_int_equal(verify_bytes(&want, "abd", 3, &e), -1);
	says(&e, "the SHA-256 is");

	half = want;
	half.sha512[63] ^= 1;
	assert_int_equal(verify_bytes(&half, "abc", 3, &e), -1);
	says(&e, "the SHA-512");
	half = want;
	half.sha256.bytes[0] ^= 1;
	assert_int_equal(verify_bytes(&half, "abc", 3, &e), -1);
	says(&e, "the SHA-256");

	half = (struct meta_bytes){ .length = -1 };
	OK(verify_bytes(&half, "anything", 8, NULL));
	half.has_other = true;
	assert_int_equal(verify_bytes(&half, "abc", 3, &e), -1);
	says(&e, "kinds that are not known");
	half = want;
	half.has_other = true;
	OK(verify_bytes(&half, "abc", 3, NULL));
}

/* --- roots --- */

static void
a_first_root_is_a_root_signed_by_itself(void **state)
{
	struct world *w = *state;
	struct meta_claim *c = claim_of(memrepo_bytes(w->repo, "targets", 1));
	struct role *role = memrepo_next(w->repo, META_ROOT);
	struct meta *m = NULL;
	struct err e;

	assert_int_equal(verify_root_first(&c, &m, &e), -1);
	says(&e, "a file of type targets, wanted is root");
	meta_claim_free(c);
	memrepo_publish(w->repo, role, "root", &w->repo->spare, 1, &w->repo->last[META_ROOT]);
	c = claim_of(memrepo_bytes(w->repo, "root", 2));
	assert_int_equal(verify_root_first(&c, &m, &e), -1);
	says(&e, "root version 2: signed by 0");
	assert_null(m);
	meta_claim_free(c);
}

static void
a_next_root_is_signed_twice_over_and_the_very_next(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	struct meta *m = NULL;
	struct meta_claim *c;
	struct err e;

	memrepo_root(r);
	c = claim_of(memrepo_bytes(r, "root", 2));
	OK(verify_root_next(w->root, &c, &m, NULL));
	meta_free(m);
	m = NULL;
	memrepo_root(r);
	c = claim_of(memrepo_bytes(r, "root", 3));
	assert_int_equal(verify_root_next(w->root, &c, &m, &e), -1);
	says(&e, "version 3, after 1 only 2");
	meta_claim_free(c);
	c = claim_of(memrepo_bytes(r, "root", 1));
	assert_int_equal(verify_root_next(w->root, &c, &m, &e), -1);
	says(&e, "version 1, after 1 only 2");
	meta_claim_free(c);
	c = claim_of(memrepo_bytes(r, "targets", 1));
	assert_int_equal(verify_root_next(w->root, &c, &m, &e), -1);
	says(&e, "a file of type targets");
	meta_claim_free(c);
	assert_null(m);
}

/* --- roles --- */

static void
a_role_has_its_type_signers_and_version(void **state)
{
	struct world *w = *state;
	struct verify_want want = { .delegator = w->root, .role = "snapshot" };

	role_believed(&want, claim_of(memrepo_bytes(w->repo, "snapshot", 1)));
	want.version = 1;
	want.version_min = 1;
	role_believed(&want, claim_of(memrepo_bytes(w->repo, "snapshot", 1)));
	want.version = 2;
	role_refused(&want, claim_of(memrepo_bytes(w->repo, "snapshot", 1)),
	    "snapshot: version 1, wanted is 2");
	want.version = 0;
	want.version_min = 2;
	role_refused(&want, claim_of(memrepo_bytes(w->repo, "snapshot", 1)),
	    "snapshot: version 1 after version 2 was seen");
	want.version_min = 0;
	role_refused(&want, claim_of(memrepo_bytes(w->repo, "timestamp", 1)),
	    "snapshot: a file of type timestamp, wanted is snapshot");
	want.role = "gd.ip";
	role_refused(&want, claim_of(memrepo_bytes(w->repo, "targets", 1)),
	    "gd.ip: root does not delegate to it");
}

static void
only_the_keys_of_the_role_count(void **state)
{
	struct world *w = *state;
	struct verify_want want = { .delegator = w->root, .role = "timestamp" };
	struct memrepo *r = w->repo;
	struct role *role = memrepo_next(r, META_TIMESTAMP);
	struct sign_key *others[] = { r->key[META_ROOT], r->key[META_SNAPSHOT], r->spare };

	memrepo_publish(r, role, "timestamp", others, 3, &r->last[META_TIMESTAMP]);
	role_refused(&want, claim_of(memrepo_bytes(r, "timestamp", 2)),
	    "timestamp version 2: signed by 0 of the keys that may sign it, 1 must");
}

static void
a_signature_under_the_right_id_by_the_wrong_key_does_not_count(void **state)
{
	struct world *w = *state;
	struct verify_want want = { .delegator = w->root, .role = "targets" };
	const char *id = key_id(sign_public(w->repo->key[META_TARGETS]));
	static const char text[] = "{\"_type\":\"targets\",\"spec_version\":\"1.0.31\","
	    "\"version\":1,\"expires\":\"2027-01-01T00:00:00Z\",\"targets\":{}}";

	role_believed(&want, signed_text(text, &w->repo->key[META_TARGETS], &id, 1));
	role_refused(&want, signed_text(text, &w->repo->spare, &id, 1), "signed by 0");
}

/* Root text whose timestamp role has the given key list, keyids and threshold. */
static struct meta *
root_with(struct world *w, const char *keys, const char *keyids, int threshold)
{
	struct sign_key *k = w->repo->key[META_ROOT];
	struct buf text = BUF_INIT, own = BUF_INIT;
	const char *id = key_id(sign_public(k));
	struct meta_claim *c;
	struct meta *m = NULL;

	OK(key_encode(sign_public(k), &own, NULL));
	OK(buf_printf(&text, NULL, "{\"_type\":\"root\",\"spec_version\":\"1.0.31\",\"version\":1,"
	    "\"expires\":\"2027-01-01T00:00:00Z\",\"consistent_snapshot\":true,"
	    "\"keys\":{\"%s\":%s,%s},\"roles\":{\"root\":{\"keyids\":[\"%s\"],\"threshold\":1},"
	    "\"targets\":{\"keyids\":[],\"threshold\":1},"
	    "\"snapshot\":{\"keyids\":[],\"threshold\":1},"
	    "\"timestamp\":{\"keyids\":%s,\"threshold\":%d}}}", id, buf_text(&own), keys, id,
	    keyids, threshold));
	c = signed_text(buf_text(&text), &k, &id, 1);
	OK(verify_root_first(&c, &m, NULL));
	buf_clear(&text);
	buf_clear(&own);
	return m;
}

static const char timestamp_text[] = "{\"_type\":\"timestamp\",\"spec_version\":\"1.0.31\","
    "\"version\":1,\"expires\":\"2027-01-01T00:00:00Z\","
    "\"meta\":{\"snapshot.json\":{\"version\":1}}}";

static void
one_key_under_two_ids_counts_once(void **state)
{
	struct world *w = *state;
	struct sign_key *same[] = { w->repo->spare, w->repo->spare };
	struct sign_key *two[] = { w->repo->spare, w->repo->channel_key };
	static const char *const ids[] = { "a", "b" };
	struct buf spare = BUF_INIT, other = BUF_INIT, keys = BUF_INIT;
	struct verify_want want = { .role = "timestamp" };
	struct meta *root;

	OK(key_encode(sign_public(w->repo->spare), &spare, NULL));
	OK(key_encode(sign_public(w->repo->channel_key), &other, NULL));
	OK(buf_printf(&keys, NULL, "\"a\":%s,\"b\":%s", buf_text(&spare), buf_text(&spare)));
	root = root_with(w, buf_text(&keys), "[\"a\",\"b\"]", 2);
	want.delegator = root;
	role_refused(&want, signed_text(timestamp_text, same, ids, 2), "signed by 1");
	meta_free(root);

	buf_truncate(&keys, 0);
	OK(buf_printf(&keys, NULL, "\"a\":%s,\"b\":%s", buf_text(&spare), buf_text(&other)));
	root = root_with(w, buf_text(&keys), "[\"a\",\"b\"]", 2);
	want.delegator = root;
	role_believed(&want, signed_text(timestamp_text, two, ids, 2));
	role_refused(&want, signed_text(timestamp_text, same, ids, 2), "signed by 1");
	meta_free(root);
	buf_clear(&spare);
	buf_clear(&other);
	buf_clear(&keys);
}

static void
ids_without_keys_and_thresholds_out_of_reach_never_pass(void **state)
{
	struct world *w = *state;
	static const char *const ids[] = { "a" };
	struct buf spare = BUF_INIT, keys = BUF_INIT;
	struct verify_want want = { .role = "timestamp" };
	struct meta *root;

	OK(key_encode(sign_public(w->repo->spare), &spare, NULL));
	OK(buf_printf(&keys, NULL, "\"b\":%s", buf_text(&spare)));
	root = root_with(w, buf_text(&keys), "[\"a\"]", 1); /* "a" has no key */
	want.delegator = root;
	role_refused(&want, signed_text(timestamp_text, &w->repo->spare, ids, 1), "signed by 0");
	meta_free(root);

	keys.data[1] = 'a';
	root = root_with(w, buf_text(&keys), "[\"a\"]", 2);
	want.delegator = root;
	role_refused(&want, signed_text(timestamp_text, &w->repo->spare, ids, 1),
	    "signed by 1 of the keys that may sign it, 2 must");
	meta_free(root);
	buf_clear(&spare);
	buf_clear(&keys);
}

static void
signatures_can_be_counted_before_they_are_complete(void **state)
{
	struct world *w = *state;
	struct meta_claim *c = claim_of(memrepo_bytes(w->repo, "targets", 1));
	struct err e;

	assert_int_equal(verify_count(w->root, "targets", c, NULL), 1);
	assert_int_equal(verify_count(w->root, "snapshot", c, NULL), 0);
	assert_int_equal(verify_count(w->root, "gd.ip", c, &e), -1);
	says(&e, "does not delegate");
	OK(verify_threshold(w->root, "targets", c, NULL));
	assert_int_equal(verify_threshold(w->root, "snapshot", c, &e), -1);
	says(&e, "signed by 0");
	meta_claim_free(c);
}

static void
the_last_second_is_expired(void **state)
{
	struct world *w = *state;
	struct err e;

	OK(verify_expiry(w->root, "root", w->root->expires_at - 1, NULL));
	assert_int_equal(verify_expiry(w->root, "root", w->root->expires_at, &e), -1);
	says(&e, "root version 1 expired on 2028-11-22T08:00:00Z; "
	    "the clock says 2028-11-22T08:00:00Z");
}

static void
a_snapshot_follows_when_nothing_goes_back_or_goes_away(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	const struct meta *one;
	struct meta_claim *first = claim_of(memrepo_bytes(r, "snapshot", 1));
	struct err e;

	memrepo_channel(r, 1);
	memrepo_targets(r);
	memrepo_switch(r);
	one = meta_claim_peek(first);
	OK(verify_snapshot_follows(one, one, NULL));
	OK(verify_snapshot_follows(one, meta_claim_peek(r->last[META_SNAPSHOT]), NULL));
	assert_int_equal(verify_snapshot_follows(meta_claim_peek(r->last[META_SNAPSHOT]), one, &e),
	    -1);
	says(&e, "snapshot version 1 no longer lists gd.ip.json");
	meta_claim_free(first);
}

static void
no_memory_is_not_mistrust(void **state)
{
	struct world *w = *state;
	struct verify_want want = { .delegator = w->root, .role = "targets" };
	struct meta_bytes bytes = { .length = -1, .has_sha512 = true };
	long n = 0;

	for (long nth = 1;; nth++, n++) {
		struct meta_claim *c = claim_of(memrepo_bytes(w->repo, "targets", 1));
		struct meta *m = NULL;
		struct err e = { 0 };
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = verify_role(&want, &c, &m, &e);
		if (rc == 0)
			rc = verify_bytes(&bytes, "abc", 3, &e) == -1 && e.class == ERR_UNTRUSTED ?
			    0 : -1;
		meta_claim_free(c);
		meta_free(m);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_true(n > 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_must_have_length_and_every_hash),
		T(a_first_root_is_a_root_signed_by_itself),
		T(a_next_root_is_signed_twice_over_and_the_very_next),
		T(a_role_has_its_type_signers_and_version),
		T(only_the_keys_of_the_role_count),
		T(a_signature_under_the_right_id_by_the_wrong_key_does_not_count),
		T(one_key_under_two_ids_counts_once),
		T(ids_without_keys_and_thresholds_out_of_reach_never_pass),
		T(signatures_can_be_counted_before_they_are_complete),
		T(the_last_second_is_expired),
		T(a_snapshot_follows_when_nothing_goes_back_or_goes_away),
		T(no_memory_is_not_mistrust),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
