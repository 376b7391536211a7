/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the gear hash, a constant of the format: entry i is the first
 * eight bytes, big-endian, of SHA-256("kebao gear 1" and the byte i).
 * FORMATS.md 3.2; the unit test of chunk computes it anew.
 */
#ifndef KEBAO_CATALOG_REPO_CHUNK_GEAR_H
#define KEBAO_CATALOG_REPO_CHUNK_GEAR_H

#include <stdint.h>

extern const uint64_t chunk_gear[256];

#endif
