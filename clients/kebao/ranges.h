/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the frames one needs to the ranges one asks for: frames that lie near each
 * other in a pack travel in one request, because a gap costs less than a round
 * trip.  Pure; places may come from a lying hint.
 */
#ifndef KEBAO_CLIENTS_KEBAO_RANGES_H
#define KEBAO_CLIENTS_KEBAO_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

#define RANGES_GAP_BYTES (128u << 10) /* at 10 Mbit/s the bytes of a round trip of 100 ms */

struct ranges_place {
	uint32_t frame;
	uint32_t pack;
	uint32_t stored_len;
	uint64_t off;
};

struct ranges_range {
	uint32_t pack;
	uint64_t off;
	uint64_t len;
	size_t first; /* of the places it brings ... */
	size_t count; /* ... which do not overlap */
};

struct ranges {
	struct ranges_range *items; /* owned */
	size_t n;
	uint64_t total_bytes;
};

/*
 * Sort the places by pack and offset and cover them with ranges, joining over
 * gaps shorter than gap_bytes.  The caller calls ranges_clear().
 */
int ranges_plan(struct ranges_place *places, size_t n, uint64_t gap_bytes, struct ranges *out,
    struct err *e) __attribute__((warn_unused_result));
void ranges_clear(struct ranges *r);

#endif
