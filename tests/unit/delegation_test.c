/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked for a target, in which order, and by whose word each role is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "tests/unit/memrepo.h"

/* One delegation of a graph.  Every role is signed by the same key unless said otherwise. */
struct edge {
	const char *from, *to, *pattern;
	bool terminating;
	struct sign_key *const *key; /* NULL: the common one */
};

/* A target that a role vouches for. */
struct leaf {
	const char *role, *path;
};

struct world {
	struct memrepo *repo;
	struct trust_source source;
	struct trust *trust;
	char dir[64];
	int dirfd;
	struct role *snapshot;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct buf *root;

	assert_non_null(w);
	w->repo = memrepo_new();
	w->source = memrepo_source(w->repo);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/kebao-unit-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->dirfd >= 0);
	root = memrepo_bytes(w->repo, "root", 1);
	OK(trust_init(w->dirfd, buf_data(root), buf_len(root), NULL));
	OK(trust_open(w->dirfd, NULL, &w->trust, NULL));
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

/* The text of one role: its targets and its delegations. */
static void
role_text(struct world *w, const char *role, int version, const struct edge *edges,
    size_t n_edges, const struct leaf *leaves, size_t n_leaves, struct buf *out)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc), body = json_put_object(top, "signed"), at, keys;
	struct digest d;

	(void)json_put_array(top, "signatures");
	json_put_text(body, "_type", "targets");
	json_put_text(body, "spec_version", "1.0.31");
	json_put_int(body, "version", version);
	json_put_utc(body, "expires", MEMREPO_NOW + DAY_S);
	at = json_put_object(body, "targets");
	for (size_t i = 0; i < n_leaves; i++) {
		struct json_at target;

		if (strcmp(leaves[i].role, role) != 0)
			continue;
		digest_of(&d, role, strlen(role)); /* so a test sees who vouched */
		target = json_put_object(at, leaves[i].path);
		json_put_int(target, "length", (int64_t)strlen(role));
		json_put_digest(json_put_object(target, "hashes"), "sha256", &d);
	}
	at = json_put_object(body, "delegations");
	keys = json_put_object(at, "keys");
	at = json_put_array(at, "roles");
	for (size_t i = 0; i < n_edges; i++) {
		const struct edge *g = &edges[i];
		const struct key *k = sign_public(g->key == NULL ? w->repo->channel_key : *g->key);
		struct json_at one;

		if (strcmp(g->from, role) != 0)
			continue;
		key_put(k, keys, key_id(k));
		one = json_add_object(at);
		json_put_text(one, "name", g->to);
		json_add_text(json_put_array(one, "keyids"), key_id(k));
		json_put_int(one, "threshold", 1);
		json_put_bool(one, "terminating", g->terminating);
		json_add_text(json_put_array(one, "paths"), g->pattern);
	}
	OK(canon_write(top, out, NULL));
	json_free(doc);
}

static void
put_signed(struct world *w, const char *role, int version, const struct buf *text,
    struct sign_key *key)
{
	struct role_signer s = sign_signer(key);
	struct buf file = BUF_INIT, path = BUF_INIT;

	OK(role_cosign(buf_data(text), buf_len(text), &s, &file, NULL));
	OK(role_path(role, version, &path, NULL));
	memrepo_put(w->repo, buf_text(&path), &file);
	memrepo_list(w->repo, w->snapshot, role, version);
	buf_clear(&file);
	buf_clear(&path);
}

/* Publish the graph: targets in version 2, all others in version 1.  Then refresh. */
static void
publish(struct world *w, const struct edge *edges, size_t n_edges, const struct leaf *leaves,
    size_t n_leaves)
{
	struct buf text = BUF_INIT;
	struct err e = { 0 };

	w->snapshot = memrepo_next(w->repo, META_SNAPSHOT);
	role_text(w, "targets", 2, edges, n_edges, leaves, n_leaves, &text);
	put_signed(w, "targets", 2, &text, w->repo->key[META_TARGETS]);
	for (size_t i = 0; i < n_edges; i++) {
		buf_truncate(&text, 0);
		role_text(w, edges[i].to, 1, edges, n_edges, leaves, n_leaves, &text);
		put_signed(w, edges[i].to, 1, &text, w->repo->channel_key);
	}
	buf_clear(&text);
	memrepo_finish(w->repo, META_SNAPSHOT, w->snapshot);
	memrepo_timestamp(w->repo);
	if (trust_refresh(w->trust, &w->source, MEMREPO_NOW, &e) == -1)
		fail_msg("%s", e.text);
	w->repo->log[0] = '\0';
}

/* Who vouches for the path (NULL: nobody), and who was asked on the way. */
static void
vouched(struct world *w, const char *path, const char *by, const char *asked)
{
	const struct meta_target *t = NULL;
	struct err e = { 0 };
	struct digest d;
	int rc;

	w->repo->log[0] = '\0';
	rc = trust_find_target(w->trust, &w->source, path, MEMREPO_NOW, &t, &e);
	assert_string_equal(w->repo->log, asked);
	if (by == NULL) {
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_NOT_FOUND);
		return;
	}
	if (rc == -1)
		fail_msg("%s", e.text);
	digest_of(&d, by, strlen(by));
	assert_true(digest_equal(&d, &t->bytes.sha256));
}

#define N(list) (sizeof(list) / sizeof((list)[0]))

static void
roles_are_asked_in_pre_order(void **state)
{
	static const struct edge edges[] = {
		{ "targets", "A", "*", false, NULL }, { "targets", "B", "*", false, NULL },
		{ "A", "C", "*", false, NULL }, { "A", "D", "*", false, NULL },
		{ "C", "E", "*", false, NULL },
	};
	static const struct leaf leaves[] = {
		{ "targets", "top" }, { "D", "two" }, { "B", "two" }, { "B", "last" },
	};
	struct world *w = *state;

	publish(w, edges, N(edges), leaves, N(leaves));
	vouched(w, "top", "targets", "");
	vouched(w, "two", "D", "1.A.json 1.C.json 1.E.json 1.D.json");
	vouched(w, "two", "D", "");
	vouched(w, "last", "B", "1.B.json");
	vouched(w, "nowhere", NULL, "");
}

static void
a_terminating_delegation_ends_the_walk(void **state)
{
	static const struct edge edges[] = {
		{ "targets", "A", "*", false, NULL }, { "targets", "B", "*", true, NULL },
		{ "targets", "C", "*", false, NULL }, { "B", "D", "*", false, NULL },
		{ "A", "E", "x*", true, NULL },
	};
	static const struct leaf leaves[] = { { "C", "c" }, { "D", "d" }, { "B", "xb" } };
	struct world *w = *state;

	publish(w, edges, N(edges), leaves, N(leaves));
	vouched(w, "d", "D", "1.A.json 1.B.json 1.D.json");
	vouched(w, "c", NULL, "");
	vouched(w, "xb", NULL, "1.E.json"); /* E ends it before B is asked */
}

static void
only_roles_whose_patterns_match_are_asked(void **state)
{
	static const struct edge edges[] = {
		{ "targets", "gd.ip", "gd.ip/*/*/*", true, NULL },
		{ "targets", "gd.law", "gd.law/*/*/*", true, NULL },
	};
	static const struct leaf leaves[] = {
		{ "gd.ip", "gd.ip/a/1/record.json" }, { "gd.ip", "gd.law/a/1/record.json" },
	};
	struct world *w = *state;
	const struct meta_target *t;
	struct buf path = BUF_INIT;

	publish(w, edges, N(edges), leaves, N(leaves));
	vouched(w, "gd.ip/a/1/record.json", "gd.ip", "1.gd.ip.json");
	vouched(w, "gd.law/a/1/record.json", NULL, "1.gd.law.json");
	vouched(w, "gd.ip/a/record.json", NULL, "");
	OK(trust_find_target(w->trust, NULL, "gd.ip/a/1/record.json", MEMREPO_NOW, &t, NULL));
	OK(trust_target_path(w->trust, t, &path, NULL));
	assert_string_equal(buf_text(&path), "targets/gd.ip/a/1/"
	    "706dc4b7bc18836ef373742790aedf53c2639eff52396d0b017ad715d73563ef.record.json");
	buf_clear(&path);
}

static void
a_circle_ends(void **state)
{
	static const struct edge edges[] = {
		{ "targets", "A", "*", false, NULL }, { "A", "B", "*", false, NULL },
		{ "B", "A", "*", false, NULL }, { "B", "B", "*", false, NULL },
	};
	struct world *w = *state;

	publish(w, edges, N(edges), NULL, 0);
	vouched(w, "x", NULL, "1.A.json 1.B.json");
}

static void
no_more_than_the_limit_are_asked(void **state)
{
	struct world *w = *state;
	struct edge edges[LIMIT_DELEGATIONS + 8];
	char names[N(edges)][8], asked[2048] = "";
	struct leaf leaves[2];

	for (size_t i = 0; i < N(edges); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "r%zu", i);
		edges[i] = (struct edge){ "targets", names[i], "*", false, NULL };
		if (i < LIMIT_DELEGATIONS)
			(void)snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked),
			    "%s1.r%zu.json", i == 0 ? "" : " ", i);
	}
	leaves[0] = (struct leaf){ names[LIMIT_DELEGATIONS - 1], "last" };
	leaves[1] = (struct leaf){ names[LIMIT_DELEGATIONS], "beyond" };
	publish(w, edges, N(edges), leaves, N(leaves));
	vouched(w, "beyond", NULL, asked);
	vouched(w, "last", names[LIMIT_DELEGATIONS - 1], "");
}

static void
a_role_is_believed_by_the_word_of_each_delegator_anew(void **state)
{
	struct world *w = *state;
	struct edge edges[] = {
		{ "targets", "pa", "a*", false, NULL }, { "targets", "pb", "b*", false, NULL },
		{ "pa", "rel", "a*", false, NULL }, { "pb", "rel", "b*", false, &w->repo->spare },
	};
	static const struct leaf leaves[] = { { "rel", "a1" }, { "rel", "b1" } };
	const struct meta_target *t = NULL;
	struct err e = { 0 };

	publish(w, edges, N(edges), leaves, N(leaves));
	vouched(w, "a1", "rel", "1.pa.json 1.rel.json");
	assert_int_equal(trust_find_target(w->trust, &w->source, "b1", MEMREPO_NOW, &t, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "rel version 1: signed by 0"));
	assert_null(t);
	vouched(w, "a1", "rel", "");
}

static void
names_of_roles_cannot_leave_the_directory(void **state)
{
	static const struct edge edges[] = {
		{ "targets", "../evil", "*", false, NULL }, { "targets", "a/b?", "*", false, NULL },
	};
	static const struct leaf leaves[] = { { "a/b?", "x" } };
	struct world *w = *state;

	publish(w, edges, N(edges), leaves, N(leaves));
	vouched(w, "x", "a/b?", "1...%2Fevil.json 1.a%2Fb%3F.json");
	assert_true(file_exists(w->dirfd, "..%2Fevil.json"));
	assert_true(file_exists(w->dirfd, "a%2Fb%3F.json"));
}

static void
a_role_the_snapshot_does_not_list_is_not_asked_for(void **state)
{
	static const struct edge edges[] = { { "targets", "A", "*", false, NULL } };
	struct world *w = *state;
	struct buf text = BUF_INIT;

	w->snapshot = memrepo_next(w->repo, META_SNAPSHOT);
	role_text(w, "targets", 2, edges, 1, NULL, 0, &text);
	put_signed(w, "targets", 2, &text, w->repo->key[META_TARGETS]);
	memrepo_finish(w->repo, META_SNAPSHOT, w->snapshot);
	memrepo_timestamp(w->repo);
	OK(trust_refresh(w->trust, &w->source, MEMREPO_NOW, NULL));
	vouched(w, "x", NULL, "");
	buf_clear(&text);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(roles_are_asked_in_pre_order),
		T(a_terminating_delegation_ends_the_walk),
		T(only_roles_whose_patterns_match_are_asked),
		T(a_circle_ends),
		T(no_more_than_the_limit_are_asked),
		T(a_role_is_believed_by_the_word_of_each_delegator_anew),
		T(names_of_roles_cannot_leave_the_directory),
		T(a_role_the_snapshot_does_not_list_is_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
