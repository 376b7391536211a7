/* SPDX-License-Identifier: Apache-2.0 */
/* Registry and audit log, for administrators; auditors look at both.  PROTOCOL.md section 4. */
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/regset.h"
#include "catalog/hub/state_audit.h"
#include "catalog/hub/state_registry.h"
#include "catalog/json/json.h"
#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"

#define AUDIT_AT_ONCE 1000u

int
serve_registry(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct buf body = BUF_INIT;
	int rc = -1;

	if (access_audit(c, e) == 0 &&
	    regset_encode(registry_docs(access_client_registry(c)), &body, e) == 0 &&
	    reply_header(x, "Cache-Control", "no-store", e) == 0)
		rc = reply_bytes(x, 200, "application/json", &body, e);
	buf_clear(&body);
	return rc;
}

static int
answer_changed(struct exchange *x, const char *diff, struct err *e)
{
	struct json *doc = json_new();

	json_put_text(json_top(doc), "changed", diff);
	return respond_json(x, 200, doc, e);
}

/* Judge the new set against itself, keep it, show it, say what changed. */
static int
replace(struct exchange *x, const struct regset *old, const struct regset *new, struct err *e)
{
	struct app *app = context_app(x);
	char actor[CONTEXT_ACTOR_SIZE];
	struct registry *reg = NULL;
	struct buf diff = BUF_INIT;
	struct audit_note note;
	int rc = -1;

	if (registry_new(new, &reg, e) == -1 || regset_diff(old, new, &diff, e) == -1)
		goto out;
	note = context_note(x, actor, "registry", "registry", buf_text(&diff));
	if (buf_len(&diff) != 0 && state_registry_replace(app->state, new, &note, e) == -1)
		goto out;
	if (access_set_registry(app->access, reg, e) == -1)
		goto out;
	rc = answer_changed(x, buf_text(&diff), e);
out:
	registry_release(reg);
	buf_clear(&diff);
	return rc;
}

int
serve_registry_change(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	struct regset new = REGSET_INIT;
	struct registry *now;
	int rc = -1;

	if (access_admin(context_client(x), e) == -1)
		return -1;
	pthread_mutex_lock(&app->registry_lock);
	now = access_registry(app->access);
	if (regset_apply(registry_docs(now), buf_data(&x->body), buf_len(&x->body), &new, e) == 0)
		rc = replace(x, registry_docs(now), &new, e);
	pthread_mutex_unlock(&app->registry_lock);
	regset_clear(&new);
	registry_release(now);
	return rc;
}

int
serve_registry_drop(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	const char *id = exchange_param(x, "id");
	struct regset new = REGSET_INIT;
	enum regdoc_kind kind;
	struct registry *now;
	int rc = -1;

	if (access_admin(context_client(x), e) == -1)
		return -1;
	if (regdoc_kind_parse(&kind, exchange_param(x, "kind")) == -1)
		return access_absent(e);
	pthread_mutex_lock(&app->registry_lock);
	now = access_registry(app->access);
	if (regset_without(registry_docs(now), kind, id, &new, e) == 0) {
		rc = replace(x, registry_docs(now), &new, e);
		if (rc == -1 && e->class == ERR_BAD_INPUT) /* what is left does not agree */
			err_within(e, "%s is still referred to, change this first", id);
	}
	pthread_mutex_unlock(&app->registry_lock);
	regset_clear(&new);
	registry_release(now);
	return rc;
}

static int
wanted_after(const struct exchange *x, int64_t *after, struct err *e)
{
	char text[20], *end;

	*after = 0;
	if (exchange_query(x, "after", text, sizeof(text), e) == -1)
		return e->class == ERR_NOT_FOUND ? 0 : -1;
	*after = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0')
		return err_set(e, ERR_BAD_INPUT, "after: the number of an entry is wanted");
	return 0;
}

int
serve_registry_audit(struct exchange *x, struct err *e)
{
	struct audit_entry *entries = NULL;
	struct json_at list, at;
	struct json *doc;
	int64_t after;
	size_t n = 0;

	if (access_audit(context_client(x), e) == -1 || wanted_after(x, &after, e) == -1 ||
	    state_audit_list(context_app(x)->state, after, AUDIT_AT_ONCE, &entries, &n, e) == -1)
		return -1;
	doc = json_new();
	list = json_put_array(json_top(doc), "entries");
	for (size_t i = 0; i < n; i++) {
		at = json_add_object(list);
		json_put_int(at, "seq", entries[i].seq);
		json_put_utc(at, "at", entries[i].at);
		json_put_text(at, "actor", entries[i].actor);
		json_put_text(at, "action", entries[i].action);
		json_put_text(at, "object", entries[i].object);
		json_put_text(at, "detail", entries[i].detail);
		json_put_digest(at, "hash", &entries[i].hash);
	}
	state_audit_free(entries, n);
	return respond_json(x, 200, doc, e);
}
