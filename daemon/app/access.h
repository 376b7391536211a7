/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and what they may.  A struct access holds the tables now in force
 * (enrolments and registry); every request takes a struct access_client, which
 * keeps the tables of its moment, so that one answer never mixes two states.  A
 * change swaps the tables: requests that begin later see it, and access_still()
 * asks the newest tables about those that run.
 *
 * Dates are compared at the moment of asking, in the hub's zone, so midnight
 * needs no event of its own.  All calls are for any thread; none waits on a disk but the
 * two that say so.
 */
#ifndef KEBAO_DAEMON_APP_ACCESS_H
#define KEBAO_DAEMON_APP_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/ident.h"
#include "catalog/hub/registry.h"

struct access; /* opaque */
struct state;

/* Read enrolments and registry (waits on the disk).  The caller frees. */
int access_new(struct state *state, struct access **out, struct err *e)
    __attribute__((warn_unused_result));
/* No client may be left. */
void access_free(struct access *a);

/* The hub's zone: minutes east of Greenwich, DAY_CHINA until it is set. */
void access_set_offset(struct access *a, int offset_minutes);

/* Read the enrolments again and show them (waits on the disk). */
int access_reload_identities(struct access *a, struct state *state, struct err *e);

/* Show another registry; takes a reference of its own. */
int access_set_registry(struct access *a, struct registry *reg, struct err *e);

/* As ident_holder(), by the table now in force. */
uint64_t access_holder(struct access *a, const char *serial);

/* How many certificates whoever holds this one has that are good at now. */
size_t access_n_good(struct access *a, const char *serial, int64_t now);

/* The registry now in force; the caller releases it with registry_release(). */
struct registry *access_registry(struct access *a);

struct access_tables; /* private */

/* What a running request needs to go on. */
enum access_need {
	ACCESS_NOTHING,
	ACCESS_ENROLLED,
	ACCESS_SEE,     /* the channel */
	ACCESS_PUBLISH, /* in the channel */
	ACCESS_RENEW,   /* the channel's role */
	ACCESS_ADMIN,
	ACCESS_AUDIT,   /* look, as administrators and auditors do */
};

struct access_client {
	struct ident who;
	int32_t day; /* of the request, in the hub's zone */
	enum access_need need;
	char channel[LIMIT_ID_BYTES + 1]; /* of ACCESS_SEE, ACCESS_PUBLISH */
	struct access_tables *tables;     /* owned reference */
};

/*
 * serial as in struct exchange; is_foreign: a certificate that is not of our CA.  NULL: no memory.
 */
struct access_client *access_client_new(struct access *a, const char *serial, bool is_foreign,
    int64_t now);
void access_client_free(struct access_client *c);

/* Lent for the client's life. */
const struct registry *access_client_registry(const struct access_client *c);

/*
 * Decide, and note the need for access_still().  -1: access_see() says
 * ERR_NOT_FOUND in the very words of access_absent(); the others ERR_DENIED, or
 * as access_see() where the channel may not even be seen.
 */
int access_see(struct access_client *c, const char *channel, struct err *e);
int access_publish(struct access_client *c, const char *channel, struct err *e);
/* Read a channel's role: who sees the channel, and who looks after the hub or at it. */
int access_role(struct access_client *c, const char *channel, struct err *e);
/* Replace it without a release: its publishers, open or not, and administrators. */
int access_renew(struct access_client *c, const char *channel, struct err *e);
int access_enrolled(struct access_client *c, struct err *e);
int access_admin(struct access_client *c, struct err *e);
/* A publisher or administrator, whatever the channel. */
int access_staff(struct access_client *c, struct err *e);
/* Look at what the hub is told and has done: administrators and auditors, who may nothing else. */
int access_audit(struct access_client *c, struct err *e);
bool access_is_auditor(const struct access_client *c);

/* The one text for what is not there and for what one may not see.  Returns -1. */
int access_absent(struct err *e);

/* Whether what was decided for c would be decided again, now and with the newest tables. */
bool access_still(struct access *a, const struct access_client *c, int64_t now);

#endif
