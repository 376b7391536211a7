/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody may ask the API: the hub, its trust anchors, oneself, the channels one may see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/json/json.h"
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
