/* SPDX-License-Identifier: Apache-2.0 */
/* The repository byte for byte, PROTOCOL.md section 2. */
#include "catalog/hub/state_releases.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/patch.h"
#include "daemon/app/context.h"
#include "daemon/app/embargo.h"
#include "daemon/app/hot.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"

static const char *
type_of(enum objpath_kind kind)
{
	switch (kind) {
	case OBJPATH_ROOT:
	case OBJPATH_TARGETS:
	case OBJPATH_SNAPSHOT:
	case OBJPATH_TIMESTAMP:
	case OBJPATH_CHANNEL_ROLE:
	case OBJPATH_RECORD:
		return "application/json";
	case OBJPATH_BUNDLE:
		return "application/x-tar";
	case OBJPATH_INDEX:
	case OBJPATH_PACK:
	case OBJPATH_HINT:
	case OBJPATH_PATCH:
		return "application/octet-stream";
	}
	return "application/octet-stream";
}

static const char *
caching_of(const struct exchange *x, const struct objpath *p)
{
	if (objpath_is_mutable(p->kind))
		return "no-cache";
	if (p->channel[0] == '\0' ||
	    registry_is_public(access_client_registry(context_client(x)), p->channel))
		return "public, max-age=31536000, immutable";
	return "private, max-age=31536000, immutable";
}

static int
send_object(struct exchange *x, struct hot_object *o, struct err *e)
{
	const struct reply_lease lease = { o, hot_give_back };
	const struct reply_entity what = { .content_type = type_of(o->path.kind),
		.length = o->size, .etag = o->etag, .cache_control = caching_of(x, &o->path) };
	struct access_client *c = context_client(x);
	char view[REGISTRY_VIEW_HEX_LEN + 1];

	if (o->path.kind == OBJPATH_TIMESTAMP) {
		registry_view(access_client_registry(c), &c->who, c->day, view);
		if (reply_header(x, "Kebao-View", view, e) == -1) {
			hot_give_back(o);
			return -1;
		}
	}
	return reply_lent(x, o->fd, &lease, &what, e);
}

static int
may_read(struct access_client *c, const struct objpath *p, struct err *e)
{
	if (p->channel[0] == '\0')
		return 0;
	return p->kind == OBJPATH_CHANNEL_ROLE ? access_role(c, p->channel, e)
	                                       : access_see(c, p->channel, e);
}

bool
serve_repository_hot(struct exchange *x)
{
	struct hot_object *o = hot_find(context_app(x)->hot, x->path + 1);
	struct err e = { 0 };

	if (o == NULL)
		return false;
	if (may_read(context_client(x), &o->path, &e) == -1) {
		hot_give_back(o);
		reply_problem(x, &e);
	} else if (send_object(x, o, &e) == -1)
		reply_problem(x, &e);
	return true;
}

/* The hint of a recalled release is not given, whether it has gone or was made anew. */
static int
check_hint(struct exchange *x, const struct objpath *p, struct err *e)
{
	struct state_release r;

	if (p->kind == OBJPATH_HINT &&
	    state_releases_get(context_app(x)->state, p->channel, p->course, p->release, &r,
	        NULL) == 0 &&
	    r.withdrawn_at != 0)
		return serve_withdrawn(&r, e);
	return 0;
}

/*
 * A patch says itself where it leads, so one of a recalled release is found out whoever knows its
 * name.  It is never kept open for the loop, which asks about channels alone.
 */
static int
serve_patch(struct exchange *x, const struct objpath *p, struct err *e)
{
	struct app *app = context_app(x);
	struct hot_object *o;
	struct digest to;
	bool is_recalled = false;

	if (hot_open_aside(app->hot, x->path + 1, p, &o, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	/* What is no patch says nothing: whoever fetches it sees that. */
	if (patch_leads_to(o->fd, &to, NULL) == 0 &&
	    state_releases_is_recalled(app->state, p->channel, &to, &is_recalled, e) == -1) {
		hot_give_back(o);
		return -1;
	}
	if (is_recalled) {
		hot_give_back(o);
		return err_set(e, ERR_WITHDRAWN,
		    "the patch leads to a release that was withdrawn by its publisher");
	}
	return send_object(x, o, e);
}

int
serve_repository(struct exchange *x, struct err *e)
{
	struct hot_object *o;
	struct objpath p;
	bool is_draft;

	if (objpath_parse(&p, x->path + 1, e) == -1)
		return access_absent(e);
	if (may_read(context_client(x), &p, e) == -1)
		return -1;
	if (p.kind == OBJPATH_BUNDLE)
		return serve_bundle_tar(x, &p, e);
	if (p.kind == OBJPATH_PATCH)
		return serve_patch(x, &p, e);
	if (check_hint(x, &p, e) == -1 || embargo_check(x, &p, &is_draft, e) == -1)
		return -1;
	/* What only drafts use is never kept open for the loop, which asks about channels alone. */
	if ((is_draft ? hot_open_aside : hot_open)(context_app(x)->hot, x->path + 1, &p, &o, e) ==
	    -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	return send_object(x, o, e);
}
