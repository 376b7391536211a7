/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patch or frames from packs: whatever costs fewer bytes by the figures of the hint.  Pure.  A hint
 * that lies makes a fetch dearer, never wrong.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CHOICE_H
#define KEBAO_CLIENTS_KEBAO_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/repo/hint.h"

struct choice_input {
	const struct hint *hint;
	const struct digest *const *held; /* indexes of the releases one holds, best first */
	size_t n_held;
	/*
	 * What frames would cost where that is known better than the hint knows it (the index is
	 * here, a stage may hold a part); UINT64_MAX where it is not.
	 */
	uint64_t frames_bytes;
	uint64_t least_bytes; /* frames cost so much in any case: the index, where it is not here */
	uint64_t most_bytes; /* a patch that is longer than this is nonsense */
	/* No release takes or gives back more of the disk, whatever the hint says. */
	uint64_t most_new_bytes, most_gone_bytes;
	uint64_t room_bytes; /* of the disk, for the patch and what the release takes */
	/* Bytes of the patch that are here already; may be NULL. */
	uint64_t (*have)(void *ctx, const struct digest *patch);
	void *ctx;
};

enum choice_way {
	CHOICE_FRAMES,  /* the hint names no patch for what one holds */
	CHOICE_CHEAPER, /* frames: it names one, and they cost less */
	CHOICE_NO_ROOM, /* frames: it names one that does not fit on the disk beside the release */
	CHOICE_PATCH,
};

struct choice {
	enum choice_way way;
	struct hint_patch patch; /* of CHOICE_PATCH and CHOICE_CHEAPER */
	size_t held;             /* which of them it begins from; n_held: from nothing */
	uint64_t patch_bytes;    /* still to fetch; UINT64_MAX where there is no patch */
	uint64_t frames_bytes;   /* at least; UINT64_MAX where nobody knows */
	/*
	 * What the hint says the disk has to take and gets back when the best release one holds (or
	 * nothing, where one holds nothing) becomes this one: without the patch, and no more than
	 * can be.
	 */
	bool has_room;
	uint64_t new_bytes, gone_bytes;
};

void choice_make(const struct choice_input *in, struct choice *out);

#endif
