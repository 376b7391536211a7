/* SPDX-License-Identifier: Apache-2.0 */
/* Taking away what nobody needs, for administrators.  PROTOCOL.md section 4.6. */
#include "catalog/json/json.h"
#include "daemon/app/context.h"
#include "daemon/app/purge.h"
#include "daemon/app/respond.h"
#include "daemon/app/serve.h"

#define NAMED_MOST 1000u /* objects named in an answer; all are counted */

static void
put_objects(struct json_at top, const char *key, const struct purge_object *list, size_t n)
{
	struct json_at out = json_put_array(top, key);

	for (size_t i = 0; i < n && i < NAMED_MOST; i++) {
		struct json_at item = json_add_object(out);

		json_put_text(item, "name", list[i].name);
		json_put_int(item, "bytes", (int64_t)list[i].bytes);
		if (list[i].dead_bytes > 0)
			json_put_int(item, "unneeded_bytes", (int64_t)list[i].dead_bytes);
	}
}

int
serve_purge(struct exchange *x, struct err *e)
{
	static const char *const names[] = { "now", "dry" };
	char actor[CONTEXT_ACTOR_SIZE];
	struct purge_options o = { .now = x->now, .actor = actor };
	struct purge_result r;
	struct json *ask = NULL, *doc;
	int rc;

	if (access_admin(context_client(x), e) == -1 || respond_body(x, names, 2, &ask, e) == -1)
		return -1;
	rc = json_get_bool(json_top(ask), "dry", &o.is_dry, e);
	if (rc == 0)
		rc = json_find_bool(json_top(ask), "now", false, &o.is_now, e);
	json_free(ask);
	(void)context_note(x, actor, "", "", ""); /* for the actor */
	if (rc == -1 || purge_run(context_app(x), &o, &r, e) == -1)
		return rc == -1 ? -1 : respond_space(x, e);
	doc = json_new();
	json_put_bool(json_top(doc), "dry", o.is_dry);
	json_put_int(json_top(doc), "objects", (int64_t)r.n_gone);
	json_put_int(json_top(doc), "bytes", (int64_t)r.gone_bytes);
	json_put_int(json_top(doc), "spared_objects", (int64_t)r.n_spared);
	json_put_int(json_top(doc), "spared_bytes", (int64_t)r.spared_bytes);
	put_objects(json_top(doc), "gone", r.gone, r.n_gone);
	put_objects(json_top(doc), "kept", r.kept, r.n_kept);
	purge_result_clear(&r);
	return respond_json(x, 200, doc, e);
}
