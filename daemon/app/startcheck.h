/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a hub could start, without starting it: kebaod --check-config. */
#ifndef KEBAO_DAEMON_APP_STARTCHECK_H
#define KEBAO_DAEMON_APP_STARTCHECK_H

#include "catalog/base/err.h"

struct config;

/*
 * What app_start() and server_new() would refuse: the time zone, the state directory with its
 * files, the signer and the passphrase of its keys, the server's certificate.  Nothing is written
 * and no port is taken, so it may be asked beside a hub that serves from the same directory;
 * sets the zone of this process.  -1 in the words of the start.
 */
int startcheck_run(const struct config *config, struct err *e);

#endif
