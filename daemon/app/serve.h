/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions behind the routes, in one file serve_*.c per group; the table is in
 * routes.c, what they do in PROTOCOL.md.  All have the signatures of struct route.
 */
#ifndef KEBAO_DAEMON_APP_SERVE_H
#define KEBAO_DAEMON_APP_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "daemon/http/exchange.h"

struct app;
struct objpath;
struct state_release;
struct view;

/* serve_gate.c: begin functions that refuse before a long body is read */
int serve_gate_admin(struct exchange *x, struct err *e);
int serve_gate_staff(struct exchange *x, struct err *e);
int serve_gate_channel(struct exchange *x, struct err *e); /* {channel}, to publish in */

/* serve_repository.c: sections 2 and 3 */
int serve_repository(struct exchange *x, struct err *e);
bool serve_repository_hot(struct exchange *x); /* quick: see struct route */

/* serve_bundle.c */
int serve_bundle(struct exchange *x, struct err *e);
int serve_bundle_tar(struct exchange *x, const struct objpath *p, struct err *e);
/* A release that may be had; else ERR_WITHDRAWN (recalled), or ERR_NOT_FOUND as access_absent(). */
int serve_find_release(struct app *app, const char *channel, const char *course, uint32_t number,
    struct state_release *out, struct err *e);
/* Reply with the view, which is taken. */
int serve_view(struct exchange *x, struct view *v, const char *content_type, const char *caching,
    struct err *e);

/* serve_files.c: one file out of a release */
int serve_file(struct exchange *x, struct err *e);
int serve_file_capability(struct exchange *x, struct err *e);
int serve_capability(struct exchange *x, struct err *e); /* gives one */
/* Say that a release was recalled, to one who may see its channel: 410.  Returns -1. */
int serve_withdrawn(const struct state_release *r, struct err *e);

/* serve_hub.c: what everybody may ask */
int serve_hub(struct exchange *x, struct err *e);
int serve_trust(struct exchange *x, struct err *e);
int serve_whoami(struct exchange *x, struct err *e);
int serve_channels(struct exchange *x, struct err *e);

/* serve_catalogue.c: the newest releases one may see, in pages */
int serve_catalogue(struct exchange *x, struct err *e);

/* serve_enrol.c: section 5 */
int serve_enrol(struct exchange *x, struct err *e);
int serve_enrol_renew(struct exchange *x, struct err *e);
int serve_enrol_invite(struct exchange *x, struct err *e);
int serve_enrol_list(struct exchange *x, struct err *e);
int serve_enrol_revoke(struct exchange *x, struct err *e);

/* serve_registry.c: the registry and the audit log, for administrators */
int serve_registry(struct exchange *x, struct err *e);
int serve_registry_change(struct exchange *x, struct err *e);
int serve_registry_drop(struct exchange *x, struct err *e);
int serve_registry_audit(struct exchange *x, struct err *e);

/* serve_draft.c: section 4.2 */
int serve_draft_missing(struct exchange *x, struct err *e);
int serve_draft_start(struct exchange *x, struct err *e);
int serve_draft(struct exchange *x, struct err *e);
int serve_draft_drop(struct exchange *x, struct err *e);
int serve_draft_hint(struct exchange *x, struct err *e);

/* serve_pending.c: what waits for signatures; section 4.5 */
int serve_pending_list(struct exchange *x, struct err *e);
int serve_pending(struct exchange *x, struct err *e);
int serve_pending_drop(struct exchange *x, struct err *e);
/* Add threshold, signatures and who may sign to an answer about the channel. */
int serve_pending_put(struct exchange *x, const char *channel, struct json_at top, struct err *e);

/* serve_publish.c: the switch */
int serve_publish(struct exchange *x, struct err *e);
int serve_publish_role(struct exchange *x, struct err *e);

/* serve_keys.c: section 4.3 */
int serve_keys_next(struct exchange *x, struct err *e);
int serve_keys_recover(struct exchange *x, struct err *e);

/* serve_upload.c: section 4.1 */
int serve_upload_start(struct exchange *x, struct err *e);
int serve_upload_look(struct exchange *x, struct err *e);
int serve_upload_begin(struct exchange *x, struct err *e);
int serve_upload_sink(struct exchange *x, const void *bytes, size_t len, struct err *e);
int serve_upload_end(struct exchange *x, struct err *e);
void serve_upload_finish(struct exchange *x);
int serve_upload_drop(struct exchange *x, struct err *e);

/* serve_purge.c: section 4.6 */
int serve_purge(struct exchange *x, struct err *e);

/* serve_local.c: the plain local listener */
int serve_local_health(struct exchange *x, struct err *e);
int serve_local_ready(struct exchange *x, struct err *e);
int serve_local_metrics(struct exchange *x, struct err *e);

#endif
