/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/purge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/utc.h"
#include "catalog/hub/state_audit.h"
#include "catalog/hub/state_drafts.h"
#include "catalog/hub/state_purge.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/drafts.h"
#include "daemon/app/layouts.h"
#include "daemon/app/needs.h"
#include "daemon/app/switchover.h"

/* Frames of one pack, as the state has them. */
struct use {
	const struct state_purge_pack *pack;
	uint64_t dead_bytes;
	int64_t until; /* the latest time a frame of it is or was needed */
};

struct purge {
	struct app *app;
	const struct purge_options *o;
	struct purge_result *out;
	struct state_release *releases; /* owned */
	size_t n_releases;
	struct state_draft *drafts[3];  /* owned; the open ones by state */
	size_t n_drafts[3];
	struct state_purge_pack *packs; /* owned */
	size_t n_packs;
	struct needs frames;            /* of the channel under work */
	struct needs indexes, records;  /* of all */
	struct use *uses;               /* owned; one per pack */
};

/* ---- what is needed ---- */

static int64_t
until_of(const struct purge *p, const struct state_release *r)
{
	if (r->is_live)
		return NEEDS_ALWAYS;
	/* What was recalled can be brought back until somebody asks for a purge. */
	return p->o->is_replaced && r->withdrawn_at != 0 ? NEEDS_ALWAYS - 1 : r->ended_at;
}

/* Indexes and records of all releases and drafts. */
static int
add_names(struct purge *p, struct err *e)
{
	for (size_t i = 0; i < p->n_releases; i++) {
		const struct state_release *r = &p->releases[i];
		int64_t record = r->withdrawn_at != 0 ? NEEDS_ALWAYS : until_of(p, r);

		if (needs_add(&p->indexes, &r->index, until_of(p, r), e) == -1 ||
		    needs_add(&p->records, &r->record, record, e) == -1)
			return -1;
	}
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < p->n_drafts[k]; i++) {
			const struct state_release *r = &p->drafts[k][i].release;

			if (needs_add(&p->indexes, &r->index, NEEDS_ALWAYS, e) == -1 ||
			    needs_add(&p->records, &r->record, NEEDS_ALWAYS, e) == -1)
				return -1;
		}
	return 0;
}

static int
add_channel(struct purge *p, const char *channel, struct err *e)
{
	needs_clear(&p->frames);
	for (size_t i = 0; i < p->n_releases; i++)
		if (strcmp(p->releases[i].channel, channel) == 0 &&
		    needs_add_index(&p->frames, p->app->store, channel, &p->releases[i].index,
		        until_of(p, &p->releases[i]), e) == -1)
			return -1;
	/* One that was never verified may lack its index; it is judged anew in any case. */
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < p->n_drafts[k]; i++)
			if (strcmp(p->drafts[k][i].release.channel, channel) == 0 &&
			    needs_add_index(&p->frames, p->app->store, channel,
			        &p->drafts[k][i].release.index, NEEDS_ALWAYS - 1, e) == -1)
				return -1;
	return 0;
}

static int
compare_number(const void *key, const void *element)
{
	const int64_t *no = key;
	const struct use *u = element;

	return *no < u->pack->no ? -1 : *no > u->pack->no;
}

static int
on_frame(void *ctx, int64_t pack, const struct digest *content, uint64_t stored_len,
    struct err *e)
{
	struct purge *p = ctx;
	int64_t until = needs_until(&p->frames, content);
	struct use *u = bsearch(&pack, p->uses, p->n_packs, sizeof(*p->uses), compare_number);

	(void)e;
	if (u == NULL)
		return 0; /* it came while we look, and is judged another day */
	if (until > u->until)
		u->until = until;
	if (until < NEEDS_ALWAYS - 1)
		u->dead_bytes += stored_len;
	return 0;
}

/* ---- what goes ---- */

static struct purge_object *
add_object(struct purge_object **list, size_t *n, struct err *e)
{
	struct purge_object *more = reallocarray(*list, *n + 1, sizeof(*more));

	if (more == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	*list = more;
	memset(&more[*n], 0, sizeof(more[*n]));
	return &more[(*n)++];
}

/* Whether it has been out of use long enough. */
static bool
is_due(const struct purge *p, int64_t until, int64_t changed_at)
{
	int64_t since = until > changed_at ? until : changed_at;

	return p->o->is_now || since <= p->o->now - PURGE_SPARED_DAYS * UTC_DAY_S;
}

static int
remove_object(struct purge *p, const struct objpath *path, const char *name, struct err *e)
{
	const struct audit_note note = { .at = p->o->now, .actor = p->o->actor, .action = "purge",
		.object = name, .detail = "" };
	struct app *app = p->app;
	int rc = 0;

	/* The row first: a file without one is found again, a row without a file is not. */
	switch (path->kind) {
	case OBJPATH_PACK:
		rc = state_purge_forget_pack(app->state, path->channel, &path->hash, &note, e);
		break;
	case OBJPATH_INDEX:
		rc = state_purge_forget_object(app->state, path->channel, "index", &path->hash,
		    &note, e);
		break;
	case OBJPATH_RECORD:
		rc = state_purge_forget_object(app->state, path->channel, "record", &path->hash,
		    &note, e);
		break;
	case OBJPATH_HINT:
		rc = state_audit_add(app->state, &note, e);
		break;
	case OBJPATH_ROOT:
	case OBJPATH_TARGETS:
	case OBJPATH_SNAPSHOT:
	case OBJPATH_TIMESTAMP:
	case OBJPATH_CHANNEL_ROLE:
	case OBJPATH_BUNDLE:
	case OBJPATH_PATCH: /* patcher.c takes care of them */
		return err_set(e, ERR_SYSTEM, "%s is never purged", name);
	}
	return rc == -1 ? -1 : store_remove(app->store, name, e);
}

static int
let_go(struct purge *p, const struct objpath *path, const struct store_item *item, int64_t until,
    struct err *e)
{
	struct purge_object *o;

	if (!is_due(p, until, item->changed_at)) {
		p->out->n_spared++;
		p->out->spared_bytes += item->size;
		return 0;
	}
	o = add_object(&p->out->gone, &p->out->n_gone, e);
	if (o == NULL)
		return -1;
	(void)snprintf(o->name, sizeof(o->name), "%s", item->name); /* of the format: it fits */
	o->bytes = item->size;
	p->out->gone_bytes += item->size;
	return p->o->is_dry ? 0 : remove_object(p, path, item->name, e);
}

static struct use *
find_use(const struct purge *p, const struct objpath *path)
{
	for (size_t i = 0; i < p->n_packs; i++)
		if (digest_equal(&p->packs[i].sha256, &path->hash) &&
		    strcmp(p->packs[i].channel, path->channel) == 0)
			return &p->uses[i];
	return NULL;
}

static int
judge_pack(struct purge *p, const struct objpath *path, const struct store_item *item,
    struct err *e)
{
	struct use *u = find_use(p, path);
	struct purge_object *o;

	if (p->o->is_replaced && (u == NULL || u->pack->replaced_at == 0))
		return 0;
	/* It may be coming in at this moment: in the store, and not yet known. */
	if (u == NULL && item->changed_at > p->o->now - PURGE_YOUNG_S)
		return 0;
	if (u == NULL)
		return let_go(p, path, item, NEEDS_NEVER, e);
	if (u->until < NEEDS_ALWAYS - 1) /* hints of yesterday may still name one replaced today */
		return let_go(p, path, item,
		    u->until > u->pack->replaced_at ? u->until : u->pack->replaced_at, e);
	if (u->dead_bytes == 0)
		return 0;
	o = add_object(&p->out->kept, &p->out->n_kept, e);
	if (o == NULL)
		return -1;
	(void)snprintf(o->name, sizeof(o->name), "%s", item->name);
	o->bytes = item->size;
	o->dead_bytes = u->dead_bytes;
	return 0;
}

static int
judge_hint(struct purge *p, const struct objpath *path, const struct store_item *item,
    struct err *e)
{
	for (size_t i = 0; i < p->n_releases; i++) {
		const struct state_release *r = &p->releases[i];

		if (r->number == path->release && strcmp(r->channel, path->channel) == 0 &&
		    strcmp(r->course, path->course) == 0)
			return r->is_live ? 0 : let_go(p, path, item, r->ended_at, e);
	}
	return 0; /* of a switch that is not noted: the next one finishes it */
}

static int
on_item(void *ctx, const struct store_item *item, struct err *e)
{
	struct purge *p = ctx;
	const struct needs *needs = &p->indexes;
	struct objpath path;
	int64_t until;

	if (objpath_parse(&path, item->name, NULL) == -1)
		return 0; /* none of ours */
	switch (path.kind) {
	case OBJPATH_PACK:
		return judge_pack(p, &path, item, e);
	case OBJPATH_HINT:
		return judge_hint(p, &path, item, e);
	case OBJPATH_RECORD:
		needs = &p->records;
		break;
	case OBJPATH_INDEX:
		break;
	case OBJPATH_ROOT:
	case OBJPATH_TARGETS:
	case OBJPATH_SNAPSHOT:
	case OBJPATH_TIMESTAMP:
	case OBJPATH_CHANNEL_ROLE:
	case OBJPATH_BUNDLE:
	case OBJPATH_PATCH:
		return 0;
	}
	until = needs_until(needs, &path.hash);
	if (until == NEEDS_ALWAYS || item->changed_at > p->o->now - PURGE_YOUNG_S)
		return 0;
	return let_go(p, &path, item, until, e);
}

/* ---- the run ---- */

static int
load(struct purge *p, struct err *e)
{
	static const enum state_draft_state open[] = { STATE_DRAFT_CHECKING, STATE_DRAFT_VERIFIED,
		STATE_DRAFT_REFUSED };

	if (state_purge_releases(p->app->state, &p->releases, &p->n_releases, e) == -1 ||
	    state_purge_packs(p->app->state, &p->packs, &p->n_packs, e) == -1)
		return -1;
	for (size_t k = 0; k < 3; k++)
		if (state_drafts_list(p->app->state, open[k], &p->drafts[k], &p->n_drafts[k], e) ==
		    -1)
			return -1;
	p->uses = calloc(p->n_packs + 1, sizeof(*p->uses));
	if (p->uses == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < p->n_packs; i++)
		p->uses[i] = (struct use){ .pack = &p->packs[i], .until = NEEDS_NEVER };
	return 0;
}

/* Whether a pack before this one is of the same channel. */
static bool
is_seen(const struct purge *p, size_t pack)
{
	for (size_t i = 0; i < pack; i++)
		if (strcmp(p->packs[i].channel, p->packs[pack].channel) == 0)
			return true;
	return false;
}

static int
look(struct purge *p, struct err *e)
{
	if (load(p, e) == -1 || add_names(p, e) == -1)
		return -1;
	for (size_t i = 0; i < p->n_packs; i++) {
		const char *channel = p->packs[i].channel;

		if (is_seen(p, i))
			continue;
		if (add_channel(p, channel, e) == -1 ||
		    state_purge_frames(p->app->state, channel, on_frame, p, e) == -1)
			return -1;
	}
	return 0;
}

int
purge_run(struct app *app, const struct purge_options *o, struct purge_result *out,
    struct err *e)
{
	static const char *const tops[] = { "packs", "indexes", "targets", "hints" };
	const size_t n_tops = o->is_replaced ? 1 : sizeof(tops) / sizeof(tops[0]);
	struct purge p = { .app = app, .o = o, .out = out };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (switchover_begin(app->switchover, e) == -1)
		return -1;
	drafts_hold(app->drafts); /* a check under way believes in frames it has seen */
	if (look(&p, e) == -1)
		goto out;
	for (size_t i = 0; i < n_tops; i++)
		if (store_walk(app->store, tops[i], on_item, &p, e) == -1)
			goto out;
	rc = 0;
out:
	if (!o->is_dry)
		layouts_forget(app->layouts);
	drafts_go_on(app->drafts);
	switchover_end(app->switchover);
	for (size_t k = 0; k < 3; k++)
		free(p.drafts[k]);
	free(p.releases);
	free(p.packs);
	free(p.uses);
	needs_clear(&p.frames);
	needs_clear(&p.indexes);
	needs_clear(&p.records);
	if (rc == -1)
		purge_result_clear(out);
	return rc;
}

void
purge_result_clear(struct purge_result *r)
{
	free(r->gone);
	free(r->kept);
	memset(r, 0, sizeof(*r));
}
