/* SPDX-License-Identifier: Apache-2.0 */
/* How long something took, by a clock that nobody sets. */
#ifndef KEBAO_CLIENTS_KEBAO_TICKS_H
#define KEBAO_CLIENTS_KEBAO_TICKS_H

#include <stdint.h>

/* Milliseconds since some moment of this machine's life. */
int64_t ticks_ms(void);

#endif
