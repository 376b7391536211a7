/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that a pool fills.  A reply that is computed, or not in the page cache, is read in a pool,
 * into a block that is in our hands from before it queues there until its bytes are written.  Of
 * the connections of one address (a lane of turn.h) only LIMIT_LANE_READS have one at a time, as
 * many as a pool has threads for each loop; the others wait without.  Private to daemon/http.
 */
#ifndef KEBAO_DAEMON_HTTP_READS_H
#define KEBAO_DAEMON_HTTP_READS_H

#include "daemon/http/conn.h"

/* Whether c may have a block filled; true again until reads_leave. */
bool reads_enter(struct conn *c);

/* c waits; when it is its turn, it has entered, and conn_run is called. */
enum step reads_wait(struct conn *c);

bool reads_is_waiting(const struct conn *c);

/* It is written, or the connection ends: the next one enters.  Fine where c has not entered. */
void reads_leave(struct conn *c);

#endif
