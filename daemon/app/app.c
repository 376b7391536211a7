/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/app.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/buf.h"
#include "catalog/hub/state.h"
#include "catalog/hub/state_audit.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/drafts.h"
#include "daemon/app/hot.h"
#include "daemon/app/layouts.h"
#include "daemon/app/patcher.h"
#include "daemon/app/repacker.h"
#include "daemon/app/routes.h"
#include "daemon/app/servercert.h"
#include "daemon/app/switchover.h"
#include "daemon/app/upkeep.h"
#include "daemon/app/uploads.h"
#include "daemon/config.h"
#include "daemon/signer/signer.h"

static int
on_certs(void *app, struct service_certs *out, struct err *e)
{
	return servercert_load(((struct app *)app)->dirfd, out, e);
}

static int
open_state(struct app *app, struct err *e)
{
	struct buf path = BUF_INIT;
	int rc = -1;

	app->dirfd = open(app->config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (app->dirfd == -1)
		return err_errno(e, "open the state directory %s", app->config->state);
	if (buf_printf(&path, e, "%s/" CONTEXT_STATE_FILE, app->config->state) == 0)
		rc = state_open(buf_text(&path), &app->state, e);
	buf_clear(&path);
	if (rc == -1)
		return -1;
	return store_open(app->dirfd, CONTEXT_REPOSITORY, STORE_WRITE, &app->store, e);
}

static int
start_signer(struct app *app, struct err *e)
{
	struct buf program = BUF_INIT;
	int rc = -1;

	if (signer_find_program(&program, e) == 0)
		rc = signer_start(buf_text(&program), app->config->state,
		    app->config->passphrase_file, &app->signer, e);
	buf_clear(&program);
	return rc;
}

static int
make_parts(struct app *app, struct err *e)
{
	const struct config *config = app->config;
	struct uploads_parts uploads = { .dirfd = app->dirfd, .state = app->state,
		.store = app->store, .quota_bytes = config->publisher_quota,
		.reserve_bytes = config->free_space_reserve };
	struct switchover_parts switchover = { .dirfd = app->dirfd, .state = app->state,
		.store = app->store, .signer = app->signer };
	struct drafts_parts drafts = { .state = app->state, .store = app->store };

	if (access_new(app->state, &app->access, e) == -1 ||
	    layouts_new(app->state, app->store, LAYOUTS_BYTES, &app->layouts, e) == -1 ||
	    hot_new(app->store, &app->hot, e) == -1 ||
	    capability_key_make(&app->capability_key, e) == -1 ||
	    uploads_new(&uploads, &app->uploads, e) == -1)
		return -1;
	switchover.layouts = app->layouts;
	drafts.layouts = app->layouts;
	if (switchover_new(&switchover, &app->switchover, e) == -1)
		return -1;
	return drafts_new(&drafts, &app->drafts, e);
}

static int
start_patcher(struct app *app, struct err *e)
{
	const struct config *config = app->config;
	struct patcher_parts parts = { .dirfd = app->dirfd, .state = app->state,
		.store = app->store, .layouts = app->layouts, .level = config->patch_level,
		.n_releases = config->patch_releases,
		.reserve_bytes = config->free_space_reserve };

	return config->makes_patches ? patcher_run(&parts, &app->patcher, e) : 0;
}

static int
start_repacker(struct app *app, struct err *e)
{
	struct repacker_parts parts = { .dirfd = app->dirfd, .state = app->state,
		.store = app->store, .layouts = app->layouts,
		.reserve_bytes = app->config->free_space_reserve };

	return repacker_run(&parts, &app->repacker, e);
}

static void
fill_service(struct app *app)
{
	struct service *s = &app->service;

	s->app = app;
	s->routes = routes_public(&s->n_routes);
	s->local_routes = routes_local(&s->n_local_routes);
	s->holder = context_holder;
	s->before = context_before;
	s->still_allowed = context_still_allowed;
	s->after = context_after;
	s->certs = on_certs;
}

static int
start_all(struct app *app, struct err *e)
{
	int64_t now = (int64_t)time(NULL);
	struct audit_note note = context_own_note(now, "start", "kebaod", "");

	if (upkeep_set_zone(app->config->timezone, e) == -1 || open_state(app, e) == -1 ||
	    start_signer(app, e) == -1 || make_parts(app, e) == -1 ||
	    state_audit_add(app->state, &note, e) == -1)
		return -1;
	upkeep_start_up(app, now);
	fill_service(app);
	if (drafts_run(app->drafts, e) == -1 || start_patcher(app, e) == -1 ||
	    start_repacker(app, e) == -1)
		return -1;
	return upkeep_run(app, &app->upkeep, e);
}

int
app_start(const struct config *config, struct app **out, struct err *e)
{
	struct app *app = calloc(1, sizeof(*app));

	if (app == NULL || pthread_mutex_init(&app->registry_lock, NULL) != 0) {
		free(app);
		return err_nomem(e);
	}
	if (pthread_mutex_init(&app->server_lock, NULL) != 0) {
		pthread_mutex_destroy(&app->registry_lock);
		free(app);
		return err_nomem(e);
	}
	app->config = config;
	app->dirfd = -1;
	if (start_all(app, e) == -1) {
		app_stop(app);
		return -1;
	}
	*out = app;
	return 0;
}

const struct service *
app_service(struct app *app)
{
	return &app->service;
}

void
app_serving(struct app *app, struct server *server)
{
	pthread_mutex_lock(&app->server_lock);
	app->server = server;
	pthread_mutex_unlock(&app->server_lock);
}

void
app_stop(struct app *app)
{
	if (app == NULL)
		return;
	upkeep_stop(app->upkeep); /* threads first: they use all that follows */
	patcher_free(app->patcher);
	repacker_free(app->repacker);
	drafts_free(app->drafts);
	switchover_free(app->switchover);
	uploads_free(app->uploads);
	hot_free(app->hot);
	layouts_free(app->layouts);
	access_free(app->access);
	signer_stop(app->signer);
	store_close(app->store);
	state_close(app->state);
	if (app->dirfd != -1)
		close(app->dirfd);
	pthread_mutex_destroy(&app->server_lock);
	pthread_mutex_destroy(&app->registry_lock);
	free(app);
}
