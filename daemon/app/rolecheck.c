/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/rolecheck.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/hub/state_releases.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"

struct role {
	struct json *doc; /* owned; NULL: no role */
	int64_t version;  /* 0: no role */
	struct json_at targets;
};

static void
role_clear(struct role *r)
{
	json_free(r->doc);
}

static int
role_parse(struct role *r, const struct rolecheck_role *in, const char *what, struct err *e)
{
	struct json_at sig;
	const char *type;

	memset(r, 0, sizeof(*r));
	if (in->bytes == NULL)
		return 0;
	if (json_parse(in->bytes, in->len, GATE_SIGNED, &r->doc, e) == -1 ||
	    json_get_object(json_top(r->doc), "signed", &sig, e) == -1 ||
	    json_get_text(sig, "_type", &type, e) == -1 ||
	    json_get_int_in(sig, "version", 1, JSON_INT_MAX, &r->version, e) == -1 ||
	    json_get_object(sig, "targets", &r->targets, e) == -1)
		goto fail;
	if (strcmp(type, "targets") != 0) {
		(void)err_set(e, ERR_BAD_INPUT, "signed._type: \"targets\" is wanted");
		goto fail;
	}
	return 0;
fail:
	err_within(e, "%s", what);
	role_clear(r);
	return -1;
}

static struct json_at
target(const struct role *r, const char *name)
{
	return r->doc == NULL ? (struct json_at){ 0 } : json_member(r->targets, name);
}

static int
is_same(struct json_at a, struct json_at b, bool *same, struct err *e)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int rc = -1;

	if (canon_signed(a, &x, e) == 0 && canon_signed(b, &y, e) == 0) {
		*same = buf_len(&x) == buf_len(&y) &&
		    memcmp(buf_data(&x), buf_data(&y), buf_len(&x)) == 0;
		rc = 0;
	}
	buf_clear(&x);
	buf_clear(&y);
	return rc;
}

static bool
is_withdrawn(struct json_at t)
{
	return withdrawn_is(json_member(t, "custom"));
}

static int
check_version(const struct role *old, const struct role *new, struct err *e)
{
	if (new->version == old->version + 1)
		return 0;
	return err_set(e, ERR_CONFLICT,
	    "the channel's role is at version %lld, so %lld is wanted, and %lld was sent: refresh, "
	    "sign again",
	    (long long)old->version, (long long)old->version + 1, (long long)new->version);
}

/* length and hashes.sha256 of a target of the new role. */
static int
check_file(struct json_at t, const char *name, uint64_t len, const struct digest *sha256,
    struct err *e)
{
	struct json_at hashes;
	struct digest d;
	int64_t length;

	if (!json_is(t))
		return err_set(e, ERR_BAD_INPUT, "the role lacks the target %s", name);
	if (json_get_int_in(t, "length", 0, JSON_INT_MAX, &length, e) == -1 ||
	    json_get_object(t, "hashes", &hashes, e) == -1 ||
	    json_get_digest(hashes, "sha256", &d, e) == -1)
		return -1;
	if ((uint64_t)length != len || !digest_equal(&d, sha256))
		return err_set(e, ERR_BAD_INPUT,
		    "the target %s is not what was checked: length or hash differ", name);
	if (is_withdrawn(t))
		return err_set(e, ERR_BAD_INPUT, "the target %s is marked as withdrawn", name);
	return 0;
}

/* The numbers of a course's records in a role: withdrawn or not. */
struct numbers {
	uint32_t *live; /* owned; ascending after sort() */
	size_t n_live;
	uint32_t newest; /* withdrawn ones included; 0: none */
};

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Every target's name must be one of this channel; collect those of r's course. */
static int
collect(const struct role *role, const struct state_release *r, struct numbers *out, struct err *e)
{
	size_t n = role->doc == NULL ? 0 : json_count(role->targets);

	memset(out, 0, sizeof(*out));
	out->live = calloc(n + 1, sizeof(*out->live));
	if (out->live == NULL)
		return err_nomem(e);
	if (n == 0)
		return 0;
	for (struct json_at t = json_first(role->targets); json_is(t); t = json_next(t)) {
		struct objpath p;

		if (objpath_parse_target(&p, json_key(t), e) == -1 ||
		    strcmp(p.channel, r->channel) != 0) {
			char quoted[120];

			free(out->live);
			out->live = NULL;
			err_quote(quoted, sizeof(quoted), json_key(t), strlen(json_key(t)));
			return err_set(e, ERR_BAD_INPUT, "%s is not the name of a target of %s",
			    quoted, r->channel);
		}
		if (p.kind != OBJPATH_RECORD || strcmp(p.course, r->course) != 0)
			continue;
		if (p.release > out->newest)
			out->newest = p.release;
		if (!is_withdrawn(t))
			out->live[out->n_live++] = p.release;
	}
	qsort(out->live, out->n_live, sizeof(*out->live), compare);
	return 0;
}

/*
 * A target of the old role that the new one lacks: allowed for the bundle before, and
 * for a live record when enough newer ones are left.
 */
static int
may_drop(struct json_at t, const struct state_release *r, const struct numbers *new, struct err *e)
{
	struct objpath p;

	if (objpath_parse_target(&p, json_key(t), e) == -1)
		return -1;
	if (strcmp(p.course, r->course) == 0) {
		if (p.kind == OBJPATH_BUNDLE)
			return 0;
		if (!is_withdrawn(t) && new->n_live == LIMIT_LIVE_RELEASES &&
		    p.release < new->live[0])
			return 0;
	}
	return err_set(e, ERR_BAD_INPUT, "the role lacks the target %s, which must stay",
	    json_key(t));
}

static int
check_kept(const struct role *old, const struct role *new, const struct state_release *r,
    const struct numbers *now, struct err *e)
{
	if (old->doc == NULL)
		return 0;
	for (struct json_at t = json_first(old->targets); json_is(t); t = json_next(t)) {
		struct json_at other = target(new, json_key(t));
		bool same;

		if (!json_is(other)) {
			if (may_drop(t, r, now, e) == -1)
				return -1;
			continue;
		}
		if (is_same(t, other, &same, e) == -1)
			return -1;
		if (!same)
			return err_set(e, ERR_BAD_INPUT,
			    "the target %s was changed; publishing one release leaves all others",
			    json_key(t));
	}
	return 0;
}

/* Nothing is new but the two targets of the release, and the course has one bundle. */
static int
check_added(const struct role *old, const struct role *new, const char *record, const char *bundle,
    const struct state_release *r, struct err *e)
{
	for (struct json_at t = json_first(new->targets); json_is(t); t = json_next(t)) {
		const char *name = json_key(t);
		bool is_ours = strcmp(name, record) == 0 || strcmp(name, bundle) == 0;
		struct objpath p;

		if (objpath_parse_target(&p, name, e) == -1)
			return -1;
		if (!is_ours && !json_is(target(old, name)))
			return err_set(e, ERR_BAD_INPUT,
			    "the target %s is new, and not of the release published", name);
		if (!is_ours && p.kind == OBJPATH_BUNDLE && strcmp(p.course, r->course) == 0)
			return err_set(e, ERR_BAD_INPUT,
			    "the target %s must go: only the newest release has a bundle",
			    name);
	}
	return 0;
}

static int
check_targets(const struct role *old, const struct role *new, const struct state_release *r,
    const struct numbers *before, const struct numbers *now, struct err *e)
{
	struct objpath p = { .kind = OBJPATH_RECORD, .release = r->number };
	char record[OBJPATH_SIZE], bundle[OBJPATH_SIZE];

	memcpy(p.channel, r->channel, sizeof(p.channel));
	memcpy(p.course, r->course, sizeof(p.course));
	objpath_build_target(record, &p);
	p.kind = OBJPATH_BUNDLE;
	objpath_build_target(bundle, &p);
	if (r->number <= before->newest)
		return err_set(e, ERR_CONFLICT,
		    "%s/%s already has a release %u: publish this one with a higher number",
		    r->channel,
		    r->course, (unsigned)before->newest);
	if (check_file(target(new, record), record, r->record_len, &r->record, e) == -1 ||
	    check_file(target(new, bundle), bundle, r->tar_len, &r->tar, e) == -1)
		return -1;
	if (now->n_live > LIMIT_LIVE_RELEASES)
		return err_set(e, ERR_BAD_INPUT,
		    "the role has %zu live releases of %s; the oldest must go, %u may stay",
		    now->n_live, r->course, (unsigned)LIMIT_LIVE_RELEASES);
	if (check_kept(old, new, r, now, e) == -1)
		return -1;
	return check_added(old, new, record, bundle, r, e);
}

int
rolecheck_publish(const struct rolecheck_role *old, const struct rolecheck_role *new,
    const struct state_release *r, struct rolecheck_result *out, struct err *e)
{
	struct role o, n;
	struct numbers before = { 0 }, now = { 0 };
	int rc = -1;

	if (role_parse(&o, old, "the channel's present role", e) == -1)
		return -1;
	if (role_parse(&n, new, "the channel's role", e) == -1) {
		role_clear(&o);
		return -1;
	}
	if (check_version(&o, &n, e) == -1 || collect(&o, r, &before, e) == -1 ||
	    collect(&n, r, &now, e) == -1 || check_targets(&o, &n, r, &before, &now, e) == -1)
		goto out;
	out->version = n.version;
	out->n_live = now.n_live;
	memcpy(out->live, now.live, now.n_live * sizeof(*now.live));
	rc = 0;
out:
	free(before.live);
	free(now.live);
	role_clear(&o);
	role_clear(&n);
	return rc;
}

/* Whether it leaves all targets as they are, or takes all of them away. */
static int
check_renewal(const struct role *old, const struct role *new, bool *ends, struct err *e)
{
	bool same = false;

	*ends = json_count(new->targets) == 0;
	if (old->doc == NULL)
		return *ends ? 0 : err_set(e, ERR_BAD_INPUT,
		    "the channel has no role that could be renewed");
	/* Exactly the next, or after a restore a leap: kebaod-signer knows. */
	if (new->version <= old->version)
		return check_version(old, new, e);
	if (is_same(old->targets, new->targets, &same, e) == -1)
		return -1;
	if (same)
		*ends = false;
	else if (!*ends)
		return err_set(e, ERR_BAD_INPUT, "a renewed role has the same targets as before");
	return 0;
}

int
rolecheck_renew(const struct rolecheck_role *old, const struct rolecheck_role *new,
    int64_t *version, bool *ends, struct err *e)
{
	struct role o, n;
	int rc;

	if (role_parse(&o, old, "the channel's present role", e) == -1)
		return -1;
	if (role_parse(&n, new, "the channel's role", e) == -1) {
		role_clear(&o);
		return -1;
	}
	rc = check_renewal(&o, &n, ends, e);
	if (rc == 0)
		*version = n.version;
	role_clear(&o);
	role_clear(&n);
	return rc;
}

/* ---- recall ---- */

/* The target without its mark, canonical: whether that is all that differs. */
static int
add_unmarked(struct json_at t, struct buf *out, struct err *e)
{
	struct json *doc = json_new();
	struct json_at copy = json_put_copy(json_top(doc), "target", t);
	struct json_at custom = json_member(copy, "custom");
	int rc;

	json_drop(custom, "withdrawn");
	if (json_count(custom) == 0)
		json_drop(copy, "custom");
	rc = json_check(doc, e);
	if (rc == 0)
		rc = canon_signed(copy, out, e);
	json_free(doc);
	return rc;
}

static int
check_mark(struct json_at was, struct json_at is, struct rolecheck_recall *out, struct err *e)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	struct withdrawn w = { .date = 0 };
	int rc = -1;

	if (is_withdrawn(was) == is_withdrawn(is)) {
		(void)err_set(e, ERR_BAD_INPUT,
		    "the target %s was changed; only a recall may change one", json_key(was));
		goto out;
	}
	out->is_undo = is_withdrawn(was);
	if (!out->is_undo && withdrawn_parse(json_member(is, "custom"), &w, e) == -1)
		goto out;
	if (add_unmarked(was, &x, e) == -1 || add_unmarked(is, &y, e) == -1)
		goto out;
	if (buf_len(&x) != buf_len(&y) || memcmp(buf_data(&x), buf_data(&y), buf_len(&x)) != 0) {
		(void)err_set(e, ERR_BAD_INPUT,
		    "a recall changes nothing of the target %s but custom.withdrawn",
		    json_key(was));
		goto out;
	}
	memcpy(out->reason, w.reason, sizeof(out->reason));
	out->successor = w.successor;
	rc = 0;
out:
	buf_clear(&x);
	buf_clear(&y);
	return rc;
}

/* Find the one record that changed.  Bundles are looked at when its course is known. */
static int
find_mark(const struct role *old, const struct role *new, struct rolecheck_recall *out,
    struct err *e)
{
	out->release = 0;
	for (struct json_at t = json_first(old->targets); json_is(t); t = json_next(t)) {
		struct json_at other = target(new, json_key(t));
		struct objpath p;
		bool same;

		if (objpath_parse_target(&p, json_key(t), e) == -1)
			return -1;
		if (p.kind != OBJPATH_RECORD || !json_is(other))
			continue;
		if (is_same(t, other, &same, e) == -1)
			return -1;
		if (same)
			continue;
		if (out->release != 0)
			return err_set(e, ERR_BAD_INPUT,
			    "a role recalls one release at a time, and %s changed as well",
			    json_key(t));
		if (check_mark(t, other, out, e) == -1)
			return -1;
		memcpy(out->course, p.course, sizeof(out->course));
		out->release = p.release;
	}
	if (out->release == 0)
		return err_set(e, ERR_BAD_INPUT,
		    "this role is neither a renewal nor a recall: publish releases as drafts");
	return 0;
}

/* Everything that find_mark() did not look at. */
static int
check_rest(const struct role *old, const struct role *new, const char *channel,
    const struct rolecheck_recall *r, const struct numbers *now, struct err *e)
{
	struct state_release about = { .number = r->release };

	(void)snprintf(about.channel, sizeof(about.channel), "%s", channel); /* an id fits */
	memcpy(about.course, r->course, sizeof(about.course));
	for (struct json_at t = json_first(old->targets); json_is(t); t = json_next(t)) {
		struct json_at other = target(new, json_key(t));
		struct objpath p;
		bool same;

		if (objpath_parse_target(&p, json_key(t), e) == -1)
			return -1;
		if (!json_is(other)) {
			if (may_drop(t, &about, now, e) == -1)
				return -1;
			continue;
		}
		if (p.kind != OBJPATH_BUNDLE)
			continue;
		if (is_same(t, other, &same, e) == -1)
			return -1;
		if (!same)
			return err_set(e, ERR_BAD_INPUT, "the target %s was changed", json_key(t));
	}
	for (struct json_at t = json_first(new->targets); json_is(t); t = json_next(t)) {
		struct objpath p;

		if (objpath_parse_target(&p, json_key(t), e) == -1)
			return -1;
		if (!json_is(target(old, json_key(t))) &&
		    (p.kind != OBJPATH_BUNDLE || strcmp(p.course, r->course) != 0))
			return err_set(e, ERR_BAD_INPUT, "the target %s is new", json_key(t));
		if (p.kind == OBJPATH_BUNDLE && strcmp(p.course, r->course) == 0 &&
		    p.release != r->bundle)
			return err_set(e, ERR_BAD_INPUT,
			    "the target %s must go: only the newest live release has a bundle",
			    json_key(t));
	}
	return 0;
}

/* Who is sent to another release finds it: a live one of the course. */
static int
check_successor(const struct rolecheck_recall *r, const struct numbers *now, struct err *e)
{
	for (size_t i = 0; i < now->n_live; i++)
		if (now->live[i] == r->successor)
			return 0;
	return r->successor == 0 ? 0 : err_set(e, ERR_BAD_INPUT,
	    "release %u cannot be the successor of %s/%u: it is not a live one",
	    (unsigned)r->successor, r->course, (unsigned)r->release);
}

static int
read_bundle(const struct role *new, const char *channel, struct rolecheck_recall *r,
    struct err *e)
{
	struct objpath p = { .kind = OBJPATH_BUNDLE, .release = r->bundle };
	char name[OBJPATH_SIZE];
	struct json_at t, hashes;
	int64_t length;

	if (r->bundle == 0)
		return 0;
	(void)snprintf(p.channel, sizeof(p.channel), "%s", channel); /* an id fits */
	memcpy(p.course, r->course, sizeof(p.course));
	objpath_build_target(name, &p);
	t = target(new, name);
	if (!json_is(t))
		return err_set(e, ERR_BAD_INPUT,
		    "the role lacks the target %s: the newest live release has a bundle", name);
	if (json_get_int_in(t, "length", 0, JSON_INT_MAX, &length, e) == -1 ||
	    json_get_object(t, "hashes", &hashes, e) == -1 ||
	    json_get_digest(hashes, "sha256", &r->bundle_sha256, e) == -1)
		return -1;
	r->bundle_len = (uint64_t)length;
	return 0;
}

static int
check_recall(const struct role *old, const struct role *new, const char *channel,
    struct rolecheck_recall *out, struct err *e)
{
	struct state_release about = { .number = 0 };
	struct numbers now = { 0 };
	int rc = -1;

	if (check_version(old, new, e) == -1 || find_mark(old, new, out, e) == -1)
		return -1;
	(void)snprintf(about.channel, sizeof(about.channel), "%s", channel); /* an id fits */
	memcpy(about.course, out->course, sizeof(about.course));
	if (collect(new, &about, &now, e) == -1)
		return -1;
	if (now.n_live > LIMIT_LIVE_RELEASES) {
		(void)err_set(e, ERR_BAD_INPUT, "the role has %zu live releases of %s, %u may stay",
		    now.n_live, out->course, (unsigned)LIMIT_LIVE_RELEASES);
		goto out;
	}
	out->version = new->version;
	out->bundle = now.n_live > 0 ? now.live[now.n_live - 1] : 0;
	out->n_live = now.n_live;
	memcpy(out->live, now.live, now.n_live * sizeof(*now.live));
	if (check_rest(old, new, channel, out, &now, e) == -1 ||
	    check_successor(out, &now, e) == -1)
		goto out;
	rc = read_bundle(new, channel, out, e);
out:
	free(now.live);
	return rc;
}

int
rolecheck_recall(const struct rolecheck_role *old, const struct rolecheck_role *new,
    const char *channel, struct rolecheck_recall *out, struct err *e)
{
	struct role o, n;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (role_parse(&o, old, "the channel's present role", e) == -1)
		return -1;
	if (role_parse(&n, new, "the channel's role", e) == -1) {
		role_clear(&o);
		return -1;
	}
	if (o.doc == NULL)
		(void)err_set(e, ERR_BAD_INPUT, "the channel has no release that could be "
		    "recalled");
	else
		rc = check_recall(&o, &n, channel, out, e);
	role_clear(&o);
	role_clear(&n);
	return rc;
}
