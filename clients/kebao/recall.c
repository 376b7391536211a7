/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/recall.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/repo/objpath.h"
#include "clients/kebao/release.h"
#include "clients/kebao/source.h"

#define ROUNDS 4 /* others publishing at the same time */

static int
open_trust(const struct home *home, struct trust **out, struct err *e)
{
	int fd = home_open_dir(home, "trust", e);
	int rc;

	if (fd == -1)
		return -1;
	rc = trust_open(fd, NULL, out, e);
	(void)close(fd); /* trust_open() made its own */
	return rc;
}

/* The newest release that can be recalled, or whose recall can be undone. */
static int
pick(const struct recall *r, const struct channel *c, uint32_t *release, struct err *e)
{
	uint32_t newest = r->release;

	for (size_t i = 0; r->release == 0 && c->role != NULL && i < c->role->n_targets; i++) {
		const struct meta_target *target = &c->role->targets[i];
		struct objpath p;

		if (objpath_parse_target(&p, target->path, NULL) == 0 &&
		    p.kind == OBJPATH_RECORD && strcmp(p.course, r->course) == 0 &&
		    withdrawn_is(target->custom) == r->is_undo && p.release > newest)
			newest = p.release;
	}
	if (newest == 0)
		return err_set(e, ERR_NOT_FOUND, "%s/%s has no release that is %s", r->channel,
		    r->course, r->is_undo ? "withdrawn" : "live");
	*release = newest;
	return 0;
}

int
recall_role(const struct home *home, struct transfer *t, const struct channel *c,
    struct channel_recall *want, struct role **out, struct err *e)
{
	struct library_name name = { .release = 0 };
	const struct meta_target *target = channel_bundle_after(c, want, &name.release);
	const struct release_want record = { .name = &name, .trust = c->trust, .target = target };
	struct record *bundle = NULL;
	int rc;

	if (target != NULL) {
		(void)snprintf(name.channel, sizeof(name.channel), "%s", c->id); /* ids fit */
		(void)snprintf(name.course, sizeof(name.course), "%s", want->course);
		if (release_record(home, t, &record, &bundle, e) == -1)
			return -1;
	}
	want->bundle = bundle;
	rc = channel_next_recall(c, want, out, e);
	want->bundle = NULL;
	record_free(bundle);
	return rc;
}

static int
send(const struct recall *r, struct channel *c, uint32_t *release,
    struct pending_outcome *outcome, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(r->hub));
	struct channel_recall want = {
		.course = r->course, .is_undo = r->is_undo, .what = r->what,
		.now = (int64_t)time(NULL),
	};
	char path[LIMIT_ID_BYTES + 24];
	struct hub_message m = { .method = TRANSFER_PUT, .path = path };
	struct role *next = NULL;
	struct buf file = BUF_INIT;
	struct json *answer = NULL;
	int rc = -1;

	if (pick(r, c, &want.release, e) == -1)
		return -1;
	if (r->what.successor != 0 && (r->what.successor == want.release ||
	    channel_release(c, r->course, r->what.successor) == NULL))
		return err_set(e, ERR_BAD_INPUT, "release %u of %s cannot be the successor",
		    (unsigned)r->what.successor, r->course);
	(void)snprintf(path, sizeof(path), "/api/v1/metadata/%s", r->channel); /* an id fits */
	if (recall_role(r->home, hub_transfer(r->hub), c, &want, &next, e) == -1 ||
	    channel_sign(c, next, r->keys, r->n_keys, &file, e) == -1)
		goto out;
	m.body = buf_data(&file);
	m.body_len = buf_len(&file);
	if (hub_send_again(r->hub, &m, &answer, e) == -1 ||
	    pending_outcome(answer, outcome, e) == -1)
		goto out;
	if (!outcome->is_waiting && channel_confirm(c, &source, &file, want.now, e) == -1) {
		pending_outcome_clear(outcome);
		goto out;
	}
	*release = want.release;
	rc = 0;
out:
	role_free(next);
	buf_clear(&file);
	return rc;
}

int
recall_send(const struct recall *r, uint32_t *release, struct pending_outcome *outcome,
    struct err *e)
{
	struct trust_source source = source_of(hub_transfer(r->hub));
	struct trust *trust = NULL;
	struct err mine = { 0 };
	int rc = -1;

	if (open_trust(r->home, &trust, e) == -1)
		return -1;
	for (int round = 0; round < ROUNDS && rc == -1; round++) {
		int64_t now = (int64_t)time(NULL);
		struct channel c;
		bool was_sent = false;

		mine = (struct err){ 0 };
		if (trust_refresh(trust, &source, now, &mine) == 0 &&
		    channel_open(&c, trust, &source, r->channel, now, &mine) == 0 &&
		    channel_check_keys(&c, r->keys, r->n_keys, &mine) == 0) {
			was_sent = true;
			rc = send(r, &c, release, outcome, &mine);
		}
		if (!was_sent || mine.class != ERR_CONFLICT)
			break;
	}
	if (rc == -1 && e != NULL)
		*e = mine;
	trust_close(trust);
	return rc;
}
