/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles as computed views, PROTOCOL.md section 3: .tar.zst with ranges, .tar from the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_releases.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/stream.h"
#include "daemon/app/context.h"
#include "daemon/app/layouts.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"

/* What a reply reads from. */
struct view {
	struct layouts *layouts; /* borrowed */
	struct layout *layout;   /* taken from layouts */
	struct stream_source source;
	struct stream *stream;   /* owned; made by the first read */
};

static void
view_close(void *ctx)
{
	struct view *v = ctx;

	stream_free(v->stream);
	layouts_give_back(v->layouts, v->layout);
	free(v);
}

static int
view_read_stored(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	struct view *v = ctx;

	if (v->stream == NULL &&
	    stream_stored_new(&v->source, v->layout->stored_lens, off, v->layout->zst_len - off,
	        &v->stream, e) == -1)
		return -1;
	return stream_read(v->stream, out, room, n, e);
}

static int
view_read_tar(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e)
{
	struct view *v = ctx;

	(void)off; /* the engine reads this view from its beginning */
	if (v->stream == NULL && stream_tar_new(&v->source, &v->stream, e) == -1)
		return -1;
	return stream_read(v->stream, out, room, n, e);
}

static struct view *
view_new(struct app *app, const struct state_release *r, struct err *e)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	v->layouts = app->layouts;
	if (layouts_take(app->layouts, r->channel, &r->index, NULL, &v->layout, e) == -1) {
		if (e->class == ERR_NOT_FOUND)
			e->class = ERR_SYSTEM; /* published, so it should all be there */
		err_within(e, "%s/%s/%u", r->channel, r->course, (unsigned)r->number);
		free(v);
		return NULL;
	}
	v->source = layouts_source(app->layouts, v->layout);
	return v;
}

static bool
is_public(const struct exchange *x, const char *channel)
{
	return registry_is_public(access_client_registry(context_client(x)), channel);
}

/* A release that may be had; ERR_NOT_FOUND in the common words. */
static int
find_release(struct app *app, const char *channel, const char *course, uint32_t number,
    struct state_release *out, struct err *e)
{
	if (state_releases_get(app->state, channel, course, number, out, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	return out->is_live ? 0 : access_absent(e);
}

int
serve_bundle_tar(struct exchange *x, const struct objpath *p, struct err *e)
{
	char etag[DIGEST_HEX_LEN + 3], hex[DIGEST_HEX_LEN + 1];
	struct reply_source source = { .is_long = true, .read = view_read_tar,
		.close = view_close };
	struct reply_entity what = { .content_type = "application/x-tar", .etag = etag,
		.cache_control = is_public(x, p->channel)
		    ? "public, max-age=31536000, immutable"
		    : "private, max-age=31536000, immutable" };
	struct state_release r;
	struct view *v;

	if (find_release(context_app(x), p->channel, p->course, p->release, &r, e) == -1)
		return -1;
	if (!digest_equal(&r.tar, &p->hash))
		return access_absent(e);
	v = view_new(context_app(x), &r, e);
	if (v == NULL)
		return -1;
	digest_hex(hex, &r.tar);
	(void)snprintf(etag, sizeof(etag), "\"%s\"", hex);
	what.length = r.tar_len;
	source.ctx = v;
	return reply_stream(x, &source, &what, e);
}

/* "<N>.tar.zst" */
static int
parse_name(const char *name, uint32_t *number)
{
	static const char suffix[] = ".tar.zst";
	size_t len = strlen(name), tail = sizeof(suffix) - 1;

	if (len <= tail || strcmp(name + len - tail, suffix) != 0)
		return -1;
	return ids_parse_release(number, name, len - tail, NULL);
}

int
serve_bundle(struct exchange *x, struct err *e)
{
	const char *channel = exchange_param(x, "channel"), *course = exchange_param(x, "course");
	struct reply_source source = { .is_seekable = true, .read = view_read_stored,
		.close = view_close };
	struct reply_entity what = { .content_type = "application/zstd" };
	struct state_release r;
	uint32_t number;
	struct view *v;

	if (ids_check(IDS_CHANNEL, channel, strlen(channel), NULL) == -1 ||
	    ids_check(IDS_COURSE, course, strlen(course), NULL) == -1 ||
	    parse_name(exchange_param(x, "file"), &number) == -1)
		return access_absent(e);
	if (access_see(context_client(x), channel, e) == -1 ||
	    find_release(context_app(x), channel, course, number, &r, e) == -1 ||
	    reply_headerf(x, e, "Content-Disposition", "attachment; filename=\"%s-%s-%u.tar.zst\"",
	        channel, course, (unsigned)number) == -1)
		return -1;
	v = view_new(context_app(x), &r, e);
	if (v == NULL)
		return -1;
	what.length = v->layout->zst_len;
	what.etag = v->layout->zst_etag;
	/* The same content may be stored in other bytes one day, so caches ask again. */
	what.cache_control = is_public(x, channel) ? "public, no-cache" : "private, no-cache";
	source.ctx = v;
	return reply_stream(x, &source, &what, e);
}
