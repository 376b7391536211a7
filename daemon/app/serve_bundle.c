/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles as computed views, PROTOCOL.md section 3: .tar.zst, .zip, and the .tar that is signed. */
#include <stdio.h>
#include <string.h>

#include "catalog/hub/state_releases.h"
#include "catalog/repo/objpath.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/app/view.h"
#include "daemon/http/reply.h"

static bool
is_public(const struct exchange *x, const char *channel)
{
	return registry_is_public(access_client_registry(context_client(x)), channel);
}

int
serve_withdrawn(const struct state_release *r, struct err *e)
{
	return err_set(e, ERR_WITHDRAWN, "%s/%s release %u was withdrawn by its publisher",
	    r->channel, r->course, (unsigned)r->number);
}

int
serve_find_release(struct app *app, const char *channel, const char *course, uint32_t number,
    struct state_release *out, struct err *e)
{
	if (state_releases_get(app->state, channel, course, number, out, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	if (out->withdrawn_at != 0)
		return serve_withdrawn(out, e);
	return out->is_live ? 0 : access_absent(e);
}

int
serve_view(struct exchange *x, struct view *v, const char *content_type, const char *caching,
    struct err *e)
{
	const struct reply_entity what = { .content_type = content_type, .length = view_len(v),
		.etag = view_etag(v), .cache_control = caching };
	char etag[VIEW_ETAG_SIZE];
	struct reply_entity copy = what;
	struct reply_source source = view_source(v);

	/* reply_stream() may close the view before it has read what is lent from it. */
	(void)snprintf(etag, sizeof(etag), "%s", what.etag);
	copy.etag = etag;
	return reply_stream(x, &source, &copy, e);
}

int
serve_bundle_tar(struct exchange *x, const struct objpath *p, struct err *e)
{
	struct app *app = context_app(x);
	struct state_release r;
	struct view *v;

	if (serve_find_release(app, p->channel, p->course, p->release, &r, e) == -1)
		return -1;
	if (!digest_equal(&r.tar, &p->hash))
		return access_absent(e);
	if (view_open(app->layouts, &r, VIEW_TAR, NULL, &v, e) == -1)
		return -1;
	return serve_view(x, v, "application/x-tar", is_public(x, p->channel)
	    ? "public, max-age=31536000, immutable" : "private, max-age=31536000, immutable", e);
}

/* "<N>.tar.zst" or "<N>.zip" */
static int
parse_name(const char *name, uint32_t *number, enum view_kind *kind)
{
	static const struct {
		const char *suffix;
		enum view_kind kind;
	} kinds[] = { { ".tar.zst", VIEW_TAR_ZST }, { ".zip", VIEW_ZIP } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(name), tail = strlen(kinds[i].suffix);

		if (len > tail && strcmp(name + len - tail, kinds[i].suffix) == 0) {
			*kind = kinds[i].kind;
			return ids_parse_release(number, name, len - tail, NULL);
		}
	}
	return -1;
}

int
serve_bundle(struct exchange *x, struct err *e)
{
	const char *channel = exchange_param(x, "channel"), *course = exchange_param(x, "course");
	struct app *app = context_app(x);
	struct state_release r;
	enum view_kind kind;
	uint32_t number;
	struct view *v;

	if (ids_check(IDS_CHANNEL, channel, strlen(channel), NULL) == -1 ||
	    ids_check(IDS_COURSE, course, strlen(course), NULL) == -1 ||
	    parse_name(exchange_param(x, "file"), &number, &kind) == -1)
		return access_absent(e);
	if (access_see(context_client(x), channel, e) == -1 ||
	    serve_find_release(app, channel, course, number, &r, e) == -1 ||
	    reply_headerf(x, e, "Content-Disposition", "attachment; filename=\"%s-%s-%u%s\"",
	        channel, course, (unsigned)number, kind == VIEW_ZIP ? ".zip" : ".tar.zst") == -1)
		return -1;
	if (view_open(app->layouts, &r, kind, NULL, &v, e) == -1)
		return -1;
	/* The same content may be stored in other bytes one day, so caches ask again. */
	return serve_view(x, v, kind == VIEW_ZIP ? "application/zip" : "application/zstd",
	    is_public(x, channel) ? "public, no-cache" : "private, no-cache", e);
}
