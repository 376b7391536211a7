/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads under way: files in STATE/uploads, their rows in the state.  An offset that
 * was acknowledged counts durable bytes, across crashes.  One writer per upload: who comes later
 * (a client whose connection broke before we noticed) takes over, and the earlier one's
 * next write fails.
 *
 * A complete upload is checked, then moved into the store, then entered into
 * the state, then forgotten.  A crash between any two of these steps is made good by
 * uploads_recover() or by the next call that meets the upload, and whether the hub holds the
 * object is always answered truthfully.  Any thread; calls wait on the disk.
 */
#ifndef KEBAO_DAEMON_APP_UPLOADS_H
#define KEBAO_DAEMON_APP_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/state_uploads.h"

struct store;
struct uploads; /* opaque */
struct upload;  /* opaque: one writer's hold on an upload */

#define UPLOADS_SYNC_BYTES (16u << 20)    /* a crash costs at most this much of an upload */
#define UPLOADS_LIFE_S (7 * 86400)        /* an upload nobody continues is dropped */

struct uploads_parts {
	int dirfd;           /* of the state directory */
	struct state *state;
	struct store *store;
	uint64_t quota_bytes;   /* per organisation; 0: none */
	uint64_t reserve_bytes; /* free space that uploads leave alone */
};

/* Who does it, for the audit log; lent. */
struct uploads_by {
	const char *actor;
	int64_t at; /* UTC seconds */
};

/* Parts are lent and outlive the result.  Files without a row are removed. */
int uploads_new(const struct uploads_parts *parts, struct uploads **out, struct err *e)
    __attribute__((warn_unused_result));
/* No upload may be open. */
void uploads_free(struct uploads *us);

/* Complete what a crash left complete but not entered.  Failures of single uploads are logged. */
int uploads_recover(struct uploads *us, int64_t now, struct err *e);

/* Drop uploads not touched since UPLOADS_LIFE_S. */
int uploads_expire(struct uploads *us, int64_t now, struct err *e);

enum uploads_found {
	UPLOADS_STARTED, /* *out is new */
	UPLOADS_RUNNING, /* *out was under way already */
	UPLOADS_HELD,    /* the repository holds the object; *out is undefined */
};

/*
 * Begin an upload (org, channel, kind, sha256, length).  -1: ERR_BAD_INPUT (too long
 * for its kind, or of no length), ERR_CONFLICT (under way with another length), ERR_BUSY with
 * ENOSPC or EDQUOT; ERR_UNTRUSTED where a crash left it complete and it is wrong.
 */
int uploads_begin(struct uploads *us, const struct state_upload *want,
    const struct uploads_by *by, struct state_upload *out, enum uploads_found *found,
    struct err *e);

/*
 * How far the upload is.  Whoever writes it is cut off, so the answer stays true until
 * somebody opens it again.  ERR_NOT_FOUND also where org is another's.
 */
int uploads_look(struct uploads *us, const char *id, const char *org, struct state_upload *out,
    struct err *e);

/* Become its writer, at offset, for len bytes.  ERR_CONFLICT where the upload stands elsewhere. */
struct uploads_piece {
	const char *id, *org;
	uint64_t off, len;
};
int uploads_open(struct uploads *us, const struct uploads_piece *piece, struct upload **out,
    struct err *e) __attribute__((warn_unused_result));

/* The channel it is for; lent. */
const char *uploads_channel(const struct upload *u);

/* The next bytes.  ERR_CONFLICT where somebody took over, ERR_BUSY with ENOSPC. */
int uploads_write(struct upload *u, const void *bytes, size_t len, struct err *e);

/*
 * Make durable what was written; *offset is what may be acknowledged.  Where that is the
 * whole, the object is checked and enters the repository.  ERR_UNTRUSTED: it is wrong and gone.
 */
int uploads_commit(struct upload *u, const struct uploads_by *by, uint64_t *offset,
    struct err *e);

/* Let go; what was written is kept and made durable as far as possible.  NULL is fine. */
void uploads_close(struct upload *u);

/* Give the upload up.  ERR_NOT_FOUND. */
int uploads_drop(struct uploads *us, const char *id, const char *org,
    const struct uploads_by *by, struct err *e);

#endif
