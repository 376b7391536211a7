/* SPDX-License-Identifier: Apache-2.0 */
/* kebao sign without --renew: what waits for signatures at the hub.  See cosign.h. */
#ifndef KEBAO_CLIENTS_KEBAO_SIGN_DRAFT_H
#define KEBAO_CLIENTS_KEBAO_SIGN_DRAFT_H

#include "clients/kebao/args.h"
#include "clients/kebao/cli.h"
#include "clients/kebao/keyring.h"

/* --list: every channel one may sign. */
enum status sign_draft_list(struct cli *cli);

/* --drop CHANNEL: give up what waits, and the signatures. */
enum status sign_draft_drop(struct cli *cli, const char *channel);

struct sign_draft {
	const char *channel;
	const char *against; /* a folder; NULL: show it and ask */
	const struct keyring_options *keys;
};
/* Sign what waits in the channel.  STATUS_DENIED where the person says no. */
enum status sign_draft(struct cli *cli, const struct sign_draft *s);

#endif
