/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments as text: UTC seconds since 1970-01-01, without leap seconds, in the
 * Gregorian calendar.  Years are 0001 to 9999, so every text has one length.
 * Nothing here reads a clock or a time zone.
 */
#ifndef KEBAO_CATALOG_BASE_UTC_H
#define KEBAO_CATALOG_BASE_UTC_H

#include <stdint.h>

#include "catalog/base/err.h"

#define UTC_TEXT_SIZE 21       /* "YYYY-MM-DDTHH:MM:SSZ" and its NUL */
#define UTC_DAY_S 86400        /* seconds of a day */
#define UTC_MIN (-62135596800) /* 0001-01-01T00:00:00Z */
#define UTC_MAX 253402300799   /* 9999-12-31T23:59:59Z */

/* Exactly "YYYY-MM-DDTHH:MM:SSZ", a date that exists, seconds 0-59; else ERR_BAD_INPUT. */
int utc_parse(const char *text, int64_t *out, struct err *e) __attribute__((warn_unused_result));

/* at is put between UTC_MIN and UTC_MAX.  Returns out. */
const char *utc_format(char out[UTC_TEXT_SIZE], int64_t at);

/* The same from numbers: a date that exists and a time of day; 0 or -1. */
int utc_from(int64_t *out, int year, int month, int day, int second_of_day)
    __attribute__((warn_unused_result));

#endif
