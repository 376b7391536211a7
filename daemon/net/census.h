/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each address holds: IPv4 by address, IPv6 by its /64,
 * which is what one subscriber gets.  Any thread.
 */
#ifndef KEBAO_DAEMON_NET_CENSUS_H
#define KEBAO_DAEMON_NET_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "catalog/base/err.h"

struct census; /* opaque */

/* At most max per address and about max_total in all.  NULL with ERR_SYSTEM. */
struct census *census_new(unsigned max, unsigned max_total, struct err *e);

/* Count one more; false where the address is full (or memory is out): nothing was counted. */
bool census_enter(struct census *census, const struct sockaddr_storage *address);

/* One that had entered has gone. */
void census_leave(struct census *census, const struct sockaddr_storage *address);

void census_free(struct census *census);

/* What counts as one address: equal or not, nothing else. */
uint64_t census_key(const struct sockaddr_storage *address);

/* The same number for what counts as one address; others differ, unpredictably without the seed. */
uint64_t census_hash(const struct sockaddr_storage *address, uint64_t seed);

#endif
