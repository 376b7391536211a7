/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The home of kebao on this machine: which hub, who we are, what we believe and
 * what we hold.
 *
 *	config.json                        hub, organisation, role
 *	identity/                          ca.pem client.pem (key, certificate) passphrase
 *	                                   pending.pem (key, request) while enrolling
 *	trust/                             TUF metadata (trust.h)
 *	state.json                         last view, last speed: may be lost
 *	settings.json                      how line and disk are used (settings.h)
 *	usage.json  paused                 the month's bytes; there while it is paused (pace.h)
 *	run.json                           what the run of the moment does (report.h)
 *	check.json                         what the last check came to (checked.h)
 *	told.json                          news that was told once (notice.h)
 *	floors.json                        release numbers a restored hub has lost (floors.h)
 *	channels.json                      channels this identity may see, as the hub last said
 *	library/<channel>/<course>/<N>/    the files of a release, verified
 *	.withdrawn/<channel>/<course>/<N>/ the same of a recalled one, until that is undone
 *	meta/<channel>/<course>/<N>/       record.json, index; damaged (library_doubt())
 *	work/                              what is under way; may be removed when nothing runs
 *	lock                               one run at a time
 */
#ifndef KEBAO_CLIENTS_KEBAO_HOME_H
#define KEBAO_CLIENTS_KEBAO_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"

struct home; /* opaque */

/*
 * Open the home at path, where that is NULL at $KEBAO_HOME, else at
 * $XDG_DATA_HOME/kebao, else at ~/.local/share/kebao.  HOME_CREATE makes it
 * (mode 0700); HOME_EXISTING answers ERR_NOT_FOUND where there is none.
 */
enum home_mode { HOME_EXISTING, HOME_CREATE };
int home_open(const char *path, enum home_mode mode, struct home **out, struct err *e)
    __attribute__((warn_unused_result));
/* Gives the lock back, too. */
void home_close(struct home *h);

int home_dirfd(const struct home *h);         /* lent */
const char *home_path(const struct home *h);  /* lent, as given: for messages */

/*
 * Whoever changes anything takes the lock first.  ERR_BUSY where another run has
 * it; the text names its process.
 */
int home_lock(struct home *h, struct err *e) __attribute__((warn_unused_result));

/* Whether a run has it now, and the id of its process; 0: not known. */
bool home_is_locked(const struct home *h, long *owner);

/* config.json. */
struct home_config {
	char hub[280];                   /* "https://..." */
	char org[LIMIT_ID_BYTES + 1];
	char role[16];
	char passphrase_file[1024];      /* "": identity/passphrase */
};

/* ERR_NOT_FOUND with a text that says how to enrol. */
int home_load_config(const struct home *h, struct home_config *out, struct err *e)
    __attribute__((warn_unused_result));
int home_save_config(const struct home *h, const struct home_config *c, struct err *e)
    __attribute__((warn_unused_result));

/* state.json; all zero where there is none or it is unreadable: nothing depends on it. */
struct home_state {
	char view[32];             /* Kebao-View of the hub's last answer */
	uint64_t bytes_per_second; /* of the last larger download */
	int64_t contact_at;        /* of the last refresh that succeeded */
};
void home_load_state(const struct home *h, struct home_state *out);
int home_save_state(const struct home *h, const struct home_state *s, struct err *e);

/* Files of identity/, at most 64 KiB each; the caller wipes secrets; removing none is fine. */
int home_load_identity(const struct home *h, const char *name, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));
int home_save_identity(const struct home *h, const char *name, const struct buf *bytes,
    struct err *e) __attribute__((warn_unused_result));

int home_remove_identity(const struct home *h, const char *name, struct err *e)
    __attribute__((warn_unused_result));

/* Remove what runs that were killed a day ago or longer left in the place of a file. */
void home_tidy(const struct home *h, int64_t now);

/* Open (and make) a directory below the home; the caller closes it; -1 on failure. */
int home_open_dir(const struct home *h, const char *path, struct err *e);

#endif
