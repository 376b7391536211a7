/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes stored per organisation, within the transactions of the state_*.c files. */
#ifndef KEBAO_CATALOG_HUB_STATE_USAGE_H
#define KEBAO_CATALOG_HUB_STATE_USAGE_H

#include <sqlite3.h>
#include <stdint.h>

#include "catalog/base/err.h"

int state_usage_add(sqlite3 *db, const char *org, int64_t bytes, struct err *e);

/* The other way, for what is removed. */
int state_usage_take(sqlite3 *db, const char *org, int64_t bytes, struct err *e);

/* What is stored, and the lengths of the uploads under way. */
int state_usage_get(sqlite3 *db, const char *org, int64_t *stored, int64_t *announced,
    struct err *e);

#endif
