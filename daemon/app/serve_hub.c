/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody may ask the API: the hub, its trust anchors, oneself, what one may see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/hub/state_releases.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/record.h"
#include "catalog/repo/store.h"
#include "daemon/app/anchors.h"
#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/config.h"

int
serve_hub(struct exchange *x, struct err *e)
{
	const struct config *config = context_app(x)->config;
	struct json *doc = json_new();
	struct json_at name = json_put_object(json_top(doc), "name");

	if (config->name_zh != NULL)
		json_put_text(name, "zh", config->name_zh);
	if (config->name_en != NULL)
		json_put_text(name, "en", config->name_en);
	json_put_text(json_top(doc), "version", CONTEXT_VERSION);
	json_put_utc(json_top(doc), "time", x->now);
	return respond_json(x, 200, doc, e);
}

/* ?root=N; absent: 0 */
static int
wanted_root(const struct exchange *x, int64_t *version, struct err *e)
{
	char text[16];

	*version = 0;
	if (exchange_query(x, "root", text, sizeof(text), e) == -1)
		return e->class == ERR_NOT_FOUND ? 0 : -1;
	if (text[0] < '1' || text[0] > '9' || strlen(text) > 5 ||
	    strspn(text, "0123456789") != strlen(text))
		return err_set(e, ERR_BAD_INPUT, "root: a version from 1 to 99999 is wanted");
	*version = strtol(text, NULL, 10);
	return 0;
}

int
serve_trust(struct exchange *x, struct err *e)
{
	struct anchors a = ANCHORS_INIT;
	struct json *doc;
	int64_t version;

	if (wanted_root(x, &version, e) == -1)
		return -1;
	if (anchors_load(context_app(x), version, &a, e) == -1)
		return -1;
	doc = json_new();
	json_put_text(json_top(doc), "ca", buf_text(&a.ca_pem));
	json_put_text(json_top(doc), "root", buf_text(&a.root));
	json_put_digest(json_top(doc), "ca_sha256", &a.ca_sha256);
	json_put_int(json_top(doc), "root_version", a.root_version);
	anchors_clear(&a);
	return respond_json(x, 200, doc, e);
}

int
serve_whoami(struct exchange *x, struct err *e)
{
	const struct ident *who = &context_client(x)->who;
	struct json *doc = json_new();
	struct json_at top = json_top(doc);

	json_put_text(top, "identity", who->state == IDENT_OK ? ident_role_name(who->role)
	                                                      : ident_state_name(who->state));
	if (who->state != IDENT_NONE && who->state != IDENT_UNKNOWN) {
		json_put_text(top, "org", who->org);
		json_put_text(top, "role", ident_role_name(who->role));
		json_put_text(top, "serial", who->serial);
		json_put_utc(top, "expires", who->expires_at);
	}
	return respond_json(x, 200, doc, e);
}

static void
put_title(struct json_at at, const struct regdoc_texts *t)
{
	struct json_at title = json_put_object(at, "title");

	if (t->zh != NULL)
		json_put_text(title, "zh", t->zh);
	if (t->en != NULL)
		json_put_text(title, "en", t->en);
}

int
serve_channels(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct json *doc = json_new();
	struct json_at list = json_put_array(json_top(doc), "channels"), at;
	const struct regdoc *d;
	size_t pos = 0;

	while ((d =
	    registry_next_visible(access_client_registry(c), &c->who, c->day, &pos)) != NULL) {
		at = json_add_object(list);
		json_put_text(at, "id", d->id);
		json_put_text(at, "publisher", d->u.channel.publisher);
		json_put_text(at, "audience", d->u.channel.audience_text);
		json_put_text(at, "state", regdoc_channel_state_name(d->u.channel.state));
		put_title(at, &d->u.channel.title);
	}
	return respond_json(x, 200, doc, e);
}

static int
load_record(struct app *app, const struct state_release *r, struct record **out, struct err *e)
{
	struct objpath p = { .kind = OBJPATH_RECORD, .release = r->number, .hash = r->record };
	struct buf bytes = BUF_INIT;
	char name[OBJPATH_SIZE];
	int rc = -1;

	memcpy(p.channel, r->channel, sizeof(p.channel));
	memcpy(p.course, r->course, sizeof(p.course));
	objpath_build(name, &p);
	if (store_load(app->store, name, LIMIT_RECORD_BYTES, &bytes, e) == 0)
		rc = record_parse(buf_data(&bytes), buf_len(&bytes), RECORD_LENIENT, out, e);
	if (rc == -1) {
		e->class = ERR_SYSTEM; /* published, so it should be there */
		err_within(e, "%s", name);
	}
	buf_clear(&bytes);
	return rc;
}

static void
put_course(struct json_at list, const struct record *r)
{
	struct json_at at = json_add_object(list), title;

	json_put_text(at, "channel", r->channel);
	json_put_text(at, "course", r->course);
	json_put_int(at, "release", r->release);
	json_put_text(at, "label", r->label);
	title = json_put_object(at, "title");
	for (size_t i = 0; i < r->title.n_items; i++)
		json_put_text(title, r->title.items[i].lang, r->title.items[i].text);
	json_put_utc(at, "published", r->published_at);
	json_put_text(at, "field", r->field);
	json_put_int(at, "files", r->n_files);
	json_put_int(at, "bytes", (int64_t)r->file_bytes);
}

/* The newest releases of one channel. */
static int
put_channel(struct app *app, struct json_at list, const char *channel, struct err *e)
{
	struct state_release *rows = NULL;
	struct record *rec;
	size_t n = 0;
	int rc = 0;

	if (state_releases_newest(app->state, channel, &rows, &n, e) == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = load_record(app, &rows[i], &rec, e);
		if (rc == 0) {
			put_course(list, rec);
			record_free(rec);
		}
	}
	free(rows);
	return rc;
}

int
serve_catalogue(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct json *doc = json_new();
	struct json_at list = json_put_array(json_top(doc), "courses");
	const struct regdoc *d;
	size_t pos = 0;

	while ((d =
	    registry_next_visible(access_client_registry(c), &c->who, c->day, &pos)) != NULL)
		if (put_channel(context_app(x), list, d->id, e) == -1) {
			json_free(doc);
			return -1;
		}
	return respond_json(x, 200, doc, e);
}
