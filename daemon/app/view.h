/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of computed replies: a release as .tar.zst, .tar or .zip, or one file out of it
 * (FORMATS.md 5).  All are seekable and none is stored anywhere.  Between reads a view holds next
 * to nothing but the layout, which it shares, whatever the release.  Each frame that is unpacked is
 * checked first.
 */
#ifndef KEBAO_DAEMON_APP_VIEW_H
#define KEBAO_DAEMON_APP_VIEW_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/state_releases.h"
#include "daemon/http/reply.h"

struct layouts;
struct view; /* opaque; belongs to one reply */

enum view_kind {
	VIEW_TAR_ZST,
	VIEW_TAR,
	VIEW_ZIP,
	VIEW_FILE,
};

#define VIEW_ETAG_SIZE 72

/*
 * Open the view of a release that is live; layouts is borrowed.  VIEW_FILE: path is a file of the
 * release, ERR_NOT_FOUND where it has none of that name.  Waits on the disk.
 */
int view_open(struct layouts *layouts, const struct state_release *r, enum view_kind kind,
    const char *path, struct view **out, struct err *e) __attribute__((warn_unused_result));
void view_close(void *view); /* void *: for struct reply_source */

uint64_t view_len(const struct view *v);
const char *view_etag(const struct view *v); /* lent; with its quotes */

/* What the engine reads from; takes v, which view_close() then frees. */
struct reply_source view_source(struct view *v);

#endif
