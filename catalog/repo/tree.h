/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recipient's side: frames become verified files in a directory.
 *
 *   tree_open()     makes the directories, looks at what an interrupted run left, takes over
 *                   what older local releases hold; all of it verified by hash
 *   tree_plan()     which frames are still needed
 *   tree_frame()    ... each is given here; this is the gate: hash first, then disk
 *   tree_finish()   nothing missing, every file hash right, all synced
 *
 * The directory is a staging directory nobody looks at: after tree_finish() the
 * caller renames it into place.  It may be closed, killed and opened again at any moment; nothing
 * in it is believed, everything is read and hashed again.  Nothing but what the index lists is left
 * in it.  No symbolic link is ever followed, and no file with other names (hard links) is written
 * to.
 */
#ifndef KEBAO_CATALOG_REPO_TREE_H
#define KEBAO_CATALOG_REPO_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

struct index;
struct tree; /* opaque; one thread at a time */

/* A release of an earlier day in a directory; it may have been tampered with. */
struct tree_old {
	int dirfd;                 /* borrowed until tree_free() */
	const struct index *index; /* borrowed until tree_free() */
	bool is_doubted;           /* known to be damaged: files are copied, not linked */
	bool is_unproven;          /* a staging directory: not complete, never synced */
};

struct tree_options {
	const struct tree_old *olds; /* lent for the call; newest first */
	size_t n_olds;
	const atomic_bool *cancel; /* may be NULL; set to true: stop soon, with ERR_BUSY */
	/* May be NULL; bytes of files looked at or taken over by tree_open(). */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/* Where the bytes of the files came from so far. */
struct tree_figures {
	uint64_t file_bytes;   /* of all files */
	uint64_t kept_bytes;   /* found in the directory, verified */
	uint64_t linked_bytes; /* whole files shared with an older release */
	uint64_t copied_bytes; /* from frames of older releases, verified */
	uint64_t given_bytes;  /* from frames given with tree_frame() */
	uint32_t n_files_done; /* whole and right */
};

/*
 * Begin or go on in the directory dirfd (borrowed until tree_free(); not O_PATH).  index is
 * borrowed until tree_free() as well and came out of index_parse(); it need not be honest.
 * An unchanged file (same SHA-256 in the older index, the size and the constant mtime on disk)
 * is hard-linked, or copied where links fail, the copy being hashed.  Links are not: what an old
 * release suffered without a trace in size, time and mode comes along, and tree_verify() finds it.
 * Out of an unproven directory a file is linked only when its bytes have the hash.
 */
int tree_open(int dirfd, const struct index *index, const struct tree_options *opt,
    struct tree **out, struct err *e) __attribute__((warn_unused_result));
void tree_free(struct tree *t);

/*
 * The frames still needed, in tar order, each content once; lent until the next call
 * with t.  A frame without file bytes is never among them: it follows from the index.
 */
const uint32_t *tree_plan(struct tree *t, size_t *n, uint64_t *content_bytes);

/*
 * Give the content of a frame; cheapest in tar order, right in any.  A frame that is not
 * needed any more is ignored.  -1: ERR_BAD_INPUT where the frame is not what the index says:
 * nothing happened, another source may have it.  After any other failure t is only good for
 * tree_free(): ERR_UNTRUSTED where the release contradicts itself (a header, or the hash of a file
 * that the frame completes; the text names the file), ERR_BUSY with errno ENOSPC where the disk is
 * full, ERR_SYSTEM.
 */
int tree_frame(struct tree *t, uint32_t frame, const void *content, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Everything is there: remove what does not belong, sync.  -1 with ERR_NOT_FOUND where
 * frames are still missing.
 */
int tree_finish(struct tree *t, struct err *e) __attribute__((warn_unused_result));

void tree_figures(const struct tree *t, struct tree_figures *out);

enum tree_fault { TREE_MISSING, TREE_CHANGED, TREE_UNREADABLE, TREE_EXTRA };

struct tree_verify_options {
	const atomic_bool *cancel; /* may be NULL */
	/* May be NULL; path is printable. */
	void (*on_fault)(void *ctx, enum tree_fault fault, const char *path);
	/* May be NULL. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Compare the directory with the index, every byte read.  0 and the number of
 * faults, each reported; -1 only where the comparison could not be made.  Modes and times are not
 * compared: people open files, and a copy to a stick changes both.
 */
int tree_verify(int dirfd, const struct index *index, const struct tree_verify_options *opt,
    uint32_t *n_faults, struct err *e) __attribute__((warn_unused_result));

#endif
