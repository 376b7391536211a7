/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/renew.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"
#include "catalog/trust/role.h"
#include "clients/kebao/collect.h"
#include "clients/kebao/floors.h"
#include "clients/kebao/source.h"

#define ROUNDS 4 /* somebody else published at the same time */

/* A renewal under way. */
struct run {
	const struct renew *r;
	struct trust *trust; /* owned */
	struct trust_source source;
	const struct meta *delegator; /* lent by trust */
	struct belief_role present;   /* owned */
	int64_t version, now;         /* of the next */
};

bool
renew_is_due(int64_t expires_at, int64_t now)
{
	return expires_at - now < (int64_t)RENEW_EARLY_DAYS * UTC_DAY_S;
}

static void
note(const struct renew *r, enum renew_note what, const char *text)
{
	if (r->on_note != NULL)
		r->on_note(r->ctx, what, text);
}

/* --- where we stand --- */

/*
 * The role as this home last kept it; NULL where it never did.  A refresh that the restored hub
 * broke off may have left the snapshot behind, so it is not asked.
 */
static struct meta *
last_kept(const struct run *run)
{
	struct trust *trust = NULL;
	struct meta *was = NULL;

	if (strcmp(run->r->role, "targets") != 0 && belief_open(run->r->home, &trust, NULL) == 0 &&
	    trust_load(trust, NULL) == 0 && trust_held_role(trust, run->r->role, &was, NULL) == -1)
		was = NULL;
	trust_close(trust);
	return was;
}

/* What this home saw of the role, and the hub does not have any more. */
static int
note_lost(const struct run *run, struct err *e)
{
	const struct meta *is = run->present.role;
	struct meta *was = last_kept(run);
	int rc = 0;

	for (size_t i = 0; was != NULL && i < was->n_targets && rc == 0; i++) {
		struct library_name name = { .release = 0 };
		struct objpath p;

		if (is != NULL && meta_find_target(is, was->targets[i].path) != NULL)
			continue;
		note(run->r, RENEW_LOST, was->targets[i].path);
		if (objpath_parse_target(&p, was->targets[i].path, NULL) == -1)
			continue;
		memcpy(name.channel, p.channel, sizeof(name.channel));
		memcpy(name.course, p.course, sizeof(name.course));
		name.release = p.release;
		rc = floors_raise(run->r->home, &name, e);
	}
	meta_free(was);
	return rc;
}

static void
note_former(const struct run *run)
{
	if (run->r->is_emptied)
		return;
	note(run->r, RENEW_FORMER, run->r->role);
	for (size_t i = 0; i < run->present.role->n_targets; i++)
		note(run->r, RENEW_KEPT, run->present.role->targets[i].path);
}

/* What the snapshot this home believes says of the role; 0: nothing. */
static int64_t
last_listed(const struct run *run)
{
	char name[LIMIT_ID_BYTES + sizeof(".json")];
	const struct meta_file *file = NULL;
	struct trust *trust = NULL;
	int64_t version;

	(void)snprintf(name, sizeof(name), "%.*s.json", (int)LIMIT_ID_BYTES, run->r->role);
	if (belief_open(run->r->home, &trust, NULL) == 0 && trust_load(trust, NULL) == 0 &&
	    trust_snapshot(trust) != NULL)
		file = meta_find_file(trust_snapshot(trust), name);
	version = file != NULL ? file->version : 0;
	trust_close(trust);
	return version;
}

/* After a restore no number that this home has seen may come again. */
static int
check_above(const struct run *run, struct err *e)
{
	struct meta *was = last_kept(run);
	int64_t seen = last_listed(run);

	if (was != NULL && was->version > seen)
		seen = was->version;
	if (run->present.role != NULL && run->present.role->version > seen)
		seen = run->present.role->version;
	meta_free(was);
	if (seen > run->r->above)
		return err_set(e, ERR_BAD_INPUT,
		    "version %" PRId64 " of %s was seen: --above must be at least that", seen,
		    run->r->role);
	return 0;
}

static int
look(struct run *run, struct err *e)
{
	const struct renew *r = run->r;
	bool is_expired;

	belief_role_clear(&run->present);
	run->source = source_of(hub_transfer(r->hub));
	if (belief_refresh(run->trust, &run->source, run->now, &is_expired, e) == -1)
		return -1;
	run->delegator = strcmp(r->role, "targets") == 0 ? trust_root(run->trust)
	                                                 : trust_targets(run->trust);
	if (meta_find_role(run->delegator, r->role) == NULL)
		return err_set(e, ERR_NOT_FOUND, "the hub has no channel %s", r->role);
	if (collect_check_keys(run->delegator, r->role, r->keys, r->n_keys, e) == -1 ||
	    belief_role(run->trust, &run->source, r->role, run->now, &run->present, e) == -1)
		return -1;
	if (r->above != 0) {
		if (check_above(run, e) == -1)
			return -1;
		run->version = r->above + 1;
	} else {
		run->version = run->present.role != NULL ? run->present.role->version + 1 : 1;
	}
	if (run->present.is_former && !r->takes_former)
		return err_set(e, ERR_UNTRUSTED,
		    "what channel %s holds was signed by keys that were taken from it; where you"
		    " know it to be genuine, sign it again with --accept-former", r->role);
	return 0;
}

/* --- the next version --- */

static int
make(void *ctx, int64_t expires_at, struct role **out, struct err *e)
{
	const struct run *run = ctx;
	const struct meta *present = run->present.role;

	if (role_new(META_TARGETS, present, run->now, out, e) == -1)
		return -1;
	role_set_version(*out, run->version);
	if (expires_at != 0)
		role_set_expiry(*out, expires_at);
	else if (run->r->days != 0)
		role_set_expiry(*out, run->now + (int64_t)run->r->days * UTC_DAY_S);
	for (size_t i = 0; run->r->is_emptied && present != NULL && i < present->n_targets; i++)
		role_drop_target(*out, present->targets[i].path);
	return 0;
}

static int
get_expiry(const struct buf *file, int64_t *expires_at, struct err *e)
{
	struct json *doc = NULL;
	struct json_at body;
	int rc = -1;

	if (json_parse(buf_data(file), buf_len(file), GATE_SIGNED, &doc, e) == 0 &&
	    json_get_object(json_top(doc), "signed", &body, e) == 0)
		rc = json_get_utc(body, "expires", expires_at, e);
	json_free(doc);
	return rc;
}

static int
send(const struct run *run, const struct buf *file, struct err *e)
{
	char path[64 + LIMIT_ID_BYTES];
	struct hub_message m = { .method = TRANSFER_PUT, .path = path, .body = buf_data(file),
		.body_len = buf_len(file) };

	(void)snprintf(path, sizeof(path), "/api/v1/metadata/%.*s", (int)LIMIT_ID_BYTES,
	    run->r->role);
	if (hub_send_again(run->r->hub, &m, NULL, e) == -1)
		return -1;
	return run->r->file == NULL ? 0 : file_remove(AT_FDCWD, run->r->file, e);
}

static int
sign(struct run *run, struct renew_done *out, struct err *e)
{
	const struct renew *r = run->r;
	const struct collect_job job = {
		.delegator = run->delegator, .role = r->role, .keys = r->keys,
		.n_keys = r->n_keys, .heirs = r->heirs, .n_heirs = r->n_heirs, .file = r->file,
		.make = make, .ctx = run, .now = run->now,
	};
	struct collect_state state = { .wanted = 0 };
	struct buf file = BUF_INIT;
	int rc = -1;

	if (collect_run(&job, &file, &state, e) == -1 ||
	    get_expiry(&file, &out->expires_at, e) == -1)
		goto out;
	out->version = run->version;
	out->is_sent = collect_is_complete(&state);
	out->n_missing = state.wanted - state.signatures;
	out->missing = state.unsigned_by;
	state.unsigned_by = (struct buf)BUF_INIT;
	rc = out->is_sent ? send(run, &file, e) : 0;
out:
	collect_state_clear(&state);
	buf_clear(&file);
	return rc;
}

/* --- the whole --- */

static int
attempt(struct run *run, bool is_first, struct renew_done *out, struct err *e)
{
	const struct renew *r = run->r;

	run->now = (int64_t)time(NULL);
	if (look(run, e) == -1)
		return -1;
	if (run->present.role == NULL && r->above == 0) {
		out->is_nothing = true;
		return 0;
	}
	if (is_first) {
		if (run->present.is_expired)
			note(r, RENEW_EXPIRED, r->role);
		if (run->present.is_former)
			note_former(run);
		if (r->above != 0 && note_lost(run, e) == -1)
			return -1;
	}
	return sign(run, out, e);
}

int
renew_role(const struct renew *r, struct renew_done *out, struct err *e)
{
	struct run run = { .r = r };
	struct err mine = { 0 };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if ((r->above != 0 ? belief_open_afresh(r->home, &run.trust, e)
	                   : belief_open(r->home, &run.trust, e)) == -1)
		return -1;
	for (int round = 0; round < ROUNDS && rc == -1; round++) {
		renew_done_clear(out);
		mine = (struct err){ 0 };
		rc = attempt(&run, round == 0, out, &mine);
		if (rc == -1 && (mine.class != ERR_CONFLICT || r->file != NULL))
			break;
	}
	if (rc == -1) {
		renew_done_clear(out);
		if (e != NULL)
			*e = mine;
	}
	belief_role_clear(&run.present);
	trust_close(run.trust);
	return rc;
}

void
renew_done_clear(struct renew_done *d)
{
	buf_clear(&d->missing);
	memset(d, 0, sizeof(*d));
}
