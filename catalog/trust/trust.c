/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/trust.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/digest.h"
#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/base/limits.h"
#include "catalog/trust/workflow.h"

/* Forget everything but the root. */
static void
forget(struct trust *t)
{
	while (t->held != NULL) {
		struct trust_held *h = t->held;

		t->held = h->next;
		meta_free(h->meta);
		free(h->name);
		free(h);
	}
	for (int i = 0; i < META_N_TYPES; i++) {
		if (i == META_ROOT)
			continue;
		meta_free(t->top[i]);
		t->top[i] = NULL;
	}
	t->is_complete = false;
	t->is_stale = false;
}

int
trust_init(int dirfd, const void *root, size_t len, struct err *e)
{
	return file_create(dirfd, "root.json", root, len, 0644, e);
}

int
trust_open(int dirfd, const struct trust_options *options, struct trust **out, struct err *e)
{
	struct trust *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_nomem(e);
	if (options != NULL)
		t->options = *options;
	t->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (t->dirfd == -1) {
		err_errno(e, "cannot use the trust directory");
		trust_close(t);
		return -1;
	}
	if (workflow_load_root(t, e) == -1) {
		trust_close(t);
		return -1;
	}
	*out = t;
	return 0;
}

void
trust_close(struct trust *t)
{
	if (t == NULL)
		return;
	forget(t);
	meta_free(t->top[META_ROOT]);
	if (t->dirfd >= 0)
		(void)close(t->dirfd); /* nothing was written through it */
	free(t);
}

int
trust_refresh(struct trust *t, const struct trust_source *source, int64_t now, struct err *e)
{
	forget(t);
	if (workflow_refresh(t, source, now, e) == -1)
		return -1;
	t->is_complete = true;
	return 0;
}

int
trust_load(struct trust *t, struct err *e)
{
	forget(t);
	if (workflow_load_root(t, e) == -1 || workflow_load_baseline(t, META_TIMESTAMP, e) == -1 ||
	    workflow_load_baseline(t, META_SNAPSHOT, e) == -1 ||
	    workflow_load_top(t, META_TARGETS, e) == -1)
		return -1;
	t->is_complete = true;
	t->is_stale = true;
	return 0;
}

const struct meta *
trust_root(const struct trust *t)
{
	return t->top[META_ROOT];
}

const struct meta *
trust_timestamp(const struct trust *t)
{
	return t->is_complete ? t->top[META_TIMESTAMP] : NULL;
}

const struct meta *
trust_snapshot(const struct trust *t)
{
	return t->is_complete ? t->top[META_SNAPSHOT] : NULL;
}

const struct meta *
trust_targets(const struct trust *t)
{
	return t->is_complete ? t->top[META_TARGETS] : NULL;
}

bool
trust_is_stale(const struct trust *t)
{
	return t->is_stale;
}

/* Keep a role for the finders; takes m, whatever happens. */
static int
give_held(struct trust *t, const struct workflow_wanted *w, struct meta *m, struct err *e)
{
	struct trust_held *h = calloc(1, sizeof(*h));

	if (h != NULL)
		h->name = strdup(w->role);
	if (h == NULL || h->name == NULL) {
		free(h);
		meta_free(m);
		return err_nomem(e);
	}
	h->delegator = w->delegator;
	h->meta = m;
	h->next = t->held;
	t->held = h;
	return 0;
}

/*
 * A delegated role by the word of this delegator.  What another delegator vouched
 * for counts for nothing here: then the same file is judged again.
 */
static int
delegated(struct trust *t, const struct trust_source *source, const struct workflow_wanted *w,
    const struct meta **out, struct err *e)
{
	struct trust_held *h;
	struct meta *m;

	for (h = t->held; h != NULL; h = h->next) {
		if (h->delegator == w->delegator && strcmp(h->name, w->role) == 0) {
			*out = h->meta;
			return 0;
		}
	}
	if (workflow_get_targets(t, source, w, &m, e) == -1 || give_held(t, w, m, e) == -1)
		return -1;
	*out = m;
	return 0;
}

/* Targets must be believed first; then it must delegate to the role. */
static int
check_delegation(const struct trust *t, const char *role, struct err *e)
{
	char quoted[80];

	if (!t->is_complete)
		return err_set(e, ERR_NOT_FOUND, "nothing was refreshed yet");
	if (meta_find_role(t->top[META_TARGETS], role) == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s: there is no such channel",
		    err_quote(quoted, sizeof(quoted), role, strlen(role)));
	return 0;
}

int
trust_role(struct trust *t, const struct trust_source *source, const char *role, int64_t now,
    const struct meta **out, struct err *e)
{
	struct workflow_wanted w = { .role = role, .now = now };

	if (check_delegation(t, role, e) == -1)
		return -1;
	w.delegator = t->top[META_TARGETS];
	return delegated(t, source, &w, out, e);
}

int
trust_held_role(const struct trust *t, const char *role, struct meta **out, struct err *e)
{
	if (check_delegation(t, role, e) == -1)
		return -1;
	return workflow_load_targets(t, t->top[META_TARGETS], role, out, e);
}

/* Roles still to be asked, the next one last. */
struct walk {
	struct workflow_wanted *ahead; /* owned array */
	size_t n_ahead, room;
	const char *visited[LIMIT_DELEGATIONS]; /* borrowed from metadata */
	size_t n_visited;
};

static int
push(struct walk *w, const struct workflow_wanted *next, struct err *e)
{
	if (w->n_ahead == w->room) {
		size_t room = w->room == 0 ? 16 : 2 * w->room;
		void *bigger = reallocarray(w->ahead, room, sizeof(*w->ahead));

		if (bigger == NULL)
			return err_nomem(e);
		w->ahead = bigger;
		w->room = room;
	}
	w->ahead[w->n_ahead++] = *next;
	return 0;
}

/* The delegations of m that speak for the path, to be asked before all others. */
static int
push_delegations(struct walk *w, const struct meta *m, const char *path, int64_t now,
    struct err *e)
{
	size_t last = 0, first_new;

	for (; last < m->n_roles; last++) {
		if (m->roles[last].is_terminating && meta_role_matches(&m->roles[last], path))
			break;
	}
	if (last < m->n_roles) {
		w->n_ahead = 0; /* nobody after this one is asked */
		last++;
	}
	first_new = w->n_ahead;
	for (size_t i = last; i-- > 0;) {
		struct workflow_wanted next = {
			.delegator = m, .role = m->roles[i].name, .now = now,
		};

		if (meta_role_matches(&m->roles[i], path) && push(w, &next, e) == -1) {
			w->n_ahead = first_new;
			return -1;
		}
	}
	return 0;
}

static bool
was_visited(const struct walk *w, const char *role)
{
	for (size_t i = 0; i < w->n_visited; i++) {
		if (strcmp(w->visited[i], role) == 0)
			return true;
	}
	return false;
}

static int
nobody_speaks_for(const char *path, struct err *e)
{
	char quoted[120];

	return err_set(e, ERR_NOT_FOUND, "%s: no role vouches for this path",
	    err_quote(quoted, sizeof(quoted), path, strlen(path)));
}

/*
 * Ask the role, then push whom it delegates to.  *out stays NULL where it does not know the path.
 */
static int
ask(struct walk *w, const struct meta *m, const char *path, int64_t now,
    const struct meta_target **out, struct err *e)
{
	*out = meta_find_target(m, path);
	return *out != NULL ? 0 : push_delegations(w, m, path, now, e);
}

int
trust_find_target(struct trust *t, const struct trust_source *source, const char *path,
    int64_t now, const struct meta_target **out, struct err *e)
{
	const struct meta_target *found = NULL;
	struct walk w = { 0 };
	int rc = -1;

	if (!t->is_complete)
		return err_set(e, ERR_NOT_FOUND, "nothing was refreshed yet");
	if (ask(&w, t->top[META_TARGETS], path, now, &found, e) == -1)
		goto out;
	while (found == NULL && w.n_ahead > 0 && w.n_visited < LIMIT_DELEGATIONS) {
		struct workflow_wanted next = w.ahead[--w.n_ahead];
		const struct meta *m;

		if (was_visited(&w, next.role))
			continue;
		w.visited[w.n_visited++] = next.role;
		if (delegated(t, source, &next, &m, e) == -1 ||
		    ask(&w, m, path, now, &found, e) == -1)
			goto out;
	}
	if (found == NULL) {
		nobody_speaks_for(path, e);
		goto out;
	}
	*out = found;
	rc = 0;
out:
	free(w.ahead);
	return rc;
}

int
trust_target_path(const struct trust *t, const struct meta_target *target, struct buf *out,
    struct err *e)
{
	char hex[2 * META_SHA512_LEN + 1];
	const char *slash = strrchr(target->path, '/');
	const char *base = slash == NULL ? target->path : slash + 1;
	int dir_len = (int)(base - target->path);

	if (!t->top[META_ROOT]->consistent_snapshot)
		return buf_printf(out, e, "targets/%s", target->path);
	if (target->bytes.has_sha256)
		digest_hex(hex, &target->bytes.sha256);
	else if (target->bytes.has_sha512)
		hex_encode(hex, target->bytes.sha512, META_SHA512_LEN);
	else
		return err_set(e, ERR_BAD_INPUT, "a target without a hash that is known here");
	return buf_printf(out, e, "targets/%.*s%s.%s", dir_len, target->path, hex, base);
}
