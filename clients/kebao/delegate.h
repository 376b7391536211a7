/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin's half of a channel: the next version of targets, which says whose
 * keys sign the channel.  FORMATS.md 4.2, PROTOCOL.md 4.
 */
#ifndef KEBAO_CLIENTS_KEBAO_DELEGATE_H
#define KEBAO_CLIENTS_KEBAO_DELEGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"

struct delegate {
	const char *channel;
	bool is_new;                    /* the keys are those of add and no others */
	const struct key *const *add;   /* of the publisher */
	size_t n_add;
	const char *const *remove;      /* ids of keys, or their first DELEGATE_ID_LEN digits */
	size_t n_remove;
	int64_t threshold;              /* 0: as it is; of a new channel 1 */
	struct sign_key *const *signers; /* the targets keys at hand */
	size_t n_signers;
	const char *file;               /* collect.h; NULL: all are at hand */
	/* Even where what the channel has published will then be signed by too few of its keys. */
	bool is_forced;
	/* The hub was restored: look at it afresh, what this home has seen is no bar. */
	bool is_restored;
};
#define DELEGATE_ID_LEN 8u

struct delegate_done {
	bool is_unchanged;    /* targets already says so, nothing was sent */
	bool is_sent;         /* false: more signatures are wanted, and the file is written */
	bool is_orphaned;     /* nobody can read the channel until its publisher signs again */
	int64_t version;      /* of targets */
	int64_t n_missing;
	struct buf missing;   /* ids of keys that may sign, each after a blank */
};

/*
 * Refresh, delegate, sign, send; again where another admin came first.
 * ERR_CONFLICT: the channel would become unreadable, and is_forced is not set; the text says
 * what to do.
 */
int delegate_channel(struct home *home, struct hub *hub, const struct delegate *d,
    struct delegate_done *out, struct err *e) __attribute__((warn_unused_result));
void delegate_done_clear(struct delegate_done *d);

#endif
