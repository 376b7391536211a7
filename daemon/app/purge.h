/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way content leaves the repository.  Needed is what live releases and open drafts are
 * made of, and the records of withdrawn releases, which stay targets.  Everything
 * else that is content (packs without a needed frame, indexes, records, hints) may go; metadata
 * never does.  A pack that holds needed frames as well stays as it is.  Waits long on the disk.
 */
#ifndef KEBAO_DAEMON_APP_PURGE_H
#define KEBAO_DAEMON_APP_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/objpath.h"

struct app;

#define PURGE_SPARED_DAYS 30      /* unless it is to happen now: a recall may be undone */
#define PURGE_YOUNG_S 3600        /* what nobody knows yet may be on its way in: never touched */

struct purge_options {
	bool is_dry;      /* only look */
	bool is_now;      /* do not wait PURGE_SPARED_DAYS */
	/* Only packs that others replaced, and nothing a recalled release may want back. */
	bool is_replaced;
	int64_t now;
	const char *actor;
};

struct purge_object {
	char name[OBJPATH_SIZE];
	uint64_t bytes;
	uint64_t dead_bytes; /* of a pack that stays: stored frames nobody needs */
};

struct purge_result {
	struct purge_object *gone; /* owned; removed, or to be removed */
	size_t n_gone;
	uint64_t gone_bytes;
	struct purge_object *kept; /* owned; packs shared with what is needed */
	size_t n_kept;
	size_t n_spared;           /* not needed, and not long enough */
	uint64_t spared_bytes;
};

/* Takes the turn of a switch.  On -1 some may be gone; to do it again is safe. */
int purge_run(struct app *app, const struct purge_options *o, struct purge_result *out,
    struct err *e) __attribute__((warn_unused_result));
void purge_result_clear(struct purge_result *r);

#endif
