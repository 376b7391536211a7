/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is.  A loop does one thing after another; who gives it much to do, by many
 * connections or by handshakes, makes the others wait.  So the loop's time is shared by address,
 * as in a stochastic fair queue: addresses fall into lanes, and when the connections of one lane
 * have used LIMIT_LANE_US, the further ones queue until all other lanes have had as much.  A lane
 * that asks for little never queues.  Private to daemon/http, but for turn_init and turn_clear.
 */
#ifndef KEBAO_DAEMON_HTTP_TURN_H
#define KEBAO_DAEMON_HTTP_TURN_H

#include "catalog/base/err.h"
#include "daemon/http/conn.h"

/* env->base is set. */
int turn_init(struct conn_env *env, struct err *e);
void turn_clear(struct conn_env *env);

/* A new connection: which lane it is in. */
void turn_enter(struct conn *c);

/* Whether c may go on now; if not, it queues, and conn_run is called when it is its turn. */
bool turn_is_due(struct conn *c);

/* Give c a turn of its own soon: conn_run is called.  It does not queue yet. */
void turn_queue(struct conn *c);

/* Whether it queues. */
bool turn_is_queued(const struct conn *c);

/* A connection of this lane has kept the loop busy since began_us. */
void turn_charge(struct conn_env *env, unsigned lane, uint64_t began_us);

/* The connection ends: it does not queue any more.  Fine where it does not. */
void turn_leave(struct conn *c);

#endif
