/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four eyes: the next version of a channel's role waits here until as many keys of the
 * channel have signed it as its threshold says.  Signatures count when they are brought
 * and verify; whose they are follows from the repository's own targets.  What
 * waits ends when it cannot become the next version any more: from then on nobody is
 * shown it, and its signatures are dropped by whoever next does something in the channel,
 * or by upkeep.  Looking changes nothing.
 */
#ifndef KEBAO_DAEMON_APP_COSIGN_H
#define KEBAO_DAEMON_APP_COSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_pending.h"
#include "catalog/trust/meta.h"
#include "daemon/app/context.h"
#include "daemon/signer/current.h"

/*
 * Who signs, and what is in force: verified from the first root on.  Read without a turn: the
 * files of a version never change, and the timestamp leads to those of one moment.
 */
struct cosign_standing {
	struct current now;           /* owned */
	const struct meta_role *role; /* of a channel, lent by now.targets; NULL: of none yet */
};
int cosign_standing_load(struct app *app, struct cosign_standing *out, struct err *e)
    __attribute__((warn_unused_result));
/* Set role; ERR_NOT_FOUND where targets does not delegate to the channel. */
int cosign_standing_find(struct cosign_standing *s, const char *channel, struct err *e)
    __attribute__((warn_unused_result));
/* Both. */
int cosign_standing(struct app *app, const char *channel, struct cosign_standing *out,
    struct err *e) __attribute__((warn_unused_result));
void cosign_standing_clear(struct cosign_standing *s);

/*
 * Without a turn, and nothing is written: what waits in the channel and may still become
 * its next version; ERR_NOT_FOUND.
 */
int cosign_look(struct app *app, const struct cosign_standing *s, const char *channel,
    struct state_pending *out, struct err *e) __attribute__((warn_unused_result));

/*
 * Takes turns: drop what waits in any channel, or in this one, and cannot become its
 * next version any more.  Upkeep does that, and who has ended a draft.
 */
int cosign_sweep(struct app *app, int64_t now, struct err *e);
int cosign_sweep_channel(struct app *app, const char *channel, int64_t now, struct err *e);

/* ---- within one's turn (switchover.h) ---- */

/* What is to become the channel's next version; judged already but for its signatures. */
struct cosign_change {
	const char *channel;
	const char *kind;    /* as in struct state_pending */
	const char *object;
	const char *draft;   /* "" for none */
	int64_t version;
	const char *bytes;   /* as somebody sent it: a role's file */
	size_t len;
	const struct audit_note *note; /* actor and time of who sent it */
};

/*
 * Verify the signatures, add those collected before.  *is_complete: *file is the
 * role with enough of them.  Else it waits, *n_dropped signatures of another version were
 * dropped for it.  ERR_UNTRUSTED where no key of the channel has signed.
 */
int cosign_collect(struct app *app, const struct cosign_change *c, struct buf *file,
    bool *is_complete, size_t *n_dropped, struct err *e) __attribute__((warn_unused_result));

/* As cosign_look(); what may not is dropped, with an audit entry. */
int cosign_get(struct app *app, const char *channel, int64_t now, struct state_pending *out,
    struct err *e) __attribute__((warn_unused_result));

/* Whether more than one key has to sign for the channel; false where that cannot be told. */
bool cosign_is_wanted(struct app *app, const char *channel);

/*
 * A draft is to begin in a channel of several signatures, for want: others that are
 * open end.  ERR_CONFLICT where one of another course has been signed.
 */
int cosign_make_way(struct app *app, const struct state_draft *want, const char *actor,
    int64_t now, struct err *e) __attribute__((warn_unused_result));

#endif
