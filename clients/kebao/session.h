/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verb's run with a hub: the home, locked, the hub, and a certificate renewed when it is
 * time.  Says what goes wrong by itself.
 */
#ifndef KEBAO_CLIENTS_KEBAO_SESSION_H
#define KEBAO_CLIENTS_KEBAO_SESSION_H

#include <stdint.h>

#include "clients/kebao/cli.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"

struct session {
	const struct cli *cli; /* borrowed */
	struct home *home;     /* owned */
	struct hub *hub;       /* owned; NULL offline */
	int64_t told_ms;       /* when it was last told that a request is tried again; 0: never */
};

/*
 * STATUS_OK, or what was reported; then there is nothing to close.  s stays where it is until it is
 * closed.
 */
enum status session_open(struct session *s, const struct cli *cli);
/* Without a hub and without the lock: for looking. */
enum status session_open_offline(struct session *s, const struct cli *cli);
void session_close(struct session *s);

/* cli_fail(), and where the certificate of the hub is not valid now, a word about the clock. */
enum status session_fail(const struct session *s, const struct err *e);

#endif
