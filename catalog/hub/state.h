/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is no part of the repository: registry, enrolments, uploads, drafts, where
 * frames lie, the audit log.  One SQLite file in WAL mode.  Exactly one connection
 * writes and checkpoints, behind a mutex; others only read.  All calls are for any
 * thread and may wait on the disk: call them from the pool, not from an event loop.
 *
 * A call that returned 0 is durable.  A call that changes something takes an audit
 * note and writes it in the same transaction (state_audit.h); the few that do not
 * (progress of an upload) have no note parameter.
 *
 * Errors: ERR_BUSY with sys ENOSPC (the disk is full) or EDQUOT (the
 * organisation's quota) are the 507 of PROTOCOL.md; ERR_SYSTEM otherwise, beside
 * what each call lists.
 *
 * This header opens and closes; the tables have a header each: state_registry,
 * state_enrol, state_frames, state_uploads, state_drafts, state_releases,
 * state_counters, state_audit.
 */
#ifndef KEBAO_CATALOG_HUB_STATE_H
#define KEBAO_CATALOG_HUB_STATE_H

#include "catalog/base/err.h"

struct state; /* opaque; any thread */

/*
 * Open the file at path (create: make a new one, mode 0600, ERR_CONFLICT where one
 * exists).  ERR_BAD_INPUT where it is not ours or of a newer version; a second
 * process that opens it for writing gets ERR_BUSY.
 */
int state_create(const char *path, struct state **out, struct err *e)
    __attribute__((warn_unused_result));
int state_open(const char *path, struct state **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Whether the file is there and of our version, as state_open() judges; nothing is
 * written, not even beside it, and another process may have it open.
 */
int state_check(const char *path, struct err *e);

/* No call may be under way.  NULL is fine. */
void state_close(struct state *s);

#endif
