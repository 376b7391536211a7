/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second pair of eyes.  What waits at the hub is never signed as it is given: the role is made
 * anew from what this home itself trusts and the one change the hub speaks of, and must be the very
 * same.  Then the person sees what that change is, and only then is it signed.
 */
#ifndef KEBAO_CLIENTS_KEBAO_COSIGN_H
#define KEBAO_CLIENTS_KEBAO_COSIGN_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/record.h"
#include "catalog/repo/withdrawn.h"
#include "catalog/trust/role.h"
#include "clients/kebao/channel.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"
#include "clients/kebao/pending.h"

/* What is to be signed, made by us. */
struct cosign {
	struct role *role;     /* owned */
	struct record *record; /* owned; of a release, else NULL */
	uint32_t release;      /* of a recall or its undoing */
	char course[IDS_SIZE];
	struct withdrawn what; /* of a recall */
};

/*
 * Make the role that p should be, on top of the channel as it is trusted at now.  -1:
 * ERR_UNTRUSTED where what waits is anything else; ERR_CONFLICT where the channel went on
 * meanwhile; or what fetching the record said.
 */
int cosign_make(const struct home *home, struct hub *hub, const struct channel *c,
    const struct pending *p, int64_t now, struct cosign *out, struct err *e)
    __attribute__((warn_unused_result));
void cosign_clear(struct cosign *c);

/* The record of a waiting release: its bytes are those of p's hash, and it is well formed. */
int cosign_record(struct hub *hub, const struct pending *p, struct buf *bytes,
    struct record **out, struct err *e) __attribute__((warn_unused_result));

#endif
