/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kebao ends with.  One table: every number means one thing, for every
 * verb, so that a script may act on it; kebao(1) prints the same table.
 */
#ifndef KEBAO_CLIENTS_KEBAO_STATUS_H
#define KEBAO_CLIENTS_KEBAO_STATUS_H

#include <errno.h>
#include <stdbool.h>

#include "catalog/base/err.h"

enum status {
	STATUS_OK = 0,
	STATUS_ERROR = 1,     /* this machine: memory, disk, permissions; or the hub's own fault */
	STATUS_USAGE = 2,     /* the command line was not understood; nothing was done */
	STATUS_UNTRUSTED = 3, /* a signature, hash, version or date forbids believing it */
	STATUS_NETWORK = 4,   /* the hub cannot be reached or broke off; try again */
	STATUS_DENIED = 5,    /* not enrolled, revoked, expired; wrong passphrase, role or key */
	STATUS_SPACE = 6,     /* disk full, quota or reserve of the hub reached */
	STATUS_CONFLICT = 7,  /* somebody else was first, more often than we tried */
	STATUS_BAD_INPUT = 8, /* what was given is malformed: a file, a name, a code */
	STATUS_NOT_FOUND = 9, /* no such channel, course or file, or not for this identity */
	STATUS_NEW = 10,      /* check: there is something this library does not hold */
	STATUS_WITHHELD = 11, /* a channel held before is not served any more; copies are kept */
	STATUS_BUSY = 12,     /* another run works in the same home, or the hub is busy */
	STATUS_NOT_NOW = 13,  /* paused, outside of the hours, or the month's budget is used up */
	/* check: a release held here was recalled; fetch hides it.  Others: it is not to be had. */
	STATUS_WITHDRAWN = 14,
	STATUS_INTERRUPTED = 130 /* SIGINT or SIGTERM; the next run goes on from here */
};

/* sys of an ERR_DENIED that only enrolling anew mends. */
#define STATUS_SYS_ENROL EKEYREVOKED
bool status_must_enrol(const struct err *e);

/* The status a failed call leads to. */
enum status status_of(const struct err *e);

#endif
