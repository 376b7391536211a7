/* SPDX-License-Identifier: Apache-2.0 */
/* What the groups of routes share: the parts of the application, and small helpers around them. */
#ifndef KEBAO_DAEMON_APP_CONTEXT_H
#define KEBAO_DAEMON_APP_CONTEXT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "daemon/app/access.h"
#include "daemon/app/capability.h"
#include "daemon/http/exchange.h"
#include "daemon/http/route.h"

struct config;
struct drafts;
struct hot;
struct layouts;
struct patcher;
struct repacker;
struct server;
struct signer;
struct state;
struct store;
struct switchover;
struct upkeep;
struct uploads;

/* Everything is owned but config and server. */
struct app {
	const struct config *config; /* borrowed from main, outlives us */
	int dirfd;                   /* the state directory */
	struct state *state;
	struct store *store;
	struct signer *signer;
	struct access *access;
	struct layouts *layouts;
	struct hot *hot;
	struct uploads *uploads;
	struct switchover *switchover;
	struct drafts *drafts;
	struct patcher *patcher; /* NULL where patches are off */
	struct repacker *repacker;
	struct upkeep *upkeep;
	struct capability_key capability_key; /* of this process; set at its start */
	pthread_mutex_t registry_lock;   /* one change of the registry at a time */
	pthread_mutex_t server_lock;
	struct server *server;           /* borrowed; NULL while none serves; under its lock */
	struct service service;
};

#define CONTEXT_VERSION "1" /* of the protocol this hub speaks, PROTOCOL.md */

/* Files below the state directory. */
#define CONTEXT_REPOSITORY "repo"
#define CONTEXT_STATE_FILE "state.db"
#define CONTEXT_CA_FILE "keys/ca.pem"
#define CONTEXT_SERVER_CERT_FILE "keys/server.pem"
#define CONTEXT_SERVER_KEY_FILE "keys/server.key"
#define CONTEXT_UPLOADS "uploads"
#define CONTEXT_SWITCH_FILE "switch.json"

static inline struct app *
context_app(const struct exchange *x)
{
	return x->app;
}

/* Never NULL in a route's function: context_before() answers itself when there is no memory. */
static inline struct access_client *
context_client(const struct exchange *x)
{
	return x->client;
}

/* Room for "<org>/<serial>". */
#define CONTEXT_ACTOR_SIZE (LIMIT_ID_BYTES + IDENT_SERIAL_HEX_LEN + 2)

/*
 * An audit note of the one who asks; object and detail are lent to *note, actor
 * (CONTEXT_ACTOR_SIZE bytes) is filled.
 */
struct audit_note context_note(const struct exchange *x, char *actor, const char *action,
    const char *object, const char *detail);

/* The same for what the hub does by itself. */
struct audit_note context_own_note(int64_t now, const char *action, const char *object,
    const char *detail);

/* The hooks of struct service. */
uint64_t context_holder(void *app, const char *serial);
void context_before(struct exchange *x);
bool context_still_allowed(struct exchange *x);
void context_after(struct exchange *x, int status, uint64_t sent_bytes, bool is_whole);

#endif
