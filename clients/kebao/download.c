/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/download.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/frame.h"
#include "catalog/repo/objpath.h"
#include "clients/kebao/lanes.h"
#include "clients/kebao/ticks.h"

#define LOOKS 3 /* at the hint: the first, one after a repack, one for luck */

/* A download under way. */
struct cursor {
	const struct download *d;
	uint8_t *content;         /* LIMIT_FRAME_BYTES */
	struct frame_coder *coder;
	unsigned n_looks;
	struct err bad;           /* first frame that was not what is signed */
	size_t n_bad;
	uint64_t total_bytes;     /* of all ranges of this look, for the display */
};

static int
load_hint(struct transfer *t, const char *path, const struct digest *index, uint32_t n_frames,
    struct hint **out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct hint *hint = NULL;
	int rc = -1;

	if (transfer_load(t, path, LIMIT_HINT_BYTES, &bytes, e) == -1)
		goto out;
	if (hint_parse(buf_data(&bytes), buf_len(&bytes), &hint, e) == -1 ||
	    hint_matches(hint, index, n_frames == 0 ? hint_n_frames(hint) : n_frames, e) == -1) {
		err_within(e, "%s", path);
		if (e != NULL && e->class == ERR_UNTRUSTED)
			e->class = ERR_BAD_INPUT; /* nobody signed it: no more than nonsense */
		goto out;
	}
	*out = hint;
	hint = NULL;
	rc = 0;
out:
	hint_free(hint);
	buf_clear(&bytes);
	return rc;
}

int
download_hint(struct transfer *t, const struct library_name *name, const struct digest *index,
    uint32_t n_frames, struct hint **out, struct err *e)
{
	char path[OBJPATH_SIZE + 1] = "/";

	objpath_hint(path + 1, name->channel, name->course, name->release);
	return load_hint(t, path, index, n_frames, out, e);
}

int
download_places(const struct hint *hint, const uint32_t *frames, size_t n,
    struct ranges_place **out, struct err *e)
{
	struct ranges_place *places = calloc(n + 1, sizeof(*places));

	if (places == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++) {
		struct hint_place p;

		hint_place(hint, frames[i], &p);
		places[i] = (struct ranges_place){
			.frame = frames[i],
			.pack = p.pack,
			.stored_len = p.stored_len,
			.off = p.off,
		};
	}
	*out = places;
	return 0;
}

uint64_t
download_stored_bytes(const struct hint *hint)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < hint_n_frames(hint); i++) {
		struct hint_place p;

		hint_place(hint, i, &p);
		sum += p.stored_len;
	}
	return sum;
}

/* A whole stored frame is here: through the gate.  A wrong one is counted, and may come again. */
static int
on_frame(void *ctx, const struct ranges_place *p, const uint8_t *stored, struct err *e)
{
	struct cursor *c = ctx;
	struct index_frame f;
	struct err mine = { 0 };

	index_frame(c->d->index, p->frame, &f);
	if (frame_unpack(c->coder, stored, p->stored_len, c->content, f.len, &mine) == 0 &&
	    tree_frame(c->d->tree, p->frame, c->content, f.len, &mine) == 0)
		return 0;
	if (mine.class != ERR_BAD_INPUT) { /* the tree is good for nothing now */
		if (e != NULL)
			*e = mine;
		return -1;
	}
	if (c->n_bad++ == 0)
		c->bad = mine;
	return 0;
}

static void
on_received(void *ctx, uint64_t bytes)
{
	const struct cursor *c = ctx;

	if (c->d->on_progress != NULL)
		c->d->on_progress(c->d->ctx, bytes < c->total_bytes ? bytes : c->total_bytes,
		    c->total_bytes);
}

static int
run_ranges(struct cursor *c, const struct hint *hint, const struct ranges *ranges,
    const struct ranges_place *places, struct err *e)
{
	const struct lanes_job job = {
		.transfer = c->d->transfer, .channel = c->d->name->channel, .hint = hint,
		.ranges = ranges, .places = places, .connections = c->d->connections,
		.on_frame = on_frame, .on_progress = on_received, .ctx = c,
	};
	struct lanes_figures figures;

	return ranges->n == 0 ? 0 : lanes_run(&job, &figures, e);
}

/* From where it lies for this download. */
static int
ask_hint(const struct download *d, struct hint **out, struct err *e)
{
	uint32_t n = index_n_frames(d->index);

	if (d->hint_path != NULL)
		return load_hint(d->transfer, d->hint_path, &d->record->index.sha256, n, out, e);
	return download_hint(d->transfer, d->name, &d->record->index.sha256, n, out, e);
}

/* One look at the hint and all that follows from it. */
static int
look(struct cursor *c, struct download_figures *out, struct err *e)
{
	const struct download *d = c->d;
	struct ranges ranges = { NULL, 0, 0 };
	struct ranges_place *places = NULL;
	const struct hint *hint = c->n_looks++ == 0 ? d->hint : NULL;
	struct hint *asked = NULL;
	uint64_t content_bytes;
	const uint32_t *need;
	size_t n;
	int rc = -1;

	need = tree_plan(d->tree, &n, &content_bytes);
	if (hint == NULL && ask_hint(d, &asked, e) == -1)
		goto out;
	hint = hint != NULL ? hint : asked;
	if (hint_matches(hint, &d->record->index.sha256, index_n_frames(d->index), e) == -1)
		goto out;
	out->stored_bytes = download_stored_bytes(hint);
	if (download_places(hint, need, n, &places, e) == -1 ||
	    ranges_plan(places, n, RANGES_GAP_BYTES, &ranges, e) == -1)
		goto out;
	out->asked_bytes += ranges.total_bytes;
	out->n_ranges += ranges.n;
	c->total_bytes = ranges.total_bytes;
	rc = run_ranges(c, hint, &ranges, places, e);
out:
	ranges_clear(&ranges);
	free(places);
	hint_free(asked);
	return rc;
}

/* What another look may mend: frames that were wrong, packs or ranges that are not there. */
static bool
may_mend(const struct err *e)
{
	return e->class == ERR_NOT_FOUND || e->class == ERR_BAD_INPUT;
}

/* For good: what cannot be believed after several looks is not just malformed. */
static int
give_up(const struct cursor *c, struct err *why, struct err *e)
{
	if (why->class == ERR_BAD_INPUT)
		why->class = ERR_UNTRUSTED;
	if (why->sys != EAGAIN) /* else it is no matter of the course */
		err_within(why, "%s/%s release %u", c->d->name->channel, c->d->name->course,
		    c->d->name->release);
	if (e != NULL)
		*e = *why;
	return -1;
}

static int
fill(struct cursor *c, struct download_figures *out, struct err *e)
{
	for (int n = 1;; n++) {
		struct err mine = { 0 };
		uint64_t bytes;
		size_t left = 0;
		int rc;

		c->n_bad = 0;
		rc = look(c, out, &mine);
		if (rc == 0)
			(void)tree_plan(c->d->tree, &left, &bytes);
		if (rc == 0 && left == 0) {
			if (c->total_bytes > 0 && c->d->on_progress != NULL)
				c->d->on_progress(c->d->ctx, c->total_bytes, c->total_bytes);
			return 0;
		}
		if (rc == 0 && c->n_bad > 0)
			mine = c->bad;
		else if (rc == 0)
			(void)err_set(&mine, ERR_BAD_INPUT, "%zu frames did not come", left);
		if (n == LOOKS || !may_mend(&mine))
			return give_up(c, &mine, e);
	}
}

int
download_frames(const struct download *d, struct download_figures *out, struct err *e)
{
	struct cursor c = { .d = d };
	int64_t began = ticks_ms();
	int rc = -1;

	memset(out, 0, sizeof(*out));
	c.content = malloc(LIMIT_FRAME_BYTES);
	if (c.content == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	c.coder = frame_coder_new(e);
	if (c.coder == NULL)
		goto out;
	rc = fill(&c, out, e);
	out->elapsed_ms = (uint64_t)(ticks_ms() - began);
out:
	frame_coder_free(c.coder);
	free(c.content);
	return rc;
}
