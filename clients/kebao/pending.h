/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next version of a channel's role that waits at the hub for the signatures of
 * more people, as the hub tells it.  Nothing of it is believed: cosign.h makes the
 * role anew before anybody signs.  PROTOCOL.md 4.5.
 */
#ifndef KEBAO_CLIENTS_KEBAO_PENDING_H
#define KEBAO_CLIENTS_KEBAO_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "catalog/repo/ids.h"
#include "clients/kebao/cli.h"
#include "clients/kebao/draft.h"
#include "clients/kebao/hub.h"

enum pending_kind { PENDING_NONE, PENDING_RELEASE, PENDING_RECALL, PENDING_UNDO, PENDING_RENEWAL };

struct pending {
	struct json *doc;        /* owned; NULL: one of a list */
	struct json_at at;       /* the document of this channel */
	char channel[IDS_SIZE];
	enum pending_kind kind;
	const char *object;      /* lent by doc; "" for none */
	int64_t version;
	int64_t threshold;
	const char *role;        /* lent by doc: the file with its signatures; NULL in a list */
	/* Of a release, where there is a role. */
	char draft[DRAFT_ID_SIZE];
	char course[IDS_SIZE];
	uint32_t release;
	struct digest record;
	uint32_t record_len;
};

/* What waits in the channel; kind is PENDING_NONE where nothing does.  The caller clears. */
int pending_get(struct hub *hub, const char *channel, struct pending *out, struct err *e)
    __attribute__((warn_unused_result));
void pending_clear(struct pending *p);

/* The same out of an answer that has it, lent by at. */
int pending_read(struct json_at at, struct pending *out, struct err *e)
    __attribute__((warn_unused_result));

/* What waits, who has signed and who may, and which signatures were dropped. */
void pending_say(const struct cli *cli, const struct pending *p);

/*
 * What the hub answers to a role that was sent: published, or waiting.  at: the
 * whole answer.  Says the rest where it waits.
 */
struct pending_outcome {
	bool is_waiting;
	int64_t n_dropped; /* signatures of another version that ended by it */
	struct json *doc;  /* owned; for pending_say() */
};
int pending_outcome(struct json *doc, struct pending_outcome *out, struct err *e)
    __attribute__((warn_unused_result)); /* doc is taken, whatever is returned */
void pending_outcome_clear(struct pending_outcome *o);
void pending_outcome_say(const struct cli *cli, const struct pending_outcome *o);

#endif
