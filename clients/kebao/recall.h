/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release is recalled, or that is undone: the next version of its channel's role,
 * signed and sent.  The other half, what it means to who holds it, is recalls.h.
 */
#ifndef KEBAO_CLIENTS_KEBAO_RECALL_H
#define KEBAO_CLIENTS_KEBAO_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/withdrawn.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/channel.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"
#include "clients/kebao/pending.h"

struct recall {
	struct home *home; /* borrowed, as all here; locked */
	struct hub *hub;
	const char *channel;
	const char *course;
	uint32_t release;  /* 0: the newest one that is live (withdrawn, for an undo) */
	bool is_undo;
	struct withdrawn what;
	struct sign_key *const *keys;
	size_t n_keys;
};

/*
 * *release: which one it was; the caller clears *outcome.  ERR_NOT_FOUND: no such channel or
 * release.  ERR_DENIED: the keys may not sign for it.  ERR_CONFLICT: it is withdrawn already (is
 * not), or others changed the channel more often than we tried.
 */
int recall_send(const struct recall *r, uint32_t *release, struct pending_outcome *outcome,
    struct err *e) __attribute__((warn_unused_result));

/*
 * The role that does what *want says (course, release, is_undo, what, now; bundle is
 * filled in here), made from the channel as it is trusted.  The caller frees *out.
 */
int recall_role(const struct home *home, struct transfer *t, const struct channel *c,
    struct channel_recall *want, struct role **out, struct err *e)
    __attribute__((warn_unused_result));

#endif
