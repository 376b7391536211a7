/* SPDX-License-Identifier: Apache-2.0 */
/* From the first byte of a head to the call of its route's handler.  Private to daemon/http. */
#ifndef KEBAO_DAEMON_HTTP_REQUEST_H
#define KEBAO_DAEMON_HTTP_REQUEST_H

#include <stdbool.h>

#include "daemon/http/conn.h"

/* CONN_HEAD: read and judge a head, find its route, begin. */
enum step request_read_head(struct conn *c);

/* The calls of c->calls: on the loop or in a pool, never both at once. */
void request_run(struct conn *c);

/* CONN_CALL, when they have returned: what comes next. */
enum step request_called(struct conn *c);

/*
 * The exchange is over: log it, tell the application, make room for the next.
 * is_whole: the reply was sent to its end.
 */
void request_end(struct conn *c, bool is_whole);

/* Free what is left of a request; nothing of it runs and request_end was called. */
void request_drop(struct conn *c);

#endif
