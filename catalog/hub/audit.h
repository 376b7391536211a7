/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's chain: each entry's hash is SHA-256(hash of the entry before
 * it || canonical JSON of the entry), beginning with 32 zero bytes.  Pure; the
 * rows are kept by state_audit.h.
 */
#ifndef KEBAO_CATALOG_HUB_AUDIT_H
#define KEBAO_CATALOG_HUB_AUDIT_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"

#define AUDIT_TEXT_BYTES 4096 /* of one field; what is longer is cut */

/*
 * What a caller says about the change it makes; all lent.  Texts are valid UTF-8
 * without control characters (others are replaced), never a secret.
 */
struct audit_note {
	int64_t at;         /* UTC seconds */
	const char *actor;  /* "xz/<serial>", "hub", "init" */
	const char *action; /* a word: "enrol", "publish", "revoke" */
	const char *object; /* "gd.ip/trademark-basics/2" */
	const char *detail; /* more, "" for none */
};

/* A row as stored. */
struct audit_entry {
	int64_t seq; /* from 1, without gaps */
	int64_t at;
	char *actor, *action, *object, *detail; /* owned */
	struct digest hash;
};

void audit_entry_clear(struct audit_entry *a);

/* Append the canonical JSON of the entry without its hash: the bytes the chain is over. */
int audit_encode(const struct audit_entry *a, struct buf *out, struct err *e);

/* The hash that follows prev. */
int audit_hash(const struct digest *prev, const struct audit_entry *a, struct digest *out,
    struct err *e);

#endif
