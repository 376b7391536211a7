/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch: the moment a new version of a role becomes visible.  One at a time.
 *
 * kebaod-signer signs new snapshot and timestamp bytes first; nothing is written by
 * then.  Next the whole switch (what files get which bytes, and what the state will
 * say about the release) is written durably as the journal STATE/switch.json.  Only then
 * hint, N.role.json, N.snapshot.json and timestamp.json follow, then the state,
 * and the journal goes.  Whatever stops us before the journal is there leaves
 * the old state and no file; whatever stops us after it is completed by the
 * next start or the next switch, with the same bytes.  So an N.role.json is never left
 * over that would stand in the way of another one with the same N.
 */
#ifndef KEBAO_DAEMON_APP_SWITCHOVER_H
#define KEBAO_DAEMON_APP_SWITCHOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/state_releases.h"

struct layouts;
struct signer;
struct state;
struct store;
struct switchover; /* opaque; any thread; calls wait on the disk and the signer */

struct switchover_parts {
	int dirfd; /* of the state directory, for the journal */
	struct state *state;
	struct store *store;
	struct signer *signer;
	struct layouts *layouts;
};

/* All parts are lent and outlive the result.  Nothing is written yet. */
int switchover_new(const struct switchover_parts *parts, struct switchover **out, struct err *e)
    __attribute__((warn_unused_result));
void switchover_free(struct switchover *sw);

/*
 * Wait for one's turn; a switch that was left unfinished is finished first.  On -1 it is
 * not one's turn: ERR_SYSTEM, ERR_BUSY (disk full), or ERR_CONFLICT where the
 * repository holds other bytes than the journal wants.
 */
int switchover_begin(struct switchover *sw, struct err *e);
void switchover_end(struct switchover *sw);

/*
 * Within one's turn: the role as it is now.  *version is 0 and nothing is added where there is
 * none.  role is "root", "targets" or a channel.
 */
int switchover_current(struct switchover *sw, const char *role, struct buf *bytes,
    int64_t *version, struct err *e);

struct switchover_change {
	const char *role;
	const char *bytes; /* of the new version, signed; followed by a NUL */
	size_t len;
	/* Publishing: the release, the draft it was, the course's live releases afterwards. */
	const struct state_release *release; /* NULL: no release is published */
	const char *draft_id;
	/* Or recalling: which release of the channel; live and n_live as above. */
	const struct state_releases_recall *recall; /* NULL: none is recalled */
	const uint32_t *live;
	size_t n_live;
	bool ends; /* the role is a channel's without targets: its releases end */
	const struct audit_note *note;
};

/*
 * Within one's turn.  0 with the version: everybody sees it, durably.  -1: as
 * signer_advance(), and nothing has happened; or ERR_SYSTEM or ERR_BUSY from the
 * disk, and what was begun will be finished later.
 */
int switchover_commit(struct switchover *sw, const struct switchover_change *change,
    int64_t *version, struct err *e);

/*
 * Within one's turn: the repository was restored from a backup, go on above this version
 * (signer_recover()).  *version is the new snapshot's.
 */
int switchover_recover(struct switchover *sw, int64_t above, const struct audit_note *note,
    int64_t *version, struct err *e);

/*
 * Waits for its turn, finishes what was left, and signs the timestamp anew (the snapshot, too, when
 * its time comes) where less than min_left_s are left.
 */
int switchover_refresh(struct switchover *sw, int64_t now, int64_t min_left_s, struct err *e);

#endif
