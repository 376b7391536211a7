/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/upkeep.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/utc.h"
#include "catalog/hub/state_drafts.h"
#include "catalog/hub/state_purge.h"
#include "daemon/app/context.h"
#include "daemon/app/cosign.h"
#include "daemon/app/expiries.h"
#include "daemon/app/patcher.h"
#include "daemon/app/purge.h"
#include "daemon/app/repacker.h"
#include "daemon/app/servercert.h"
#include "daemon/app/switchover.h"
#include "daemon/app/uploads.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/net/server.h"

#define DAILY_ROUNDS (24 * 60u)
#define SLOW_ROUNDS 60u /* what may wait is done every hour */

struct upkeep {
	struct app *app; /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_stopping;
};

int
upkeep_set_zone(const char *zone, struct err *e)
{
	char path[256];
	int len = snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);

	if (strcmp(zone, "Asia/Shanghai") == 0)
		zone = "CST-8"; /* known without tables: no summer time since 1991 */
	else if (strcmp(zone, "UTC") != 0 &&
	    (len < 0 || (size_t)len >= sizeof(path) || strstr(zone, "..") != NULL ||
	        access(path, R_OK) == -1))
		return err_set(e, ERR_BAD_INPUT, "this machine does not know the time zone %s",
		    zone);
	if (setenv("TZ", zone, 1) == -1)
		return err_errno(e, "set the time zone");
	tzset();
	return 0;
}

int
upkeep_zone_offset(int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm;

	return localtime_r(&t, &tm) == NULL ? 0 : (int)(tm.tm_gmtoff / 60);
}

static void
renew_certificate(struct app *app, int64_t now)
{
	struct err e = { 0 };
	bool renewed;

	if (servercert_renew(app->dirfd, app->signer, &app->config->hostnames, now, &renewed, &e) ==
	    -1) {
		log_failure(LOG_LEVEL_ERROR, "server-certificate", &e);
		return;
	}
	if (!renewed)
		return;
	log_note(LOG_LEVEL_INFO, "server-certificate", "renewed");
	pthread_mutex_lock(&app->server_lock);
	if (app->server != NULL)
		server_reload(app->server);
	pthread_mutex_unlock(&app->server_lock);
}

void
upkeep_start_up(struct app *app, int64_t now)
{
	struct err e = { 0 };

	access_set_offset(app->access, upkeep_zone_offset(now));
	renew_certificate(app, now); /* nobody should ever be shown one that has expired */
	if (switchover_refresh(app->switchover, now, UPKEEP_TIMESTAMP_LEFT_S, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "timestamp", &e);
	if (uploads_recover(app->uploads, now, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "uploads-recover", &e);
}

/* One line a day for each role whose signers should do something. */
static void
on_expiry(void *ctx, const char *role, int64_t expires_at)
{
	const int64_t *now = ctx;
	char when[UTC_TEXT_SIZE];
	struct log_line l;

	if (expires_at - *now >= expiries_early_s(role))
		return;
	log_begin(&l, LOG_LEVEL_WARN, "expires-soon");
	log_text(&l, "role", role);
	log_text(&l, "expires", utc_format(when, expires_at));
	log_end(&l);
}

static bool
has_old_replaced(struct app *app, int64_t now)
{
	struct state_purge_pack *packs = NULL;
	struct err e = { 0 };
	bool has = false;
	size_t n = 0;

	if (state_purge_packs(app->state, &packs, &n, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "packs-sweep", &e);
	for (size_t i = 0; i < n; i++)
		has = has || (packs[i].replaced_at != 0 &&
		    packs[i].replaced_at <= now - PURGE_SPARED_DAYS * UTC_DAY_S);
	free(packs);
	return has;
}

/* Packs that others replaced long ago. */
static void
remove_replaced(struct app *app, int64_t now)
{
	const struct purge_options o = { .is_replaced = true, .now = now, .actor = "kebaod" };
	struct purge_result r;
	struct err e = { 0 };

	if (!has_old_replaced(app, now))
		return;
	if (purge_run(app, &o, &r, &e) == -1) {
		log_failure(LOG_LEVEL_ERROR, "packs-sweep", &e);
		return;
	}
	for (size_t i = 0; i < r.n_gone; i++)
		log_note(LOG_LEVEL_INFO, "pack-removed", "%s", r.gone[i].name);
	purge_result_clear(&r);
}

static void
daily_round(struct app *app, int64_t now)
{
	const struct expiries x = { on_expiry, &now };
	struct err e = { 0 };

	remove_replaced(app, now);

	if (expiries_walk(app->store, &x, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "expiries", &e);
}

static void
slow_round(struct app *app, int64_t now)
{
	struct audit_note note = context_own_note(now, "drafts-expired", "", "");
	struct err e = { 0 };

	if (uploads_expire(app->uploads, now, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "uploads-expire", &e);
	if (state_drafts_expire(app->state, now - STATE_DRAFTS_SECONDS, &note, NULL, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "drafts-expire", &e);
	renew_certificate(app, now);
	patcher_wake(app->patcher);
	repacker_wake(app->repacker);
}

static void
one_round(struct app *app, unsigned number)
{
	int64_t now = (int64_t)time(NULL);
	struct err e = { 0 };

	access_set_offset(app->access, upkeep_zone_offset(now));
	if (switchover_refresh(app->switchover, now, UPKEEP_TIMESTAMP_LEFT_S, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "timestamp", &e);
	if (number % SLOW_ROUNDS == 0)
		slow_round(app, now);
	if (cosign_sweep(app, now, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "signatures-sweep", &e);
	if (number % DAILY_ROUNDS == 0)
		daily_round(app, now);
}

/* Wait for the next round.  False: it is time to stop. */
static bool
wait_round(struct upkeep *u)
{
	struct timespec until;
	bool go_on;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* this clock always exists */
	until.tv_sec += UPKEEP_ROUND_S;
	pthread_mutex_lock(&u->lock);
	while (!u->is_stopping &&
	    pthread_cond_timedwait(&u->wake, &u->lock, &until) != ETIMEDOUT)
		;
	go_on = !u->is_stopping;
	pthread_mutex_unlock(&u->lock);
	return go_on;
}

static void *
on_thread(void *arg)
{
	struct upkeep *u = arg;
	unsigned number = 0;

	do
		one_round(u->app, number++);
	while (wait_round(u));
	return NULL;
}

static int
init_sync(struct upkeep *u)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_mutex_init(&u->lock, NULL) != 0)
		return -1;
	if (pthread_condattr_init(&attr) != 0) {
		pthread_mutex_destroy(&u->lock);
		return -1;
	}
	rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(&u->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (rc != 0)
		pthread_mutex_destroy(&u->lock);
	return rc == 0 ? 0 : -1;
}

int
upkeep_run(struct app *app, struct upkeep **out, struct err *e)
{
	struct upkeep *u = calloc(1, sizeof(*u));

	if (u == NULL || init_sync(u) == -1) {
		free(u);
		return err_nomem(e);
	}
	u->app = app;
	if (pthread_create(&u->thread, NULL, on_thread, u) != 0) {
		pthread_cond_destroy(&u->wake);
		pthread_mutex_destroy(&u->lock);
		free(u);
		return err_set(e, ERR_SYSTEM, "cannot start the thread for upkeep");
	}
	*out = u;
	return 0;
}

void
upkeep_stop(struct upkeep *u)
{
	if (u == NULL)
		return;
	pthread_mutex_lock(&u->lock);
	u->is_stopping = true;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
	(void)pthread_join(u->thread, NULL); /* it is there and joinable */
	pthread_cond_destroy(&u->wake);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
