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

int
serve_pending_put(struct exchange *x, const char *channel, struct json_at top, struct err *e)
{
	struct app *app = context_app(x);
	struct state_pending_signature *list = NULL;
	struct cosign_standing s;
	struct json_at ids;
	size_t n = 0;

	if (cosign_standing(app, channel, &s, e) == -1)
		return -1;
	if (state_pending_signatures(app->state, channel, &list, &n, e) == -1) {
		cosign_standing_clear(&s);
		return -1;
	}
	json_put_text(top, "channel", channel);
	json_put_int(top, "threshold", s.role->threshold);
	ids = json_put_array(top, "keyids");
	for (size_t i = 0; i < s.role->n_keyids; i++)
		json_add_text(ids, s.role->keyids[i]);
	put_signatures(top, "signatures", list, n, false);
	put_signatures(top, "dropped_signatures", list, n, true);
	free(list);
	cosign_standing_clear(&s);
	return 0;
}

/* One channel: what waits, and what was dropped.  1: there is something to tell. */
static int
put_channel(struct exchange *x, const char *channel, struct json_at top, bool with_role,
    struct err *e)
{
	struct state_pending p = { .role = NULL };
	struct state_draft d;
	struct json_at record;
	struct err mine = { 0 };
	int rc = cosign_get(context_app(x), channel, x->now, &p, &mine);

	if (rc == -1 && mine.class != ERR_NOT_FOUND)
		return err_set(e, mine.class, "%s", mine.text);
	if (rc == 0) {
		json_put_text(top, "kind", p.kind);
		json_put_text(top, "object", p.object);
		json_put_int(top, "version", p.version);
		json_put_utc(top, "at", p.at);
		if (with_role)
			json_put_text(top, "role", p.role);
	}
	if (rc == 0 && p.draft[0] != '\0' &&
	    state_drafts_get(context_app(x)->state, p.draft, &d, e) == 0) {
		json_put_text(top, "draft", d.id);
		json_put_text(top, "course", d.release.course);
		json_put_int(top, "release", d.release.number);
		record = json_put_object(top, "record");
		json_put_digest(record, "sha256", &d.release.record);
		json_put_int(record, "length", d.release.record_len);
	}
	state_pending_clear(&p);
	if (serve_pending_put(x, channel, top, &mine) == -1) {
		if (mine.class != ERR_NOT_FOUND)
			return err_set(e, mine.class, "%s", mine.text);
		return 0; /* a channel nobody signs yet */
	}
	return rc == 0 || json_count(json_member(top, "dropped_signatures")) > 0;
}

static int
list_all(struct exchange *x, struct json_at list, struct err *e)
{
	struct access_client *c = context_client(x);
	const struct registry *reg = access_client_registry(c);
	const struct regset *docs = registry_docs(reg);

	for (size_t i = 0; i < docs->n_docs; i++) {
		const struct regdoc *doc = docs->docs[i];
		struct json *one;
		int told;

		if (doc->kind != REGDOC_CHANNEL || (!access_is_auditor(c) &&
		        !registry_may_publish(reg, &c->who, doc->id, c->day)))
			continue;
		one = json_new();
		told = put_channel(x, doc->id, json_top(one), false, e);
		if (told == 1)
			(void)json_add_copy(list, json_top(one));
		json_free(one);
		if (told == -1)
			return -1;
	}
	return 0;
}

int
serve_pending_list(struct exchange *x, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	struct access_client *c = context_client(x);
	struct json *doc;
	int rc;

	if ((access_is_auditor(c) ? access_audit(c, e) : access_staff(c, e)) == -1)
		return -1;
	if (switchover_begin(sw, e) == -1)
		return respond_space(x, e);
	doc = json_new();
	rc = list_all(x, json_put_array(json_top(doc), "pending"), e);
	switchover_end(sw);
	if (rc == -1) {
		json_free(doc);
		return -1;
	}
	return respond_json(x, 200, doc, e);
}

int
serve_pending(struct exchange *x, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	const char *channel = exchange_param(x, "channel");
	struct json *doc;
	int told;

	if (access_publish(context_client(x), channel, e) == -1)
		return -1;
	if (switchover_begin(sw, e) == -1)
		return respond_space(x, e);
	doc = json_new();
	told = put_channel(x, channel, json_top(doc), true, e);
	switchover_end(sw);
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
