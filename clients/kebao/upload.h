/* SPDX-License-Identifier: Apache-2.0 */
/* Objects to the hub, resumable: the core of tus 1.0.0.  PROTOCOL.md 4.1. */
#ifndef KEBAO_CLIENTS_KEBAO_UPLOAD_H
#define KEBAO_CLIENTS_KEBAO_UPLOAD_H

#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "clients/kebao/transfer.h"

struct upload {
	const char *channel;
	const char *kind;        /* "pack", "index", "record" */
	struct digest sha256;
	uint64_t len;            /* at least 1 */
	int fd;                  /* the object, from offset 0; -1: bytes */
	const void *bytes;       /* lent */
	/* How much the hub has; may be NULL. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Bring the object to the hub, going on where an earlier run was cut off.
 * *sent_bytes: what went over the wire now, 0 where the hub held it.  -1:
 * ERR_UNTRUSTED where the hub found the object wrong, ERR_BUSY with ENOSPC where quota or space
 * is short, ERR_DENIED, ERR_NETWORK.
 */
int upload_object(struct transfer *t, const struct upload *u, uint64_t *sent_bytes,
    struct err *e) __attribute__((warn_unused_result));

#endif
