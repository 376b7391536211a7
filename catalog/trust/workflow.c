/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/workflow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/trust/verify.h"

#define FILE_MODE 0644
#define NAME_SIZE 80 /* a role's name inside a message */

static const size_t max_bytes_of[META_N_TYPES] = {
	[META_ROOT] = LIMIT_ROOT_BYTES,
	[META_TARGETS] = LIMIT_TARGETS_BYTES,
	[META_SNAPSHOT] = LIMIT_SNAPSHOT_BYTES,
	[META_TIMESTAMP] = LIMIT_TIMESTAMP_BYTES,
};

static const char *
shown(char quoted[NAME_SIZE], const char *name)
{
	return err_quote(quoted, NAME_SIZE, name, strlen(name));
}

/* Report what went wrong elsewhere; -1. */
static int
pass_on(struct err *e, const struct err *why)
{
	if (e != NULL)
		*e = *why;
	return -1;
}

static void
replace(struct trust *t, enum meta_type type, struct meta *fresh)
{
	meta_free(t->top[type]);
	t->top[type] = fresh;
}

static int
file_name(const char *role, struct buf *name, struct err *e)
{
	return meta_quote_role(role, name, e) == -1 ? -1 : buf_add_text(name, ".json", e);
}

/* Append the stored bytes of a role; ERR_NOT_FOUND where there are none. */
static int
load_stored(const struct trust *t, const char *role, size_t max_bytes, struct buf *bytes,
    struct err *e)
{
	struct buf name = BUF_INIT;
	int rc = -1;

	if (file_name(role, &name, e) == 0)
		rc = file_load(t->dirfd, buf_text(&name), max_bytes, bytes, e);
	buf_clear(&name);
	return rc;
}

static int
store(const struct trust *t, const char *role, const struct buf *bytes, struct err *e)
{
	struct buf name = BUF_INIT;
	int rc = -1;

	if (file_name(role, &name, e) == 0)
		rc = file_save(t->dirfd, buf_text(&name), buf_data(bytes), buf_len(bytes),
		    FILE_MODE, e);
	buf_clear(&name);
	return rc;
}

/* What a source gave and is no metadata is nothing that somebody typed: it is not believed. */
static int
malformed(struct err *e, const char *what)
{
	if (e != NULL && e->class == ERR_BAD_INPUT)
		e->class = ERR_UNTRUSTED;
	err_within(e, "%s", what);
	return -1;
}

/* It cannot be had now, whichever file it is: the source has said all. */
static bool
is_of_source(const struct err *e)
{
	return e != NULL &&
	    (e->class == ERR_NETWORK || e->class == ERR_BUSY || e->class == ERR_DENIED);
}

/* Ask for a role; version 0: its name has none. */
static int
fetch(const struct trust_source *source, const char *role, int64_t version, size_t max_bytes,
    struct buf *bytes, struct err *e)
{
	struct buf path = BUF_INIT;
	int rc = -1;

	if (buf_add_text(&path, "metadata/", e) == -1 ||
	    (version != 0 && buf_printf(&path, e, "%" PRId64 ".", version) == -1) ||
	    meta_quote_role(role, &path, e) == -1 || buf_add_text(&path, ".json", e) == -1)
		goto out;
	if (source->fetch(source->ctx, buf_text(&path), max_bytes, bytes, e) == -1) {
		rc = is_of_source(e) ? -1 : malformed(e, buf_text(&path));
		goto out;
	}
	if (buf_len(bytes) > max_bytes) {
		err_set(e, ERR_UNTRUSTED, "%s: longer than %zu bytes", buf_text(&path), max_bytes);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&path);
	return rc;
}

/* Bytes to believed metadata. */
static int
believe(const struct verify_want *want, const struct buf *bytes, struct meta **out,
    struct err *e)
{
	struct meta_claim *claim = NULL;
	char quoted[NAME_SIZE];
	int rc = -1;

	if (meta_parse(buf_data(bytes), buf_len(bytes), &claim, e) == -1)
		rc = malformed(e, shown(quoted, want->role));
	else
		rc = verify_role(want, &claim, out, e);
	meta_claim_free(claim);
	return rc;
}

int
workflow_load_root(struct trust *t, struct err *e)
{
	struct meta_claim *claim = NULL;
	struct buf bytes = BUF_INIT;
	struct meta *root = NULL;
	int rc = -1;

	if (load_stored(t, "root", LIMIT_ROOT_BYTES, &bytes, e) == 0 &&
	    meta_parse(buf_data(&bytes), buf_len(&bytes), &claim, e) == 0 &&
	    verify_root_first(&claim, &root, e) == 0) {
		replace(t, META_ROOT, root);
		rc = 0;
	} else {
		err_within(e, "the root kept here");
	}
	meta_claim_free(claim);
	buf_clear(&bytes);
	return rc;
}

/* 5.3.3 to 5.3.9: one new root.  *found is false where there is none. */
static int
next_root(struct trust *t, const struct trust_source *source, bool *found, struct err *e)
{
	struct meta *trusted = t->top[META_ROOT], *fresh = NULL;
	struct meta_claim *claim = NULL;
	struct buf bytes = BUF_INIT;
	struct err why = { 0 };
	char name[48];
	int rc = -1;

	*found = false;
	if (fetch(source, "root", trusted->version + 1, LIMIT_ROOT_BYTES, &bytes, &why) == -1) {
		rc = why.class == ERR_NOT_FOUND ? 0 : pass_on(e, &why);
		goto out;
	}
	if (meta_parse(buf_data(&bytes), buf_len(&bytes), &claim, e) == -1) {
		(void)snprintf(name, sizeof(name), "root version %" PRId64, trusted->version + 1);
		rc = malformed(e, name);
		goto out;
	}
	if (verify_root_next(trusted, &claim, &fresh, e) == -1 ||
	    store(t, "root", &bytes, e) == -1)
		goto out;
	replace(t, META_ROOT, fresh);
	fresh = NULL;
	*found = true;
	rc = 0;
out:
	meta_free(fresh);
	meta_claim_free(claim);
	buf_clear(&bytes);
	return rc;
}

/* 5.3.  Expiry counts for the last root only, after it was kept (5.3.10). */
static int
update_root(struct trust *t, const struct trust_source *source, int64_t now, struct err *e)
{
	bool found = true;

	for (unsigned n = 0; found; n++) {
		if (n == LIMIT_ROOT_ROTATIONS)
			return err_set(e, ERR_BAD_INPUT,
			    "more than %u new roots at once; the next run goes on from here",
			    LIMIT_ROOT_ROTATIONS);
		if (next_root(t, source, &found, e) == -1)
			return -1;
	}
	return verify_expiry(t->top[META_ROOT], "root", now, e);
}

/*
 * What is on disk counts as long as the current root's keys have signed it, expired
 * or not: it is what must not be rolled back.  Where keys were rotated it no longer
 * does, which is how a repository recovers from version numbers driven up (5.3.11).
 */
int
workflow_load_top(struct trust *t, enum meta_type type, struct err *e)
{
	struct verify_want want = { .delegator = t->top[META_ROOT], .role = meta_type_name(type) };
	struct buf bytes = BUF_INIT;
	struct meta *m = NULL;
	int rc = -1;

	if (load_stored(t, want.role, max_bytes_of[type], &bytes, e) == 0 &&
	    believe(&want, &bytes, &m, e) == 0) {
		replace(t, type, m);
		rc = 0;
	}
	buf_clear(&bytes);
	return rc;
}

int
workflow_load_baseline(struct trust *t, enum meta_type type, struct err *e)
{
	struct err why = { 0 };

	if (workflow_load_top(t, type, &why) == 0 || why.class != ERR_SYSTEM)
		return 0;
	return pass_on(e, &why);
}

/* Expiry of timestamp and snapshot, for which a stick may be excused. */
static int
check_fresh(struct trust *t, const struct meta *m, int64_t now, struct err *e)
{
	const char *role = meta_type_name(m->type);

	if (verify_expiry(m, role, now - t->options.max_stale_s, e) == -1)
		return -1;
	if (verify_expiry(m, role, now, NULL) == -1)
		t->is_stale = true;
	return 0;
}

static const struct meta_file *
snapshot_file(const struct meta *timestamp)
{
	return meta_find_file(timestamp, "snapshot.json"); /* meta_parse() saw to it */
}

/* 5.4.3.2: the snapshot that the timestamp names must not go back either. */
static int
check_timestamp_follows(const struct meta *old, const struct meta *fresh, struct err *e)
{
	int64_t was = snapshot_file(old)->version, is = snapshot_file(fresh)->version;

	if (is < was)
		return err_set(e, ERR_UNTRUSTED,
		    "timestamp version %" PRId64 " lists snapshot version %" PRId64
		    " after version %" PRId64 " was seen: a rollback", fresh->version, is, was);
	return 0;
}

/* 5.4 */
static int
update_timestamp(struct trust *t, const struct trust_source *source, int64_t now,
    struct err *e)
{
	struct verify_want want = { .delegator = t->top[META_ROOT], .role = "timestamp" };
	const struct meta *old;
	struct buf bytes = BUF_INIT;
	struct meta *fresh = NULL;
	int rc = -1;

	if (workflow_load_baseline(t, META_TIMESTAMP, e) == -1)
		return -1;
	old = t->top[META_TIMESTAMP];
	want.version_min = old == NULL ? 0 : old->version;
	if (fetch(source, want.role, 0, LIMIT_TIMESTAMP_BYTES, &bytes, e) == -1 ||
	    believe(&want, &bytes, &fresh, e) == -1)
		goto out;
	if (old != NULL && fresh->version == old->version) {
		rc = check_fresh(t, old, now, e); /* nothing is new: the old file stays */
		goto out;
	}
	if ((old != NULL && check_timestamp_follows(old, fresh, e) == -1) ||
	    check_fresh(t, fresh, now, e) == -1 || store(t, want.role, &bytes, e) == -1)
		goto out;
	replace(t, META_TIMESTAMP, fresh);
	fresh = NULL;
	rc = 0;
out:
	meta_free(fresh);
	buf_clear(&bytes);
	return rc;
}

static size_t
max_bytes_for(const struct meta_file *listed, size_t limit)
{
	int64_t said = listed->bytes.length;

	return said >= 0 && (uint64_t)said < limit ? (size_t)said : limit;
}

/* The version that stands in a file's name, 0 where the repository has none there. */
static int64_t
named_version(const struct trust *t, const struct meta_file *listed)
{
	return t->top[META_ROOT]->consistent_snapshot ? listed->version : 0;
}

/* Whether the bytes are those that are listed; *e names role and version. */
static int
check_listed(const char *role, const struct meta_file *listed, const struct buf *bytes,
    struct err *e)
{
	char quoted[NAME_SIZE];

	if (verify_bytes(&listed->bytes, buf_data(bytes), buf_len(bytes), e) == 0)
		return 0;
	err_within(e, "%s version %" PRId64, shown(quoted, role), listed->version);
	return -1;
}

/* Whether the snapshot on disk is the one the timestamp lists. */
static bool
is_current(const struct trust *t, const struct meta_file *listed, int64_t now)
{
	const struct meta *m = t->top[META_SNAPSHOT];
	struct buf bytes = BUF_INIT;
	bool same;

	if (m == NULL || m->version != listed->version)
		return false;
	if (verify_expiry(m, "snapshot", now - t->options.max_stale_s, NULL) == -1)
		return false;
	same = load_stored(t, "snapshot", LIMIT_SNAPSHOT_BYTES, &bytes, NULL) == 0 &&
	    check_listed("snapshot", listed, &bytes, NULL) == 0;
	buf_clear(&bytes);
	return same;
}

/* 5.5.1 to 5.5.7: the snapshot that the timestamp lists, from the source. */
static int
fetch_snapshot(struct trust *t, const struct trust_source *source, int64_t now, struct err *e)
{
	const struct meta_file *listed = snapshot_file(t->top[META_TIMESTAMP]);
	struct verify_want want = {
		.delegator = t->top[META_ROOT], .role = "snapshot", .version = listed->version,
	};
	const struct meta *old = t->top[META_SNAPSHOT];
	struct buf bytes = BUF_INIT;
	struct meta *fresh = NULL;
	int rc = -1;

	if (fetch(source, want.role, named_version(t, listed),
	    max_bytes_for(listed, LIMIT_SNAPSHOT_BYTES), &bytes, e) == -1 ||
	    check_listed(want.role, listed, &bytes, e) == -1 ||
	    believe(&want, &bytes, &fresh, e) == -1)
		goto out;
	if ((old != NULL && verify_snapshot_follows(old, fresh, e) == -1) ||
	    check_fresh(t, fresh, now, e) == -1 || store(t, want.role, &bytes, e) == -1)
		goto out;
	replace(t, META_SNAPSHOT, fresh);
	fresh = NULL;
	rc = 0;
out:
	meta_free(fresh);
	buf_clear(&bytes);
	return rc;
}

/* 5.5 */
static int
update_snapshot(struct trust *t, const struct trust_source *source, int64_t now,
    struct err *e)
{
	if (workflow_load_baseline(t, META_SNAPSHOT, e) == -1)
		return -1;
	if (is_current(t, snapshot_file(t->top[META_TIMESTAMP]), now))
		return check_fresh(t, t->top[META_SNAPSHOT], now, e);
	return fetch_snapshot(t, source, now, e);
}

/* What the snapshot says about a role; ERR_NOT_FOUND where it says nothing. */
static int
find_listed(const struct trust *t, const char *role, const struct meta_file **out,
    struct err *e)
{
	struct buf name = BUF_INIT;
	char quoted[NAME_SIZE];

	*out = NULL;
	if (buf_printf(&name, e, "%s.json", role) == -1)
		return -1;
	if (t->top[META_SNAPSHOT] != NULL)
		*out = meta_find_file(t->top[META_SNAPSHOT], buf_text(&name));
	buf_clear(&name);
	if (*out == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s: the snapshot lists no such role",
		    shown(quoted, role));
	return 0;
}

/* 5.6.2 to 5.6.5: length and hashes, signatures, version, expiry. */
static int
judge_targets(const struct workflow_wanted *w, const struct meta_file *listed,
    const struct buf *bytes, struct meta **out, struct err *e)
{
	struct verify_want want = {
		.delegator = w->delegator, .role = w->role, .version = listed->version,
	};
	struct meta *m = NULL;

	if (check_listed(w->role, listed, bytes, e) == -1 || believe(&want, bytes, &m, e) == -1)
		return -1;
	if (verify_expiry(m, w->role, w->now, e) == -1) {
		meta_free(m);
		return -1;
	}
	*out = m;
	return 0;
}

/* A role from disk, where that is exactly what is wanted.  *out is NULL where it is not. */
static int
targets_from_disk(const struct trust *t, const struct workflow_wanted *w,
    const struct meta_file *listed, struct meta **out, bool *was_held, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct err why = { 0 };
	struct meta *m = NULL;

	*was_held = false;
	if (load_stored(t, w->role, LIMIT_TARGETS_BYTES, &bytes, &why) == 0) {
		*was_held = true;
		(void)judge_targets(w, listed, &bytes, &m, &why); /* m says it */
	}
	buf_clear(&bytes);
	if (m == NULL && why.class == ERR_SYSTEM)
		return pass_on(e, &why);
	*out = m;
	return 0;
}

static int
targets_from_source(const struct trust *t, const struct trust_source *source,
    const struct workflow_wanted *w, const struct meta_file *listed, struct meta **out,
    struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct meta *m = NULL;
	int rc = -1;

	if (fetch(source, w->role, named_version(t, listed),
	    max_bytes_for(listed, LIMIT_TARGETS_BYTES), &bytes, e) == -1 ||
	    judge_targets(w, listed, &bytes, &m, e) == -1 ||
	    store(t, w->role, &bytes, e) == -1)
		goto out;
	*out = m;
	m = NULL;
	rc = 0;
out:
	meta_free(m);
	buf_clear(&bytes);
	return rc;
}

int
workflow_get_targets(const struct trust *t, const struct trust_source *source,
    const struct workflow_wanted *w, struct meta **out, struct err *e)
{
	const struct meta_file *listed;
	struct err why = { 0 };
	struct meta *m = NULL;
	char quoted[NAME_SIZE];
	bool was_held;

	if (find_listed(t, w->role, &listed, e) == -1 ||
	    targets_from_disk(t, w, listed, &m, &was_held, e) == -1)
		return -1;
	if (m == NULL && source == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s: version %" PRId64 " is not held here",
		    shown(quoted, w->role), listed->version);
	if (m == NULL && targets_from_source(t, source, w, listed, &m, &why) == -1) {
		if (why.class != ERR_NOT_FOUND || !was_held)
			return pass_on(e, &why);
		return err_set(e, ERR_WITHHELD, "%s: held before, version %" PRId64
		    " exists, and is not given: access ended, or this source withholds it",
		    shown(quoted, w->role), listed->version);
	}
	*out = m;
	return 0;
}

/* 5.6 */
static int
update_targets(struct trust *t, const struct trust_source *source, int64_t now, struct err *e)
{
	struct workflow_wanted w = {
		.delegator = t->top[META_ROOT], .role = "targets", .now = now,
	};
	struct meta *m;

	if (workflow_get_targets(t, source, &w, &m, e) == -1)
		return -1;
	replace(t, META_TARGETS, m);
	return 0;
}

int
workflow_load_targets(const struct trust *t, const struct meta *delegator, const char *role,
    struct meta **out, struct err *e)
{
	struct verify_want want = { .delegator = delegator, .role = role };
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (load_stored(t, role, LIMIT_TARGETS_BYTES, &bytes, e) == 0)
		rc = believe(&want, &bytes, out, e);
	buf_clear(&bytes);
	return rc;
}

int
workflow_refresh(struct trust *t, const struct trust_source *source, int64_t now,
    struct err *e)
{
	if (update_root(t, source, now, e) == -1 || update_timestamp(t, source, now, e) == -1 ||
	    update_snapshot(t, source, now, e) == -1)
		return -1;
	return update_targets(t, source, now, e);
}
