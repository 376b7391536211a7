/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request, into memory or piece by piece for a route.  Private to daemon/http. */
#ifndef KEBAO_DAEMON_HTTP_BODY_H
#define KEBAO_DAEMON_HTTP_BODY_H

#include "catalog/base/err.h"
#include "daemon/http/conn.h"

/*
 * Count a body that is to be held whole, before any of it is read.  ERR_BUSY: there is too much
 * of them (net/budget.h).
 */
int body_claim(struct conn_request *rq, struct err *e) __attribute__((warn_unused_result));

/* CONN_BODY: read it into memory, or piece by piece for the route's sink. */
enum step body_read(struct conn *c);

/* What is held whole has served. */
void body_drop(struct conn *c);

#endif
