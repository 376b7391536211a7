/* SPDX-License-Identifier: Apache-2.0 */
/* The repository byte for byte, PROTOCOL.md section 2. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/digest.h"
#include "catalog/base/file.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"

#define ETAG_SIZE 96
#define HASH_PIECE 16384u

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
		return "application/octet-stream";
	}
	return "application/octet-stream";
}

/* The ETag of what may change: from its bytes. */
static int
etag_of_bytes(char *etag, int fd, uint64_t size, struct err *e)
{
	struct digest_stream *s = digest_new(DIGEST_SHA256, e);
	char hex[DIGEST_HEX_LEN + 1];
	uint8_t piece[HASH_PIECE];
	struct digest d;
	uint64_t off = 0;

	if (s == NULL)
		return -1;
	while (off < size) {
		size_t n = size - off < sizeof(piece) ? (size_t)(size - off) : sizeof(piece);

		if (file_pread_all(fd, piece, n, off, e) == -1) {
			digest_free(s);
			return -1;
		}
		digest_add(s, piece, n);
		off += n;
	}
	digest_finish(s, d.bytes);
	digest_free(s);
	digest_hex(hex, &d);
	(void)snprintf(etag, ETAG_SIZE, "\"%.32s\"", hex);
	return 0;
}

/* The ETag of what never changes: from its name. */
static void
etag_of_name(char *etag, const struct objpath *p)
{
	static const struct digest none;
	char hex[DIGEST_HEX_LEN + 1];

	if (!digest_equal(&p->hash, &none)) {
		digest_hex(hex, &p->hash);
		(void)snprintf(etag, ETAG_SIZE, "\"%.32s\"", hex);
	} else
		(void)snprintf(etag, ETAG_SIZE, "\"%llu.%d.%s\"", (unsigned long long)p->version,
		    (int)p->kind, p->channel);
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
send_file(struct exchange *x, const struct objpath *p, int fd, uint64_t size, struct err *e)
{
	struct access_client *c = context_client(x);
	char etag[ETAG_SIZE], view[REGISTRY_VIEW_HEX_LEN + 1];
	struct reply_entity what = { .content_type = type_of(p->kind), .length = size,
		.etag = etag, .cache_control = caching_of(x, p) };

	if (!objpath_is_mutable(p->kind))
		etag_of_name(etag, p);
	else if (etag_of_bytes(etag, fd, size, e) == -1)
		goto fail;
	if (p->kind == OBJPATH_TIMESTAMP) {
		registry_view(access_client_registry(c), &c->who, c->day, view);
		if (reply_header(x, "Kebao-View", view, e) == -1)
			goto fail;
	}
	return reply_object(x, fd, 0, &what, e);
fail:
	close(fd);
	return -1;
}

static int
may_read(struct access_client *c, const struct objpath *p, struct err *e)
{
	if (p->channel[0] == '\0')
		return 0;
	return p->kind == OBJPATH_CHANNEL_ROLE ? access_role(c, p->channel, e)
	                                       : access_see(c, p->channel, e);
}

int
serve_repository(struct exchange *x, struct err *e)
{
	struct objpath p;
	uint64_t size;
	int fd;

	if (objpath_parse(&p, x->path + 1, e) == -1)
		return access_absent(e);
	if (may_read(context_client(x), &p, e) == -1)
		return -1;
	if (p.kind == OBJPATH_BUNDLE)
		return serve_bundle_tar(x, &p, e);
	if (store_read(context_app(x)->store, x->path + 1, &fd, &size, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	return send_file(x, &p, fd, size, e);
}
