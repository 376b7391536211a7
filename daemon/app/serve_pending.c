/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for the signatures of more people, PROTOCOL.md section 4.5. */
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_pending.h"
#include "catalog/json/json.h"
#include "daemon/app/context.h"
#include "daemon/app/cosign.h"
#include "daemon/app/drafts.h"
#include "daemon/app/respond.h"
#include "daemon/app/serve.h"
#include "daemon/app/switchover.h"
#include "daemon/http/reply.h"

static void
put_signatures(struct json_at at, const char *key, const struct state_pending_signature *list,
    size_t n, bool is_dropped)
{
	struct json_at out = json_put_array(at, key);

	for (size_t i = 0; i < n; i++) {
		struct json_at item;

		if (list[i].is_dropped != is_dropped)
			continue;
		item = json_add_object(out);
		json_put_text(item, "keyid", list[i].keyid);
		json_put_text(item, "by", list[i].actor);
		json_put_utc(item, "at", list[i].at);
		if (is_dropped)
			json_put_text(item, "object", list[i].object);
	}
}

/*
 * Who signs the channel, and who has: s is standing in it.  Signatures of what cannot become
 * the next version (is_waiting false) are told when they are dropped.
 */
static int
put_collected(struct exchange *x, const struct cosign_standing *s, bool is_waiting,
    struct json_at top, struct err *e)
{
	const char *channel = s->role->name;
	struct state_pending_signature *list = NULL;
	struct json_at ids;
	size_t n = 0;

	if (state_pending_signatures(context_app(x)->state, channel, &list, &n, e) == -1)
		return -1;
	json_put_text(top, "channel", channel);
	json_put_int(top, "threshold", s->role->threshold);
	ids = json_put_array(top, "keyids");
	for (size_t i = 0; i < s->role->n_keyids; i++)
		json_add_text(ids, s->role->keyids[i]);
	put_signatures(top, "signatures", list, is_waiting ? n : 0, false);
	put_signatures(top, "dropped_signatures", list, n, true);
	free(list);
	return 0;
}

int
serve_pending_put(struct exchange *x, const char *channel, struct json_at top, struct err *e)
{
	struct cosign_standing s;
	int rc;

	if (cosign_standing(context_app(x), channel, &s, e) == -1)
		return -1;
	rc = put_collected(x, &s, true, top, e);
	cosign_standing_clear(&s);
	return rc;
}

static void
put_draft(struct exchange *x, const char *id, struct json_at top)
{
	struct state_draft d;
	struct json_at record;

	if (state_drafts_get(context_app(x)->state, id, &d, NULL) == -1)
		return; /* it has ended since */
	json_put_text(top, "draft", d.id);
	json_put_text(top, "course", d.release.course);
	json_put_int(top, "release", d.release.number);
	record = json_put_object(top, "record");
	json_put_digest(record, "sha256", &d.release.record);
	json_put_int(record, "length", d.release.record_len);
}

/* One channel: what waits, and what was dropped.  1: there is something to tell. */
static int
put_channel(struct exchange *x, struct cosign_standing *s, const char *channel,
    struct json_at top, bool with_role, struct err *e)
{
	struct state_pending p = { .role = NULL };
	struct err mine = { 0 };
	int rc;

	if (cosign_standing_find(s, channel, NULL) == -1)
		return 0; /* a channel nobody signs yet */
	rc = cosign_look(context_app(x), s, channel, &p, &mine);
	if (rc == -1 && mine.class != ERR_NOT_FOUND)
		return err_set(e, mine.class, "%s", mine.text);
	if (rc == 0) {
		json_put_text(top, "kind", p.kind);
		json_put_text(top, "object", p.object);
		json_put_int(top, "version", p.version);
		json_put_utc(top, "at", p.at);
		if (with_role)
			json_put_text(top, "role", p.role);
		if (p.draft[0] != '\0')
			put_draft(x, p.draft, top);
	}
	state_pending_clear(&p);
	if (put_collected(x, s, rc == 0, top, e) == -1)
		return -1;
	return rc == 0 || json_count(json_member(top, "dropped_signatures")) > 0;
}

static bool
may_look(struct access_client *c, const char *channel)
{
	const struct registry *reg = access_client_registry(c);

	if (access_is_auditor(c))
		return regset_find(registry_docs(reg), REGDOC_CHANNEL, channel) != NULL;
	return registry_may_publish(reg, &c->who, channel, c->day);
}

static int
put_list(struct exchange *x, struct cosign_standing *s, struct json_at out, struct err *e)
{
	struct state_pending_channel *list = NULL;
	size_t n = 0;
	int rc = 0;

	if (state_pending_channels(context_app(x)->state, &list, &n, e) == -1)
		return -1;
	for (size_t i = 0; rc != -1 && i < n; i++) {
		struct json *one;

		if (!may_look(context_client(x), list[i].id))
			continue;
		one = json_new();
		rc = put_channel(x, s, list[i].id, json_top(one), false, e);
		if (rc == 1)
			(void)json_add_copy(out, json_top(one));
		json_free(one);
	}
	free(list);
	return rc == -1 ? -1 : 0;
}

int
serve_pending_list(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct cosign_standing s;
	struct json *doc;
	int rc;

	if ((access_is_auditor(c) ? access_audit(c, e) : access_staff(c, e)) == -1 ||
	    cosign_standing_load(context_app(x), &s, e) == -1)
		return -1;
	doc = json_new();
	rc = put_list(x, &s, json_put_array(json_top(doc), "pending"), e);
	cosign_standing_clear(&s);
	if (rc == -1) {
		json_free(doc);
		return -1;
	}
	return respond_json(x, 200, doc, e);
}

int
serve_pending(struct exchange *x, struct err *e)
{
	const char *channel = exchange_param(x, "channel");
	struct cosign_standing s;
	struct json *doc;
	int told;

	if (access_publish(context_client(x), channel, e) == -1 ||
	    cosign_standing_load(context_app(x), &s, e) == -1)
		return -1;
	doc = json_new();
	told = put_channel(x, &s, channel, json_top(doc), true, e);
	cosign_standing_clear(&s);
	if (told == -1) {
		json_free(doc);
		return -1;
	}
	return respond_json(x, 200, doc, e);
}

/* Within one's turn: the role, its signatures, and the draft it was for. */
static int
drop(struct exchange *x, const char *channel, struct err *e)
{
	struct app *app = context_app(x);
	char actor[CONTEXT_ACTOR_SIZE];
	struct state_pending p;
	struct audit_note note;
	int rc;

	if (cosign_get(app, channel, x->now, &p, e) == -1)
		return -1;
	note = context_note(x, actor, "signatures-dropped", p.object, "given up");
	rc = state_pending_drop(app->state, channel, &note, e);
	if (rc == 0 && p.draft[0] != '\0')
		rc = drafts_drop(app->drafts, p.draft, actor, x->now, e);
	state_pending_clear(&p);
	return rc;
}

int
serve_pending_drop(struct exchange *x, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	const char *channel = exchange_param(x, "channel");
	int rc;

	if (access_publish(context_client(x), channel, e) == -1)
		return -1;
	if (switchover_begin(sw, e) == -1)
		return respond_space(x, e);
	rc = drop(x, channel, e);
	switchover_end(sw);
	return rc == 0 ? reply_empty(x, 204, e) : -1;
}
