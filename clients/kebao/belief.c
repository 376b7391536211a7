/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/belief.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/trust/role.h"
#include "catalog/trust/verify.h"
#include "clients/kebao/status.h"

#define AFRESH "work/trust-afresh"
#define NO_DATE 0        /* a moment at which nothing has expired */
#define FORMER_MOST 50   /* versions of targets that are asked for a channel's former keys */

int
belief_open(const struct home *home, struct trust **out, struct err *e)
{
	int fd = home_open_dir(home, "trust", e);
	int rc;

	if (fd == -1)
		return -1;
	if (file_exists(fd, "root.json")) {
		rc = trust_open(fd, NULL, out, e);
	} else {
		rc = err_set(e, ERR_DENIED, "%s/trust/root.json is missing, so no hub is believed:"
		    " ask the hub's administrator for a new code and run kebao enroll; the library"
		    " stays", home_path(home));
		if (e != NULL)
			e->sys = STATUS_SYS_ENROL;
	}
	(void)close(fd); /* trust_open() made its own */
	return rc;
}

int
belief_open_afresh(const struct home *home, struct trust **out, struct err *e)
{
	struct buf root = BUF_INIT;
	int fd = -1, rc = -1;

	if (file_load(home_dirfd(home), "trust/root.json", LIMIT_ROOT_BYTES, &root, e) == -1 ||
	    file_remove_tree(home_dirfd(home), AFRESH, e) == -1)
		goto out;
	fd = home_open_dir(home, AFRESH, e);
	if (fd != -1 && trust_init(fd, buf_data(&root), buf_len(&root), e) == 0)
		rc = trust_open(fd, NULL, out, e);
out:
	if (fd != -1)
		(void)close(fd); /* trust_open() made its own */
	buf_clear(&root);
	return rc;
}

int
belief_refresh(struct trust *trust, const struct trust_source *source, int64_t now,
    bool *is_expired, struct err *e)
{
	struct err mine = { 0 };

	*is_expired = false;
	if (trust_refresh(trust, source, now, &mine) == 0)
		return 0;
	if (mine.class == ERR_UNTRUSTED && trust_refresh(trust, source, NO_DATE, NULL) == 0) {
		*is_expired = true;
		return 0;
	}
	if (e != NULL)
		*e = mine;
	return -1;
}

void
belief_role_clear(struct belief_role *r)
{
	meta_free(r->owned);
	memset(r, 0, sizeof(*r));
}

static const struct meta_file *
listed(const struct trust *trust, const char *channel)
{
	char name[LIMIT_ID_BYTES + sizeof(".json")];
	int len = snprintf(name, sizeof(name), "%s.json", channel);

	if (len < 0 || (size_t)len >= sizeof(name))
		return NULL;
	return meta_find_file(trust_snapshot(trust), name);
}

static int
fetch(const struct trust_source *source, const char *role, int64_t version, struct buf *out,
    struct err *e)
{
	struct buf path = BUF_INIT;
	int rc = -1;

	if (role_path(role, version, &path, e) == 0)
		rc = source->fetch(source->ctx, buf_text(&path), LIMIT_TARGETS_BYTES, out, e);
	buf_clear(&path);
	return rc;
}

/* Verify the bytes by the word of the delegator; *out is the caller's. */
static int
judge(const struct meta *delegator, const char *role, int64_t version, const struct buf *bytes,
    struct meta **out, struct err *e)
{
	const struct verify_want want = { delegator, role, version, 0 };
	struct meta_claim *claim = NULL;
	int rc = -1;

	if (meta_parse(buf_data(bytes), buf_len(bytes), &claim, e) == 0)
		rc = verify_role(&want, &claim, out, e);
	meta_claim_free(claim);
	return rc;
}

/* The bytes by the word of an earlier version of targets; 1: that version says nothing. */
static int
judge_by(const struct trust *trust, const struct trust_source *source, int64_t version,
    const char *channel, const struct buf *bytes, struct meta **out)
{
	struct meta *targets = NULL;
	struct buf old = BUF_INIT;
	int rc = 1;

	if (fetch(source, "targets", version, &old, NULL) == 0 &&
	    judge(trust_root(trust), "targets", version, &old, &targets, NULL) == 0 &&
	    meta_find_role(targets, channel) != NULL)
		rc = judge(targets, channel, listed(trust, channel)->version, bytes, out, NULL);
	meta_free(targets);
	buf_clear(&old);
	return rc == 0 ? 0 : 1;
}

static int
load_former(const struct trust *trust, const struct trust_source *source, const char *channel,
    struct meta **out, struct err *e)
{
	const struct meta_file *file = listed(trust, channel);
	int64_t newest = trust_targets(trust)->version;
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (fetch(source, channel, file->version, &bytes, e) == -1 ||
	    verify_bytes(&file->bytes, buf_data(&bytes), buf_len(&bytes), e) == -1)
		goto out;
	for (int64_t v = newest - 1; v >= 1 && v >= newest - FORMER_MOST && rc == -1; v--)
		if (judge_by(trust, source, v, channel, &bytes, out) == 0)
			rc = 0;
	if (rc == -1)
		err_set(e, ERR_UNTRUSTED,
		    "%s: neither its keys nor any it had before have signed the version in force",
		    channel);
out:
	buf_clear(&bytes);
	return rc;
}

static int
belief_channel(struct trust *trust, const struct trust_source *source, const char *name,
    int64_t now, struct belief_role *out, struct err *e)
{
	struct err mine = { 0 };

	if (trust_role(trust, source, name, now, &out->role, &mine) == 0)
		return 0;
	out->role = NULL;
	if (mine.class == ERR_NOT_FOUND && listed(trust, name) == NULL)
		return 0;
	if (mine.class == ERR_UNTRUSTED) {
		if (trust_role(trust, source, name, NO_DATE, &out->role, NULL) == 0) {
			out->is_expired = true;
			return 0;
		}
		out->role = NULL;
		if (load_former(trust, source, name, &out->owned, NULL) == 0) {
			out->role = out->owned;
			out->is_former = true;
			return 0;
		}
	}
	if (e != NULL)
		*e = mine;
	return -1;
}

int
belief_role(struct trust *trust, const struct trust_source *source, const char *name, int64_t now,
    struct belief_role *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	if (strcmp(name, "targets") == 0) {
		out->role = trust_targets(trust);
		out->is_expired = out->role->expires_at <= now;
		return 0;
	}
	if (meta_find_role(trust_targets(trust), name) == NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "the hub has no channel %s, or its keys are not signed yet", name);
	return belief_channel(trust, source, name, now, out, e);
}
