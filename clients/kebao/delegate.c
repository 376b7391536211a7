/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/delegate.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/json/canon.h"
#include "catalog/trust/role.h"
#include "catalog/trust/trust.h"
#include "clients/kebao/belief.h"
#include "clients/kebao/collect.h"
#include "clients/kebao/source.h"

#define ROUNDS 4        /* other admins at the same time */

/* A change under way. */
struct run {
	const struct delegate *d;
	struct trust *trust;   /* owned */
	struct trust_source source;
	const struct key *keys[LIMIT_ROLE_KEYS]; /* of the channel from now on; borrowed */
	size_t n_keys;
	int64_t threshold, now;
};

/* --- the keys from now on --- */

static bool
is_listed(const struct run *run, const struct key *key)
{
	for (size_t i = 0; i < run->n_keys; i++)
		if (key_is_same(run->keys[i], key))
			return true;
	return false;
}

static int
add_key(struct run *run, const struct key *key, struct err *e)
{
	if (is_listed(run, key))
		return 0;
	if (run->n_keys == LIMIT_ROLE_KEYS)
		return err_set(e, ERR_BAD_INPUT, "channel %s: more than %u keys", run->d->channel,
		    LIMIT_ROLE_KEYS);
	run->keys[run->n_keys++] = key;
	return 0;
}

/* Take away the one key that is called so. */
static int
remove_key(struct run *run, const char *id, struct err *e)
{
	size_t len = strlen(id), found = run->n_keys, n = 0;

	for (size_t i = 0; i < run->n_keys; i++)
		if (len >= DELEGATE_ID_LEN && strncmp(key_id(run->keys[i]), id, len) == 0) {
			found = i;
			n++;
		}
	if (n != 1)
		return err_set(e, ERR_NOT_FOUND,
		    "%s: %s of the keys of channel %s is called so (%u digits at least)", id,
		    n == 0 ? "none" : "more than one", run->d->channel, DELEGATE_ID_LEN);
	for (size_t i = found + 1; i < run->n_keys; i++)
		run->keys[i - 1] = run->keys[i];
	run->n_keys--;
	return 0;
}

static int
work_out(struct run *run, struct err *e)
{
	const struct meta *targets = trust_targets(run->trust);
	const struct meta_role *now = meta_find_role(targets, run->d->channel);

	run->n_keys = 0;
	run->threshold = run->d->threshold;
	if (!run->d->is_new) {
		if (now == NULL)
			return err_set(e, ERR_NOT_FOUND, "the hub has no channel %s",
			    run->d->channel);
		for (size_t i = 0; i < now->n_keyids; i++) {
			const struct key *key = meta_find_key(targets, now->keyids[i]);

			if (key != NULL && add_key(run, key, e) == -1)
				return -1;
		}
	}
	for (size_t i = 0; i < run->d->n_remove; i++)
		if (remove_key(run, run->d->remove[i], e) == -1)
			return -1;
	for (size_t i = 0; i < run->d->n_add; i++)
		if (add_key(run, run->d->add[i], e) == -1)
			return -1;
	if (run->threshold == 0)
		run->threshold = run->d->is_new ? 1 : now->threshold;
	if (run->n_keys == 0 || run->threshold > (int64_t)run->n_keys)
		return err_set(e, ERR_BAD_INPUT,
		    "channel %s would have %zu keys and want %" PRId64 " signatures",
		    run->d->channel, run->n_keys, run->threshold);
	return 0;
}

static bool
says_so(const struct run *run)
{
	const struct meta *targets = trust_targets(run->trust);
	const struct meta_role *role = meta_find_role(targets, run->d->channel);

	if (role == NULL || role->threshold != run->threshold || role->n_keyids != run->n_keys)
		return false;
	for (size_t i = 0; i < run->n_keys; i++)
		if (collect_keyid(targets, run->d->channel, run->keys[i]) == NULL)
			return false;
	return true;
}

/* --- what the channel has published --- */

static int
make(void *ctx, int64_t expires_at, struct role **out, struct err *e)
{
	const struct run *run = ctx;

	if (role_new(META_TARGETS, trust_targets(run->trust), run->now, out, e) == -1)
		return -1;
	role_set_channel(*out, run->d->channel, run->keys, run->n_keys, run->threshold);
	if (expires_at != 0)
		role_set_expiry(*out, expires_at);
	return 0;
}

/* How many of the keys from now on have signed the channel's role as it is. */
static int
count(struct run *run, const struct meta *present, struct collect_state *out, struct err *e)
{
	struct buf targets = BUF_INIT, channel = BUF_INIT;
	struct meta_claim *claim = NULL;
	struct role *next = NULL;
	int rc = -1;

	if (make(run, 0, &next, e) == 0 && role_file(next, NULL, 0, &targets, e) == 0 &&
	    meta_parse(buf_data(&targets), buf_len(&targets), &claim, e) == 0 &&
	    canon_write(json_top(present->doc), &channel, e) == 0)
		rc = collect_look(meta_claim_peek(claim), run->d->channel, &channel, out, e);
	meta_claim_free(claim);
	role_free(next);
	buf_clear(&targets);
	buf_clear(&channel);
	return rc;
}

/*
 * Whether the version in force will still count.  A channel that nobody can read must be
 * somebody's decision.
 */
static int
check_readable(struct run *run, bool *is_orphaned, struct err *e)
{
	struct collect_state state = { .wanted = 0 };
	struct belief_role present;
	struct err mine = { 0 };
	bool is_good;

	*is_orphaned = false;
	if (meta_find_role(trust_targets(run->trust), run->d->channel) == NULL)
		return 0;
	if (belief_role(run->trust, &run->source, run->d->channel, run->now, &present, &mine) ==
	    -1) {
		/* Signed by nobody we know: it cannot get worse. */
		*is_orphaned = mine.class == ERR_UNTRUSTED;
		return *is_orphaned ? 0 : err_set(e, mine.class, "%s", mine.text);
	}
	if (present.role == NULL)
		return 0;
	if (count(run, present.role, &state, e) == -1) {
		belief_role_clear(&present);
		return -1;
	}
	is_good = collect_is_complete(&state);
	*is_orphaned = !is_good;
	if (!is_good && !run->d->is_forced && !present.is_former)
		err_set(e, ERR_CONFLICT,
		    "version %" PRId64 " of %s is signed by %" PRId64 " of these keys, %" PRId64
		    " would be wanted: nobody could read the channel. First its publisher signs"
		    " with the new keys, too (kebao key rotate, or sign --renew --heir); or"
		    " --force, and sign afterwards", present.role->version, run->d->channel,
		    state.signatures, state.wanted);
	else
		is_good = true;
	collect_state_clear(&state);
	belief_role_clear(&present);
	return is_good ? 0 : -1;
}

/* --- to the hub --- */

static int
send(const struct run *run, struct hub *hub, const struct buf *file, struct err *e)
{
	const struct hub_message m = { .method = TRANSFER_PUT,
		.path = "/api/v1/metadata/targets", .body = buf_data(file),
		.body_len = buf_len(file) };

	if (hub_send_again(hub, &m, NULL, e) == -1)
		return -1;
	return run->d->file == NULL ? 0 : file_remove(AT_FDCWD, run->d->file, e);
}

static int
sign(struct run *run, struct hub *hub, struct delegate_done *out, struct err *e)
{
	const struct collect_job job = {
		.delegator = trust_root(run->trust), .role = "targets", .keys = run->d->signers,
		.n_keys = run->d->n_signers, .file = run->d->file, .make = make, .ctx = run,
		.now = run->now,
	};
	struct collect_state state = { .wanted = 0 };
	struct buf file = BUF_INIT;
	int rc = -1;

	if (collect_check_keys(job.delegator, job.role, job.keys, job.n_keys, e) == -1 ||
	    collect_run(&job, &file, &state, e) == -1)
		goto out;
	out->version = trust_targets(run->trust)->version + 1;
	out->is_sent = collect_is_complete(&state);
	out->n_missing = state.wanted - state.signatures;
	out->missing = state.unsigned_by;
	state.unsigned_by = (struct buf)BUF_INIT;
	rc = out->is_sent ? send(run, hub, &file, e) : 0;
out:
	collect_state_clear(&state);
	buf_clear(&file);
	return rc;
}

static int
attempt(struct run *run, struct hub *hub, struct delegate_done *out, struct err *e)
{
	bool is_expired;

	run->now = (int64_t)time(NULL);
	run->source = source_of(hub_transfer(hub));
	if (belief_refresh(run->trust, &run->source, run->now, &is_expired, e) == -1 ||
	    work_out(run, e) == -1)
		return -1;
	if (says_so(run)) {
		out->is_unchanged = true;
		return 0;
	}
	if (check_readable(run, &out->is_orphaned, e) == -1)
		return -1;
	return sign(run, hub, out, e);
}

int
delegate_channel(struct home *home, struct hub *hub, const struct delegate *d,
    struct delegate_done *out, struct err *e)
{
	struct run run = { .d = d };
	struct err mine = { 0 };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if ((d->is_restored ? belief_open_afresh(home, &run.trust, e)
	                    : belief_open(home, &run.trust, e)) == -1)
		return -1;
	for (int round = 0; round < ROUNDS && rc == -1; round++) {
		delegate_done_clear(out);
		mine = (struct err){ 0 };
		rc = attempt(&run, hub, out, &mine);
		if (rc == -1 && (mine.class != ERR_CONFLICT || out->is_orphaned || d->file != NULL))
			break;
	}
	if (rc == -1) {
		delegate_done_clear(out);
		if (e != NULL)
			*e = mine;
	}
	trust_close(run.trust);
	return rc;
}

void
delegate_done_clear(struct delegate_done *d)
{
	buf_clear(&d->missing);
	memset(d, 0, sizeof(*d));
}
