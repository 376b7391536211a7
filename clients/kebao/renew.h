/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next version of a role with the same content: before it expires, when its keys
 * change, after the hub was restored; and the empty one that ends a channel.
 * FORMATS.md 4.2, PROTOCOL.md 4.3.
 */
#ifndef KEBAO_CLIENTS_KEBAO_RENEW_H
#define KEBAO_CLIENTS_KEBAO_RENEW_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/belief.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"

#define RENEW_EARLY_DAYS 90 /* before a role expires its signers are told */

/* Whether it is time: less than RENEW_EARLY_DAYS are left. */
bool renew_is_due(int64_t expires_at, int64_t now);

/* What the person is told before anything is signed. */
enum renew_note {
	RENEW_EXPIRED, /* what is renewed had expired; text: its name */
	RENEW_FORMER,  /* it is signed by keys that do not count any more; text: its name */
	RENEW_KEPT,    /* a target that is signed again (only after RENEW_FORMER); text: its path */
	RENEW_LOST,    /* a target this home has seen and the hub has not; text: its path */
};

struct renew {
	struct home *home;  /* borrowed, as all here; locked */
	struct hub *hub;
	const char *role;   /* "targets" or a channel */
	struct sign_key *const *keys;
	size_t n_keys;
	/* Keys that are to sign for the role one day: they sign, too, and count for nothing yet. */
	struct sign_key *const *heirs;
	size_t n_heirs;
	/*
	 * Where signatures are collected from more than one machine: made where it is not
	 * there, else signed on, and removed when it was sent.  NULL: all keys are here.
	 */
	const char *file;
	int days;           /* until it expires; 0: as usual */
	/* After a restore: the version is this one's next, and versions seen are no bar. */
	int64_t above;      /* 0: the hub was not restored */
	bool is_emptied;    /* without targets: the channel ends */
	bool takes_former;  /* sign again what only former keys have signed */
	void (*on_note)(void *ctx, enum renew_note note, const char *text);
	void *ctx;
};

struct renew_done {
	int64_t version, expires_at;
	bool is_nothing;      /* the channel has no version yet: nothing to do */
	bool is_sent;         /* false: more signatures are wanted, and the file is written */
	int64_t n_missing;
	struct buf missing;   /* ids of keys that may give them, each after a blank */
};

/*
 * ERR_DENIED: a key may not sign, or more are wanted and there is no file.
 * ERR_UNTRUSTED: what is in force is signed by former keys and takes_former is not set.
 * ERR_CONFLICT: the file is no renewal of what is in force now.
 */
int renew_role(const struct renew *r, struct renew_done *out, struct err *e)
    __attribute__((warn_unused_result));
void renew_done_clear(struct renew_done *d);

#endif
