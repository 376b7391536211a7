/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: the core of tus 1.0.0, creation and termination.  PROTOCOL.md section 4.1. */
#include <stdio.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/hub/state_uploads.h"
#include "catalog/repo/ids.h"
#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/app/tusmeta.h"
#include "daemon/app/uploads.h"
#include "daemon/http/reply.h"

#define TUS_VERSION "1.0.0"

/* Who does it, for the audit log; actor has CONTEXT_ACTOR_SIZE bytes. */
static struct uploads_by
by_of(const struct exchange *x, char *actor)
{
	(void)context_note(x, actor, "", "", ""); /* for the actor */
	return (struct uploads_by){ .actor = actor, .at = x->now };
}

/* 0 with a problem made, or -1, as routes return them; 1: go on. */
static int
check_version(struct exchange *x, struct err *e)
{
	const char *version = exchange_header(x, "tus-resumable");

	if (version != NULL && strcmp(version, TUS_VERSION) == 0)
		return reply_header(x, "Tus-Resumable", TUS_VERSION, e) == -1 ? -1 : 1;
	(void)err_set(e, ERR_BAD_INPUT, "Tus-Resumable: %s is wanted", TUS_VERSION);
	if (reply_header(x, "Tus-Version", TUS_VERSION, e) == -1)
		return -1;
	reply_problem_status(x, 412, e);
	return 0;
}

static int
number_header(const struct exchange *x, const char *name, uint64_t *out, struct err *e)
{
	const char *text = exchange_header(x, name);

	if (text == NULL || tusmeta_number(text, out) == -1)
		return err_set(e, ERR_BAD_INPUT, "%s: a number of bytes is wanted", name);
	return 0;
}

static int
parse_start(const struct exchange *x, struct state_upload *want, struct err *e)
{
	const char *meta = exchange_header(x, "upload-metadata");
	char channel[LIMIT_ID_BYTES + 1], kind[16], hex[DIGEST_HEX_LEN + 1];

	if (meta == NULL)
		return err_set(e, ERR_BAD_INPUT, "Upload-Metadata is missing");
	if (number_header(x, "upload-length", &want->length, e) == -1 ||
	    tusmeta_get(meta, "channel", channel, sizeof(channel), e) == -1 ||
	    tusmeta_get(meta, "kind", kind, sizeof(kind), e) == -1 ||
	    tusmeta_get(meta, "sha256", hex, sizeof(hex), e) == -1 ||
	    ids_copy(IDS_CHANNEL, want->channel, channel, strlen(channel), e) == -1)
		return -1;
	if (state_uploads_kind_parse(&want->kind, kind) == -1)
		return err_set(e, ERR_BAD_INPUT, "kind: pack, index or record is wanted");
	if (digest_parse(&want->sha256, hex) == -1)
		return err_set(e, ERR_BAD_INPUT, "sha256: 64 lower-case digits are wanted");
	return 0;
}

static int
put_offset(struct exchange *x, uint64_t offset, struct err *e)
{
	return reply_headerf(x, e, "Upload-Offset", "%llu", (unsigned long long)offset);
}

static int
put_length(struct exchange *x, uint64_t length, struct err *e)
{
	return reply_headerf(x, e, "Upload-Length", "%llu", (unsigned long long)length);
}

static int
answer_start(struct exchange *x, const struct state_upload *u, enum uploads_found found,
    uint64_t length, struct err *e)
{
	if (found == UPLOADS_HELD) {
		if (put_offset(x, length, e) == -1 || put_length(x, length, e) == -1)
			return -1;
		return reply_empty(x, 200, e);
	}
	if (reply_headerf(x, e, "Location", "/uploads/%s", u->id) == -1 ||
	    put_offset(x, u->offset, e) == -1)
		return -1;
	return reply_empty(x, 201, e);
}

int
serve_upload_start(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct state_upload want = { 0 }, got = { 0 };
	char actor[CONTEXT_ACTOR_SIZE];
	struct uploads_by by = by_of(x, actor);
	enum uploads_found found;
	int rc = check_version(x, e);

	if (rc != 1)
		return rc;
	if (access_staff(c, e) == -1 || parse_start(x, &want, e) == -1 ||
	    access_publish(c, want.channel, e) == -1)
		return -1;
	(void)snprintf(want.org, sizeof(want.org), "%s", c->who.org); /* both ids */
	if (uploads_begin(context_app(x)->uploads, &want, &by, &got, &found, e) == -1)
		return respond_space(x, e);
	return answer_start(x, &got, found, want.length, e);
}

int
serve_upload_look(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct state_upload u;
	int rc = check_version(x, e);

	if (rc != 1)
		return rc;
	if (access_staff(c, e) == -1 ||
	    uploads_look(context_app(x)->uploads, exchange_param(x, "id"), c->who.org, &u, e) == -1)
		return -1;
	if (access_publish(c, u.channel, e) == -1)
		return access_absent(e);
	if (put_offset(x, u.offset, e) == -1 || put_length(x, u.length, e) == -1 ||
	    reply_header(x, "Cache-Control", "no-store", e) == -1)
		return -1;
	return reply_empty(x, 200, e);
}

/* Before the body is read: everything that can be said without it. */
int
serve_upload_begin(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	const char *type = exchange_header(x, "content-type");
	struct uploads_piece piece = { .id = exchange_param(x, "id"), .org = c->who.org,
		.len = x->body_bytes };
	struct upload *u;
	int rc = check_version(x, e);

	if (rc != 1)
		return rc;
	if (access_staff(c, e) == -1)
		return -1;
	if (type == NULL || strcasecmp(type, "application/offset+octet-stream") != 0) {
		(void)err_set(e, ERR_BAD_INPUT,
		    "Content-Type: application/offset+octet-stream is wanted");
		reply_problem_status(x, 415, e);
		return 0;
	}
	if (number_header(x, "upload-offset", &piece.off, e) == -1 ||
	    uploads_open(context_app(x)->uploads, &piece, &u, e) == -1)
		return -1;
	x->data = u; /* given: serve_upload_finish() closes it */
	if (access_publish(c, uploads_channel(u), e) == -1)
		return access_absent(e);
	return 0;
}

int
serve_upload_sink(struct exchange *x, const void *bytes, size_t len, struct err *e)
{
	if (uploads_write(x->data, bytes, len, e) == -1)
		return respond_space(x, e);
	return 0;
}

int
serve_upload_end(struct exchange *x, struct err *e)
{
	char actor[CONTEXT_ACTOR_SIZE];
	struct uploads_by by = by_of(x, actor);
	uint64_t offset;

	if (uploads_commit(x->data, &by, &offset, e) == -1)
		return respond_space(x, e);
	if (put_offset(x, offset, e) == -1)
		return -1;
	return reply_empty(x, 204, e);
}

void
serve_upload_finish(struct exchange *x)
{
	uploads_close(x->data);
	x->data = NULL;
}

int
serve_upload_drop(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	char actor[CONTEXT_ACTOR_SIZE];
	struct uploads_by by = by_of(x, actor);
	int rc = check_version(x, e);

	if (rc != 1)
		return rc;
	if (access_staff(c, e) == -1 ||
	    uploads_drop(context_app(x)->uploads, exchange_param(x, "id"), c->who.org, &by,
	    e) == -1)
		return -1;
	return reply_empty(x, 204, e);
}
