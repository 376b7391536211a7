/* SPDX-License-Identifier: Apache-2.0 */
/* What a person is told unasked: channels that have ended, signatures that run out. */
#ifndef KEBAO_CLIENTS_KEBAO_NOTICE_H
#define KEBAO_CLIENTS_KEBAO_NOTICE_H

#include <stdint.h>

#include "clients/kebao/catalogue.h"
#include "clients/kebao/library.h"
#include "clients/kebao/session.h"

/*
 * Channels that courses are held of and that have ended: each is spoken of once, even to those who
 * want it quiet, and told.json in the home, {"ended":["gd.ip"]}, remembers.  One of those that
 * were told now, lent by l; NULL: none.
 */
const char *notice_ended(const struct session *s, const struct catalogue *c,
    const struct library *l);

/* To publishers their own channels, to administrators root and targets, 90 days before. */
void notice_expiry(const struct session *s, const struct catalogue *c, int64_t now);

#endif
