/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/index.h"
#include "catalog/repo/record.h"
#include "catalog/repo/tree.h"
#include "clients/kebao/download.h"
#include "clients/kebao/interrupt.h"
#include "catalog/repo/novelty.h"
#include "clients/kebao/release.h"
#include "clients/kebao/space.h"
#include "clients/kebao/text.h"
#include "clients/kebao/update_own.h"

#define TELLING_BYTES (256u << 10) /* less says nothing about the speed of a line */

/* --- what is known before --- */

static int
load_wanted(struct update_work *w, struct err *e)
{
	const struct update *u = w->u;
	const struct release_want want = {
		.name = &u->offer->name, .trust = catalogue_trust(u->catalogue),
		.target = u->offer->record,
	};

	return release_record(u->home, u->transfer, &want, &w->record, e);
}

/* A held release to take from; one whose index is damaged is passed over. */
static int
add_old(struct update_work *w, const struct library_name *name,
    enum library_place place, struct err *e)
{
	const struct update *u = w->u;
	struct record *record = NULL;
	struct index *ix = NULL;
	char path[LIBRARY_PATH_SIZE];
	int fd;

	if (release_held_record(u->home, name, &record, NULL) == -1)
		return 0;
	if (release_index(u->home, NULL, name, record, &ix, NULL) == -1) {
		record_free(record);
		return 0;
	}
	w->old_hash[w->n_olds] = record->index.sha256;
	w->old_release[w->n_olds] = name->release;
	record_free(record);
	library_path(path, place, name);
	fd = openat(home_dirfd(u->home), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		index_free(ix);
		return errno == ENOENT ? 0 : err_errno(e, "%s/%s", home_path(u->home), path);
	}
	w->old_index[w->n_olds] = ix;
	w->olds[w->n_olds].dirfd = fd;
	w->olds[w->n_olds].index = ix;
	w->olds[w->n_olds].is_doubted = library_is_doubted(u->home, name);
	w->olds[w->n_olds].is_unproven = place == LIBRARY_WORK;
	w->n_olds++;
	return 0;
}

static bool
is_same_course(const struct library_name *a, const struct library_name *b)
{
	return strcmp(a->channel, b->channel) == 0 && strcmp(a->course, b->course) == 0;
}

/* The newest other release that was begun and then overtaken: what it has is verified. */
static int
add_begun(struct update_work *w, struct err *e)
{
	const struct update *u = w->u;
	struct library begun = { NULL, 0 };
	size_t n = w->n_olds;
	int rc = library_load_begun(u->home, &u->offer->name, &begun, e);

	for (size_t i = 0; rc == 0 && i < begun.n_held && w->n_olds == n; i++)
		if (begun.held[i].release != u->offer->name.release)
			rc = add_old(w, &begun.held[i], LIBRARY_WORK, e);
	library_clear(&begun);
	return rc;
}

static int
add_olds(struct update_work *w, const struct library *l, enum library_place place, struct err *e)
{
	for (size_t i = 0; i < l->n_held && w->n_olds < UPDATE_OLDS - 1; i++)
		if (is_same_course(&l->held[i], &w->u->offer->name) &&
		    add_old(w, &l->held[i], place, e) == -1)
			return -1;
	return 0;
}

static int
load_olds(struct update_work *w, struct err *e)
{
	if (add_olds(w, w->u->library, LIBRARY_FILES, e) == -1 ||
	    add_olds(w, w->u->hidden, LIBRARY_HIDDEN, e) == -1)
		return -1;
	return add_begun(w, e);
}

/* Other releases that were begun have given what they had. */
static int
drop_begun(const struct update *u, struct err *e)
{
	struct library begun = { NULL, 0 };
	int rc = library_load_begun(u->home, &u->offer->name, &begun, e);

	for (size_t i = 0; rc == 0 && i < begun.n_held; i++) {
		rc = library_drop_begun(u->home, &begun.held[i], e);
		if (rc == 0 && !library_has(u->library, &begun.held[i]) &&
		    begun.held[i].release != u->offer->name.release)
			rc = release_forget(u->home, &begun.held[i], e);
	}
	library_clear(&begun);
	return rc;
}

static void
work_clear(struct update_work *w)
{
	tree_free(w->tree);
	patched_free(w->patched);
	hint_free(w->asked);
	for (size_t i = 0; i < w->n_olds; i++) {
		(void)close(w->olds[i].dirfd); /* only a handle */
		index_free(w->old_index[i]);
	}
	if (w->dirfd != -1)
		(void)close(w->dirfd); /* only a handle */
	index_free(w->index);
	record_free(w->record);
}

/* --- staging --- */

static void
on_look(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	const struct update *u = ctx;

	const struct update_progress p = {
		.what = MSG_DOING_LOOK, .done_bytes = done_bytes, .total_bytes = total_bytes,
	};

	if (u->on_progress != NULL)
		u->on_progress(u->ctx, &p);
}

void
update_on_download(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct update_work *w = ctx;
	struct update_progress p = {
		.what = MSG_DOING_FETCH, .done_bytes = done_bytes, .total_bytes = total_bytes,
		.n_files = w->record->n_files,
	};
	struct tree_figures figures;

	if (w->u->on_progress == NULL)
		return;
	if (w->tree != NULL && (done_bytes - w->counted_at_bytes >= total_bytes / 256 ||
	    done_bytes == total_bytes || done_bytes < w->counted_at_bytes)) {
		/* there may be many to count */
		tree_figures(w->tree, &figures);
		w->n_files_done = figures.n_files_done;
		w->counted_at_bytes = done_bytes;
	}
	p.n_files_done = w->n_files_done;
	w->u->on_progress(w->u->ctx, &p);
}

/* In whole blocks: 20,000 lines of a quiz take 80 MB. */
static uint64_t
bytes_to_write(const struct update_work *w, uint64_t content_bytes)
{
	uint32_t n = index_n_entries(w->index); /* not 0: something is to be written */
	struct tree_figures figures;

	tree_figures(w->tree, &figures);
	return content_bytes + space_lost_bytes(w->index) * (n - figures.n_files_done) / n;
}

static int
check_space(const struct update_work *w, uint64_t content_bytes, struct err *e)
{
	uint64_t need_bytes = bytes_to_write(w, content_bytes), room;
	struct text need, have, reserve;

	if (file_free_bytes(w->dirfd, &room, e) == -1)
		return -1;
	if (room >= need_bytes && room - need_bytes >= w->u->reserve_bytes)
		return 0;
	(void)err_set(e, ERR_SYSTEM,
	    "%s: %s are needed, %s are free, and %s of them are to be left alone",
	    home_path(w->u->home), text_bytes(&need, need_bytes), text_bytes(&have, room),
	    text_bytes(&reserve, w->u->reserve_bytes));
	if (e != NULL)
		e->sys = ENOSPC;
	return -1;
}

static int
stage(struct update_work *w, struct err *e)
{
	const struct tree_options opt = {
		.olds = w->olds, .n_olds = w->n_olds, .cancel = interrupt_flag(),
		.on_progress = on_look, .ctx = (void *)w->u,
	};
	char path[LIBRARY_PATH_SIZE];
	uint64_t content_bytes;
	size_t n;

	library_path(path, LIBRARY_WORK, &w->u->offer->name);
	w->dirfd = home_open_dir(w->u->home, path, e);
	if (w->dirfd == -1 || tree_open(w->dirfd, w->index, &opt, &w->tree, e) == -1)
		return -1;
	(void)tree_plan(w->tree, &n, &content_bytes);
	return n == 0 ? 0 : check_space(w, content_bytes, e);
}

static int
download(struct update_work *w, struct update_figures *out, struct err *e)
{
	const struct download d = {
		.transfer = w->u->transfer, .hint = w->hint, .name = &w->u->offer->name,
		.record = w->record, .index = w->index, .tree = w->tree,
		.connections = w->u->connections,
		.on_progress = update_on_download, .ctx = w,
	};
	struct download_figures f;

	if (download_frames(&d, &f, e) == -1)
		return -1;
	out->full_bytes = f.stored_bytes;
	if (f.asked_bytes >= TELLING_BYTES && f.elapsed_ms > 0)
		out->bytes_per_second = f.asked_bytes * 1000 / f.elapsed_ms;
	return 0;
}

/* What the patch did not bring, frames do; without any the hint needs no further look. */
static int
fetch_rest(struct update_work *w, struct update_figures *out, struct err *e)
{
	uint64_t bytes;
	size_t n;

	(void)tree_plan(w->tree, &n, &bytes);
	if (n > 0 || w->hint == NULL)
		return download(w, out, e);
	out->full_bytes = download_stored_bytes(w->hint);
	return 0;
}

/* Releases before the new one, out of sight and away. */
static int
remove_olds(const struct update *u, struct err *e)
{
	const struct library *l = u->library;

	for (size_t i = 0; i < l->n_held; i++)
		if (is_same_course(&l->held[i], &u->offer->name) &&
		    l->held[i].release < u->offer->name.release &&
		    library_remove(u->home, &l->held[i], e) == -1)
			return -1;
	return 0;
}

/* Where patch and index were all that came, or nearly; 0 where they were too little to tell. */
static uint64_t
speed_of_requests(const struct transfer *t, const struct transfer_totals *before)
{
	const struct transfer_totals *now = transfer_totals(t);
	uint64_t bytes = now->received_bytes - before->received_bytes;
	uint64_t ms = now->busy_ms - before->busy_ms;

	return bytes >= TELLING_BYTES && ms > 0 ? bytes * 1000 / ms : 0;
}

int
update_fetch(const struct update *u, struct update_figures *out, struct err *e)
{
	struct update_work w = { .u = u, .dirfd = -1 };
	const struct transfer_totals before = *transfer_totals(u->transfer);
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (load_wanted(&w, e) == -1 || load_olds(&w, e) == -1 || update_find_index(&w, e) == -1 ||
	    stage(&w, e) == -1 || update_fill_from_patch(&w, e) == -1 ||
	    fetch_rest(&w, out, e) == -1 || tree_finish(w.tree, e) == -1)
		goto out;
	if (library_reveal(u->home, &u->offer->name, e) == -1 || drop_begun(u, e) == -1)
		goto out;
	if (w.patched != NULL)
		patched_drop(w.patched);
	out->n_files = w.record->n_files;
	out->file_bytes = w.record->file_bytes;
	out->fetched_bytes = transfer_totals(u->transfer)->received_bytes - before.received_bytes;
	if (out->bytes_per_second == 0)
		out->bytes_per_second = speed_of_requests(u->transfer, &before);
	if (!u->keeps_old && remove_olds(u, e) == -1)
		goto out;
	rc = 0;
out:
	if (rc == -1 && interrupt_pending())
		(void)interrupt_check(e);
	work_clear(&w);
	return rc;
}

/* --- what it would cost --- */

static int
cost_of_new(struct update_work *w, const struct hint *hint, struct update_cost *out)
{
	struct choice *c = &w->choice;

	*c = (struct choice){ .way = CHOICE_FRAMES };
	out->fetch_bytes = out->full_bytes =
	    hint != NULL ? download_stored_bytes(hint) : w->record->file_bytes;
	if (hint != NULL)
		update_choose(w, out->full_bytes, c);
	out->need_bytes = space_guess_bytes(w->record->file_bytes, w->record->n_files);
	if (c->way == CHOICE_PATCH) {
		out->fetch_bytes = c->patch_bytes;
		out->need_bytes += c->patch_bytes;
	}
	return 0;
}

/* What goes when the new release is there, and what it needs besides. */
static int
cost_in_space(const struct update_work *w, struct update_cost *out, struct err *e)
{
	if (space_needed_bytes(w->index, w->old_index[0], &out->need_bytes, e) == -1)
		return -1;
	return w->u->keeps_old ? 0 : space_freed_bytes(w->olds[0].dirfd, w->old_index[0], w->index,
	    &out->freed_bytes, e);
}

/*
 * What is staged already takes nothing more, and its frames, packed as all are on the average, are
 * not fetched again.  Of a patch it is known how much is here.
 */
static void
cost_less_staged(const struct update_work *w, struct update_cost *out)
{
	const struct update *u = w->u;
	uint64_t file_bytes = w->record->file_bytes;
	char path[LIBRARY_PATH_SIZE];
	uint64_t used_bytes, frames_bytes;

	library_path(path, LIBRARY_WORK, &u->offer->name);
	used_bytes = space_used_bytes(home_dirfd(u->home), path);
	out->need_bytes -= used_bytes < out->need_bytes ? used_bytes : out->need_bytes;
	if (w->choice.way == CHOICE_PATCH || file_bytes == 0)
		return;
	frames_bytes = (uint64_t)((double)used_bytes * (double)out->full_bytes /
	    (double)file_bytes);
	out->fetch_bytes -= frames_bytes < out->fetch_bytes ? frames_bytes : out->fetch_bytes;
}

/* Of the frames that ix has and old has not, the bytes; those of but are left out. */
static int
lacking_bytes(const struct index *ix, const struct index *old, const struct index *but,
    uint64_t *out, struct err *e)
{
	uint32_t *frames = NULL, *others = NULL;
	size_t n = 0, n_others = 0, at = 0;
	int rc = -1;

	*out = 0;
	if (novelty_frames(ix, old, &frames, &n, e) == 0 &&
	    novelty_frames(ix, but, &others, &n_others, e) == 0)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct index_frame frame;

		while (at < n_others && others[at] < frames[i])
			at++;
		if (at < n_others && others[at] == frames[i])
			continue;
		index_frame(ix, frames[i], &frame);
		*out += frame.len;
	}
	free(frames);
	free(others);
	return rc;
}

/*
 * What an overtaken release that was begun has of what is lacking comes from there.  The room that
 * it takes meanwhile is not given back before: need_bytes stays.
 */
static int
cost_less_begun(struct update_work *w, struct update_cost *out, struct err *e)
{
	const struct update *u = w->u;
	const struct index *held = w->n_olds > 0 ? w->old_index[0] : NULL;
	size_t n = w->n_olds;
	char path[LIBRARY_PATH_SIZE];
	struct library_name name = u->offer->name;
	uint64_t shared_bytes, used_bytes, bytes;

	if (add_begun(w, e) == -1)
		return -1;
	if (w->n_olds == n || w->record->file_bytes == 0)
		return 0;
	if (w->index == NULL &&
	    release_index(u->home, u->transfer, &name, w->record, &w->index, e) == -1)
		return -1;
	if (lacking_bytes(w->index, held, w->old_index[n], &shared_bytes, e) == -1)
		return -1;
	name.release = w->old_release[n];
	library_path(path, LIBRARY_WORK, &name);
	used_bytes = space_used_bytes(home_dirfd(u->home), path);
	bytes = used_bytes < shared_bytes ? used_bytes : shared_bytes;
	bytes = (uint64_t)((double)bytes * (double)out->full_bytes /
	    (double)w->record->file_bytes);
	out->fetch_bytes -= bytes < out->fetch_bytes ? bytes : out->fetch_bytes;
	return 0;
}

/* A recalled release is hidden, and stays. */
static bool
is_kept(const struct update *u, const struct library_name *held)
{
	return u->keeps_old || catalogue_find_recall(u->catalogue, held) != NULL;
}

/* A patch, where it is cheaper: its figure, and what the hint says of the disk. */
static void
take_choice(const struct update_work *w, const struct choice *c, struct update_cost *out)
{
	uint64_t most_bytes = out->full_bytes + w->record->index.len;
	bool is_patch = c->way == CHOICE_PATCH;

	out->fetch_bytes = is_patch ? c->patch_bytes : c->frames_bytes;
	if (out->fetch_bytes > most_bytes)
		out->fetch_bytes = most_bytes; /* whatever the hint says */
	out->need_bytes = space_guess_bytes(w->record->file_bytes, w->record->n_files);
	if (c->has_room) {
		out->need_bytes = c->new_bytes;
		out->freed_bytes = w->u->keeps_old ? 0 : c->gone_bytes;
	}
	out->need_bytes += is_patch ? c->patch_bytes : 0;
}

/* Exactly the ranges that a fetch would ask for, if the held files are as they were. */
static int
cost_of_change(struct update_work *w, const struct hint *hint, struct update_cost *out,
    struct err *e)
{
	struct ranges ranges = { NULL, 0, 0 };
	struct ranges_place *places = NULL;
	uint32_t *frames = NULL;
	size_t n = 0;
	int rc = -1;

	if (hint_matches(hint, &w->record->index.sha256, index_n_frames(w->index), e) == -1 ||
	    novelty_frames(w->index, w->old_index[0], &frames, &n, e) == -1 ||
	    download_places(hint, frames, n, &places, e) == -1 ||
	    ranges_plan(places, n, RANGES_GAP_BYTES, &ranges, e) == -1)
		goto out;
	out->full_bytes = download_stored_bytes(hint);
	out->fetch_bytes = ranges.total_bytes;
	rc = cost_in_space(w, out, e);
out:
	ranges_clear(&ranges);
	free(places);
	free(frames);
	return rc;
}

/* By the hint's word; where it has none, the index has to be looked at. */
static int
cost_to_change(struct update_work *w, struct update_cost *out, struct err *e)
{
	const struct update *u = w->u;
	const struct choice *c = &w->choice;

	out->full_bytes = download_stored_bytes(w->hint);
	update_choose(w, UINT64_MAX, &w->choice);
	if (c->way == CHOICE_PATCH || (c->has_room && c->frames_bytes != UINT64_MAX)) {
		take_choice(w, c, out);
		return 0;
	}
	if (release_index(u->home, u->transfer, &u->offer->name, w->record, &w->index, e) == -1)
		return -1;
	return cost_of_change(w, w->hint, out, e);
}

void
update_cost_clear(struct update_cost *cost)
{
	record_free(cost->record);
	hint_free(cost->hint);
	cost->record = NULL;
	cost->hint = NULL;
}

int
update_cost(const struct update *u, struct update_cost *out, struct err *e)
{
	const struct library_name *course = &u->offer->name;
	const struct library_name *seen =
	    library_newest(u->library, course->channel, course->course);
	const struct library_name *held = seen != NULL
	    ? seen
	    : library_newest(u->hidden, course->channel, course->course);
	const struct release_want want = {
		.name = &u->offer->name, .trust = catalogue_trust(u->catalogue),
		.target = u->offer->record,
	};
	struct update_work w = { .u = u, .dirfd = -1 };
	struct hint *hint = NULL;
	struct err mine = { 0 };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	out->held_release = held != NULL ? held->release : 0;
	if (release_record(u->home, u->transfer, &want, &w.record, e) == -1)
		goto out;
	/* Nobody signs hints: without a good one it is a guess, and the fetch asks again. */
	if (download_hint(u->transfer, &u->offer->name, &w.record->index.sha256, 0, &hint,
	    &mine) == -1 && mine.class != ERR_BAD_INPUT && mine.class != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = mine;
		goto out;
	}
	w.hint = hint;
	if (held != NULL &&
	    add_old(&w, held, seen != NULL ? LIBRARY_FILES : LIBRARY_HIDDEN, e) == -1)
		goto out;
	rc = w.n_olds > 0 && hint != NULL ? cost_to_change(&w, out, e)
	                                  : cost_of_new(&w, hint, out);
	if (rc == 0)
		cost_less_staged(&w, out);
	if (rc == 0 && w.choice.way != CHOICE_PATCH)
		rc = cost_less_begun(&w, out, e);
	if (rc == 0) {
		if (held != NULL && is_kept(u, held))
			out->freed_bytes = 0;
		out->record = w.record;
		out->hint = hint;
		w.record = NULL;
		hint = NULL;
	}
out:
	hint_free(hint);
	work_clear(&w);
	return rc;
}
