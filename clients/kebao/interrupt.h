/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT and SIGTERM end a run at the next good moment: whoever waits or loops
 * asks interrupt_pending() and returns.  A second signal ends the program at
 * once, which is safe, too: everything on disk is all or nothing.
 */
#ifndef KEBAO_CLIENTS_KEBAO_INTERRUPT_H
#define KEBAO_CLIENTS_KEBAO_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "catalog/base/err.h"

void interrupt_install(void);

bool interrupt_pending(void);

/* The same as the library wants it: becomes true when a signal came; lives for ever. */
const atomic_bool *interrupt_flag(void);

/* -1 with class ERR_SYSTEM and sys EINTR when a signal came, else 0. */
int interrupt_check(struct err *e);

/* Sleep; ends early, with -1 as above, when a signal comes. */
int interrupt_sleep_ms(unsigned ms, struct err *e);

#endif
