/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application behind the routes, as kebaod's main sees it: its life, in this order.
 *
 *   config_load                 daemon/config.h
 *   app_start                   one thread so far: children may be forked here
 *   server_new(app_service())   listens
 *   app_serving                 the application may call server_reload() and server_stats()
 *   server_run                  until SIGTERM
 *   app_serving(app, NULL)      it no longer does
 *   server_free                 no exchange is left, no route's function runs
 *   app_stop
 */
#ifndef KEBAO_DAEMON_APP_APP_H
#define KEBAO_DAEMON_APP_APP_H

#include "catalog/base/err.h"

struct app;
struct config;
struct server;
struct service;

/*
 * Open the state directory, start the signer, load the registry, fill the
 * tables that before() reads.  config outlives the application.  0 with *out for app_stop();
 * -1 with one line for the person at the terminal.
 */
int app_start(const struct config *config, struct app **out, struct err *e);

/* Routes and hooks; lent, good until app_stop(). */
const struct service *app_service(struct app *app);

/* The server runs soon, and may be used from any thread; NULL, before server_free: no longer. */
void app_serving(struct app *app, struct server *server);

/* Stop threads and children, close everything.  NULL is fine. */
void app_stop(struct app *app);

#endif
