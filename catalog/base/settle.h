/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long work that lets what it wrote reach the disk now and then, so that a power cut costs seconds
 * of it and not all.  Only that: whoever says "it is there" syncs himself.
 */
#ifndef KEBAO_CATALOG_BASE_SETTLE_H
#define KEBAO_CATALOG_BASE_SETTLE_H

#include <stdint.h>

#include "catalog/base/err.h"

#define SETTLE_MS 5000u /* what a power cut may cost */

/* All zero at first. */
struct settle {
	uint64_t next_ms; /* CLOCK_MONOTONIC */
};

/*
 * Call after each piece of work.  Where it is time, sync the file system that fd lies on: files,
 * names and directories; a disk that needs long for it is asked less often, so that it costs a
 * tenth of the time at most.  -1 with what the disk says; it says so once, so stop.
 */
int settle(struct settle *s, int fd, struct err *e) __attribute__((warn_unused_result));

#endif
