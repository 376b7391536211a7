/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what the engine holds whole for a client, counted by whose it is: a long request body
 * until its request is done, a long answer until it is sent.  So nobody has a role of 5 MB, or an
 * answer that is not read, on each of a hundred connections.  Short ones are not counted:
 * connections are.  All calls are for any thread and wait for nothing.
 */
#ifndef KEBAO_DAEMON_NET_BUDGET_H
#define KEBAO_DAEMON_NET_BUDGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"

struct budget; /* opaque */

/*
 * Whose it is.  Bodies are an organisation's, answers are of who holds the certificate: who leaves
 * answers unread takes nothing from his colleagues.  Without a certificate that counts both are
 * the address's.  Bodies and answers are two accounts.
 */
struct budget_owner {
	char org[LIMIT_ID_BYTES + 1]; /* "": none that is known */
	uint64_t number;              /* as census.h: an answer's holder, or the address; else 0 */
	bool is_answer;
};

/* What is counted of one body or answer; all zero: nothing.  Stays where it is while it counts. */
struct budget_claim {
	struct budget_claim *next, **link;
	struct budget_owner owner;
	uint64_t bytes;
};

/* The caller frees; NULL is fine. */
int budget_new(struct budget **out, struct err *e) __attribute__((warn_unused_result));
void budget_free(struct budget *budget);

/*
 * Count bytes for the owner; the claim held nothing before.  Up to LIMIT_UNCOUNTED_BYTES it holds
 * nothing afterwards, too.  ERR_BUSY: the owner has LIMIT_BUDGET_OWNER_BYTES, or all who are
 * known have LIMIT_BUDGET_KNOWN_BYTES, all addresses LIMIT_BUDGET_ADDRESSES_BYTES, of that account.
 * What is larger than these is granted to whoever is alone, so that nothing is refused for ever.
 */
int budget_take(struct budget *budget, struct budget_claim *claim, const struct budget_owner *owner,
    uint64_t bytes, struct err *e) __attribute__((warn_unused_result));

/* Nothing happens to a claim that holds nothing. */
void budget_give(struct budget *budget, struct budget_claim *claim);

#endif
