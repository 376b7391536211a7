/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An uploaded object enters the repository: checked as a whole, moved into the
 * store, entered into the state.  Every step may be repeated.  Waits on the disk.
 */
#ifndef KEBAO_DAEMON_APP_INTAKE_H
#define KEBAO_DAEMON_APP_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/state_uploads.h"

struct state;
struct store;

struct intake {
	struct state *state;
	struct store *store;
	int dirfd;         /* where the file is */
	const char *name;  /* the file's name there */
	const struct state_upload *what;
	const char *actor; /* for the audit log */
	int64_t at;        /* UTC seconds */
};

/* The longest object of a kind, bytes. */
uint64_t intake_max_bytes(enum state_upload_kind kind);

/* *held: the repository has the object and the state knows (or now knows) it.  Records: never. */
int intake_is_held(const struct intake *in, bool *held, struct err *e);

/*
 * Check and enter.  On success the file is gone.  -1: ERR_UNTRUSTED where the object is
 * wrong (the file is left), ERR_NOT_FOUND where there is neither file nor object; others: the
 * disk, try again.
 */
int intake_enter(const struct intake *in, struct err *e);

#endif
