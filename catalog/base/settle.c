/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/settle.h"

#include <time.h>
#include <unistd.h>

#define SHARE 10u /* a sync of one second: not again for ten */

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int
settle(struct settle *s, int fd, struct err *e)
{
	uint64_t began = now_ms(), took;

	if (s->next_ms == 0)
		s->next_ms = began + SETTLE_MS;
	if (began < s->next_ms)
		return 0;
	if (syncfs(fd) == -1)
		return err_errno(e, "cannot sync the files");
	took = now_ms() - began;
	s->next_ms = began + took + (took * SHARE > SETTLE_MS ? took * SHARE : SETTLE_MS);
	return 0;
}
