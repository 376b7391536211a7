/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts of releases on a hub: ask for the check, follow it, publish.  PROTOCOL.md 4.2. */
#ifndef KEBAO_CLIENTS_KEBAO_DRAFT_H
#define KEBAO_CLIENTS_KEBAO_DRAFT_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "catalog/repo/record.h"
#include "clients/kebao/hub.h"

#define DRAFT_ID_SIZE 72

/* Frames of the publisher's channel the hub was asked about in one request. */
#define DRAFT_BATCH 4096u

/*
 * Which of n contents the channel lacks: missing[i] becomes 1 or 0.
 */
int draft_missing(struct hub *hub, const char *channel, const struct digest *const *contents,
    size_t n, uint8_t *missing, struct err *e) __attribute__((warn_unused_result));

struct draft_watch {
	/* How far the hub's check has come; may be NULL. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Announce the release whose record was uploaded and wait until the hub has
 * checked it.  id receives the draft's.  -1: ERR_UNTRUSTED where the hub refuses
 * it (the text has its reason), ERR_NOT_FOUND where frames are missing that were
 * there when it was asked.
 */
int draft_verify(struct hub *hub, const struct record *record, const struct buf *record_bytes,
    const struct draft_watch *watch, char id[DRAFT_ID_SIZE], struct err *e)
    __attribute__((warn_unused_result));

/*
 * The switch: role is the signed role of the channel.  *answer is the hub's, for
 * pending_outcome(): with too few signatures the role waits.  ERR_CONFLICT where another
 * version of the role came first.
 */
int draft_publish(struct hub *hub, const char *id, const struct buf *role, struct json **answer,
    struct err *e) __attribute__((warn_unused_result));

/* Give a draft up; for one that lost a race. */
int draft_drop(struct hub *hub, const char *id, struct err *e);

#endif
