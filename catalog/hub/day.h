/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendar days of the registry ("2026-11-23"), as days since 1970-01-01.
 * Which day it is depends on the hub's zone, given as minutes east of UTC
 * (DAY_CHINA by default: no summer time, so an offset is enough).
 */
#ifndef KEBAO_CATALOG_HUB_DAY_H
#define KEBAO_CATALOG_HUB_DAY_H

#include <stddef.h>
#include <stdint.h>

#define DAY_CHINA 480          /* minutes east of UTC */
#define DAY_NONE INT32_MIN     /* no date given */
#define DAY_TEXT_SIZE 11       /* "YYYY-MM-DD" and a NUL */

/* Exactly "YYYY-MM-DD", a day that exists, years 1970 to 9999; 0 or -1. */
int day_parse(int32_t *out, const char *text) __attribute__((warn_unused_result));

/* text has room for DAY_TEXT_SIZE; days outside 1970..9999 give "". */
void day_format(char *text, int32_t day);

/* The calendar day at now (UTC seconds) in the zone. */
int32_t day_at(int64_t now, int offset_minutes);

/* The first moment (UTC seconds) after the day that now lies in: when views change by date. */
int64_t day_next_at(int64_t now, int offset_minutes);

#endif
