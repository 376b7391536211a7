/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads under way, and the bytes stored per organisation. */
#ifndef KEBAO_CATALOG_HUB_STATE_UPLOADS_H
#define KEBAO_CATALOG_HUB_STATE_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/hub/audit.h"

#define STATE_UPLOADS_ID_LEN 32

struct state;

enum state_upload_kind { STATE_UPLOAD_PACK, STATE_UPLOAD_INDEX, STATE_UPLOAD_RECORD };

struct state_upload {
	char id[STATE_UPLOADS_ID_LEN + 1]; /* random, lower-case hexadecimal */
	char org[LIMIT_ID_BYTES + 1];
	char channel[LIMIT_ID_BYTES + 1];
	enum state_upload_kind kind;
	struct digest sha256;
	uint64_t length;
	uint64_t offset;    /* bytes known to be durable in the upload's file */
	int64_t created_at;
	int64_t touched_at; /* the last PATCH */
};

/*
 * Begin want (id, offset and times are set here), or give back the upload of the
 * same organisation, channel, kind and sha256 that is under way (*is_new false;
 * ERR_CONFLICT where its length differs).  ERR_BUSY with EDQUOT where stored and
 * announced bytes of the organisation would pass quota_bytes (0: no quota).
 */
int state_uploads_start(struct state *s, const struct state_upload *want, uint64_t quota_bytes,
    const struct audit_note *note, struct state_upload *out, bool *is_new, struct err *e);

/* ERR_NOT_FOUND. */
int state_uploads_get(struct state *s, const char *id, struct state_upload *out,
    struct err *e);

/* Call after the bytes are synced.  ERR_NOT_FOUND. */
int state_uploads_set_offset(struct state *s, const char *id, uint64_t offset, int64_t now,
    struct err *e);

/* The upload ended: accepted, refused or given up, as the note says.  Absent is success. */
int state_uploads_end(struct state *s, const char *id, const struct audit_note *note,
    struct err *e);

/* Uploads with touched_at < before (INT64_MAX: all); free() the array. */
int state_uploads_list(struct state *s, int64_t before, struct state_upload **out, size_t *n,
    struct err *e);

/* Remember an index or record that entered the repository; it counts against the organisation. */
int state_uploads_add_object(struct state *s, const struct state_upload *u,
    const struct audit_note *note, struct err *e);

/* Bytes the organisation has stored, and those announced by uploads under way. */
int state_uploads_usage(struct state *s, const char *org, uint64_t *stored, uint64_t *announced,
    struct err *e);

const char *state_uploads_kind_name(enum state_upload_kind kind);
int state_uploads_kind_parse(enum state_upload_kind *out, const char *name)
    __attribute__((warn_unused_result));

#endif
