/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of update share: a release under way. */
#ifndef KEBAO_CLIENTS_KEBAO_UPDATE_OWN_H
#define KEBAO_CLIENTS_KEBAO_UPDATE_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/index.h"
#include "catalog/repo/record.h"
#include "catalog/repo/tree.h"
#include "clients/kebao/choice.h"
#include "clients/kebao/patched.h"
#include "clients/kebao/update.h"

#define UPDATE_OLDS 3 /* releases whose frames are reused: each costs its index in memory */

/* A release under way. */
struct update_work {
	const struct update *u;
	struct record *record;
	struct index *index;
	struct index *old_index[UPDATE_OLDS];
	struct tree_old olds[UPDATE_OLDS];
	size_t n_olds;
	int dirfd; /* of the staging directory */
	struct tree *tree;
	uint32_t n_files_done;     /* as of when done_bytes was ... */
	uint64_t counted_at_bytes;
	/* By patch. */
	struct hint *asked;       /* owned; where u->hint is not given */
	const struct hint *hint;  /* NULL: there is none */
	struct digest old_hash[UPDATE_OLDS];
	uint32_t old_release[UPDATE_OLDS];
	struct choice choice;
	struct patched_want want;
	struct patched *patched;  /* owned */
	bool is_tried;            /* a patch was, and is not tried again */
};

/* What the hint advises; frames_bytes as in choice.h. */
void update_choose(struct update_work *w, uint64_t frames_bytes, struct choice *out);

/* The new index: from meta/, out of a patch, or from the hub. */
int update_find_index(struct update_work *w, struct err *e) __attribute__((warn_unused_result));

/* What a patch has of what the tree needs; a patch that is of no use is told and forgotten. */
int update_fill_from_patch(struct update_work *w, struct err *e)
    __attribute__((warn_unused_result));

/* Of what is fetched, for the display; ctx is the struct update_work. */
void update_on_download(void *ctx, uint64_t done_bytes, uint64_t total_bytes);

#endif
