/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/repo/ids.h"
#include "catalog/trust/role.h"
#include "catalog/trust/sign.h"
#include "catalog/trust/verify.h"
#include "daemon/signer/certify.h"
#include "daemon/signer/current.h"
#include "daemon/signer/numbers.h"
#include "daemon/signer/online.h"
#include "daemon/signer/passfile.h"

#define DAY_SECONDS 86400
#define CA_BYTES 16384u /* of ca.pem */

struct vault {
	int keys_fd, metadata_fd;  /* owned; -1 while not open */
	char *passphrase_file;     /* owned; NULL: online.pass among the keys */
	struct online online;      /* owned */
	struct sign_key *ca_key;   /* owned */
	struct certify_ca *ca;     /* owned */
	struct meta *root;         /* owned; the newest verified */
	struct numbers numbers;
};

/* ---- opening ---- */

static int
open_dirs(struct vault *v, const char *state_dir, struct err *e)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = -1;

	if (fd == -1)
		return err_errno(e, "cannot open %s", state_dir);
	if (file_exists(fd, VAULT_UNFINISHED)) {
		err_set(e, ERR_NOT_FOUND,
		    "%s was not finished by `kebaod init`: run it again for this directory",
		    state_dir);
		goto out;
	}
	v->keys_fd = openat(fd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	v->metadata_fd = openat(fd, "repo/metadata", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->keys_fd == -1 || v->metadata_fd == -1) {
		err_errno(e, "cannot open keys and repo/metadata in %s", state_dir);
		if (e != NULL && errno == ENOENT)
			e->class = ERR_NOT_FOUND;
		goto out;
	}
	rc = 0;
out:
	(void)close(fd); /* it was only read */
	return rc;
}

static int
load_passphrase(const struct vault *v, struct buf *out, struct err *e)
{
	return v->passphrase_file != NULL ? passfile_load(AT_FDCWD, v->passphrase_file, out, e)
	                                  : passfile_load(v->keys_fd, "online.pass", out, e);
}

static int
load_keys(struct vault *v, struct err *e)
{
	struct buf pass = BUF_INIT, ca = BUF_INIT;
	struct sign_passphrase p;
	int rc = -1;

	if (load_passphrase(v, &pass, e) == -1)
		goto out;
	p = (struct sign_passphrase){ buf_data(&pass), buf_len(&pass) };
	if (online_load(&v->online, v->keys_fd, &p, e) == -1 ||
	    sign_load(v->keys_fd, "ca.key", &p, &v->ca_key, e) == -1)
		goto out;
	if (file_load(v->keys_fd, "ca.pem", CA_BYTES, &ca, e) == -1 ||
	    certify_ca_new(v->ca_key, buf_data(&ca), buf_len(&ca), &v->ca, e) == -1)
		goto out;
	rc = 0;
out:
	buf_wipe(&pass);
	buf_clear(&ca);
	return rc;
}

static int
load_root(struct vault *v, struct err *e)
{
	struct meta_claim *claim = NULL;
	struct buf b = BUF_INIT;
	int rc = -1;

	if (file_load(v->keys_fd, "root.json", LIMIT_ROOT_BYTES, &b, e) == 0 &&
	    meta_parse(buf_data(&b), buf_len(&b), &claim, e) == 0 &&
	    verify_root_first(&claim, &v->root, e) == 0)
		rc = 0;
	if (rc == -1)
		err_within(e, "keys/root.json");
	meta_claim_free(claim);
	buf_clear(&b);
	return rc;
}

/* Follow new roots of the repository, and keep the newest as our own. */
static int
follow_root(struct vault *v, struct err *e)
{
	struct buf newest = BUF_INIT;
	int rc = -1;

	if (current_follow_root(v->metadata_fd, &v->root, &newest, e) == -1)
		goto out;
	if (online_check(&v->online, v->root, NULL, e) == -1 ||
	    online_follow(&v->online, v->keys_fd, v->root, e) == -1)
		goto out;
	/* Last: until it is there, a new start follows the repository from the root before. */
	if (buf_len(&newest) > 0 && file_save(v->keys_fd, "root.json", buf_data(&newest),
	                                buf_len(&newest), 0644, e) == -1)
		goto out;
	rc = 0;
out:
	buf_clear(&newest);
	return rc;
}

int
vault_open(const char *state_dir, const char *passphrase_file, struct vault **out,
    struct err *e)
{
	struct vault *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_nomem(e);
	v->keys_fd = v->metadata_fd = -1;
	if (passphrase_file != NULL && (v->passphrase_file = strdup(passphrase_file)) == NULL) {
		vault_close(v);
		return err_nomem(e);
	}
	if (open_dirs(v, state_dir, e) == -1 || load_keys(v, e) == -1 ||
	    numbers_load(v->keys_fd, &v->numbers, e) == -1 || load_root(v, e) == -1 ||
	    follow_root(v, e) == -1) {
		vault_close(v);
		return -1;
	}
	*out = v;
	return 0;
}

void
vault_close(struct vault *v)
{
	if (v == NULL)
		return;
	certify_ca_free(v->ca);
	online_clear(&v->online);
	free(v->passphrase_file);
	sign_free(v->ca_key);
	meta_free(v->root);
	if (v->keys_fd != -1)
		(void)close(v->keys_fd); /* directories: nothing is written through them */
	if (v->metadata_fd != -1)
		(void)close(v->metadata_fd);
	free(v);
}

const struct certify_ca *
vault_ca(const struct vault *v)
{
	return v->ca;
}

/* ---- what may be signed ---- */

void
vault_switch_clear(struct vault_switch *sw)
{
	buf_clear(&sw->snapshot);
	buf_clear(&sw->timestamp);
	memset(sw, 0, sizeof(*sw));
}

/*
 * The repository as it is.  It may be older than what we signed (kebaod stopped before it
 * wrote that), but never older than what we have seen published.
 */
static int
look(struct vault *v, struct current *c, struct err *e)
{
	if (follow_root(v, e) == -1 || current_load(v->metadata_fd, v->root, c, e) == -1)
		return -1;
	if (c->snapshot->version < v->numbers.seen_snapshot) {
		err_set(e, ERR_UNTRUSTED,
		    "the repository went back to snapshot %lld, %lld was published",
		    (long long)c->snapshot->version, (long long)v->numbers.seen_snapshot);
		current_clear(c);
		return -1;
	}
	v->numbers.seen_snapshot = c->snapshot->version; /* saved with the next numbers */
	return 0;
}

/* A channel speaks for its own paths, and hands nothing on. */
static int
check_channel(const struct meta *m, const struct meta_role *delegation, struct err *e)
{
	char quoted[120];

	if (m->n_roles > 0)
		return err_set(e, ERR_BAD_INPUT, "channel %s delegates, which no channel may",
		    delegation->name);
	for (size_t i = 0; i < m->n_targets; i++)
		if (!meta_role_matches(delegation, m->targets[i].path))
			return err_set(e, ERR_BAD_INPUT, "channel %s has the target %s of another",
			    delegation->name,
			    err_quote(quoted, sizeof(quoted), m->targets[i].path,
			        strlen(m->targets[i].path)));
	return 0;
}

/* FORMATS.md 4.2: no targets of its own, one delegation per channel and each for its paths only. */
static int
check_targets(const struct meta *m, struct err *e)
{
	if (m->n_targets > 0)
		return err_set(e, ERR_BAD_INPUT, "targets has targets of its own");
	for (size_t i = 0; i < m->n_roles; i++) {
		const struct meta_role *r = &m->roles[i];
		size_t len = strlen(r->name);

		if (ids_check(IDS_CHANNEL, r->name, len, e) == -1)
			return -1;
		if (r->by_prefix || !r->is_terminating || r->n_matches != 1 ||
		    strncmp(r->matches[0], r->name, len) != 0 ||
		    strcmp(r->matches[0] + len, "/*/*/*") != 0)
			return err_set(e, ERR_BAD_INPUT,
			    "targets delegates to %s other than terminating and for %s/*/*/*",
			    r->name, r->name);
	}
	return 0;
}

/* Who delegates role, or -1 with ERR_NOT_FOUND. */
static int
find_delegator(const struct vault *v, const struct current *c, const char *role,
    const struct meta **out, struct err *e)
{
	char quoted[80];

	if (strcmp(role, "targets") == 0) {
		*out = v->root;
		return 0;
	}
	if (meta_find_role(c->targets, role) == NULL)
		return err_set(e, ERR_NOT_FOUND, "targets delegates to no channel %s",
		    err_quote(quoted, sizeof(quoted), role, strlen(role)));
	*out = c->targets;
	return 0;
}

/* A role ends neither before now nor in another life. */
static int
check_expiry(const struct meta *m, const char *role, int64_t now, struct err *e)
{
	char when[UTC_TEXT_SIZE];

	if (verify_expiry(m, role, now, e) == -1)
		return -1;
	if (m->expires_at - now <= (int64_t)VAULT_ROLE_MOST_DAYS * DAY_SECONDS)
		return 0;
	return err_set(e, ERR_UNTRUSTED,
	    "%s version %lld expires on %s: at most %d days from now are allowed; "
	    "is the clock of whoever signed it right?",
	    role, (long long)m->version, utc_format(when, m->expires_at), VAULT_ROLE_MOST_DAYS);
}

/* *out is the believed new version of role. */
static int
judge(const struct vault *v, const struct current *c, const char *role, const void *bytes,
    size_t len, int64_t now, struct meta **out, struct err *e)
{
	struct verify_want want = { NULL, role, 0, 0 };
	int64_t wanted = current_version(c, role) + 1, above = v->numbers.above + 1;
	struct meta_claim *claim = NULL;
	struct meta *m = NULL;
	int rc = -1;

	if (find_delegator(v, c, role, &want.delegator, e) == -1 ||
	    meta_parse(bytes, len, &claim, e) == -1 || verify_role(&want, &claim, &m, e) == -1)
		goto out;
	/* After a restore a role may leap over the versions that were lost. */
	if (m->version != wanted && (wanted >= above || m->version != above)) {
		err_set(e, ERR_CONFLICT, "version %lld of %s is wanted now, this is version %lld",
		    (long long)wanted, role, (long long)m->version);
		goto out;
	}
	if (check_expiry(m, role, now, e) == -1)
		goto out;
	if (want.delegator == v->root ? check_targets(m, e) == -1
	                              : check_channel(m, meta_find_role(c->targets, role), e) == -1)
		goto out;
	*out = m;
	m = NULL;
	rc = 0;
out:
	meta_claim_free(claim);
	meta_free(m);
	return rc;
}

/* ---- signing ---- */

/* The new version of a role, judged. */
struct change {
	const char *role;
	int64_t version;
	const void *bytes;
	size_t len;
};

/* The next version of an online role: above the published one and above all ever signed. */
static int
next_version(int64_t published, int64_t *highest, int64_t *out, struct err *e)
{
	int64_t base = published > *highest ? published : *highest;

	if (base >= JSON_INT_MAX)
		return err_set(e, ERR_SYSTEM, "there are no version numbers left");
	*highest = *out = base + 1;
	return 0;
}

/* What a switch is made for. */
struct reason {
	const struct change *change;   /* NULL: no role changes */
	const struct meta *next_root;  /* not NULL: sign by its word, too */
	bool with_snapshot;            /* even where it is not due */
};

static int
sign_role(const struct vault *v, enum online_which which, const struct role *r,
    const struct meta *next_root, struct buf *out, struct err *e)
{
	struct role_signer signers[ONLINE_SIGNERS];
	size_t n;

	online_signers(&v->online, which, v->root, next_root, signers, &n);
	return role_file(r, signers, n, out, e);
}

static int
sign_snapshot(const struct vault *v, const struct current *c, int64_t now,
    const struct reason *why, struct vault_switch *sw, struct err *e)
{
	const struct change *change = why->change;
	struct role *r = NULL;
	int rc;

	if (role_new(META_SNAPSHOT, c->snapshot, now, &r, e) == -1)
		return -1;
	role_set_version(r, sw->snapshot_version);
	if (change != NULL)
		role_set_file(r, change->role, change->version, change->bytes, change->len);
	rc = sign_role(v, ONLINE_SNAPSHOT, r, why->next_root, &sw->snapshot, e);
	role_free(r);
	if (rc == 0 && buf_len(&sw->snapshot) > LIMIT_SNAPSHOT_BYTES)
		rc = err_set(e, ERR_BAD_INPUT, "the snapshot would pass %u bytes",
		    LIMIT_SNAPSHOT_BYTES);
	return rc;
}

static int
sign_timestamp(const struct vault *v, const struct current *c, int64_t now,
    const struct reason *why, struct vault_switch *sw, struct err *e)
{
	struct role *r = NULL;
	int rc;

	if (role_new(META_TIMESTAMP, c->timestamp, now, &r, e) == -1)
		return -1;
	role_set_version(r, sw->timestamp_version);
	if (sw->snapshot_version != 0)
		role_set_file(r, "snapshot", sw->snapshot_version, buf_data(&sw->snapshot),
		    buf_len(&sw->snapshot));
	rc = sign_role(v, ONLINE_TIMESTAMP, r, why->next_root, &sw->timestamp, e);
	role_free(r);
	return rc;
}

/* The snapshot only where something changes or it is due; the numbers are durable first. */
static int
sign_switch(struct vault *v, const struct current *c, int64_t now, const struct reason *why,
    struct vault_switch *out, struct err *e)
{
	struct vault_switch sw = { 0, 0, 0, BUF_INIT, BUF_INIT };
	bool with_snapshot = why->change != NULL || why->with_snapshot ||
	    c->snapshot->expires_at - now < (int64_t)VAULT_SNAPSHOT_EARLY_DAYS * DAY_SECONDS;
	struct numbers n = v->numbers;

	if (with_snapshot &&
	    next_version(c->snapshot->version, &n.snapshot, &sw.snapshot_version, e) == -1)
		return -1;
	if (next_version(c->timestamp->version, &n.timestamp, &sw.timestamp_version, e) == -1 ||
	    numbers_save(v->keys_fd, &n, e) == -1)
		return -1;
	v->numbers = n;
	if ((with_snapshot && sign_snapshot(v, c, now, why, &sw, e) == -1) ||
	    sign_timestamp(v, c, now, why, &sw, e) == -1) {
		vault_switch_clear(&sw);
		return -1;
	}
	sw.role_version = why->change != NULL ? why->change->version : 0;
	*out = sw;
	return 0;
}

/*
 * A root must leave us able to sign, and the targets in force readable: else no client could
 * go on, and neither could we.  One that takes our keys out of use gets snapshot and timestamp
 * by the old keys and the new.
 */
static int
prepare_root(struct vault *v, const struct meta *next, int64_t now, struct vault_switch *out,
    struct err *e)
{
	const struct reason why = { NULL, next, true };
	struct current c = { NULL, NULL, NULL };
	bool needs_next;
	int rc = -1;

	if (online_check(&v->online, next, &needs_next, e) == -1 || look(v, &c, e) == -1)
		goto out;
	if (current_check_targets(v->metadata_fd, &c, next, e) == -1) {
		err_within(e, "root version %lld would leave targets unreadable: first sign targets"
		    " by its keys as well", (long long)next->version);
		goto out;
	}
	rc = needs_next ? sign_switch(v, &c, now, &why, out, e) : 0;
out:
	current_clear(&c);
	return rc;
}

static int
advance_root(struct vault *v, const void *bytes, size_t len, int64_t now,
    struct vault_switch *out, struct err *e)
{
	struct vault_switch sw = { 0, 0, 0, BUF_INIT, BUF_INIT };
	struct meta_claim *claim = NULL;
	struct meta *next = NULL;
	int rc = -1;

	if (follow_root(v, e) == -1 || meta_parse(bytes, len, &claim, e) == -1)
		goto out;
	if (meta_claim_version(claim) != v->root->version + 1) {
		err_set(e, ERR_CONFLICT, "version %lld of root is wanted now, this is version %lld",
		    (long long)v->root->version + 1, (long long)meta_claim_version(claim));
		goto out;
	}
	if (verify_root_next(v->root, &claim, &next, e) == -1 ||
	    verify_expiry(next, "root", now, e) == -1 ||
	    prepare_root(v, next, now, &sw, e) == -1)
		goto out;
	sw.role_version = next->version;
	*out = sw;
	rc = 0;
out:
	meta_claim_free(claim);
	meta_free(next);
	return rc;
}

int
vault_advance(struct vault *v, const char *role, const void *bytes, size_t len, int64_t now,
    struct vault_switch *out, struct err *e)
{
	struct current c = { NULL, NULL, NULL };
	struct change change = { role, 0, bytes, len };
	const struct reason why = { .change = &change };
	struct meta *m = NULL;
	int rc = -1;

	if (strcmp(role, "root") == 0)
		return advance_root(v, bytes, len, now, out, e);
	if (len > LIMIT_TARGETS_BYTES)
		return err_set(e, ERR_BAD_INPUT, "%s has %zu bytes, the limit is %u", role, len,
		    LIMIT_TARGETS_BYTES);
	if (look(v, &c, e) == -1 || judge(v, &c, role, bytes, len, now, &m, e) == -1)
		goto out;
	change.version = m->version;
	rc = sign_switch(v, &c, now, &why, out, e);
out:
	meta_free(m);
	current_clear(&c);
	return rc;
}

int
vault_resign(struct vault *v, int64_t now, struct vault_switch *out, struct err *e)
{
	const struct reason why = { NULL, NULL, false };
	struct current c = { NULL, NULL, NULL };
	int rc = -1;

	if (look(v, &c, e) == 0 && sign_switch(v, &c, now, &why, out, e) == 0)
		rc = 0;
	current_clear(&c);
	return rc;
}

/* ---- keys and numbers ---- */

int
vault_prepare_keys(struct vault *v, struct buf *out, struct err *e)
{
	struct buf pass = BUF_INIT;
	int rc = -1;

	if (load_passphrase(v, &pass, e) == 0) {
		const struct sign_passphrase p = { buf_data(&pass), buf_len(&pass) };

		rc = online_prepare(&v->online, v->keys_fd, &p, out, e);
	}
	buf_wipe(&pass);
	return rc;
}

static void
raise(int64_t *number, int64_t above)
{
	if (*number < above)
		*number = above;
}

int
vault_recover(struct vault *v, int64_t above, int64_t now, struct vault_switch *out,
    struct err *e)
{
	const struct reason why = { NULL, NULL, true };
	struct current c = { NULL, NULL, NULL };
	struct numbers before = v->numbers;
	int rc = -1;

	if (above < 1 || above > LIMIT_RECOVER_ABOVE)
		return err_set(e, ERR_BAD_INPUT, "recover above %lld: 1 to %lld is possible",
		    (long long)above, (long long)LIMIT_RECOVER_ABOVE);
	/* What was seen published is forgotten: that it went back is why somebody asks. */
	if (follow_root(v, e) == -1 || current_load(v->metadata_fd, v->root, &c, e) == -1)
		goto out;
	v->numbers.seen_snapshot = c.snapshot->version;
	raise(&v->numbers.snapshot, above);
	raise(&v->numbers.timestamp, above);
	raise(&v->numbers.above, above);
	rc = sign_switch(v, &c, now, &why, out, e);
	if (rc == -1)
		v->numbers = before;
out:
	current_clear(&c);
	return rc;
}
