/* SPDX-License-Identifier: Apache-2.0 */
/* What tree.c, tree_write.c, tree_old.c and tree_finish.c share, and nobody else. */
#ifndef KEBAO_CATALOG_REPO_TREE_OWN_H
#define KEBAO_CATALOG_REPO_TREE_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/settle.h"
#include "catalog/repo/byhash.h"
#include "catalog/repo/index.h"
#include "catalog/repo/tree.h"
#include "catalog/repo/treedir.h"

struct tree {
	const struct index *index; /* borrowed */
	struct treedir dir;        /* the staging directory */
	struct byhash frames;      /* of the index */
	bool *has_frame;  /* owned; by frame: its content is on disk and verified */
	bool *is_done;    /* owned; by entry: the file is on disk, verified and sealed */
	uint32_t *n_left; /* owned; by entry: frames with content of it not yet on disk */
	uint32_t *plan;   /* owned; what tree_plan() lends */
	uint8_t *scratch; /* owned; LIMIT_FRAME_BYTES */
	/* The large file that is growing; its hash keeps up as long as parts come in order. */
	bool is_growing;
	uint32_t growing;
	int growing_fd; /* owned; or -1, nothing written in this run */
	uint64_t hashed_bytes;
	uint64_t unsynced_bytes; /* of the growing file that the disk was not given */
	struct digest_stream *hash; /* owned */
	struct settle settle;       /* of all that is written */
	struct tree_figures figures;
	/* Of tree_open(). */
	struct tree_options opt;
	uint64_t work_done;
	uint64_t work_total;
};

/* --- tree.c --- */

/* ERR_BUSY when the caller wants to stop. */
int tree_own_go_on(const struct tree *t, struct err *e);
/* Further bytes of tree_open() are dealt with. */
void tree_own_worked(struct tree *t, uint64_t bytes);
/* Entry i contradicts its hash: ERR_UNTRUSTED. */
int tree_own_contradiction(const struct tree *t, uint32_t i, struct err *e);

/* --- tree_write.c --- */

/* -1 for errno, naming entry i; a full disk is ERR_BUSY. */
int tree_write_failed(const struct tree *t, uint32_t i, struct err *e);

/* A new, empty file for entry i; whatever had its name is gone.  The caller closes. */
int tree_write_create(struct tree *t, uint32_t i, struct err *e);

/* Mode and time of entry i: the file is finished. */
int tree_write_seal(struct tree *t, uint32_t i, int fd, struct err *e);

/* The whole content of file i: checked, written, sealed, done. */
int tree_write_whole(struct tree *t, uint32_t i, const uint8_t *bytes, struct err *e);

struct tree_part {
	uint32_t entry;
	uint64_t off; /* in the file */
	const uint8_t *bytes;
	size_t len;
	bool is_on_disk; /* found there, nothing to write */
};

/* A verified part of a larger file; with the last the file is checked, sealed, done. */
int tree_write_part(struct tree *t, const struct tree_part *part, struct err *e);

/* Close the growing file; parts may follow later all the same. */
void tree_write_rest(struct tree *t);

/* --- tree_old.c --- */

/* Files of olds that the directory lacks. */
struct tree_old_side;

int tree_old_open(const struct tree_old *old, struct tree_old_side **out, struct err *e);
void tree_old_close(struct tree_old_side *s);

/* Take file i over.  1: done; 0: this old release cannot give it; -1. */
int tree_old_take_file(struct tree *t, struct tree_old_side *s, uint32_t i, struct err *e);

/* Read the content of the frame into t->scratch, verified. */
bool tree_old_read_frame(struct tree *t, struct tree_old_side *s, uint32_t frame);

#endif
