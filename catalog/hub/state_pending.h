/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next version of a channel's role while it waits for the signatures of more people:
 * one per channel at most.  Signatures that a change made worthless are remembered as dropped
 * until the channel's next switch, so that whoever gave them can be told.
 */
#ifndef KEBAO_CATALOG_HUB_STATE_PENDING_H
#define KEBAO_CATALOG_HUB_STATE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_drafts.h"

struct state;

#define STATE_PENDING_OBJECT_SIZE (2 * LIMIT_ID_BYTES + 16)
#define STATE_PENDING_KEYID_SIZE 129 /* of other makers' keys, too */
#define STATE_PENDING_ACTOR_SIZE 128

struct state_pending {
	char channel[LIMIT_ID_BYTES + 1];
	char kind[16];                            /* release, recall, recall-undo, renewal */
	char object[STATE_PENDING_OBJECT_SIZE];   /* "gd.ip/marks/2"; the channel for a renewal */
	char draft[STATE_DRAFTS_ID_LEN + 1];      /* of a release; else "" */
	struct digest covered;                    /* SHA-256 of what the signatures cover */
	int64_t version;
	int64_t at;                               /* when it began to wait */
	char *role;                               /* owned: the file with the signatures so far */
};
void state_pending_clear(struct state_pending *p);

struct state_pending_signature {
	char channel[LIMIT_ID_BYTES + 1];
	char object[STATE_PENDING_OBJECT_SIZE];
	char keyid[STATE_PENDING_KEYID_SIZE];
	char actor[STATE_PENDING_ACTOR_SIZE]; /* who brought it */
	int64_t at;
	bool is_dropped;
};

/*
 * Let p wait, with n signatures more, brought by note->actor; p->role has all of them.
 * Where another version (p->covered differs) waited in the channel, it ends and its
 * signatures are dropped: *n_dropped, with an audit entry of its own.
 */
int state_pending_put(struct state *s, const struct state_pending *p, const char *const *keyids,
    size_t n, const struct audit_note *note, size_t *n_dropped, struct err *e);

/* ERR_NOT_FOUND.  The caller clears *out. */
int state_pending_get(struct state *s, const char *channel, struct state_pending *out,
    struct err *e);

/* All signatures, collected and dropped, of a channel, by time; free() the array. */
int state_pending_signatures(struct state *s, const char *channel,
    struct state_pending_signature **out, size_t *n, struct err *e);

struct state_pending_channel {
	char id[LIMIT_ID_BYTES + 1];
};
/* Those where something waits or signatures were dropped, by id; free() the array. */
int state_pending_channels(struct state *s, struct state_pending_channel **out, size_t *n,
    struct err *e);

/* It ends without a switch, its signatures are dropped; note->detail says why.  None is success. */
int state_pending_drop(struct state *s, const char *channel, const struct audit_note *note,
    struct err *e);

/* The channel has made a switch: nothing waits, and what was dropped before is forgotten. */
int state_pending_end(struct state *s, const char *channel, struct err *e);

#endif
