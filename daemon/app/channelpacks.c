/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/channelpacks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/hub/state_drafts.h"
#include "catalog/hub/state_repack.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"
#include "daemon/app/layouts.h"
#include "daemon/app/needs.h"

#define BY_DRAFT (NEEDS_ALWAYS - 1) /* only drafts need it: it stays among their packs */

struct loading {
	const struct channelpacks_parts *parts;
	const char *channel;
	struct channelpacks *out;
	struct needs needs;
};

static int
add_drafts(struct loading *l, struct err *e)
{
	static const enum state_draft_state open[] = { STATE_DRAFT_CHECKING, STATE_DRAFT_VERIFIED,
		STATE_DRAFT_REFUSED };
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < sizeof(open) / sizeof(open[0]); k++) {
		struct state_draft *drafts = NULL;
		size_t n = 0;

		rc = state_drafts_list(l->parts->state, open[k], &drafts, &n, e);
		for (size_t i = 0; rc == 0 && i < n; i++)
			if (strcmp(drafts[i].release.channel, l->channel) == 0)
				rc = needs_add_index(&l->needs, l->parts->store, l->channel,
				    &drafts[i].release.index, BY_DRAFT, e);
		free(drafts);
	}
	return rc;
}

static int
add_needs(struct loading *l, const struct state_release *all, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].is_live && strcmp(all[i].channel, l->channel) == 0 &&
		    needs_add_index(&l->needs, l->parts->store, l->channel, &all[i].index,
		        NEEDS_ALWAYS, e) == -1)
			return -1;
	return add_drafts(l, e);
}

/* The channel's packs, and how long their files are. */
static int
add_packs(struct loading *l, struct err *e)
{
	struct channelpacks *c = l->out;
	size_t n = 0;

	if (state_purge_packs(l->parts->state, &c->packs, &n, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (strcmp(c->packs[i].channel, l->channel) == 0)
			c->packs[c->n_packs++] = c->packs[i];
	c->pack_lens = calloc(c->n_packs + 1, sizeof(*c->pack_lens));
	if (c->pack_lens == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < c->n_packs; i++)
		c->pack_lens[i] = c->packs[i].length;
	return 0;
}

static int
compare_number(const void *key, const void *element)
{
	const int64_t *no = key;
	const struct state_purge_pack *p = element;

	return *no < p->no ? -1 : *no > p->no;
}

static int
grow(struct channelpacks *c, struct err *e)
{
	size_t room = c->frames_room == 0 ? 1024 : 2 * c->frames_room;
	struct channelpacks_frame *frames = reallocarray(c->frames, room, sizeof(*frames));
	struct repack_frame *places;

	if (frames == NULL)
		return err_nomem(e);
	c->frames = frames;
	places = reallocarray(c->places, room, sizeof(*places));
	if (places == NULL)
		return err_nomem(e);
	c->places = places;
	c->frames_room = room;
	return 0;
}

static int
on_frame(void *ctx, int64_t pack, const struct state_frame *f, struct err *e)
{
	struct loading *l = ctx;
	struct channelpacks *c = l->out;
	int64_t until = needs_until(&l->needs, &f->content);
	const struct state_purge_pack *p = c->n_packs == 0 ? NULL
	    : bsearch(&pack, c->packs, c->n_packs, sizeof(*c->packs), compare_number);

	if (until == NEEDS_NEVER || p == NULL)
		return 0; /* waste, or it came while we look: the next round sees it */
	if (c->n_frames == c->frames_room && grow(c, e) == -1)
		return -1;
	c->frames[c->n_frames] = (struct channelpacks_frame){ .content = f->content,
		.stored = f->stored, .content_len = f->content_len };
	c->places[c->n_frames++] = (struct repack_frame){ .pack = (uint32_t)(p - c->packs),
		.stored_len = f->stored_len, .off = f->offset, .is_fixed = until == BY_DRAFT };
	return 0;
}

static int
compare_content(const void *key, const void *element)
{
	const struct channelpacks_frame *f = element;

	return memcmp(key, f->content.bytes, DIGEST_LEN);
}

static int
add_release(struct loading *l, const struct state_release *r, struct err *e)
{
	struct channelpacks *c = l->out;
	struct layout *layout;
	uint32_t n, *numbers;
	int rc = -1;

	if (layouts_take(l->parts->layouts, l->channel, &r->index, NULL, &layout, e) == -1)
		return -1;
	n = index_n_frames(layout->index);
	numbers = calloc((size_t)n + 1, sizeof(*numbers));
	if (numbers == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	c->newest[c->n_newest++] = (struct repack_release){ .frames = numbers, .n = n };
	for (uint32_t i = 0; i < n; i++) {
		struct channelpacks_frame *found;
		struct index_frame f;

		index_frame(layout->index, i, &f);
		found = c->n_frames == 0 ? NULL : bsearch(f.sha256->bytes, c->frames, c->n_frames,
		    sizeof(*c->frames), compare_content);
		if (found == NULL) {
			(void)err_set(e, ERR_BUSY, "releases changed meanwhile");
			goto out;
		}
		numbers[i] = (uint32_t)(found - c->frames);
	}
	rc = 0;
out:
	layouts_give_back(l->parts->layouts, layout);
	return rc;
}

static int
add_newest(struct loading *l, struct err *e)
{
	struct state_release *newest = NULL;
	size_t n = 0;
	int rc = -1;

	if (state_releases_newest(l->parts->state, l->channel, &newest, &n, e) == -1)
		return -1;
	l->out->newest = calloc(n + 1, sizeof(*l->out->newest));
	if (l->out->newest == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		if (add_release(l, &newest[i], e) == -1)
			goto out;
	rc = 0;
out:
	free(newest);
	return rc;
}

int
channelpacks_load(const struct channelpacks_parts *parts, const char *channel,
    const struct state_release *all, size_t n_all, struct channelpacks *out, struct err *e)
{
	struct loading l = { .parts = parts, .channel = channel, .out = out };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (add_needs(&l, all, n_all, e) == 0 && add_packs(&l, e) == 0 &&
	    state_repack_frames(parts->state, channel, on_frame, &l, e) == 0 &&
	    add_newest(&l, e) == 0)
		rc = 0;
	needs_clear(&l.needs);
	if (rc == -1)
		channelpacks_clear(out);
	return rc;
}

void
channelpacks_clear(struct channelpacks *c)
{
	for (size_t i = 0; i < c->n_newest; i++)
		free((uint32_t *)c->newest[i].frames); /* ours: made by add_release() */
	free(c->newest);
	free(c->frames);
	free(c->places);
	free(c->pack_lens);
	free(c->packs);
	memset(c, 0, sizeof(*c));
}

struct repack_input
channelpacks_input(const struct channelpacks *c)
{
	return (struct repack_input){ .pack_lens = c->pack_lens, .n_packs = (uint32_t)c->n_packs,
		.frames = c->places, .n_frames = (uint32_t)c->n_frames, .newest = c->newest,
		.n_newest = c->n_newest };
}
