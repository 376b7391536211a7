/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Release numbers that were used and that a restored hub has lost: the next release of such a
 * course gets a higher one, because recipients may hold the lost one under its number.
 * floors.json in the home, {"gd.ip/trademark": 7}.
 */
#ifndef KEBAO_CLIENTS_KEBAO_FLOORS_H
#define KEBAO_CLIENTS_KEBAO_FLOORS_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "clients/kebao/home.h"
#include "clients/kebao/library.h"

/* Remember that this release was seen.  Durable when it returns 0. */
int floors_raise(const struct home *h, const struct library_name *seen, struct err *e)
    __attribute__((warn_unused_result));

/* The highest number seen and lost of the course; 0: none. */
int floors_get(const struct home *h, const char *channel, const char *course, uint32_t *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
