/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin's half of a channel: the next version of targets, which says whose
 * keys sign the channel.  FORMATS.md 4.2, PROTOCOL.md 4.
 */
#ifndef KEBAO_CLIENTS_KEBAO_DELEGATE_H
#define KEBAO_CLIENTS_KEBAO_DELEGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/trust/sign.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"

struct delegate {
	const char *channel;
	const struct key *const *keys;  /* of the publisher */
	size_t n_keys;
	int64_t threshold;
	struct sign_key *const *signers; /* the targets keys at hand */
	size_t n_signers;
};

/*
 * Refresh, delegate, sign, send; again where another admin came first.
 * *is_unchanged: targets already says so, nothing was sent.
 */
int delegate_channel(struct home *home, struct hub *hub, const struct delegate *d,
    bool *is_unchanged, struct err *e) __attribute__((warn_unused_result));

#endif
