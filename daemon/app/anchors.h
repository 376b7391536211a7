/* SPDX-License-Identifier: Apache-2.0 */
/* What a new client is to trust: the hub's CA and a root.json, PROTOCOL.md section 5. */
#ifndef KEBAO_DAEMON_APP_ANCHORS_H
#define KEBAO_DAEMON_APP_ANCHORS_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/hub/code.h"

struct app;

struct anchors {
	struct buf ca_pem;
	struct buf ca_der;
	struct digest ca_sha256; /* of the DER */
	struct buf root;         /* bytes of N.root.json */
	int64_t root_version;
};

#define ANCHORS_INIT { BUF_INIT, BUF_INIT, { { 0 } }, BUF_INIT, 0 }

/* version 0: the newest root.  ERR_NOT_FOUND.  On -1 *out (empty before) is empty. */
int anchors_load(struct app *app, int64_t version, struct anchors *out, struct err *e);
void anchors_clear(struct anchors *a);

#endif
