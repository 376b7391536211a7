/* SPDX-License-Identifier: Apache-2.0 */
/* What a client believes: the whole workflow against a repository in memory. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/trust/verify.h"
#include "tests/unit/fault.h"
#include "tests/unit/memrepo.h"

/* A client with its directory, and the repository it talks to. */
struct world {
	struct memrepo *repo;
	struct trust_source source;
	struct trust *trust;
	char dir[64];
	int dirfd;
	int64_t now;
	struct err e;
};

static void
open_client(struct world *w, const struct trust_options *options)
{
	trust_close(w->trust);
	w->trust = NULL;
	OK(trust_open(w->dirfd, options, &w->trust, NULL));
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct buf *root;

	assert_non_null(w);
	w->repo = memrepo_new();
	w->source = memrepo_source(w->repo);
	w->now = MEMREPO_NOW + 3600;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/kebao-unit-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->dirfd >= 0);
	root = memrepo_bytes(w->repo, "root", 1);
	OK(trust_init(w->dirfd, buf_data(root), buf_len(root), NULL));
	open_client(w, NULL);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	trust_close(w->trust);
	memrepo_free(w->repo);
	assert_int_equal(close(w->dirfd), 0);
	OK(file_remove_tree(AT_FDCWD, w->dir, NULL));
	free(w);
	return 0;
}

static int
refresh(struct world *w)
{
	w->repo->log[0] = '\0';
	memset(&w->e, 0, sizeof(w->e));
	return trust_refresh(w->trust, &w->source, w->now, &w->e);
}

static void
accepts(struct world *w)
{
	if (refresh(w) == -1)
		fail_msg("refresh: %s", w->e.text);
}

static void
refuses(struct world *w, enum err_class class, const char *says)
{
	assert_int_equal(refresh(w), -1);
	if (w->e.class != class || strstr(w->e.text, says) == NULL)
		fail_msg("wanted \"%s\", got %s \"%s\"", says, err_class_name(w->e.class),
		    w->e.text);
}

static void
asked_for(struct world *w, const char *log)
{
	assert_string_equal(w->repo->log, log);
}

/* The version a role file on disk has; 0 where there is none. */
static int64_t
on_disk(struct world *w, const char *name)
{
	struct meta_claim *claim = NULL;
	struct buf bytes = BUF_INIT;
	int64_t version = 0;

	if (file_load(w->dirfd, name, LIMIT_TARGETS_BYTES, &bytes, NULL) == 0) {
		OK(meta_parse(buf_data(&bytes), buf_len(&bytes), &claim, NULL));
		version = meta_claim_version(claim);
	}
	meta_claim_free(claim);
	buf_clear(&bytes);
	return version;
}

static void
disk_has(struct world *w, int root, int timestamp, int snapshot, int targets)
{
	assert_int_equal(on_disk(w, "root.json"), root);
	assert_int_equal(on_disk(w, "timestamp.json"), timestamp);
	assert_int_equal(on_disk(w, "snapshot.json"), snapshot);
	assert_int_equal(on_disk(w, "targets.json"), targets);
}

static int
role(struct world *w, const struct meta **out)
{
	w->repo->log[0] = '\0';
	memset(&w->e, 0, sizeof(w->e));
	return trust_role(w->trust, &w->source, "gd.ip", w->now, out, &w->e);
}

static void
role_refused(struct world *w, enum err_class class, const char *says)
{
	const struct meta *m = NULL;

	assert_int_equal(role(w, &m), -1);
	assert_null(m);
	if (w->e.class != class || strstr(w->e.text, says) == NULL)
		fail_msg("wanted \"%s\", got %s \"%s\"", says, err_class_name(w->e.class),
		    w->e.text);
}

static void
publish_release(struct world *w, int release)
{
	memrepo_channel(w->repo, release);
	memrepo_switch(w->repo);
}

/* --- the ordinary way --- */

static void
the_first_refresh_asks_for_each_role_once(void **state)
{
	struct world *w = *state;

	assert_null(trust_targets(w->trust));
	accepts(w);
	asked_for(w, "2.root.json timestamp.json 1.snapshot.json 1.targets.json");
	disk_has(w, 1, 1, 1, 1);
	assert_int_equal(trust_timestamp(w->trust)->version, 1);
	assert_int_equal(trust_targets(w->trust)->type, META_TARGETS);
	assert_false(trust_is_stale(w->trust));
}

static void
nothing_new_is_two_requests(void **state)
{
	struct world *w = *state;

	accepts(w);
	accepts(w);
	asked_for(w, "2.root.json timestamp.json");
	open_client(w, NULL);
	accepts(w);
	asked_for(w, "2.root.json timestamp.json");
}

static void
a_new_timestamp_alone_is_two_requests_too(void **state)
{
	struct world *w = *state;

	accepts(w);
	memrepo_timestamp(w->repo);
	accepts(w);
	asked_for(w, "2.root.json timestamp.json");
	disk_has(w, 1, 2, 1, 1);
}

static void
bytes_are_kept_as_they_came(void **state)
{
	struct world *w = *state;
	struct memfile *f = memrepo_find(w->repo, "metadata/timestamp.json");
	struct buf kept = BUF_INIT;

	OK(buf_add_text(&f->bytes, " \n", NULL));
	accepts(w);
	OK(file_load(w->dirfd, "timestamp.json", 100000, &kept, NULL));
	assert_int_equal(buf_len(&kept), buf_len(&f->bytes));
	assert_memory_equal(buf_data(&kept), buf_data(&f->bytes), buf_len(&kept));
	buf_clear(&kept);
}

static void
init_only_copies_and_never_replaces(void **state)
{
	struct world *w = *state;
	struct err e;

	assert_int_equal(trust_init(w->dirfd, "{}", 2, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	disk_has(w, 1, 0, 0, 0);
	OK(file_remove(w->dirfd, "root.json", NULL));
	OK(trust_init(w->dirfd, "rubbish", 7, NULL));
}

static void
a_root_that_is_no_root_is_refused_without_a_request(void **state)
{
	struct world *w = *state;
	const struct buf *targets = memrepo_bytes(w->repo, "targets", 1);
	struct trust *t = NULL;
	struct err e;

	OK(file_save(w->dirfd, "root.json", "{}", 2, 0644, NULL));
	assert_int_equal(trust_open(w->dirfd, NULL, &t, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	OK(file_save(w->dirfd, "root.json", buf_data(targets), buf_len(targets), 0644, NULL));
	assert_int_equal(trust_open(w->dirfd, NULL, &t, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	OK(file_remove(w->dirfd, "root.json", NULL));
	assert_int_equal(trust_open(w->dirfd, NULL, &t, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_null(t);
}

static void
a_dead_line_is_not_an_answer(void **state)
{
	struct world *w = *state;

	accepts(w);
	w->repo->broken = ERR_NETWORK;
	refuses(w, ERR_NETWORK, "the line is dead");
	assert_string_equal(w->e.text, "the line is dead"); /* whichever file was asked for */
	asked_for(w, "2.root.json");
	disk_has(w, 1, 1, 1, 1);
}

/* --- root --- */

static void
roots_are_followed_one_by_one(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;

	for (int i = 0; i < 3; i++) { /* each time another key for root, signed by old and new */
		struct role *role = memrepo_next(r, META_ROOT);
		struct sign_key *both[] = { r->key[META_ROOT], r->spare };
		const struct key *k = sign_public(r->spare);

		role_set_top(role, META_ROOT, &k, 1, 1);
		memrepo_publish(r, role, "root", both, 2, &r->last[META_ROOT]);
		r->key[META_ROOT] = both[1];
		r->spare = both[0];
	}
	accepts(w);
	asked_for(w, "2.root.json 3.root.json 4.root.json 5.root.json timestamp.json "
	    "1.snapshot.json 1.targets.json");
	disk_has(w, 4, 1, 1, 1);
}

static void
a_root_without_the_old_keys_is_refused(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	struct role *role = memrepo_next(r, META_ROOT);
	const struct key *k = sign_public(r->spare);

	accepts(w);
	role_set_top(role, META_ROOT, &k, 1, 1);
	memrepo_publish(r, role, "root", &r->spare, 1, &r->last[META_ROOT]);
	refuses(w, ERR_UNTRUSTED, "by the keys of root version 1: root version 2: signed by 0");
	disk_has(w, 1, 1, 1, 1);
}

static void
a_root_without_its_own_keys_is_refused(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	struct role *role = memrepo_next(r, META_ROOT);
	const struct key *k = sign_public(r->spare);

	role_set_top(role, META_ROOT, &k, 1, 1);
	memrepo_finish(r, META_ROOT, role);
	refuses(w, ERR_UNTRUSTED, "by its own keys: root version 2: signed by 0");
	disk_has(w, 1, 0, 0, 0);
}

static void
a_root_of_another_version_than_its_name_is_refused(void **state)
{
	struct world *w = *state;
	struct buf copy = BUF_INIT;
	const struct buf *v3;

	memrepo_root(w->repo);
	memrepo_root(w->repo);
	v3 = memrepo_bytes(w->repo, "root", 3);
	OK(buf_add(&copy, buf_data(v3), buf_len(v3), NULL));
	memrepo_put(w->repo, "metadata/2.root.json", &copy);
	buf_clear(&copy);
	refuses(w, ERR_UNTRUSTED, "root: version 3, after 1 only 2 is accepted");
	disk_has(w, 1, 0, 0, 0);
}

static void
only_the_last_root_must_not_be_expired_and_it_is_kept_first(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	role = memrepo_next(w->repo, META_ROOT);
	role_set_expiry(role, w->now);
	memrepo_finish(w->repo, META_ROOT, role);
	memrepo_switch(w->repo);
	refuses(w, ERR_UNTRUSTED, "root version 2 expired on 2026-11-23T09:00:00Z");
	asked_for(w, "2.root.json 3.root.json");
	disk_has(w, 2, 1, 1, 1);
	memrepo_root(w->repo);
	accepts(w);
	disk_has(w, 3, 2, 2, 1);
}

static void
roots_without_end_are_cut(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < LIMIT_ROOT_ROTATIONS + 1; i++)
		memrepo_root(w->repo);
	refuses(w, ERR_BAD_INPUT, "more than 256 new roots");
	assert_int_equal(on_disk(w, "root.json"), 257);
	accepts(w);
	assert_int_equal(on_disk(w, "root.json"), 258);
}

/* --- timestamp --- */

static void
a_timestamp_does_not_go_back(void **state)
{
	struct world *w = *state;
	struct buf first = BUF_INIT;
	const struct buf *v1 = memrepo_bytes(w->repo, "timestamp", 1);

	OK(buf_add(&first, buf_data(v1), buf_len(v1), NULL));
	memrepo_timestamp(w->repo);
	accepts(w);
	memrepo_put(w->repo, "metadata/timestamp.json", &first);
	buf_clear(&first);
	refuses(w, ERR_UNTRUSTED, "timestamp: version 1 after version 2 was seen");
	disk_has(w, 1, 2, 1, 1);
}

static void
an_equal_timestamp_keeps_the_old_file(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	memrepo_snapshot(w->repo);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	memrepo_list(w->repo, role, "snapshot", 2);
	role_set_version(role, 1);
	memrepo_finish(w->repo, META_TIMESTAMP, role);
	accepts(w);
	asked_for(w, "2.root.json timestamp.json");
	assert_int_equal(trust_snapshot(w->trust)->version, 1);
}

static void
the_snapshot_a_timestamp_lists_does_not_go_back(void **state)
{
	struct world *w = *state;
	struct role *role;

	memrepo_switch(w->repo);
	accepts(w);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	memrepo_list(w->repo, role, "snapshot", 1);
	memrepo_finish(w->repo, META_TIMESTAMP, role);
	refuses(w, ERR_UNTRUSTED,
	    "timestamp version 3 lists snapshot version 1 after version 2 was seen");
	disk_has(w, 1, 2, 2, 1);
}

static void
an_expired_timestamp_is_refused_but_counts_against_rollback(void **state)
{
	struct world *w = *state;
	struct buf first = BUF_INIT;
	const struct buf *v1 = memrepo_bytes(w->repo, "timestamp", 1);

	OK(buf_add(&first, buf_data(v1), buf_len(v1), NULL));
	memrepo_timestamp(w->repo);
	accepts(w);
	w->now += 8 * DAY_S;
	refuses(w, ERR_UNTRUSTED, "timestamp version 2 expired on 2026-11-30T08:00:00Z");
	memrepo_put(w->repo, "metadata/timestamp.json", &first);
	buf_clear(&first);
	refuses(w, ERR_UNTRUSTED, "a rollback");
	w->repo->now = w->now;
	memrepo_timestamp(w->repo);
	accepts(w);
	disk_has(w, 1, 3, 1, 1);
}

static void
a_new_timestamp_that_is_expired_is_not_kept(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	memrepo_list(w->repo, role, "snapshot", 1);
	role_set_expiry(role, w->now - 1);
	memrepo_finish(w->repo, META_TIMESTAMP, role);
	refuses(w, ERR_UNTRUSTED, "timestamp version 2 expired");
	disk_has(w, 1, 1, 1, 1);
}

static void
a_timestamp_by_the_wrong_key_is_refused(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	memrepo_publish(w->repo, role, "timestamp", &w->repo->key[META_SNAPSHOT], 1,
	    &w->repo->last[META_TIMESTAMP]);
	refuses(w, ERR_UNTRUSTED, "timestamp version 2: signed by 0 of the keys");
	disk_has(w, 1, 1, 1, 1);
}

static void
files_beyond_their_limit_are_refused(void **state)
{
	struct world *w = *state;
	struct memfile *f = memrepo_find(w->repo, "metadata/timestamp.json");

	while (buf_len(&f->bytes) <= LIMIT_TIMESTAMP_BYTES)
		OK(buf_add_text(&f->bytes, "          ", NULL));
	refuses(w, ERR_UNTRUSTED, "timestamp.json: too long");
}

static void
a_missing_timestamp_or_snapshot_is_an_error(void **state)
{
	struct world *w = *state;

	memrepo_drop(w->repo, "metadata/1.snapshot.json");
	refuses(w, ERR_NOT_FOUND, "1.snapshot.json: 404");
	memrepo_drop(w->repo, "metadata/timestamp.json");
	refuses(w, ERR_NOT_FOUND, "timestamp.json: 404");
}

/* --- snapshot and targets --- */

static void
a_snapshot_of_other_bytes_is_refused(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	memrepo_switch(w->repo);
	role = memrepo_next(w->repo, META_SNAPSHOT); /* same version, signed, other content */
	role_set_version(role, 2);
	role_set_expiry(role, w->now + 5 * DAY_S);
	memrepo_finish(w->repo, META_SNAPSHOT, role);
	refuses(w, ERR_UNTRUSTED, "snapshot version 2: the SHA-256 is");
	disk_has(w, 1, 2, 1, 1);
}

static void
a_snapshot_of_another_version_is_refused(void **state)
{
	struct world *w = *state;
	struct role *role;
	const struct buf *v2;
	struct buf copy = BUF_INIT;

	accepts(w);
	memrepo_snapshot(w->repo);
	v2 = memrepo_bytes(w->repo, "snapshot", 2);
	OK(buf_add(&copy, buf_data(v2), buf_len(v2), NULL));
	memrepo_put(w->repo, "metadata/3.snapshot.json", &copy);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	role_set_file(role, "snapshot", 3, buf_data(&copy), buf_len(&copy));
	memrepo_finish(w->repo, META_TIMESTAMP, role);
	buf_clear(&copy);
	refuses(w, ERR_UNTRUSTED, "snapshot: version 2, wanted is 3");
	disk_has(w, 1, 2, 1, 1);
}

static void
a_snapshot_does_not_forget_roles(void **state)
{
	struct world *w = *state;
	struct role *role = NULL;

	publish_release(w, 1);
	accepts(w);
	OK(role_new(META_SNAPSHOT, NULL, w->now, &role, NULL));
	role_set_version(role, 3);
	memrepo_list(w->repo, role, "targets", 1);
	memrepo_finish(w->repo, META_SNAPSHOT, role);
	memrepo_timestamp(w->repo);
	refuses(w, ERR_UNTRUSTED, "snapshot version 3 no longer lists gd.ip.json");
	disk_has(w, 1, 3, 2, 1);
}

static void
a_snapshot_does_not_take_roles_back(void **state)
{
	struct world *w = *state;
	struct role *role;

	memrepo_targets(w->repo);
	memrepo_switch(w->repo);
	accepts(w);
	role = memrepo_next(w->repo, META_SNAPSHOT);
	memrepo_list(w->repo, role, "targets", 1);
	memrepo_finish(w->repo, META_SNAPSHOT, role);
	memrepo_timestamp(w->repo);
	refuses(w, ERR_UNTRUSTED,
	    "snapshot version 3 lists targets.json version 1 after version 2 was seen");
	disk_has(w, 1, 3, 2, 2);
}

static void
an_expired_snapshot_is_not_kept(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	role = memrepo_next(w->repo, META_SNAPSHOT);
	role_set_expiry(role, w->now);
	memrepo_finish(w->repo, META_SNAPSHOT, role);
	memrepo_timestamp(w->repo);
	refuses(w, ERR_UNTRUSTED, "snapshot version 2 expired");
	disk_has(w, 1, 2, 1, 1);
}

static void
expired_targets_are_not_kept(void **state)
{
	struct world *w = *state;
	struct role *role;

	accepts(w);
	role = memrepo_next(w->repo, META_TARGETS);
	role_set_expiry(role, w->now);
	memrepo_finish(w->repo, META_TARGETS, role);
	memrepo_switch(w->repo);
	refuses(w, ERR_UNTRUSTED, "targets version 2 expired");
	disk_has(w, 1, 2, 2, 1);
	assert_null(trust_targets(w->trust));
}

static void
files_of_two_moments_do_not_mix(void **state)
{
	struct world *w = *state;
	struct role *role;

	memrepo_targets(w->repo);
	memrepo_switch(w->repo);
	role = memrepo_next(w->repo, META_TARGETS); /* version 2 once more, signed, but other */
	role_set_version(role, 2);
	role_drop_channel(role, "gd.ip");
	memrepo_finish(w->repo, META_TARGETS, role);
	refuses(w, ERR_UNTRUSTED, "targets version 2: ");
	disk_has(w, 1, 2, 2, 0);
}

static void
rotated_keys_recover_from_versions_driven_up(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	struct role *role;

	role = memrepo_next(r, META_SNAPSHOT);
	role_set_version(role, 1000);
	memrepo_list(r, role, "targets", 1);
	memrepo_finish(r, META_SNAPSHOT, role);
	role = memrepo_next(r, META_TIMESTAMP);
	role_set_version(role, 5000);
	memrepo_list(r, role, "snapshot", 1000);
	memrepo_finish(r, META_TIMESTAMP, role);
	accepts(w);
	disk_has(w, 1, 5000, 1000, 1);

	sign_free(r->key[META_SNAPSHOT]);
	sign_free(r->key[META_TIMESTAMP]);
	r->key[META_SNAPSHOT] = memrepo_key();
	r->key[META_TIMESTAMP] = memrepo_key();
	memrepo_root(r);
	role = memrepo_next(r, META_SNAPSHOT);
	role_set_version(role, 2);
	memrepo_finish(r, META_SNAPSHOT, role);
	role = memrepo_next(r, META_TIMESTAMP);
	role_set_version(role, 2);
	memrepo_list(r, role, "snapshot", 2);
	memrepo_finish(r, META_TIMESTAMP, role);
	accepts(w);
	disk_has(w, 2, 2, 2, 1);
}

/* --- sticks --- */

static void
stale_is_accepted_only_as_far_as_allowed(void **state)
{
	struct world *w = *state;
	struct trust_options options = { .max_stale_s = 30 * DAY_S };
	const struct meta *m;

	publish_release(w, 1);
	open_client(w, &options);
	w->now = MEMREPO_NOW + 36 * DAY_S;
	accepts(w);
	assert_true(trust_is_stale(w->trust));
	OK(role(w, &m));
	w->now = MEMREPO_NOW + 37 * DAY_S;
	refuses(w, ERR_UNTRUSTED, "timestamp version 2 expired");
	w->now = MEMREPO_NOW + DAY_S;
	accepts(w);
	assert_false(trust_is_stale(w->trust));
}

static void
stale_never_excuses_targets_or_a_rollback(void **state)
{
	struct world *w = *state;
	struct trust_options options = { .max_stale_s = 4000 * DAY_S };
	struct role *role;

	open_client(w, &options);
	accepts(w);
	memrepo_switch(w->repo);
	accepts(w);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	role_set_version(role, 1);
	memrepo_finish(w->repo, META_TIMESTAMP, role);
	refuses(w, ERR_UNTRUSTED, "a rollback");
	role = memrepo_next(w->repo, META_TARGETS);
	role_set_expiry(role, w->now - 1);
	memrepo_finish(w->repo, META_TARGETS, role);
	role = memrepo_next(w->repo, META_TIMESTAMP);
	role_set_version(role, 9);
	memrepo_finish(w->repo, META_TIMESTAMP, role);
	memrepo_switch(w->repo);
	refuses(w, ERR_UNTRUSTED, "targets version 2 expired");
}

/* --- channels --- */

static void
a_channel_is_fetched_once(void **state)
{
	struct world *w = *state;
	const struct meta *m, *again;

	publish_release(w, 1);
	accepts(w);
	OK(role(w, &m));
	asked_for(w, "1.gd.ip.json");
	assert_non_null(meta_find_target(m, "gd.ip/marks/1/record.json"));
	OK(role(w, &again));
	asked_for(w, "");
	assert_ptr_equal(m, again);
	open_client(w, NULL);
	accepts(w);
	OK(role(w, &m));
	asked_for(w, "");
	OK(trust_role(w->trust, NULL, "gd.ip", w->now, &m, NULL));
}

static void
a_channel_without_a_release_is_not_found(void **state)
{
	struct world *w = *state;
	const struct meta *m;

	role_refused(w, ERR_NOT_FOUND, "nothing was refreshed");
	accepts(w);
	role_refused(w, ERR_NOT_FOUND, "the snapshot lists no such role");
	asked_for(w, "");
	assert_int_equal(trust_role(w->trust, &w->source, "sz.ip", w->now, &m, &w->e), -1);
	assert_int_equal(w->e.class, ERR_NOT_FOUND);
	assert_non_null(strstr(w->e.text, "no such channel"));
}

static void
a_channel_that_is_not_given_is_told_from_one_that_is_withheld(void **state)
{
	struct world *w = *state;
	const struct meta *m;
	struct meta *held = NULL;

	publish_release(w, 1);
	accepts(w);
	memrepo_drop(w->repo, "metadata/1.gd.ip.json");
	role_refused(w, ERR_NOT_FOUND, "404");
	assert_int_equal(trust_held_role(w->trust, "gd.ip", &held, &w->e), -1);
	assert_int_equal(w->e.class, ERR_NOT_FOUND);

	publish_release(w, 2);
	accepts(w);
	OK(role(w, &m));
	publish_release(w, 3);
	accepts(w);
	memrepo_drop(w->repo, "metadata/3.gd.ip.json");
	role_refused(w, ERR_WITHHELD, "gd.ip: held before, version 3 exists, and is not given");
	OK(trust_held_role(w->trust, "gd.ip", &held, NULL));
	assert_int_equal(held->version, 2);
	meta_free(held);
	assert_int_equal(on_disk(w, "gd.ip.json"), 2);
	assert_int_equal(trust_role(w->trust, NULL, "gd.ip", w->now, &m, &w->e), -1);
	assert_int_equal(w->e.class, ERR_NOT_FOUND);
	w->repo->broken = ERR_NETWORK;
	role_refused(w, ERR_NETWORK, "dead");
}

static void
a_held_channel_is_judged_by_who_delegates_now(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	struct sign_key *old = r->channel_key;
	const struct meta *m;

	publish_release(w, 1);
	accepts(w);
	OK(role(w, &m));
	r->channel_key = r->spare; /* targets takes the old key away; the role stays as it is */
	r->spare = old;
	memrepo_targets(r);
	memrepo_switch(r);
	accepts(w);
	role_refused(w, ERR_UNTRUSTED, "gd.ip version 1: signed by 0");
	asked_for(w, "1.gd.ip.json");
	publish_release(w, 2);
	accepts(w);
	OK(role(w, &m));
	assert_int_equal(m->version, 2);
}

static void
an_expired_channel_is_refused(void **state)
{
	struct world *w = *state;
	const struct meta *m;

	publish_release(w, 1);
	accepts(w);
	OK(role(w, &m));
	open_client(w, NULL);
	w->now += 100 * DAY_S;
	w->repo->now = w->now;
	memrepo_switch(w->repo);
	accepts(w);
	w->now += 266 * DAY_S;
	role_refused(w, ERR_UNTRUSTED, "gd.ip version 1 expired");
}

static void
a_channel_needs_its_threshold_of_different_keys(void **state)
{
	struct world *w = *state;
	struct memrepo *r = w->repo;
	struct sign_key *both[] = { r->channel_key, r->spare };
	const struct key *keys[] = { sign_public(both[0]), sign_public(both[1]) };
	struct role *targets = memrepo_next(r, META_TARGETS), *again = NULL;
	struct buf file = BUF_INIT;
	struct role_signer second = sign_signer(both[1]);
	const struct buf *bytes;
	const struct meta *m;

	role_set_channel(targets, "gd.ip", keys, 2, 2);
	memrepo_finish(r, META_TARGETS, targets);
	publish_release(w, 1);
	accepts(w);
	role_refused(w, ERR_UNTRUSTED,
	    "gd.ip version 1: signed by 1 of the keys that may sign it, 2 must");

	OK(role_new(META_TARGETS, meta_claim_peek(r->channel), w->now, &again, NULL));
	memrepo_publish(r, again, "gd.ip", both, 1, &r->channel);
	bytes = memrepo_bytes(r, "gd.ip", 2);
	OK(role_cosign(buf_data(bytes), buf_len(bytes), &second, &file, NULL));
	memrepo_put(r, "metadata/2.gd.ip.json", &file);
	buf_clear(&file);
	memrepo_switch(r);
	accepts(w);
	OK(role(w, &m));
}

static void
what_was_kept_can_be_looked_at_offline(void **state)
{
	struct world *w = *state;
	struct err e;
	const struct meta *m;

	publish_release(w, 1);
	assert_int_equal(trust_load(w->trust, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	accepts(w);
	OK(role(w, &m));
	open_client(w, NULL);
	OK(trust_load(w->trust, NULL));
	assert_true(trust_is_stale(w->trust));
	OK(trust_role(w->trust, NULL, "gd.ip", w->now + 300 * DAY_S, &m, NULL));
	assert_int_equal(m->version, 1);
	OK(file_remove(w->dirfd, "timestamp.json", NULL));
	OK(trust_load(w->trust, NULL));
	assert_null(trust_timestamp(w->trust));
	assert_non_null(trust_targets(w->trust));
}

/* --- accidents --- */

/* Whatever is on disk parses, and a refresh without faults ends well. */
static void
recovers(struct world *w)
{
	const struct meta *m;

	assert_true(on_disk(w, "root.json") > 0);
	(void)on_disk(w, "timestamp.json");
	(void)on_disk(w, "snapshot.json");
	(void)on_disk(w, "targets.json");
	accepts(w);
	OK(role(w, &m));
}

static void
start_over(struct world *w)
{
	static const char *const names[] = {
		"timestamp.json", "snapshot.json", "targets.json", "gd.ip.json",
	};
	const struct buf *root = memrepo_bytes(w->repo, "root", 1);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		OK(file_remove(w->dirfd, names[i], NULL));
	OK(file_save(w->dirfd, "root.json", buf_data(root), buf_len(root), 0644, NULL));
	open_client(w, NULL);
}

static long
break_every(struct world *w, enum fault_kind kind)
{
	long nth;

	for (nth = 1;; nth++) {
		const struct meta *m;
		int rc;

		start_over(w);
		w->repo->log[0] = '\0';
		memset(&w->e, 0, sizeof(w->e));
		fault_arm(kind, nth);
		rc = trust_refresh(w->trust, &w->source, w->now, &w->e);
		if (rc == 0)
			rc = role(w, &m);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(w->e.class, ERR_SYSTEM);
		recovers(w);
	}
	return nth - 1;
}

static void
every_failing_write_leaves_the_old_file_or_the_new_one(void **state)
{
	struct world *w = *state;

	publish_release(w, 1);
	memrepo_root(w->repo);
	assert_int_equal(break_every(w, FAULT_WRITE), 5);
	/* five files, five times their directory */
	assert_int_equal(break_every(w, FAULT_FSYNC), 10);
	assert_int_equal(break_every(w, FAULT_RENAME), 5);
}

static void
every_failing_allocation_is_reported_as_that(void **state)
{
	struct world *w = *state;

	publish_release(w, 1);
	memrepo_root(w->repo);
	assert_true(break_every(w, FAULT_ALLOC) > 200);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_first_refresh_asks_for_each_role_once),
		T(nothing_new_is_two_requests),
		T(a_new_timestamp_alone_is_two_requests_too),
		T(bytes_are_kept_as_they_came),
		T(init_only_copies_and_never_replaces),
		T(a_root_that_is_no_root_is_refused_without_a_request),
		T(a_dead_line_is_not_an_answer),
		T(roots_are_followed_one_by_one),
		T(a_root_without_the_old_keys_is_refused),
		T(a_root_without_its_own_keys_is_refused),
		T(a_root_of_another_version_than_its_name_is_refused),
		T(only_the_last_root_must_not_be_expired_and_it_is_kept_first),
		T(roots_without_end_are_cut),
		T(a_timestamp_does_not_go_back),
		T(an_equal_timestamp_keeps_the_old_file),
		T(the_snapshot_a_timestamp_lists_does_not_go_back),
		T(an_expired_timestamp_is_refused_but_counts_against_rollback),
		T(a_new_timestamp_that_is_expired_is_not_kept),
		T(a_timestamp_by_the_wrong_key_is_refused),
		T(files_beyond_their_limit_are_refused),
		T(a_missing_timestamp_or_snapshot_is_an_error),
		T(a_snapshot_of_other_bytes_is_refused),
		T(a_snapshot_of_another_version_is_refused),
		T(a_snapshot_does_not_forget_roles),
		T(a_snapshot_does_not_take_roles_back),
		T(an_expired_snapshot_is_not_kept),
		T(expired_targets_are_not_kept),
		T(files_of_two_moments_do_not_mix),
		T(rotated_keys_recover_from_versions_driven_up),
		T(stale_is_accepted_only_as_far_as_allowed),
		T(stale_never_excuses_targets_or_a_rollback),
		T(a_channel_is_fetched_once),
		T(a_channel_without_a_release_is_not_found),
		T(a_channel_that_is_not_given_is_told_from_one_that_is_withheld),
		T(a_held_channel_is_judged_by_who_delegates_now),
		T(an_expired_channel_is_refused),
		T(a_channel_needs_its_threshold_of_different_keys),
		T(what_was_kept_can_be_looked_at_offline),
		T(every_failing_write_leaves_the_old_file_or_the_new_one),
		T(every_failing_allocation_is_reported_as_that),
	};

	fault_pretend_sync(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
