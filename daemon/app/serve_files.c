/* SPDX-License-Identifier: Apache-2.0 */
/* One file out of a release, by name or by capability: PROTOCOL.md section 3. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "catalog/base/utc.h"
#include "catalog/hub/state_releases.h"
#include "daemon/app/capability.h"
#include "daemon/app/context.h"
#include "daemon/app/respond.h"
#include "daemon/app/serve.h"
#include "daemon/app/view.h"
#include "daemon/http/reply.h"

/* By the ending of the name, and only what a course holds; the rest is downloaded, not shown. */
static const char *
type_of(const char *path)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".htm", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".txt", "text/plain; charset=utf-8" },
		{ ".md", "text/plain; charset=utf-8" },
		{ ".csv", "text/csv; charset=utf-8" },
		{ ".xml", "application/xml" },
		{ ".vtt", "text/vtt; charset=utf-8" },
		{ ".pdf", "application/pdf" },
		{ ".png", "image/png" },
		{ ".jpg", "image/jpeg" },
		{ ".jpeg", "image/jpeg" },
		{ ".gif", "image/gif" },
		{ ".webp", "image/webp" },
		{ ".svg", "image/svg+xml" },
		{ ".mp4", "video/mp4" },
		{ ".m4v", "video/mp4" },
		{ ".webm", "video/webm" },
		{ ".mp3", "audio/mpeg" },
		{ ".m4a", "audio/mp4" },
		{ ".flac", "audio/flac" },
		{ ".ogg", "audio/ogg" },
		{ ".wav", "audio/wav" },
	};
	const char *ending = strrchr(path, '.');

	for (size_t i = 0; ending != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(ending, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/*
 * A publisher's page is not ours: it runs, where it runs, as if it came from nowhere, so it
 * cannot use what the browser has for this hub.
 */
static int
fence(struct exchange *x, struct err *e)
{
	return reply_header(x, "Content-Security-Policy", "sandbox allow-scripts", e);
}

static int
send_file(struct exchange *x, const struct state_release *r, const char *path, const char *caching,
    struct err *e)
{
	struct view *v;

	if (view_open(context_app(x)->layouts, r, VIEW_FILE, path, &v, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	if (fence(x, e) == -1) {
		view_close(v);
		return -1;
	}
	return serve_view(x, v, type_of(path), caching, e);
}

int
serve_file(struct exchange *x, struct err *e)
{
	const char *channel = exchange_param(x, "channel"), *course = exchange_param(x, "course");
	const char *number_text = exchange_param(x, "release");
	struct state_release r;
	uint32_t number;

	if (ids_check(IDS_CHANNEL, channel, strlen(channel), NULL) == -1 ||
	    ids_check(IDS_COURSE, course, strlen(course), NULL) == -1 ||
	    ids_parse_release(&number, number_text, strlen(number_text), NULL) == -1)
		return access_absent(e);
	if (access_see(context_client(x), channel, e) == -1 ||
	    serve_find_release(context_app(x), channel, course, number, &r, e) == -1)
		return -1;
	return send_file(x, &r, exchange_param(x, "path"), "private, no-cache", e);
}

int
serve_file_capability(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	struct access_client *giver;
	struct capability c;
	struct state_release r;

	if (capability_parse(exchange_param(x, "~word"), &app->capability_key, x->now, &c, e) == -1)
		return -1;
	/* From here on the request is that of the one the word was given to. */
	giver = access_client_new(app->access, c.serial, false, x->now);
	if (giver == NULL)
		return err_nomem(e);
	x->group = x->org = NULL; /* lent by x->client; the share of the line is taken already */
	access_client_free(x->client);
	x->client = giver;
	if (access_see(giver, c.channel, e) == -1 ||
	    serve_find_release(app, c.channel, c.course, c.release, &r, e) == -1)
		return -1;
	return send_file(x, &r, exchange_param(x, "path"), "private, no-store", e);
}

int
serve_capability(struct exchange *x, struct err *e)
{
	static const char *const names[] = { "channel", "course", "release" };
	struct app *app = context_app(x);
	const struct access_client *who = context_client(x);
	struct capability c = { .expires_at = x->now + CAPABILITY_S };
	struct buf path = BUF_INIT;
	struct json *body = NULL, *answer = NULL;
	struct state_release r;
	const char *channel, *course;
	int64_t release;
	char until[UTC_TEXT_SIZE];
	int rc = -1;

	if (respond_body(x, names, 3, &body, e) == -1)
		return -1;
	if (json_get_text(json_top(body), "channel", &channel, e) == -1 ||
	    json_get_text(json_top(body), "course", &course, e) == -1 ||
	    json_get_int_in(json_top(body), "release", 1, LIMIT_RELEASE_NUMBER, &release, e) == -1)
		goto out;
	if (ids_check(IDS_CHANNEL, channel, strlen(channel), e) == -1 ||
	    ids_check(IDS_COURSE, course, strlen(course), e) == -1 ||
	    access_see(context_client(x), channel, e) == -1 ||
	    serve_find_release(app, channel, course, (uint32_t)release, &r, e) == -1)
		goto out;
	c.release = (uint32_t)release;
	(void)snprintf(c.channel, sizeof(c.channel), "%s", channel); /* checked ids fit */
	(void)snprintf(c.course, sizeof(c.course), "%s", course);
	if (who->who.state == IDENT_OK)
		(void)snprintf(c.serial, sizeof(c.serial), "%s", who->who.serial);
	if (buf_add_text(&path, "/files/", e) == -1 ||
	    capability_encode(&c, &app->capability_key, &path, e) == -1 ||
	    buf_add_text(&path, "/", e) == -1)
		goto out;
	answer = json_new();
	if (answer != NULL) {
		json_put_text(json_top(answer), "path", buf_text(&path));
		json_put_text(json_top(answer), "expires", utc_format(until, c.expires_at));
	}
	rc = respond_json(x, 201, answer, e);
out:
	json_free(body);
	buf_clear(&path);
	return rc;
}
