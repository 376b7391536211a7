/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that seal session tickets: one that seals, and the one before it, which still opens.
 * Shared by all workers, so that a client may resume with any of them; any thread.  now is in
 * seconds of a clock that should only go forward; where it goes back, no key lasts the longer.
 */
#ifndef KEBAO_DAEMON_NET_TICKETS_H
#define KEBAO_DAEMON_NET_TICKETS_H

#include <stdint.h>

#include "catalog/base/err.h"

#define TICKETS_NAME_BYTES 16

struct tickets; /* opaque */

struct tickets_key {
	uint8_t name[TICKETS_NAME_BYTES]; /* stands in the ticket, as it is */
	uint8_t cipher[32];
	uint8_t mac[32];
};

/* NULL with ERR_SYSTEM. */
struct tickets *tickets_new(struct err *e);

/*
 * The key to seal with: a new one where there is none yet or the last is LIMIT_TICKET_KEY_S old.
 * -1: no random bytes.  *out is the caller's to wipe.
 */
int tickets_seal(struct tickets *t, int64_t now, struct tickets_key *out);

enum tickets_verdict { TICKETS_UNKNOWN, TICKETS_OPEN, TICKETS_OPEN_AND_RENEW };

/*
 * The key called name, TICKETS_NAME_BYTES long.  RENEW: it seals no more.  UNKNOWN: none of ours,
 * or made twice LIMIT_TICKET_KEY_S ago; *out is untouched.
 */
enum tickets_verdict tickets_open(struct tickets *t, int64_t now, const uint8_t *name,
    struct tickets_key *out);

/* Wipes them.  NULL is fine. */
void tickets_free(struct tickets *t);

#endif
