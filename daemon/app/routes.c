/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/routes.h"

#include "catalog/base/limits.h"
#include "daemon/app/serve.h"
#include "daemon/http/route.h"
#include "daemon/limits.h"

#define SMALL_BODY_BYTES LIMIT_UNCOUNTED_BYTES /* requests of people and clients: a CSR is 1 KB */
#define REGISTRY_BODY_BYTES (4u << 20)        /* some 10,000 documents at once */
#define MISSING_BODY_BYTES (4096u * 32u)      /* PROTOCOL.md: 4,096 hashes at once */

#define REPOSITORY(prefix) \
	{ .method = METHOD_GET, .pattern = prefix "/{name...}", .run = ROUTE_IN_POOL, \
		.quick = serve_repository_hot, .handler = serve_repository }
#define REPOSITORY_BULK(prefix) \
	{ .method = METHOD_GET, .pattern = prefix "/{name...}", .run = ROUTE_IN_POOL, \
		.quick = serve_repository_hot, .handler = serve_repository, .is_bulk = true }
#define ASK(path, fn) \
	{ .method = METHOD_GET, .pattern = path, .run = ROUTE_IN_POOL, .handler = fn }
#define ASK_BULK(path, fn) \
	{ .method = METHOD_GET, .pattern = path, .run = ROUTE_IN_POOL, .handler = fn, \
		.is_bulk = true }
#define DROP(path, fn) \
	{ .method = METHOD_DELETE, .pattern = path, .run = ROUTE_IN_POOL, .handler = fn }
#define TELL(verb, path, bytes, fn) \
	{ .method = verb, .pattern = path, .run = ROUTE_IN_POOL, .body = ROUTE_BODY_MEMORY, \
		.max_body_bytes = bytes, .handler = fn }
#define TELL_LONG(verb, path, bytes, gate, fn) \
	{ .method = verb, .pattern = path, .run = ROUTE_IN_POOL, .body = ROUTE_BODY_MEMORY, \
		.max_body_bytes = bytes, .begin = gate, .handler = fn }

static const struct route public_routes[] = {
	REPOSITORY("/metadata"),
	REPOSITORY_BULK("/targets"),
	REPOSITORY("/indexes"),
	REPOSITORY_BULK("/packs"),
	REPOSITORY("/hints"),
	REPOSITORY_BULK("/patches"),
	ASK_BULK("/bundles/{channel}/{course}/{file}", serve_bundle),
	{ .method = METHOD_GET, .pattern = "/files/{~word}/{path...}", .run = ROUTE_IN_POOL,
	    .handler = serve_file_capability, .is_bulk = true, .hides_path = true },
	ASK_BULK("/files/{channel}/{course}/{release}/{path...}", serve_file),
	TELL(METHOD_POST, "/api/v1/capabilities", SMALL_BODY_BYTES, serve_capability),

	ASK("/api/v1/hub", serve_hub),
	ASK("/api/v1/trust", serve_trust),
	ASK("/api/v1/whoami", serve_whoami),
	ASK("/api/v1/channels", serve_channels),
	ASK("/api/v1/catalogue", serve_catalogue),

	TELL(METHOD_POST, "/api/v1/enroll", SMALL_BODY_BYTES, serve_enrol),
	TELL(METHOD_POST, "/api/v1/renew", SMALL_BODY_BYTES, serve_enrol_renew),
	TELL(METHOD_POST, "/api/v1/invitations", SMALL_BODY_BYTES, serve_enrol_invite),
	ASK("/api/v1/enrolments", serve_enrol_list),
	DROP("/api/v1/enrolments/{serial}", serve_enrol_revoke),

	ASK("/api/v1/registry", serve_registry),
	TELL_LONG(METHOD_PATCH, "/api/v1/registry", REGISTRY_BODY_BYTES, serve_gate_admin,
	    serve_registry_change),
	DROP("/api/v1/registry/{kind}/{id}", serve_registry_drop),
	{ .method = METHOD_POST, .pattern = "/api/v1/purge", .run = ROUTE_IN_POOL_LONG,
	    .body = ROUTE_BODY_MEMORY, .max_body_bytes = SMALL_BODY_BYTES,
	    .begin = serve_gate_admin, .handler = serve_purge },
	ASK("/api/v1/audit", serve_registry_audit),

	TELL_LONG(METHOD_PUT, "/api/v1/metadata/{role}", LIMIT_TARGETS_BYTES, serve_gate_staff,
	    serve_publish_role),
	TELL(METHOD_POST, "/api/v1/online-keys", SMALL_BODY_BYTES, serve_keys_next),
	TELL(METHOD_POST, "/api/v1/recover", SMALL_BODY_BYTES, serve_keys_recover),
	TELL_LONG(METHOD_POST, "/api/v1/channels/{channel}/missing", MISSING_BODY_BYTES,
	    serve_gate_channel, serve_draft_missing),
	TELL(METHOD_POST, "/api/v1/drafts", SMALL_BODY_BYTES, serve_draft_start),
	ASK("/api/v1/drafts/{id}", serve_draft),
	DROP("/api/v1/drafts/{id}", serve_draft_drop),
	ASK("/api/v1/drafts/{id}/hint", serve_draft_hint),
	ASK("/api/v1/pending", serve_pending_list),
	ASK("/api/v1/pending/{channel}", serve_pending),
	DROP("/api/v1/pending/{channel}", serve_pending_drop),
	TELL_LONG(METHOD_POST, "/api/v1/drafts/{id}/publish", LIMIT_TARGETS_BYTES, serve_gate_staff,
	    serve_publish),

	{ .method = METHOD_POST, .pattern = "/uploads", .run = ROUTE_IN_POOL,
	    .handler = serve_upload_start },
	{ .method = METHOD_HEAD, .pattern = "/uploads/{id}", .run = ROUTE_IN_POOL,
	    .handler = serve_upload_look },
	{ .method = METHOD_PATCH, .pattern = "/uploads/{id}", .run = ROUTE_IN_POOL_LONG,
	    .body = ROUTE_BODY_STREAM, .max_body_bytes = LIMIT_PACK_BYTES, .is_bulk = true,
	    .begin = serve_upload_begin, .sink = serve_upload_sink, .handler = serve_upload_end,
	    .finish = serve_upload_finish },
	DROP("/uploads/{id}", serve_upload_drop),
};

static const struct route local_routes[] = {
	ASK("/healthz", serve_local_health),
	ASK("/readyz", serve_local_ready),
	ASK("/metrics", serve_local_metrics),
};

const struct route *
routes_public(size_t *n)
{
	*n = sizeof(public_routes) / sizeof(public_routes[0]);
	return public_routes;
}

const struct route *
routes_local(size_t *n)
{
	*n = sizeof(local_routes) / sizeof(local_routes[0]);
	return local_routes;
}
