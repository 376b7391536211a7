/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that is done in rounds, by one thread at the lowest priority: a first one at the start,
 * another whenever something is new.  What is new during a round is looked at in the next.
 */
#ifndef KEBAO_DAEMON_APP_ROUNDS_H
#define KEBAO_DAEMON_APP_ROUNDS_H

#include <stdatomic.h>

#include "catalog/base/err.h"

struct rounds; /* opaque */

/* One round.  *cancel becomes true when it is time to stop; lent for the call. */
typedef void rounds_fn(void *ctx, const atomic_bool *cancel);

/* what names the work where its thread cannot be started.  ctx is lent until rounds_free(). */
int rounds_run(rounds_fn *fn, void *ctx, const char *what, struct rounds **out, struct err *e)
    __attribute__((warn_unused_result));
/* There is something new.  NULL is fine. */
void rounds_wake(struct rounds *r);
/* Cancels the round under way and waits for its end.  NULL is fine. */
void rounds_free(struct rounds *r);

#endif
