/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a switch as bytes: JSON, because it is small, and a person may have to
 * read it.  Parse and encode only; switchover.c decides what it means.
 */
#ifndef KEBAO_DAEMON_APP_JOURNAL_H
#define KEBAO_DAEMON_APP_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_releases.h"

struct json;

#define JOURNAL_FILES 3u           /* role, snapshot, timestamp */
#define JOURNAL_BYTES (16u << 20)  /* three role files at their limits, escaped */

/* One file to write, in the order of the array. */
struct journal_file {
	const char *name; /* lent: by the caller, or by the parsed journal */
	const char *text; /* lent, NUL-terminated; the bytes of a role are text without NUL */
	size_t len;
};

struct journal {
	struct journal_file files[JOURNAL_FILES];
	size_t n_files;
	bool is_release;              /* what follows, down to n_live, counts */
	struct state_release release;
	const char *draft_id;         /* lent */
	int64_t role_version;
	struct digest role_hash;
	uint32_t live[LIMIT_LIVE_RELEASES];
	size_t n_live;
	const char *ended;            /* lent; a channel whose releases end; NULL: none */
	/* Or: a recall, with release's channel, course and number, and live. */
	bool is_recall, is_undo;
	struct audit_note note;       /* texts lent */
	struct json *doc;             /* owned: what a parsed journal lends from; else NULL */
};

int journal_encode(const struct journal *j, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* 0: clear *out.  -1: ERR_BAD_INPUT. */
int journal_parse(const void *bytes, size_t len, struct journal *out, struct err *e)
    __attribute__((warn_unused_result));
void journal_clear(struct journal *j);

#endif
