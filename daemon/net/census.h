/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each key has.  A key is an address (IPv4 by address, IPv6 by its /64,
 * which is what one subscriber gets) or the holder of a client's certificate.  Memory is kept
 * for keys that have connections and for no others.  Any thread; threads meet where two keys
 * share one of 16 locks.
 */
#ifndef KEBAO_DAEMON_NET_CENSUS_H
#define KEBAO_DAEMON_NET_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "catalog/base/err.h"

struct census; /* opaque */

/* At most max per key and about max_total in all.  NULL with ERR_SYSTEM. */
struct census *census_new(unsigned max, unsigned max_total, struct err *e);

/* Count one more; false where the key has its number (or memory is out): nothing was counted. */
bool census_enter(struct census *census, uint64_t key);

/* One that had entered has gone. */
void census_leave(struct census *census, uint64_t key);

void census_free(struct census *census);

/* The key of what counts as one address. */
uint64_t census_key(const struct sockaddr_storage *address);

/* The same number for what counts as one address; others differ, unpredictably without the seed. */
uint64_t census_hash(const struct sockaddr_storage *address, uint64_t seed);

#endif
