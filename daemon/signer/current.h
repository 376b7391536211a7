/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the repository says now, each file verified by the one above it, expired or
 * not: a hub that stood still for a month must be able to go on.
 */
#ifndef KEBAO_DAEMON_SIGNER_CURRENT_H
#define KEBAO_DAEMON_SIGNER_CURRENT_H

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/meta.h"

struct current {
	struct meta *timestamp, *snapshot, *targets; /* owned */
};

/*
 * Follow N+1.root.json from *root on; *root is replaced by the newest, and *newest (may
 * be NULL) gets its bytes where it is new.
 */
int current_follow_root(int metadata_fd, struct meta **root, struct buf *newest, struct err *e);

/* -1: ERR_NOT_FOUND, ERR_UNTRUSTED, ERR_BAD_INPUT, ERR_SYSTEM.  *out is empty before. */
int current_load(int metadata_fd, const struct meta *root, struct current *out, struct err *e);
void current_clear(struct current *c);

/* Whether the targets in force are signed by the keys this root names as well. */
int current_check_targets(int metadata_fd, const struct current *c, const struct meta *root,
    struct err *e);

/* Version of a role ("targets", "gd.ip") in the snapshot; 0 where it lists none. */
int64_t current_version(const struct current *c, const char *role);

#endif
