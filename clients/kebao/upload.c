/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/upload.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PIECE_BYTES (64u << 20)  /* one PATCH: what a broken line costs at most to check again */
#define CHECKING_S 600u          /* how long the hub may look at an object with its last byte */
#define LOCATION "/uploads/"

/* One object under way. */
struct sending {
	struct transfer *t;
	const struct upload *u;
	char path[256];   /* of the upload; "" before it is made */
	uint64_t offset;  /* what the hub has */
	bool is_held;     /* the hub has it all, checked */
	uint64_t sent_bytes;
};

static void
add_base64(char *out, size_t size, const char *key, const char *value)
{
	unsigned char encoded[256];
	size_t len = strlen(value), used = strlen(out);

	/* Values are ids, kinds and hashes: 64 bytes at most. */
	(void)EVP_EncodeBlock(encoded, (const unsigned char *)value, (int)len);
	(void)snprintf(out + used, size - used, "%s%s %s", used > 0 ? "," : "", key,
	    (const char *)encoded);
}

/* What the hub calls our upload goes into our requests: only what such a name may hold. */
static int
take_location(struct sending *s, const char *location, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_-";
	const char *id = location + strlen(LOCATION);

	if (strncmp(location, LOCATION, strlen(LOCATION)) != 0 || *id == '\0' ||
	    id[strspn(id, allowed)] != '\0')
		return err_set(e, ERR_BAD_INPUT, "the hub gave no usable Location for an upload");
	(void)snprintf(s->path, sizeof(s->path), "%s", location); /* same size */
	return 0;
}

static int
create(struct sending *s, struct err *e)
{
	char length[48], metadata[400] = "", hex[DIGEST_HEX_LEN + 1], header[440];
	const char *const headers[] = {
		"Tus-Resumable: 1.0.0",
		"Content-Type: application/octet-stream",
		length,
		header,
		NULL,
	};
	const struct transfer_request r = {
		.method = TRANSFER_POST, .path = "/uploads", .headers = headers, .max_bytes = 4096,
		.patience_s = CHECKING_S,
	};
	struct transfer_reply reply;

	digest_hex(hex, &s->u->sha256);
	add_base64(metadata, sizeof(metadata), "channel", s->u->channel);
	add_base64(metadata, sizeof(metadata), "kind", s->u->kind);
	add_base64(metadata, sizeof(metadata), "sha256", hex);
	(void)snprintf(length, sizeof(length), "Upload-Length: %" PRIu64, s->u->len);
	(void)snprintf(header, sizeof(header), "Upload-Metadata: %s", metadata);
	if (transfer_again(s->t, &r, &reply, e) == -1)
		return -1;
	if (reply.status == 200) {
		s->is_held = true;
		return 0;
	}
	return take_location(s, reply.location, e);
}

/* How much has the hub?  0, or -1; ERR_NOT_FOUND: the upload is gone, finished or given up. */
static int
ask_offset(struct sending *s, struct err *e)
{
	static const char *const headers[] = { "Tus-Resumable: 1.0.0", NULL };
	const struct transfer_request r = {
		.method = TRANSFER_HEAD, .path = s->path, .headers = headers,
	};
	struct transfer_reply reply;

	if (transfer_again(s->t, &r, &reply, e) == -1)
		return -1;
	if (reply.upload_offset > s->u->len)
		return err_set(e, ERR_BAD_INPUT,
		    "%s: the hub says that it has %" PRIu64 " of %" PRIu64 " bytes", s->path,
		    reply.upload_offset, s->u->len);
	s->offset = reply.upload_offset;
	return 0;
}

static void
on_sent(void *ctx, uint64_t sent)
{
	const struct sending *s = ctx;

	if (s->u->on_progress != NULL)
		s->u->on_progress(s->u->ctx, s->offset + sent, s->u->len);
}

static int
send_piece(struct sending *s, struct err *e)
{
	uint64_t rest = s->u->len - s->offset;
	uint64_t len = rest < PIECE_BYTES ? rest : PIECE_BYTES;
	char offset[48];
	const char *const headers[] = {
		"Tus-Resumable: 1.0.0",
		"Content-Type: application/offset+octet-stream",
		offset,
		NULL,
	};
	struct transfer_request r = {
		.method = TRANSFER_PATCH,
		.path = s->path,
		.headers = headers,
		.max_bytes = 4096,
		.body_len = (size_t)len,
		.patience_s = CHECKING_S,
		.on_sent = on_sent,
		.on_sent_ctx = s,
	};
	struct transfer_reply reply;
	uint64_t before = transfer_totals(s->t)->sent_bytes;
	int rc;

	if (s->u->fd != -1) {
		r.has_body_fd = true;
		r.body_fd = s->u->fd;
		r.body_off = s->offset;
	} else {
		r.body = (const char *)s->u->bytes + s->offset;
	}
	(void)snprintf(offset, sizeof(offset), "Upload-Offset: %" PRIu64, s->offset);
	rc = transfer_once(s->t, &r, &reply, e);
	s->sent_bytes += transfer_totals(s->t)->sent_bytes - before;
	if (rc == 0)
		s->offset += len;
	return rc;
}

/* Until the hub has it all.  A broken line is asked about and gone on from. */
static int
send_all(struct sending *s, struct err *e)
{
	uint64_t best = s->offset;

	for (unsigned n = 1; s->offset < s->u->len;) {
		struct err mine = { 0 };

		if (send_piece(s, &mine) == 0)
			continue;
		if (s->offset > best) {
			best = s->offset;
			n = 1;
		}
		if (mine.class == ERR_CONFLICT) /* our offset was not the hub's: ask */
			mine.class = ERR_NETWORK;
		if (transfer_wait(s->t, n++, &mine) == -1) {
			if (e != NULL)
				*e = mine;
			return -1;
		}
		if (ask_offset(s, e) == -1)
			return -1;
	}
	return 0;
}

int
upload_object(struct transfer *t, const struct upload *u, uint64_t *sent_bytes, struct err *e)
{
	struct sending s = { .t = t, .u = u };
	struct err mine = { 0 };

	/* The second round is for an upload whose last answer was lost: then the hub holds it. */
	for (int round = 0; round < 2 && !s.is_held; round++) {
		mine = (struct err){ 0 };
		if (create(&s, &mine) == -1)
			break;
		if (s.is_held)
			break;
		if (ask_offset(&s, &mine) == 0 && send_all(&s, &mine) == 0)
			s.is_held = true;
		else if (mine.class != ERR_NOT_FOUND)
			break;
	}
	*sent_bytes = s.sent_bytes;
	if (s.is_held)
		return 0;
	err_within(&mine, "uploading a %s", u->kind);
	if (e != NULL)
		*e = mine;
	return -1;
}
