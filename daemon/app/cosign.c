/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/cosign.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/hub/state_audit.h"
#include "catalog/hub/state_drafts.h"
#include "catalog/repo/store.h"
#include "catalog/trust/role.h"
#include "catalog/trust/verify.h"
#include "daemon/app/drafts.h"
#include "daemon/app/switchover.h"

/* ---- who signs ---- */

static int
load_current(struct app *app, int metadata_fd, struct current *out, struct err *e)
{
	struct meta_claim *claim = NULL;
	struct meta *root = NULL;
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (store_load(app->store, "metadata/1.root.json", LIMIT_ROOT_BYTES, &bytes, e) == 0 &&
	    meta_parse(buf_data(&bytes), buf_len(&bytes), &claim, e) == 0 &&
	    verify_root_first(&claim, &root, e) == 0 &&
	    current_follow_root(metadata_fd, &root, NULL, e) == 0)
		rc = current_load(metadata_fd, root, out, e);
	meta_claim_free(claim);
	meta_free(root);
	buf_clear(&bytes);
	return rc;
}

int
cosign_standing_load(struct app *app, struct cosign_standing *out, struct err *e)
{
	int fd = openat(app->dirfd, CONTEXT_REPOSITORY "/metadata",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	*out = (struct cosign_standing){ .role = NULL };
	if (fd == -1)
		return err_errno(e, CONTEXT_REPOSITORY "/metadata");
	rc = load_current(app, fd, &out->now, e);
	(void)close(fd); /* only read */
	return rc;
}

int
cosign_standing_find(struct cosign_standing *s, const char *channel, struct err *e)
{
	s->role = meta_find_role(s->now.targets, channel);
	if (s->role != NULL)
		return 0;
	return err_set(e, ERR_NOT_FOUND, "nobody's keys are signed for channel %s", channel);
}

int
cosign_standing(struct app *app, const char *channel, struct cosign_standing *out, struct err *e)
{
	if (cosign_standing_load(app, out, e) == -1)
		return -1;
	if (cosign_standing_find(out, channel, e) == 0)
		return 0;
	cosign_standing_clear(out);
	return -1;
}

void
cosign_standing_clear(struct cosign_standing *s)
{
	current_clear(&s->now);
	s->role = NULL;
}

bool
cosign_is_wanted(struct app *app, const char *channel)
{
	struct cosign_standing s;
	bool wanted;

	if (cosign_standing(app, channel, &s, NULL) == -1)
		return false;
	wanted = s.role->threshold > 1;
	cosign_standing_clear(&s);
	return wanted;
}

/* ---- what waits ---- */

static int
drop(struct app *app, const struct state_pending *p, const char *actor, int64_t now,
    const char *why, struct err *e)
{
	struct audit_note note = { .at = now, .actor = actor, .action = "signatures-dropped",
		.object = p->object, .detail = why };

	return state_pending_drop(app->state, p->channel, &note, e);
}

/*
 * Why it cannot become the next version after this one any more; NULL: it can.  -1 with *e.
 */
static int
judge(struct app *app, const struct state_pending *p, int64_t version, const char **why,
    struct err *e)
{
	struct state_draft d;
	struct err mine = { 0 };

	*why = NULL;
	if (p->version <= version) /* after a restore it may be far above */
		*why = "the channel has another version meanwhile";
	if (p->draft[0] == '\0')
		return 0;
	if (state_drafts_get(app->state, p->draft, &d, &mine) == -1) {
		if (mine.class != ERR_NOT_FOUND)
			return err_set(e, mine.class, "%s", mine.text);
		*why = "the draft is gone";
	} else if (d.state != STATE_DRAFT_VERIFIED)
		*why = "the draft is not what it was";
	return 0;
}

static int
nothing_waits(const char *channel, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "nothing waits for signatures in %s", channel);
}

int
cosign_look(struct app *app, const struct cosign_standing *s, const char *channel,
    struct state_pending *out, struct err *e)
{
	struct state_pending p;
	const char *why;

	if (state_pending_get(app->state, channel, &p, e) == -1)
		return -1;
	if (judge(app, &p, current_version(&s->now, channel), &why, e) == 0) {
		if (why == NULL) {
			*out = p;
			return 0;
		}
		(void)nothing_waits(channel, e);
	}
	state_pending_clear(&p);
	return -1;
}

int
cosign_get(struct app *app, const char *channel, int64_t now, struct state_pending *out,
    struct err *e)
{
	struct buf present = BUF_INIT;
	struct state_pending p;
	const char *why;
	int64_t version;
	int rc;

	if (state_pending_get(app->state, channel, &p, e) == -1)
		return -1;
	rc = switchover_current(app->switchover, channel, &present, &version, e);
	buf_clear(&present);
	if (rc == -1 || judge(app, &p, version, &why, e) == -1)
		goto fail;
	if (why == NULL) {
		*out = p;
		return 0;
	}
	if (drop(app, &p, "hub", now, why, e) == 0)
		(void)nothing_waits(channel, e);
fail:
	state_pending_clear(&p);
	return -1;
}

/* Found without a turn: 1, something waits in the channel and may not; 0; -1. */
static int
is_stale(struct app *app, const struct cosign_standing *s, const char *channel, struct err *e)
{
	struct state_pending p = { .role = NULL };
	const char *why = NULL;
	struct err mine = { 0 };
	int rc;

	if (state_pending_get(app->state, channel, &p, &mine) == -1)
		return mine.class == ERR_NOT_FOUND ? 0 : err_set(e, mine.class, "%s", mine.text);
	rc = judge(app, &p, current_version(&s->now, channel), &why, e);
	state_pending_clear(&p);
	return rc == -1 ? -1 : why != NULL;
}

/* Judged once more within the turn: what was sent meanwhile stays. */
static int
drop_stale(struct app *app, const char *channel, int64_t now, struct err *e)
{
	struct state_pending p = { .role = NULL };
	struct err mine = { 0 };
	int rc;

	if (switchover_begin(app->switchover, e) == -1)
		return -1;
	rc = cosign_get(app, channel, now, &p, &mine);
	switchover_end(app->switchover);
	state_pending_clear(&p);
	return rc == 0 || mine.class == ERR_NOT_FOUND ? 0
	                                              : err_set(e, mine.class, "%s", mine.text);
}

static int
sweep_one(struct app *app, const struct cosign_standing *s, const char *channel, int64_t now,
    struct err *e)
{
	int stale = is_stale(app, s, channel, e);

	return stale == 1 ? drop_stale(app, channel, now, e) : stale;
}

int
cosign_sweep(struct app *app, int64_t now, struct err *e)
{
	struct state_pending_channel *list = NULL;
	struct cosign_standing s;
	size_t n = 0;
	int rc = 0;

	if (state_pending_channels(app->state, &list, &n, e) == -1)
		return -1;
	if (n > 0) {
		rc = cosign_standing_load(app, &s, e);
		for (size_t i = 0; rc == 0 && i < n; i++)
			rc = sweep_one(app, &s, list[i].id, now, e);
		cosign_standing_clear(&s);
	}
	free(list);
	return rc;
}

int
cosign_sweep_channel(struct app *app, const char *channel, int64_t now, struct err *e)
{
	struct cosign_standing s;
	int rc = cosign_standing_load(app, &s, e);

	if (rc == 0)
		rc = sweep_one(app, &s, channel, now, e);
	cosign_standing_clear(&s);
	return rc;
}

/* ---- collecting ---- */

/* The keys of the channel that have signed what was sent. */
struct signed_by {
	const char *keyids[LIMIT_SIGNATURES]; /* lent by the standing */
	size_t n;
};

static int
find_signed(const struct cosign_standing *s, const struct meta_claim *claim,
    struct signed_by *out, struct err *e)
{
	out->n = 0;
	for (size_t i = 0; i < s->role->n_keyids && out->n < LIMIT_SIGNATURES; i++) {
		int has = verify_has_signed(s->now.targets, s->role->keyids[i], claim, e);

		if (has == -1)
			return -1;
		if (has == 1)
			out->keyids[out->n++] = s->role->keyids[i];
	}
	if (out->n == 0)
		return verify_threshold(s->now.targets, s->role->name, claim, e); /* in its words */
	return 0;
}

/* How many distinct keys have signed the file. */
static int
count(const struct cosign_standing *s, const struct buf *file, int64_t *n, struct err *e)
{
	struct meta_claim *claim = NULL;
	int found;

	if (meta_parse(buf_data(file), buf_len(file), &claim, e) == -1)
		return -1;
	found = verify_count(s->now.targets, s->role->name, claim, e);
	meta_claim_free(claim);
	*n = found;
	return found == -1 ? -1 : 0;
}

/* What was sent, and what was collected for the same version before. */
static int
merge(struct app *app, const struct cosign_change *c, const struct signed_by *by,
    struct buf *file, struct err *e)
{
	const struct role_bytes more = { c->bytes, c->len };
	struct state_pending p = { .role = NULL };
	struct role_bytes before;
	struct err mine = { 0 };
	struct digest covered;
	bool is_same;
	int rc;

	if (role_covered(c->bytes, c->len, &covered, e) == -1)
		return -1;
	if (cosign_get(app, c->channel, c->note->at, &p, &mine) == -1) {
		if (mine.class != ERR_NOT_FOUND)
			return err_set(e, mine.class, "%s", mine.text);
		return role_merge(NULL, &more, by->keyids, by->n, file, e);
	}
	is_same = digest_equal(&covered, &p.covered);
	before = (struct role_bytes){ p.role, strlen(p.role) };
	rc = role_merge(is_same ? &before : NULL, &more, by->keyids, by->n, file, e);
	state_pending_clear(&p);
	return rc;
}

/* The ids of the keys whose signatures were brought. */
static int
add_ids(const struct signed_by *by, struct buf *ids, struct err *e)
{
	for (size_t i = 0; i < by->n; i++)
		if (buf_printf(ids, e, "%s%s", i > 0 ? " " : "", by->keyids[i]) == -1)
			return -1;
	return 0;
}

static struct audit_note
note_of(const struct cosign_change *c, const struct buf *ids)
{
	return (struct audit_note){ .at = c->note->at, .actor = c->note->actor,
		.action = "signature", .object = c->object, .detail = buf_text(ids) };
}

/* Who brought the last one is told in the same way as who brought the others. */
static int
note_last(struct app *app, const struct cosign_change *c, const struct signed_by *by,
    struct err *e)
{
	struct buf ids = BUF_INIT;
	int rc = add_ids(by, &ids, e);

	if (rc == 0) {
		const struct audit_note note = note_of(c, &ids);

		rc = state_audit_add(app->state, &note, e);
	}
	buf_clear(&ids);
	return rc;
}

static int
let_wait(struct app *app, const struct cosign_change *c, const struct signed_by *by,
    const struct buf *file, size_t *n_dropped, struct err *e)
{
	struct state_pending p = { .version = c->version, .at = c->note->at };
	struct audit_note note;
	struct buf ids = BUF_INIT;
	int rc = -1;

	(void)snprintf(p.channel, sizeof(p.channel), "%s", c->channel); /* all fit */
	(void)snprintf(p.kind, sizeof(p.kind), "%s", c->kind);
	(void)snprintf(p.object, sizeof(p.object), "%s", c->object);
	(void)snprintf(p.draft, sizeof(p.draft), "%s", c->draft);
	p.role = (char *)buf_text(file); /* lent for the call */
	if (add_ids(by, &ids, e) == -1)
		goto out;
	note = note_of(c, &ids);
	if (role_covered(buf_data(file), buf_len(file), &p.covered, e) == 0)
		rc = state_pending_put(app->state, &p, by->keyids, by->n, &note, n_dropped, e);
out:
	buf_clear(&ids);
	return rc;
}

int
cosign_collect(struct app *app, const struct cosign_change *c, struct buf *file,
    bool *is_complete, size_t *n_dropped, struct err *e)
{
	struct cosign_standing s;
	struct meta_claim *claim = NULL;
	struct signed_by by;
	int64_t n;
	int rc = -1;

	*n_dropped = 0;
	if (cosign_standing(app, c->channel, &s, e) == -1)
		return -1;
	if (meta_parse(c->bytes, c->len, &claim, e) == -1 || find_signed(&s, claim, &by, e) == -1)
		goto out;
	n = verify_count(s.now.targets, c->channel, claim, e);
	if (n == -1)
		goto out;
	/* Complete as it was sent: then its bytes stay, with signatures that count some day. */
	if (n >= s.role->threshold ? buf_add(file, c->bytes, c->len, e) == -1
	                           : merge(app, c, &by, file, e) == -1 ||
	        count(&s, file, &n, e) == -1)
		goto out;
	*is_complete = n >= s.role->threshold;
	if (!*is_complete)
		rc = let_wait(app, c, &by, file, n_dropped, e);
	else
		rc = s.role->threshold > 1 ? note_last(app, c, &by, e) : 0;
out:
	meta_claim_free(claim);
	cosign_standing_clear(&s);
	return rc;
}

/* ---- drafts ---- */

static bool
is_same_record(const struct state_draft *a, const struct state_draft *b)
{
	return strcmp(a->release.course, b->release.course) == 0 &&
	    a->release.number == b->release.number &&
	    digest_equal(&a->release.record, &b->release.record) && strcmp(a->org, b->org) == 0;
}

/* One open draft of the channel that is not the wanted one. */
static int
end_draft(struct app *app, const struct state_draft *d, const struct state_draft *want,
    const char *actor, int64_t now, struct err *e)
{
	struct state_pending p;
	struct err mine = { 0 };
	int rc = 0;

	if (cosign_get(app, d->release.channel, now, &p, &mine) == 0) {
		if (strcmp(p.draft, d->id) == 0) {
			if (strcmp(d->release.course, want->release.course) != 0)
				rc = err_set(e, ERR_CONFLICT,
				    "%s waits for signatures, and a channel of several signatures "
				    "has one draft at a time: have it signed (kebao sign), or give "
				    "it up (kebao sign --drop %s)",
				    p.object, p.channel);
			else
				rc = drop(app, &p, actor, now, "a new draft of the course began",
				    e);
		}
		state_pending_clear(&p);
	} else if (mine.class != ERR_NOT_FOUND)
		return err_set(e, mine.class, "%s", mine.text);
	return rc == -1 ? -1 : drafts_drop(app->drafts, d->id, actor, now, e);
}

int
cosign_make_way(struct app *app, const struct state_draft *want, const char *actor, int64_t now,
    struct err *e)
{
	static const enum state_draft_state open[] = { STATE_DRAFT_CHECKING, STATE_DRAFT_VERIFIED,
		STATE_DRAFT_REFUSED };
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < sizeof(open) / sizeof(open[0]); k++) {
		struct state_draft *list = NULL;
		size_t n = 0;

		rc = state_drafts_list(app->state, open[k], &list, &n, e);
		for (size_t i = 0; rc == 0 && i < n; i++)
			if (strcmp(list[i].release.channel, want->release.channel) == 0 &&
			    !is_same_record(&list[i], want))
				rc = end_draft(app, &list[i], want, actor, now, e);
		free(list);
	}
	return rc;
}
