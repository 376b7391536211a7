/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the roles of the repository expire, for the log and the metrics.  Read from the
 * hub's own files, as they are.
 */
#ifndef KEBAO_DAEMON_APP_EXPIRIES_H
#define KEBAO_DAEMON_APP_EXPIRIES_H

#include <stdint.h>

#include "catalog/base/err.h"

struct store;

#define EXPIRIES_EARLY_S (90 * 86400)     /* root, targets, channels: when their signers are told */
#define EXPIRIES_SNAPSHOT_S (60 * 86400)  /* signed anew with 90 days left: then that failed */
#define EXPIRIES_TIMESTAMP_S (5 * 86400)  /* signed anew daily: then that failed */

/* Seconds below which the role should not come. */
int64_t expiries_early_s(const char *role);

struct expiries {
	void (*see)(void *ctx, const char *role, int64_t expires_at);
	void *ctx;
};
/* See "root", "targets", "snapshot", "timestamp" and every channel that has a role. */
int expiries_walk(const struct store *store, const struct expiries *x, struct err *e);

#endif
