/* SPDX-License-Identifier: Apache-2.0 */
/* The switch over HTTP: a verified draft becomes visible, a role is replaced.  PROTOCOL.md 4.2. */
#include <stdio.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/hub/state_drafts.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"
#include "catalog/trust/role.h"
#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/cosign.h"
#include "daemon/app/layouts.h"
#include "daemon/app/patcher.h"
#include "daemon/app/repacker.h"
#include "daemon/app/rolecheck.h"
#include "daemon/app/serve.h"
#include "daemon/app/switchover.h"
#include "daemon/http/reply.h"
#include "daemon/log.h"

/* What became of a role that was sent. */
struct outcome {
	int64_t version;
	bool is_waiting;  /* for more signatures; then kind and object say what */
	const char *kind;
	char object[STATE_PENDING_OBJECT_SIZE];
	size_t n_dropped; /* signatures of another version that waited before */
};

static int
answer_outcome(struct exchange *x, const char *role, const struct outcome *done, struct err *e)
{
	struct json *doc = json_new();

	json_put_int(json_top(doc), "version", done->version);
	if (done->n_dropped > 0)
		json_put_int(json_top(doc), "dropped", (int64_t)done->n_dropped);
	if (!done->is_waiting)
		return respond_json(x, 200, doc, e);
	json_put_text(json_top(doc), "state", "waiting");
	json_put_text(json_top(doc), "kind", done->kind);
	json_put_text(json_top(doc), "object", done->object);
	if (serve_pending_put(x, role, json_top(doc), e) == -1) {
		json_free(doc);
		return -1;
	}
	return respond_json(x, 202, doc, e);
}

static void
log_switch(const struct exchange *x, const char *role, const char *object, int64_t version)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, "switch");
	log_text(&l, "request", x->id);
	log_text(&l, "role", role);
	log_number(&l, "version", version);
	log_text(&l, "object", object);
	log_end(&l);
}

/* The body of the request as the role to publish. */
static struct rolecheck_role
body_role(const struct exchange *x)
{
	return (struct rolecheck_role){ .bytes = buf_data(&x->body), .len = buf_len(&x->body) };
}

/*
 * Within one's turn: enough signatures are the switch, fewer wait.  change has everything but
 * bytes and len.
 */
static int
collect_and_commit(struct exchange *x, const struct cosign_change *c,
    struct switchover_change *change, struct outcome *out, struct err *e)
{
	struct app *app = context_app(x);
	struct buf file = BUF_INIT;
	bool is_complete = false;
	struct err forgotten = { 0 };
	int rc = cosign_collect(app, c, &file, &is_complete, &out->n_dropped, e);

	out->is_waiting = !is_complete;
	out->kind = c->kind;
	(void)snprintf(out->object, sizeof(out->object), "%s", c->object); /* fits */
	out->version = c->version;
	if (rc == 0 && is_complete) {
		change->bytes = buf_text(&file);
		change->len = buf_len(&file);
		rc = switchover_commit(app->switchover, change, &out->version, e);
		if (rc == 0)
			log_switch(x, c->channel, c->object, out->version);
		/* Else the next look at it sees that its version is taken. */
		if (rc == 0 && state_pending_end(app->state, c->channel, &forgotten) == -1)
			log_failure(LOG_LEVEL_WARN, "pending-end", &forgotten);
	}
	buf_clear(&file);
	return rc;
}

/* Within one's turn: judge the role against the present one and the draft, and switch. */
static int
publish(struct exchange *x, const struct state_draft *d, struct outcome *out, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	const struct state_release *r = &d->release;
	char object[2 * LIMIT_ID_BYTES + 16], actor[CONTEXT_ACTOR_SIZE];
	struct rolecheck_role new = body_role(x), old = { NULL, 0 };
	struct rolecheck_result found;
	struct audit_note note;
	struct switchover_change change = { .role = r->channel, .release = r, .draft_id = d->id,
		.note = &note };
	struct cosign_change c = { .channel = r->channel, .kind = "release", .object = object,
		.draft = d->id, .bytes = buf_text(&x->body), .len = buf_len(&x->body),
		.note = &note };
	struct buf present = BUF_INIT;
	int64_t version;
	int rc = -1;

	(void)snprintf(object, sizeof(object), "%s/%s/%u", r->channel, r->course,
	    (unsigned)r->number);
	if (switchover_current(sw, r->channel, &present, &version, e) == -1)
		goto out;
	if (version != 0)
		old = (struct rolecheck_role){ buf_data(&present), buf_len(&present) };
	if (rolecheck_publish(&old, &new, r, &found, e) == -1)
		goto out;
	note = context_note(x, actor, "publish", object, d->id);
	change.live = found.live;
	change.n_live = found.n_live;
	c.version = found.version;
	rc = collect_and_commit(x, &c, &change, out, e);
out:
	buf_clear(&present);
	return rc;
}

/*
 * Whether this very role has published the draft before: then the answer is repeated.  The
 * signatures may be fewer than those it was published with.
 */
static bool
is_repeated(const struct exchange *x, const struct state_draft *d)
{
	char name[OBJPATH_SIZE];
	struct buf bytes = BUF_INIT;
	struct digest mine, theirs;
	bool is_same = false;

	if (d->state != STATE_DRAFT_PUBLISHED)
		return false;
	objpath_metadata(name, d->release.channel, (uint64_t)d->role_version);
	if (role_covered(buf_data(&x->body), buf_len(&x->body), &mine, NULL) == 0 &&
	    store_load(context_app(x)->store, name, LIMIT_TARGETS_BYTES, &bytes, NULL) == 0 &&
	    role_covered(buf_data(&bytes), buf_len(&bytes), &theirs, NULL) == 0)
		is_same = digest_equal(&mine, &theirs);
	buf_clear(&bytes);
	return is_same;
}

static int
check_state(const struct state_draft *d, struct err *e)
{
	switch (d->state) {
	case STATE_DRAFT_VERIFIED:
		return 0;
	case STATE_DRAFT_CHECKING:
		return err_set(e, ERR_CONFLICT, "the draft is still being checked");
	case STATE_DRAFT_REFUSED:
		return err_set(e, ERR_CONFLICT, "the draft was refused: %.300s", d->reason);
	case STATE_DRAFT_PUBLISHED:
		return err_set(e, ERR_CONFLICT,
		    "the draft was published with other bytes, as version %lld",
		    (long long)d->role_version);
	}
	return err_set(e, ERR_CONFLICT, "the draft cannot be published");
}

/* The draft of the path, which one may publish, read within one's turn. */
static int
get_draft(struct exchange *x, struct state_draft *d, struct err *e)
{
	if (state_drafts_get(context_app(x)->state, exchange_param(x, "id"), d, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	if (access_publish(context_client(x), d->release.channel, e) == -1)
		return access_absent(e);
	return 0;
}

int
serve_publish(struct exchange *x, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	struct state_draft d;
	struct outcome done = { .version = 0 };
	int rc = -1;

	if (access_staff(context_client(x), e) == -1)
		return -1;
	if (switchover_begin(sw, e) == -1)
		return respond_space(x, e);
	if (get_draft(x, &d, e) == 0) {
		if (is_repeated(x, &d)) {
			done.version = d.role_version;
			rc = 0;
		} else if (check_state(&d, e) == 0)
			rc = publish(x, &d, &done, e);
	}
	switchover_end(sw);
	if (rc == 0 && !done.is_waiting) {
		patcher_wake(context_app(x)->patcher);
		repacker_wake(context_app(x)->repacker);
	}
	return rc == 0 ? answer_outcome(x, d.release.channel, &done, e) : respond_space(x, e);
}

/* Who may replace a role without a draft: the admin root and targets, a publisher his own, too. */
static int
may_replace(struct exchange *x, const char *role, struct err *e)
{
	if (strcmp(role, "root") == 0 || strcmp(role, "targets") == 0)
		return access_admin(context_client(x), e);
	return access_renew(context_client(x), role, e);
}

/* The bundle the role names is that of the release, and an undone one's bytes are still here. */
static int
check_recalled(struct app *app, const char *channel, const struct rolecheck_recall *r,
    struct err *e)
{
	struct state_release release;
	struct layout *l;

	if (r->bundle != 0) {
		if (state_releases_get(app->state, channel, r->course, r->bundle, &release,
		    e) == -1)
			return -1;
		if (release.tar_len != r->bundle_len ||
		    !digest_equal(&release.tar, &r->bundle_sha256))
			return err_set(e, ERR_BAD_INPUT,
			    "the bundle target of %s/%s/%u is not what was published", channel,
			    r->course, (unsigned)r->bundle);
	}
	if (state_releases_get(app->state, channel, r->course, r->release, &release, e) == -1)
		return -1;
	if (!r->is_undo)
		return 0;
	if (layouts_take(app->layouts, channel, &release.index, NULL, &l, e) == -1) {
		if (e->class == ERR_NOT_FOUND)
			(void)err_set(e, ERR_CONFLICT,
			    "the bytes of %s/%s/%u were purged: publish it anew", channel,
			    r->course, (unsigned)r->release);
		return -1;
	}
	layouts_give_back(app->layouts, l);
	return 0;
}

/* Within one's turn: a new version of a channel's role without a draft. */
static int
replace_channel(struct exchange *x, const char *channel, const struct rolecheck_role *old,
    struct outcome *out, struct err *e)
{
	struct rolecheck_role new = body_role(x);
	char object[2 * LIMIT_ID_BYTES + 16], actor[CONTEXT_ACTOR_SIZE];
	struct rolecheck_recall r = { .version = 0 };
	struct state_releases_recall what = { .channel = channel, .course = r.course };
	struct audit_note note = context_note(x, actor, "role", channel, "");
	struct switchover_change change = { .role = channel, .note = &note };
	struct cosign_change c = { .channel = channel, .kind = "renewal", .object = channel,
		.draft = "", .bytes = buf_text(&x->body), .len = buf_len(&x->body),
		.note = &note };
	struct err why = { 0 };

	if (rolecheck_renew(old, &new, &c.version, &change.ends, &why) == 0)
		return collect_and_commit(x, &c, &change, out, e);
	if (why.class != ERR_BAD_INPUT || old->len == 0)
		return err_set(e, why.class, "%s", why.text);
	if (rolecheck_recall(old, &new, channel, &r, e) == -1 ||
	    check_recalled(context_app(x), channel, &r, e) == -1)
		return -1;
	(void)snprintf(object, sizeof(object), "%s/%s/%u", channel, r.course, (unsigned)r.release);
	note.action = c.kind = r.is_undo ? "recall-undo" : "recall";
	note.object = c.object = object;
	note.detail = r.reason;
	c.version = r.version;
	what.number = r.release;
	what.is_undo = r.is_undo;
	change.recall = &what;
	change.live = r.live;
	change.n_live = r.n_live;
	return collect_and_commit(x, &c, &change, out, e);
}

/* Within one's turn. */
static int
replace_role(struct exchange *x, const char *role, struct outcome *out, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	struct rolecheck_role new = body_role(x), old = { NULL, 0 };
	char actor[CONTEXT_ACTOR_SIZE];
	struct audit_note note = context_note(x, actor, "role", role, "");
	struct switchover_change change = { .role = role, .bytes = buf_text(&x->body),
		.len = buf_len(&x->body), .note = &note };
	struct buf present = BUF_INIT;
	int rc = -1;

	if (switchover_current(sw, role, &present, &out->version, e) == -1)
		goto out;
	if (out->version != 0)
		old = (struct rolecheck_role){ buf_data(&present), buf_len(&present) };
	if (old.len == new.len && old.len != 0 && memcmp(old.bytes, new.bytes, new.len) == 0) {
		rc = 0; /* sent again: it is in force already */
		goto out;
	}
	if (strcmp(role, "root") != 0 && strcmp(role, "targets") != 0) {
		rc = replace_channel(x, role, &old, out, e);
		goto out;
	}
	rc = switchover_commit(sw, &change, &out->version, e);
	if (rc == 0)
		log_switch(x, role, role, out->version);
out:
	buf_clear(&present);
	return rc;
}

int
serve_publish_role(struct exchange *x, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	const char *role = exchange_param(x, "role");
	struct outcome done = { .version = 0 };
	int rc;

	if (may_replace(x, role, e) == -1)
		return -1;
	if (switchover_begin(sw, e) == -1)
		return respond_space(x, e);
	rc = replace_role(x, role, &done, e);
	switchover_end(sw);
	return rc == 0 ? answer_outcome(x, role, &done, e) : respond_space(x, e);
}
