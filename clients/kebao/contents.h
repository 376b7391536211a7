/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a release that waits: compared with a folder somebody has, or brought
 * here whole and shown beside the release before.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CONTENTS_H
#define KEBAO_CLIENTS_KEBAO_CONTENTS_H

#include "catalog/base/err.h"
#include "catalog/repo/record.h"
#include "clients/kebao/channel.h"
#include "clients/kebao/cli.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"
#include "clients/kebao/pending.h"

struct contents {
	const struct cli *cli;
	const struct home *home; /* locked */
	struct hub *hub;
	const struct channel *channel;
	const struct pending *pending;
	const struct record *record; /* of the release that waits */
};

/*
 * The folder is cut and hashed: its index and its tar must be those of the record,
 * byte for byte.  ERR_UNTRUSTED where they are not; the first files that differ are named.
 */
int contents_against(const struct contents *c, const char *dir, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Fetch the release, verify every file and the tar, and say what is in it: texts, sizes,
 * files that came, changed and went since the newest live release.
 */
int contents_show(const struct contents *c, struct err *e) __attribute__((warn_unused_result));

#endif
