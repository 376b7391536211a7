/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to happen by the clock: the timestamp is signed daily, uploads and drafts
 * nobody continues are dropped, the hub's certificate is renewed, the zone's offset
 * followed.  One thread, one round a minute.
 */
#ifndef KEBAO_DAEMON_APP_UPKEEP_H
#define KEBAO_DAEMON_APP_UPKEEP_H

#include <stdint.h>

#include "catalog/base/err.h"

struct app;
struct upkeep; /* opaque */

#define UPKEEP_ROUND_S 60
#define UPKEEP_TIMESTAMP_LEFT_S (6 * 86400) /* of 7 days: signed anew daily */

/*
 * Use the zone for the whole process; ERR_BAD_INPUT where the machine does not know it.
 * While there is one thread.
 */
int upkeep_set_zone(const char *zone, struct err *e);

/* Minutes east of Greenwich at now. */
int upkeep_zone_offset(int64_t now);

/*
 * What a start does before anybody is served: finish the switch, sign, recover uploads.
 * What fails is logged, and tried again by the thread: readers are served in any case.
 */
void upkeep_start_up(struct app *app, int64_t now);

/* Start and stop the thread; app is lent. */
int upkeep_run(struct app *app, struct upkeep **out, struct err *e);
void upkeep_stop(struct upkeep *u);

#endif
