/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts: releases that are uploaded and checked, but not yet published. */
#ifndef KEBAO_CATALOG_HUB_STATE_DRAFTS_H
#define KEBAO_CATALOG_HUB_STATE_DRAFTS_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_releases.h"

#define STATE_DRAFTS_ID_LEN 32
#define STATE_DRAFTS_SECONDS (7 * 86400)

struct state;

enum state_draft_state {
	STATE_DRAFT_CHECKING,
	STATE_DRAFT_VERIFIED,
	STATE_DRAFT_REFUSED,
	STATE_DRAFT_PUBLISHED,
};

struct state_draft {
	char id[STATE_DRAFTS_ID_LEN + 1];
	char org[LIMIT_ID_BYTES + 1];
	/* index and tar are zero until the check has read the record */
	struct state_release release;
	enum state_draft_state state;
	int64_t created_at;
	int64_t role_version;     /* of a published one */
	struct digest role_hash;  /* SHA-256 of the channel role's file that published it */
	char reason[400];         /* of a refused one: one line */
};

/*
 * Begin a draft for want (org, release.channel/course/number, record hash and
 * length); id, state and time are set here.  The open draft of the same channel,
 * course, number and record is given back as it is.
 */
int state_drafts_start(struct state *s, const struct state_draft *want,
    const struct audit_note *note, struct state_draft *out, struct err *e);

/* ERR_NOT_FOUND. */
int state_drafts_get(struct state *s, const char *id, struct state_draft *out, struct err *e);

/* The check's verdict: state VERIFIED (release complete) or REFUSED (reason), of d->id. */
int state_drafts_judge(struct state *s, const struct state_draft *d,
    const struct audit_note *note, struct err *e);

/* Back to CHECKING: a refused draft whose missing objects have come. */
int state_drafts_recheck(struct state *s, const char *id, const struct audit_note *note,
    struct err *e);

/* Absent is success. */
int state_drafts_end(struct state *s, const char *id, const struct audit_note *note,
    struct err *e);

/* Drafts in the given state; free() the array. */
int state_drafts_list(struct state *s, enum state_draft_state state, struct state_draft **out,
    size_t *n, struct err *e);

/* Drop drafts created before; *n how many, may be NULL. */
int state_drafts_expire(struct state *s, int64_t before, const struct audit_note *note,
    size_t *n, struct err *e);

const char *state_drafts_state_name(enum state_draft_state state);

#endif
