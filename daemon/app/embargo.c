/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/embargo.h"

#include "catalog/hub/state_frames.h"
#include "catalog/hub/state_releases.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/switchover.h"

static int
is_released(struct app *app, const struct objpath *p, bool *out, struct err *e)
{
	struct state_release r;
	struct err mine = { 0 };

	*out = true;
	switch (p->kind) {
	case OBJPATH_RECORD:
		if (state_releases_get(app->state, p->channel, p->course, p->release, &r,
		    &mine) == 0)
			*out = digest_equal(&r.record, &p->hash);
		else if (mine.class == ERR_NOT_FOUND)
			*out = false;
		else
			return err_set(e, mine.class, "%s", mine.text);
		return 0;
	case OBJPATH_INDEX:
		return state_releases_has_index(app->state, p->channel, &p->hash, out, e);
	case OBJPATH_PACK:
		return state_frames_is_released(app->state, p->channel, &p->hash, out, e);
	case OBJPATH_ROOT:
	case OBJPATH_TARGETS:
	case OBJPATH_SNAPSHOT:
	case OBJPATH_TIMESTAMP:
	case OBJPATH_CHANNEL_ROLE:
	case OBJPATH_BUNDLE:
	case OBJPATH_HINT:
	case OBJPATH_PATCH:
		return 0;
	}
	return 0;
}

int
embargo_check(struct exchange *x, const struct objpath *p, bool *is_draft, struct err *e)
{
	struct app *app = context_app(x);
	const struct access_client *c = context_client(x);
	bool released;

	if (is_released(app, p, &released, e) == -1)
		return -1;
	*is_draft = !released;
	if (released || registry_may_publish(access_client_registry(c), &c->who, p->channel,
	    c->day))
		return 0;
	if (!store_has(app->store, x->path + 1))
		return access_absent(e);
	/* A switch under way may have shown the role already and not noted the release yet. */
	if (switchover_begin(app->switchover, e) == -1)
		return -1;
	switchover_end(app->switchover);
	if (is_released(app, p, &released, e) == -1)
		return -1;
	*is_draft = false;
	return released ? 0 : access_absent(e);
}
