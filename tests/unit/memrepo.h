/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: a TUF repository in memory, with its keys, and a trust_source that
 * notes what was asked for.  Include after cmocka.h.
 */
#ifndef KEBAO_TESTS_UNIT_MEMREPO_H
#define KEBAO_TESTS_UNIT_MEMREPO_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/utc.h"
#include "catalog/trust/meta.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"
#include "catalog/trust/trust.h"

#define MEMREPO_NOW 1795420800 /* 2026-11-23T08:00:00Z */
#define MEMREPO_FILES 512
#define MEMREPO_LOG_SIZE 8192
#define DAY_S ((int64_t)UTC_DAY_S)

#define OK(call) assert_int_equal((call), 0)

struct memfile {
	char path[96];
	struct buf bytes;
};

struct memrepo {
	struct sign_key *key[META_N_TYPES]; /* who signs the four */
	struct sign_key *channel_key, *spare;
	struct memfile files[MEMREPO_FILES];
	size_t n_files;
	struct meta_claim *last[META_N_TYPES]; /* the newest version of each */
	struct meta_claim *channel;            /* of "gd.ip" */
	int64_t now;                           /* when new versions are issued */
	enum err_class broken;                 /* every fetch fails like this */
	char log[MEMREPO_LOG_SIZE];            /* "2.root.json timestamp.json ..." */
};

static inline struct sign_key *
memrepo_key(void)
{
	struct sign_key *k = NULL;

	OK(sign_generate(SIGN_ED25519, &k, NULL));
	return k;
}

static inline struct memfile *
memrepo_find(struct memrepo *r, const char *path)
{
	for (size_t i = 0; i < r->n_files; i++) {
		if (strcmp(r->files[i].path, path) == 0)
			return &r->files[i];
	}
	return NULL;
}

/* Set the bytes of a file of the repository. */
static inline void
memrepo_put(struct memrepo *r, const char *path, const struct buf *bytes)
{
	struct memfile *f = memrepo_find(r, path);

	if (f == NULL) {
		assert_true(r->n_files < MEMREPO_FILES);
		f = &r->files[r->n_files++];
		memset(f, 0, sizeof(*f));
		(void)snprintf(f->path, sizeof(f->path), "%s", path);
	}
	buf_truncate(&f->bytes, 0);
	OK(buf_add(&f->bytes, buf_data(bytes), buf_len(bytes), NULL));
}

static inline void
memrepo_drop(struct memrepo *r, const char *path)
{
	struct memfile *f = memrepo_find(r, path);

	assert_non_null(f);
	f->path[0] = '\0';
}

static inline int
memrepo_fetch(void *ctx, const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
	struct memrepo *r = ctx;
	struct memfile *f = memrepo_find(r, path);
	size_t len = strlen(r->log);

	assert_true(strncmp(path, "metadata/", 9) == 0);
	(void)snprintf(r->log + len, sizeof(r->log) - len, "%s%s", len == 0 ? "" : " ", path + 9);
	if (r->broken != ERR_NONE)
		return err_set(e, r->broken, "the line is dead");
	if (f == NULL)
		return err_set(e, ERR_NOT_FOUND, "404");
	if (buf_len(&f->bytes) > max_bytes)
		return err_set(e, ERR_BAD_INPUT, "too long");
	return buf_add(out, buf_data(&f->bytes), buf_len(&f->bytes), e);
}

static inline struct trust_source
memrepo_source(struct memrepo *r)
{
	return (struct trust_source){ .ctx = r, .fetch = memrepo_fetch };
}

/* Sign the role, put it where clients look, and remember it in *last. */
static inline void
memrepo_publish(struct memrepo *r, struct role *role, const char *name,
    struct sign_key *const *keys, size_t n_keys, struct meta_claim **last)
{
	struct role_signer signers[8];
	struct meta_claim *claim = NULL;
	struct buf bytes = BUF_INIT, path = BUF_INIT;
	struct err e = { 0 };

	assert_true(n_keys <= 8);
	for (size_t i = 0; i < n_keys; i++)
		signers[i] = sign_signer(keys[i]);
	if (role_file(role, signers, n_keys, &bytes, &e) == -1)
		fail_msg("%s", e.text);
	OK(meta_parse(buf_data(&bytes), buf_len(&bytes), &claim, NULL));
	OK(role_path(name, meta_claim_version(claim), &path, NULL));
	memrepo_put(r, buf_text(&path), &bytes);
	meta_claim_free(*last);
	*last = claim;
	role_free(role);
	buf_clear(&bytes);
	buf_clear(&path);
}

/* Begin the next version of one of the four; edit it, then memrepo_publish(). */
static inline struct role *
memrepo_next(struct memrepo *r, enum meta_type type)
{
	struct role *role = NULL;

	OK(role_new(type, r->last[type] == NULL ? NULL : meta_claim_peek(r->last[type]), r->now,
	    &role, NULL));
	return role;
}

static inline void
memrepo_finish(struct memrepo *r, enum meta_type type, struct role *role)
{
	memrepo_publish(r, role, meta_type_name(type), &r->key[type], 1, &r->last[type]);
}

/* The bytes of the newest version of a role in the repository. */
static inline const struct buf *
memrepo_bytes(struct memrepo *r, const char *role, int64_t version)
{
	struct buf path = BUF_INIT;
	struct memfile *f;

	OK(role_path(role, version, &path, NULL));
	f = memrepo_find(r, buf_text(&path));
	assert_non_null(f);
	buf_clear(&path);
	return &f->bytes;
}

static inline void
memrepo_list(struct memrepo *r, struct role *snapshot, const char *role, int64_t version)
{
	const struct buf *b = memrepo_bytes(r, role, version);

	role_set_file(snapshot, role, version, buf_data(b), buf_len(b));
}

/* A root that says what r->key says. */
static inline void
memrepo_root(struct memrepo *r)
{
	struct role *role = memrepo_next(r, META_ROOT);

	for (int i = 0; i < META_N_TYPES; i++) {
		const struct key *k = sign_public(r->key[i]);

		role_set_top(role, (enum meta_type)i, &k, 1, 1);
	}
	memrepo_finish(r, META_ROOT, role);
}

static inline void
memrepo_targets(struct memrepo *r)
{
	struct role *role = memrepo_next(r, META_TARGETS);
	const struct key *k = sign_public(r->channel_key);

	role_set_channel(role, "gd.ip", &k, 1, 1);
	memrepo_finish(r, META_TARGETS, role);
}

/* The next version of the channel, with a record of that release. */
static inline void
memrepo_channel(struct memrepo *r, int release)
{
	struct role *role = NULL;
	struct digest d;
	char path[64];

	OK(role_new(META_TARGETS, r->channel == NULL ? NULL : meta_claim_peek(r->channel), r->now,
	    &role, NULL));
	(void)snprintf(path, sizeof(path), "gd.ip/marks/%d/record.json", release);
	digest_of(&d, path, strlen(path));
	role_set_target(role, path, strlen(path), &d, (struct json_at){ NULL, NULL });
	memrepo_publish(r, role, "gd.ip", &r->channel_key, 1, &r->channel);
}

/* Snapshot and timestamp over what is newest: the switch. */
static inline void
memrepo_snapshot(struct memrepo *r)
{
	struct role *role = memrepo_next(r, META_SNAPSHOT);

	memrepo_list(r, role, "targets", meta_claim_version(r->last[META_TARGETS]));
	if (r->channel != NULL)
		memrepo_list(r, role, "gd.ip", meta_claim_version(r->channel));
	memrepo_finish(r, META_SNAPSHOT, role);
}

static inline void
memrepo_timestamp(struct memrepo *r)
{
	struct role *role = memrepo_next(r, META_TIMESTAMP);

	memrepo_list(r, role, "snapshot", meta_claim_version(r->last[META_SNAPSHOT]));
	memrepo_finish(r, META_TIMESTAMP, role);
}

static inline void
memrepo_switch(struct memrepo *r)
{
	memrepo_snapshot(r);
	memrepo_timestamp(r);
}

/* Root, targets with the channel gd.ip, no release yet: version 1 of all. */
static inline struct memrepo *
memrepo_new(void)
{
	struct memrepo *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->now = MEMREPO_NOW;
	for (int i = 0; i < META_N_TYPES; i++)
		r->key[i] = memrepo_key();
	r->channel_key = memrepo_key();
	r->spare = memrepo_key();
	memrepo_root(r);
	memrepo_targets(r);
	memrepo_switch(r);
	return r;
}

static inline void
memrepo_free(struct memrepo *r)
{
	for (int i = 0; i < META_N_TYPES; i++) {
		sign_free(r->key[i]);
		meta_claim_free(r->last[i]);
	}
	sign_free(r->channel_key);
	sign_free(r->spare);
	meta_claim_free(r->channel);
	for (size_t i = 0; i < r->n_files; i++)
		buf_clear(&r->files[i].bytes);
	free(r);
}

#endif
