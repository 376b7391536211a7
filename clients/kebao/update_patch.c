/* SPDX-License-Identifier: Apache-2.0 */
/* An update by patch, where that is cheapest: update_own.h. */
#include <stdlib.h>

#include "catalog/base/file.h"
#include "clients/kebao/download.h"
#include "clients/kebao/release.h"
#include "clients/kebao/space.h"
#include "clients/kebao/update_own.h"

static uint64_t
have_of_patch(void *ctx, const struct digest *patch)
{
	const struct update_work *w = ctx;

	return patched_have(w->u->home, patch);
}

/* A hint is help: without one frames are asked for, and that says what is wrong. */
static int
look_at_hint(struct update_work *w, struct err *e)
{
	struct err mine = { 0 };

	if (w->hint == NULL)
		w->hint = w->u->hint;
	if (w->hint != NULL)
		return 0;
	if (download_hint(w->u->transfer, &w->u->offer->name, &w->record->index.sha256, 0,
	    &w->asked, &mine) == 0) {
		w->hint = w->asked;
		return 0;
	}
	if (mine.class == ERR_NOT_FOUND || mine.class == ERR_BAD_INPUT)
		return 0;
	if (e != NULL)
		*e = mine;
	return -1;
}

/* Of the disk, for this release: what is free above the reserve, and what is staged of it. */
static uint64_t
room_bytes(const struct update *u)
{
	int dirfd = home_dirfd(u->home);
	char path[LIBRARY_PATH_SIZE];
	uint64_t room;

	if (file_free_bytes(dirfd, &room, NULL) == -1)
		return UINT64_MAX; /* whoever writes will see */
	library_path(path, LIBRARY_WORK, &u->offer->name);
	return (room > u->reserve_bytes ? room - u->reserve_bytes : 0) +
	    space_used_bytes(dirfd, path);
}

/* Of the releases held here those that are whole: a patch reads any part of them. */
void
update_choose(struct update_work *w, uint64_t frames_bytes, struct choice *out)
{
	const struct digest *held[UPDATE_OLDS];
	struct choice_input in = { .hint = w->hint, .held = held, .frames_bytes = frames_bytes,
		.least_bytes = w->index == NULL ? w->record->index.len : 0,
		.most_bytes = w->record->tar.len, .room_bytes = room_bytes(w->u),
		.most_new_bytes = space_guess_bytes(w->record->file_bytes, w->record->n_files),
		.have = have_of_patch, .ctx = w };

	if (w->n_olds > 0)
		in.most_gone_bytes = space_guess_bytes(index_file_bytes(w->old_index[0]),
		    index_n_entries(w->old_index[0]));

	while (in.n_held < w->n_olds && !w->olds[in.n_held].is_doubted &&
	    !w->olds[in.n_held].is_unproven) {
		held[in.n_held] = &w->old_hash[in.n_held];
		in.n_held++;
	}
	choice_make(&in, out);
}

static void
tell_way(const struct update_work *w, const struct err *why)
{
	struct update_way way = { .choice = &w->choice, .why = why };

	if (w->choice.way == CHOICE_PATCH && w->choice.held < w->n_olds &&
	    w->want.old != NULL)
		way.from = w->old_release[w->choice.held];
	if (w->u->on_way != NULL)
		w->u->on_way(w->u->ctx, &way);
}

/* The patch that was chosen, and the index out of it into meta/. */
static int
open_patch(struct update_work *w, struct err *e)
{
	static const struct digest nothing;
	bool is_from_nothing = digest_equal(&w->choice.patch.from, &nothing);
	struct buf index = BUF_INIT;
	int rc = -1;

	w->is_tried = true;
	w->want = (struct patched_want){
		.home = w->u->home, .transfer = w->u->transfer,
		.channel = w->u->offer->name.channel,
		.patch = &w->choice.patch, .to = &w->record->index.sha256,
		.old = is_from_nothing ? NULL : &w->olds[w->choice.held],
		.on_progress = update_on_download, .ctx = w,
	};
	tell_way(w, NULL);
	if (patched_open(&w->want, &w->patched, &index, e) == -1)
		goto out;
	rc = w->index != NULL ? 0 : release_keep_index(w->u->home, &w->u->offer->name, &index, e);
out:
	buf_clear(&index);
	return rc;
}

/* 0 with w->patched, or without where it came to nothing; -1: no other way mends it. */
static int
try_patch(struct update_work *w, struct err *e)
{
	struct err mine = { 0 };

	if (open_patch(w, &mine) == 0)
		return 0;
	if (patched_is_useless(&mine)) {
		tell_way(w, &mine);
		return 0;
	}
	if (e != NULL)
		*e = mine;
	return -1;
}

/* From meta/, out of a patch, or from the hub. */
int
update_find_index(struct update_work *w, struct err *e)
{
	const struct update *u = w->u;

	if (release_index(u->home, NULL, &u->offer->name, w->record, &w->index, NULL) == 0)
		return 0;
	if (look_at_hint(w, e) == -1)
		return -1;
	if (w->hint != NULL) {
		update_choose(w, UINT64_MAX, &w->choice);
		if (w->choice.way == CHOICE_PATCH && try_patch(w, e) == -1)
			return -1;
	}
	return release_index(u->home, u->transfer, &u->offer->name, w->record, &w->index, e);
}

/* What the ranges come to that the tree needs; UINT64_MAX where the hint does not fit. */
static int
cost_of_frames(const struct update_work *w, uint64_t *out, struct err *e)
{
	struct ranges ranges = { NULL, 0, 0 };
	struct ranges_place *places = NULL;
	uint64_t content_bytes;
	const uint32_t *frames;
	size_t n;
	int rc = -1;

	*out = UINT64_MAX;
	if (hint_matches(w->hint, &w->record->index.sha256, index_n_frames(w->index), NULL) == -1)
		return 0;
	frames = tree_plan(w->tree, &n, &content_bytes);
	if (download_places(w->hint, frames, n, &places, e) == 0 &&
	    ranges_plan(places, n, RANGES_GAP_BYTES, &ranges, e) == 0) {
		*out = ranges.total_bytes;
		rc = 0;
	}
	ranges_clear(&ranges);
	free(places);
	return rc;
}

/* What the patch has of what the tree needs; the index was here already: is a patch worth it? */
int
update_fill_from_patch(struct update_work *w, struct err *e)
{
	struct err mine = { 0 };
	uint64_t bytes;
	size_t n;

	(void)tree_plan(w->tree, &n, &bytes);
	if (n == 0)
		return 0;
	if (w->patched == NULL && !w->is_tried) {
		if (look_at_hint(w, e) == -1)
			return -1;
		if (w->hint == NULL)
			return 0;
		if (cost_of_frames(w, &bytes, e) == -1)
			return -1;
		update_choose(w, bytes, &w->choice);
		if (w->choice.way != CHOICE_PATCH)
			tell_way(w, NULL);
		else if (try_patch(w, e) == -1)
			return -1;
	}
	if (w->patched == NULL)
		return 0;
	if (patched_fill(w->patched, w->tree, &mine) == 0)
		return 0;
	if (patched_is_useless(&mine)) {
		patched_drop(w->patched);
		tell_way(w, &mine);
		return 0;
	}
	if (e != NULL)
		*e = mine;
	return -1;
}
