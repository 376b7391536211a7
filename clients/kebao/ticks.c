/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/ticks.h"

#include <time.h>

int64_t
ticks_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
