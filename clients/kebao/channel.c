/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "catalog/repo/objpath.h"
#include "clients/kebao/belief.h"

#define SIGNERS_MOST 16u

/* Whoever signs for a channel can mend one that has expired: say how. */
static void
advise(const struct channel *c, const struct trust_source *source, int64_t now, struct err *e)
{
	struct belief_role role;

	if (e->class != ERR_UNTRUSTED ||
	    belief_role(c->trust, source, c->id, now, &role, NULL) == -1)
		return;
	if (role.is_expired)
		err_within(e, "sign it again first, kebao sign --renew %s", c->id);
	belief_role_clear(&role);
}

int
channel_open(struct channel *c, struct trust *trust, const struct trust_source *source,
    const char *id, int64_t now, struct err *e)
{
	struct err mine = { 0 };

	*c = (struct channel){ .trust = trust, .id = id };
	c->delegation = meta_find_role(trust_targets(trust), id);
	if (c->delegation == NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "the hub has no channel %s, or its keys are not signed yet", id);
	if (trust_role(trust, source, id, now, &c->role, &mine) == 0)
		return 0;
	c->role = NULL;
	if (mine.class == ERR_NOT_FOUND)
		return 0;
	advise(c, source, now, &mine);
	if (e != NULL)
		*e = mine;
	return -1;
}

static bool
may_sign(const struct channel *c, const struct key *key)
{
	const struct meta *targets = trust_targets(c->trust);

	for (size_t i = 0; i < c->delegation->n_keyids; i++) {
		const struct key *k = meta_find_key(targets, c->delegation->keyids[i]);

		if (k != NULL && key_is_same(k, key))
			return true;
	}
	return false;
}

int
channel_check_keys(const struct channel *c, struct sign_key *const *keys, size_t n,
    struct err *e)
{
	if (n == 0)
		return err_set(e, ERR_BAD_INPUT, "no key was given");
	if (n > SIGNERS_MOST)
		return err_set(e, ERR_BAD_INPUT, "more than %u keys", SIGNERS_MOST);
	for (size_t i = 0; i < n; i++) {
		if (!may_sign(c, sign_public(keys[i])))
			return err_set(e, ERR_DENIED, "key %s may not sign for channel %s",
			    key_id(sign_public(keys[i])), c->id);
		for (size_t k = 0; k < i; k++)
			if (key_is_same(sign_public(keys[i]), sign_public(keys[k])))
				return err_set(e, ERR_BAD_INPUT, "key %s was given twice",
				    key_id(sign_public(keys[i])));
	}
	return 0;
}

/* The target as an object of this course, or false. */
static bool
is_of_course(const struct channel *c, const struct meta_target *target, const char *course,
    struct objpath *p)
{
	return objpath_parse_target(p, target->path, NULL) == 0 && strcmp(p->channel, c->id) == 0 &&
	    strcmp(p->course, course) == 0;
}

const struct meta_target *
channel_newest(const struct channel *c, const char *course, uint32_t *release)
{
	const struct meta_target *newest = NULL;

	*release = 0;
	for (size_t i = 0; c->role != NULL && i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];
		struct objpath p;

		if (is_of_course(c, target, course, &p) && p.kind == OBJPATH_RECORD &&
		    p.release > *release) {
			*release = p.release;
			newest = target;
		}
	}
	return newest;
}

const struct meta_target *
channel_release(const struct channel *c, const char *course, uint32_t release)
{
	for (size_t i = 0; c->role != NULL && i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];
		struct objpath p;

		if (is_of_course(c, target, course, &p) && p.kind == OBJPATH_RECORD &&
		    p.release == release)
			return target;
	}
	return NULL;
}

/* How many live releases of the course are newer than this one. */
static unsigned
n_newer(const struct channel *c, const struct objpath *than)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];
		struct objpath p;

		if (is_of_course(c, target, than->course, &p) && p.kind == OBJPATH_RECORD &&
		    p.release > than->release && !withdrawn_is(target->custom))
			n++;
	}
	return n;
}

/* What the new release puts out of the role: the bundle before it, and records too old. */
static void
drop_old(const struct channel *c, const char *course, struct role *next)
{
	for (size_t i = 0; c->role != NULL && i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];
		struct objpath p;

		if (!is_of_course(c, target, course, &p))
			continue;
		if (p.kind == OBJPATH_BUNDLE)
			role_drop_target(next, target->path);
		else if (!withdrawn_is(target->custom) &&
		    n_newer(c, &p) + 2 > LIMIT_LIVE_RELEASES)
			role_drop_target(next, target->path);
	}
}

static void
put_release(const struct channel_release *release, struct role *next)
{
	const struct record *r = release->record;
	struct objpath p = { .kind = OBJPATH_RECORD, .release = r->release };
	struct json_at nowhere = { NULL, NULL };
	char path[OBJPATH_SIZE];
	struct digest sha256;

	memcpy(p.channel, r->channel, sizeof(p.channel));
	memcpy(p.course, r->course, sizeof(p.course));
	digest_of(&sha256, buf_data(release->record_bytes), buf_len(release->record_bytes));
	objpath_build_target(path, &p);
	role_set_target(next, path, buf_len(release->record_bytes), &sha256, nowhere);
	p.kind = OBJPATH_BUNDLE;
	objpath_build_target(path, &p);
	role_set_target(next, path, r->tar.len, &r->tar.sha256, nowhere);
}

int
channel_next_release(const struct channel *c, const struct channel_release *release,
    struct role **out, struct err *e)
{
	if (role_new(META_TARGETS, c->role, release->now, out, e) == -1)
		return -1;
	drop_old(c, release->record->course, *out);
	put_release(release, *out);
	return 0;
}

/* --- recall --- */

const struct meta_target *
channel_bundle_after(const struct channel *c, const struct channel_recall *recall,
    uint32_t *release)
{
	const struct meta_target *newest = NULL;

	*release = 0;
	for (size_t i = 0; c->role != NULL && i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];
		struct objpath p;
		bool is_gone;

		if (!is_of_course(c, target, recall->course, &p) || p.kind != OBJPATH_RECORD)
			continue;
		is_gone = p.release == recall->release ? !recall->is_undo
		                                        : withdrawn_is(target->custom);
		if (!is_gone && p.release > *release) {
			*release = p.release;
			newest = target;
		}
	}
	return newest;
}

/* custom as it is, but for the mark. */
static void
put_mark(const struct channel_recall *recall, const struct meta_target *target,
    struct role *next)
{
	struct json_at nowhere = { NULL, NULL };
	struct json *doc = json_new();
	struct json_at custom;

	custom = json_is(target->custom) ? json_put_copy(json_top(doc), "custom", target->custom)
	                                 : json_put_object(json_top(doc), "custom");
	if (recall->is_undo)
		json_drop(custom, "withdrawn");
	else
		withdrawn_put(custom, &recall->what);
	role_set_custom(next, target->path, json_count(custom) > 0 ? custom : nowhere);
	json_free(doc);
}

/* The course's bundles go, but for the one that belongs there afterwards. */
static void
move_bundle(const struct channel *c, const struct channel_recall *recall, struct role *next)
{
	struct objpath p = { .kind = OBJPATH_BUNDLE };
	struct json_at nowhere = { NULL, NULL };
	char path[OBJPATH_SIZE] = "";

	if (recall->bundle != NULL) {
		(void)snprintf(p.channel, sizeof(p.channel), "%s", c->id); /* ids fit */
		(void)snprintf(p.course, sizeof(p.course), "%s", recall->course);
		p.release = recall->bundle->release;
		objpath_build_target(path, &p);
	}
	for (size_t i = 0; i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];

		if (is_of_course(c, target, recall->course, &p) && p.kind == OBJPATH_BUNDLE &&
		    strcmp(target->path, path) != 0)
			role_drop_target(next, target->path);
	}
	if (recall->bundle != NULL && meta_find_target(c->role, path) == NULL)
		role_set_target(next, path, recall->bundle->tar.len, &recall->bundle->tar.sha256,
		    nowhere);
}

/* One that comes back counts again, and the oldest live one may have to go for it. */
static int
make_room(const struct channel *c, const struct channel_recall *recall,
    const struct meta_target *undone, struct role *next, struct err *e)
{
	struct objpath p;

	if (!recall->is_undo || !is_of_course(c, undone, recall->course, &p))
		return 0;
	if (n_newer(c, &p) >= LIMIT_LIVE_RELEASES)
		return err_set(e, ERR_CONFLICT,
		    "%s/%s release %u: %u newer ones are live, it cannot come back", c->id,
		    recall->course, (unsigned)recall->release, LIMIT_LIVE_RELEASES);
	for (size_t i = 0; i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];

		if (is_of_course(c, target, recall->course, &p) && p.kind == OBJPATH_RECORD &&
		    !withdrawn_is(target->custom) &&
		    n_newer(c, &p) + (p.release < recall->release) + 1 > LIMIT_LIVE_RELEASES)
			role_drop_target(next, target->path);
	}
	return 0;
}

int
channel_next_recall(const struct channel *c, const struct channel_recall *recall,
    struct role **out, struct err *e)
{
	const struct meta_target *target = channel_release(c, recall->course, recall->release);
	struct role *next = NULL;

	if (target == NULL)
		return err_set(e, ERR_NOT_FOUND, "channel %s lists no release %u of %s", c->id,
		    (unsigned)recall->release, recall->course);
	if (withdrawn_is(target->custom) != recall->is_undo)
		return err_set(e, ERR_CONFLICT, "%s/%s release %u is %s", c->id, recall->course,
		    (unsigned)recall->release,
		    recall->is_undo ? "not withdrawn" : "withdrawn already");
	if (role_new(META_TARGETS, c->role, recall->now, &next, e) == -1)
		return -1;
	if (make_room(c, recall, target, next, e) == -1) {
		role_free(next);
		return -1;
	}
	put_mark(recall, target, next);
	move_bundle(c, recall, next);
	*out = next;
	return 0;
}

int
channel_sign(const struct channel *c, const struct role *role, struct sign_key *const *keys,
    size_t n, struct buf *out, struct err *e)
{
	struct role_signer signers[SIGNERS_MOST];

	if (channel_check_keys(c, keys, n, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		signers[i] = sign_signer(keys[i]);
	return role_file(role, signers, n, out, e);
}

static int
is_file(const struct meta *role, const struct buf *file, bool *is, struct err *e)
{
	struct buf covered = BUF_INIT;
	struct json_at body;
	struct digest sent, seen;
	int rc = -1;

	if (role_covered(buf_data(file), buf_len(file), &sent, e) == 0 &&
	    json_get_object(json_top(role->doc), "signed", &body, e) == 0 &&
	    canon_signed(body, &covered, e) == 0) {
		digest_of(&seen, buf_data(&covered), buf_len(&covered));
		*is = digest_equal(&sent, &seen);
		rc = 0;
	}
	buf_clear(&covered);
	return rc;
}

int
channel_confirm(struct channel *c, const struct trust_source *source, const struct buf *file,
    int64_t now, struct err *e)
{
	int64_t version = c->role != NULL ? c->role->version + 1 : 1;
	bool is_shown;

	c->role = NULL; /* the refresh may free it */
	if (trust_refresh(c->trust, source, now, e) == -1 ||
	    channel_open(c, c->trust, source, c->id, now, e) == -1) {
		err_within(e, "the hub took the role of %s, but what it shows is refused", c->id);
		return -1;
	}
	is_shown = c->role != NULL && c->role->version >= version;
	if (is_shown && c->role->version == version &&
	    is_file(c->role, file, &is_shown, e) == -1)
		return -1;
	return is_shown ? 0 : err_set(e, ERR_UNTRUSTED,
	    "the hub took version %lld of %s, but does not show it", (long long)version, c->id);
}
