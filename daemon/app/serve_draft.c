/* SPDX-License-Identifier: Apache-2.0 */
/* Before the switch: which frames the hub lacks, and drafts.  PROTOCOL.md section 4.2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/base/limits.h"
#include "catalog/hub/state_drafts.h"
#include "catalog/hub/state_frames.h"
#include "catalog/json/json.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/ids.h"
#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/cosign.h"
#include "daemon/app/drafts.h"
#include "daemon/app/layouts.h"
#include "daemon/app/serve.h"
#include "daemon/app/switchover.h"
#include "daemon/http/reply.h"
#include "daemon/log.h"

int
serve_draft_missing(struct exchange *x, struct err *e)
{
	size_t len = buf_len(&x->body), n = len / DIGEST_LEN;
	struct digest *hashes;
	struct buf answer = BUF_INIT;
	uint8_t *bytes;
	int rc = -1;

	if (len == 0 || len % DIGEST_LEN != 0)
		return err_set(e, ERR_BAD_INPUT, "the body must be SHA-256 hashes of %d bytes each",
		    DIGEST_LEN);
	hashes = calloc(n, sizeof(*hashes));
	if (hashes == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		memcpy(hashes[i].bytes, buf_data(&x->body) + i * DIGEST_LEN, DIGEST_LEN);
	bytes = buf_extend(&answer, n, e);
	if (bytes != NULL &&
	    state_frames_missing(context_app(x)->state, exchange_param(x, "channel"), hashes, n,
	        bytes, e) == 0 &&
	    reply_header(x, "Cache-Control", "no-store", e) == 0)
		rc = reply_bytes(x, 200, "application/octet-stream", &answer, e);
	buf_clear(&answer);
	free(hashes);
	return rc;
}

static void
put_missing(struct json_at top, const struct buf *missing)
{
	struct json_at list = json_put_array(top, "missing");

	for (size_t i = 0; i + DIGEST_LEN <= buf_len(missing); i += DIGEST_LEN) {
		char hex[DIGEST_HEX_LEN + 1];
		struct digest d;

		memcpy(d.bytes, buf_data(missing) + i, DIGEST_LEN);
		digest_hex(hex, &d);
		json_add_text(list, hex);
	}
}

static int
answer_draft(struct exchange *x, int status, const struct state_draft *d,
    const struct drafts_progress *p, struct err *e)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc);

	json_put_text(top, "id", d->id);
	json_put_text(top, "channel", d->release.channel);
	json_put_text(top, "course", d->release.course);
	json_put_int(top, "release", d->release.number);
	json_put_text(top, "state", state_drafts_state_name(d->state));
	json_put_int(top, "done_bytes", (int64_t)p->done_bytes);
	json_put_int(top, "total_bytes", (int64_t)p->total_bytes);
	if (d->state == STATE_DRAFT_PUBLISHED)
		json_put_int(top, "version", d->role_version);
	if (d->state == STATE_DRAFT_REFUSED) {
		struct buf missing = BUF_INIT;
		int rc = drafts_missing(context_app(x)->drafts, d, &missing, e);

		json_put_text(top, "reason", d->reason);
		if (rc == 0)
			put_missing(top, &missing);
		buf_clear(&missing);
		if (rc == -1 && e->class == ERR_SYSTEM) {
			json_free(doc);
			return -1;
		}
	}
	return respond_json(x, status, doc, e);
}

static int
parse_draft(const struct exchange *x, struct state_draft *want, struct err *e)
{
	static const char *const names[] = { "channel", "course", "release", "record" };
	struct state_release *r = &want->release;
	const char *channel, *course;
	int64_t number, length;
	struct json_at record;
	struct json *doc;
	int rc = -1;

	if (respond_body(x, names, 4, &doc, e) == -1)
		return -1;
	if (json_get_text(json_top(doc), "channel", &channel, e) == -1 ||
	    json_get_text(json_top(doc), "course", &course, e) == -1 ||
	    json_get_int_in(json_top(doc), "release", 1, LIMIT_RELEASE_NUMBER, &number, e) == -1 ||
	    json_get_object(json_top(doc), "record", &record, e) == -1 ||
	    json_get_digest(record, "sha256", &r->record, e) == -1 ||
	    json_get_int_in(record, "length", 1, LIMIT_RECORD_BYTES, &length, e) == -1 ||
	    ids_copy(IDS_CHANNEL, r->channel, channel, strlen(channel), e) == -1 ||
	    ids_copy(IDS_COURSE, r->course, course, strlen(course), e) == -1)
		goto out;
	r->number = (uint32_t)number;
	r->record_len = (uint32_t)length;
	rc = 0;
out:
	json_free(doc);
	return rc;
}

int
serve_draft_start(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct state_draft want = { 0 }, d;
	struct drafts_progress p = { 0, 0 };
	char actor[CONTEXT_ACTOR_SIZE];

	if (access_staff(c, e) == -1 || parse_draft(x, &want, e) == -1 ||
	    access_publish(c, want.release.channel, e) == -1)
		return -1;
	(void)snprintf(want.org, sizeof(want.org), "%s", c->who.org); /* both ids */
	(void)context_note(x, actor, "", "", ""); /* for the actor */
	if (cosign_is_wanted(context_app(x), want.release.channel)) {
		int rc;

		if (switchover_begin(context_app(x)->switchover, e) == -1)
			return respond_space(x, e);
		rc = cosign_make_way(context_app(x), &want, actor, x->now, e);
		switchover_end(context_app(x)->switchover);
		if (rc == -1)
			return -1;
	}
	if (drafts_start(context_app(x)->drafts, &want, actor, x->now, &d, e) == -1)
		return respond_space(x, e);
	return answer_draft(x, 201, &d, &p, e);
}

/* The draft of the path, which one may publish; anything else is not there. */
static int
get_draft(struct exchange *x, struct state_draft *d, struct drafts_progress *p, struct err *e)
{
	if (access_staff(context_client(x), e) == -1)
		return -1;
	if (drafts_get(context_app(x)->drafts, exchange_param(x, "id"), d, p, e) == -1)
		return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
	if (access_publish(context_client(x), d->release.channel, e) == -1)
		return access_absent(e);
	return 0;
}

int
serve_draft(struct exchange *x, struct err *e)
{
	struct drafts_progress p;
	struct state_draft d;

	if (get_draft(x, &d, &p, e) == -1)
		return -1;
	return answer_draft(x, 200, &d, &p, e);
}

int
serve_draft_drop(struct exchange *x, struct err *e)
{
	char actor[CONTEXT_ACTOR_SIZE];
	struct drafts_progress p;
	struct state_draft d;
	struct err kept = { 0 };

	if (get_draft(x, &d, &p, e) == -1)
		return -1;
	(void)context_note(x, actor, "", "", ""); /* for the actor */
	if (drafts_drop(context_app(x)->drafts, d.id, actor, x->now, e) == -1)
		return -1;
	/* Its signatures with it; else upkeep tries again. */
	if (cosign_sweep_channel(context_app(x), d.release.channel, x->now, &kept) == -1)
		log_failure(LOG_LEVEL_WARN, "signatures-sweep", &kept);
	return reply_empty(x, 204, e);
}

int
serve_draft_hint(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	struct buf bytes = BUF_INIT;
	struct drafts_progress p;
	struct state_draft d;
	struct layout *l;
	int rc = -1;

	if (get_draft(x, &d, &p, e) == -1)
		return -1;
	if (d.state != STATE_DRAFT_VERIFIED)
		return err_set(e, ERR_CONFLICT, "the draft is %s",
		    state_drafts_state_name(d.state));
	if (layouts_take(app->layouts, d.release.channel, &d.release.index, NULL, &l, e) == -1)
		return -1;
	if (hint_encode(l->hint, &bytes, e) == 0 && reply_header(x, "Cache-Control", "no-store",
	    e) == 0)
		rc = reply_bytes(x, 200, "application/octet-stream", &bytes, e);
	layouts_give_back(app->layouts, l);
	buf_clear(&bytes);
	return rc;
}
