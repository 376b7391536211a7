/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's part in the hub's line (net/share.h): its seat, and its place among those of this
 * loop who wait for their turn.  Without a configured line nothing here is called.  Private to
 * daemon/http, but for line_init and line_clear.
 */
#ifndef KEBAO_DAEMON_HTTP_LINE_H
#define KEBAO_DAEMON_HTTP_LINE_H

#include "catalog/base/err.h"
#include "daemon/http/conn.h"

/* env->base and env->share are set.  Nothing to do, and no failure, where share is NULL. */
int line_init(struct conn_env *env, struct err *e);
void line_clear(struct conn_env *env);

/* The route is known: take a seat.  -1: ERR_BUSY, to be answered with 429; ERR_SYSTEM. */
int line_enter(struct conn *c, struct err *e);

/* The length of the reply is known: small ones may go at once. */
void line_admit(struct conn *c);

/*
 * Ask for the next bytes of the reply.  STEP_AGAIN: c->allowance is not 0 any more; STEP_WAIT: the
 * loop goes on with the connection when it is its turn.
 */
enum step line_ask(struct conn *c);

/* Whether it is we who make the client wait. */
static inline bool
line_is_waiting(const struct conn *c)
{
	return c->line_link != NULL;
}

/* The exchange is over or cannot go on: give up place and seat.  Fine without either. */
void line_leave(struct conn *c);

#endif
