/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/switchover.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/hub/state_audit.h"
#include "catalog/hub/state_frames.h"
#include "catalog/json/json.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/journal.h"
#include "daemon/app/layouts.h"
#include "daemon/log.h"
#include "daemon/signer/signer.h"

#define TIMESTAMP_NAME "metadata/timestamp.json"

struct switchover {
	struct switchover_parts parts; /* borrowed */
	pthread_mutex_t turn;
};

int
switchover_new(const struct switchover_parts *parts, struct switchover **out, struct err *e)
{
	struct switchover *sw = calloc(1, sizeof(*sw));

	if (sw == NULL || pthread_mutex_init(&sw->turn, NULL) != 0) {
		free(sw);
		return err_nomem(e);
	}
	sw->parts = *parts;
	*out = sw;
	return 0;
}

void
switchover_free(struct switchover *sw)
{
	if (sw == NULL)
		return;
	pthread_mutex_destroy(&sw->turn);
	free(sw);
}

/* What the hint names is for the audience from here on. */
static int
release_packs(struct switchover *sw, const struct state_release *r, const struct hint *hint,
    struct err *e)
{
	uint32_t n = hint_n_packs(hint);
	const struct digest **packs = calloc(n > 0 ? n : 1, sizeof(*packs));
	int rc;

	if (packs == NULL)
		return err_nomem(e);
	for (uint32_t i = 0; i < n; i++)
		packs[i] = hint_pack(hint, i);
	rc = state_frames_release(sw->parts.state, r->channel, packs, n, e);
	free(packs);
	return rc;
}

static int
write_hint(struct switchover *sw, const struct state_release *r, struct err *e)
{
	struct buf bytes = BUF_INIT;
	char name[OBJPATH_SIZE];
	struct layout *l;
	int rc = -1;

	layouts_hint_begin(sw->parts.layouts);
	if (layouts_take(sw->parts.layouts, r->channel, &r->index, NULL, &l, e) == -1) {
		layouts_hint_end(sw->parts.layouts);
		return -1;
	}
	objpath_hint(name, r->channel, r->course, r->number);
	if (hint_encode(l->hint, &bytes, e) == 0 && release_packs(sw, r, l->hint, e) == 0)
		rc = store_replace(sw->parts.store, name, buf_data(&bytes), buf_len(&bytes), e);
	buf_clear(&bytes);
	layouts_give_back(sw->parts.layouts, l);
	layouts_hint_end(sw->parts.layouts);
	return rc;
}

static int
write_file(struct switchover *sw, const struct journal_file *f, struct err *e)
{
	if (strcmp(f->name, TIMESTAMP_NAME) == 0)
		return store_replace(sw->parts.store, f->name, f->text, f->len, e);
	return store_put(sw->parts.store, f->name, f->text, f->len, e);
}

static int
carry_out_recall(struct switchover *sw, const struct journal *j, struct err *e)
{
	const struct state_releases_recall recall = { .channel = j->release.channel,
		.course = j->release.course, .number = j->release.number, .is_undo = j->is_undo };
	const struct state_releases_switch change = { .live = j->live, .n_live = j->n_live };
	char name[OBJPATH_SIZE];
	struct state_release r;

	/* Nobody is helped to the frames of a recalled release; an undo makes the hint anew. */
	objpath_hint(name, recall.channel, recall.course, recall.number);
	if (!j->is_undo && store_remove(sw->parts.store, name, e) == -1)
		return -1;
	if (j->is_undo &&
	    (state_releases_get(sw->parts.state, recall.channel, recall.course, recall.number, &r,
	         e) == -1 ||
	        write_hint(sw, &r, e) == -1))
		return -1;
	return state_releases_recall(sw->parts.state, &recall, &change, &j->note, e);
}

/* Carry a journal out, from whatever point on; every step may be repeated. */
static int
carry_out(struct switchover *sw, const struct journal *j, struct err *e)
{
	if (j->is_release && write_hint(sw, &j->release, e) == -1)
		return -1;
	for (size_t i = 0; i < j->n_files; i++)
		if (write_file(sw, &j->files[i], e) == -1)
			return -1;
	if (j->is_release) {
		struct state_releases_switch change = { .draft_id = j->draft_id,
			.role_version = j->role_version, .role_hash = j->role_hash,
			.live = j->live, .n_live = j->n_live };

		if (state_releases_publish(sw->parts.state, &j->release, &change, &j->note,
		    e) == -1)
			return -1;
	} else if (j->ended != NULL) {
		if (state_releases_end(sw->parts.state, j->ended, &j->note, e) == -1)
			return -1;
	} else if (j->is_recall) {
		if (carry_out_recall(sw, j, e) == -1)
			return -1;
	} else if (state_audit_add(sw->parts.state, &j->note, e) == -1)
		return -1;
	return file_remove(sw->parts.dirfd, CONTEXT_SWITCH_FILE, e);
}

/* Finish what a crash or a full disk left; nothing to do is success. */
static int
finish_pending(struct switchover *sw, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct journal j;
	int rc = -1;

	if (!file_exists(sw->parts.dirfd, CONTEXT_SWITCH_FILE))
		return 0;
	if (file_load(sw->parts.dirfd, CONTEXT_SWITCH_FILE, JOURNAL_BYTES, &bytes, e) == -1)
		goto out;
	if (journal_parse(buf_data(&bytes), buf_len(&bytes), &j, e) == -1)
		goto out;
	rc = carry_out(sw, &j, e);
	if (rc == 0)
		log_note(LOG_LEVEL_INFO, "switch-finished", "%s", j.note.object);
	journal_clear(&j);
out:
	if (rc == -1)
		err_within(e, "unfinished switch in %s", CONTEXT_SWITCH_FILE);
	buf_clear(&bytes);
	return rc;
}

int
switchover_begin(struct switchover *sw, struct err *e)
{
	pthread_mutex_lock(&sw->turn);
	if (finish_pending(sw, e) == 0)
		return 0;
	pthread_mutex_unlock(&sw->turn);
	return -1;
}

void
switchover_end(struct switchover *sw)
{
	pthread_mutex_unlock(&sw->turn);
}

static int
load_json(const struct store *store, const char *name, size_t max_bytes, struct json **out,
    struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (store_load(store, name, max_bytes, &bytes, e) == 0)
		rc = json_parse(buf_data(&bytes), buf_len(&bytes), GATE_SIGNED, out, e);
	if (rc == -1)
		err_within(e, "%s", name);
	buf_clear(&bytes);
	return rc;
}

/* The version signed.meta gives the file, 0 where it does not list it. */
static int
listed_version(struct json *doc, const char *file, int64_t *version, struct err *e)
{
	struct json_at sig, meta, entry;

	if (json_get_object(json_top(doc), "signed", &sig, e) == -1 ||
	    json_get_object(sig, "meta", &meta, e) == -1 ||
	    json_find_object(meta, file, &entry, e) == -1)
		return -1;
	*version = 0;
	if (!json_is(entry))
		return 0;
	return json_get_int_in(entry, "version", 1, JSON_INT_MAX, version, e);
}

static int
snapshot_version(struct switchover *sw, int64_t *version, struct err *e)
{
	struct json *doc;
	int rc;

	if (load_json(sw->parts.store, TIMESTAMP_NAME, LIMIT_TIMESTAMP_BYTES, &doc, e) == -1)
		return -1;
	rc = listed_version(doc, "snapshot.json", version, e);
	json_free(doc);
	return rc;
}

static int
role_version(struct switchover *sw, const char *role, int64_t *version, struct err *e)
{
	char name[OBJPATH_SIZE], file[LIMIT_ID_BYTES + 8];
	struct json *doc;
	int64_t snapshot;
	int rc;

	if (strcmp(role, "root") == 0) {
		*version = 0;
		do
			objpath_metadata(name, role, (uint64_t)++*version);
		while (store_has(sw->parts.store, name));
		--*version;
		return 0;
	}
	if (snapshot_version(sw, &snapshot, e) == -1)
		return -1;
	objpath_metadata(name, "snapshot", (uint64_t)snapshot);
	if (load_json(sw->parts.store, name, LIMIT_SNAPSHOT_BYTES, &doc, e) == -1)
		return -1;
	(void)snprintf(file, sizeof(file), "%s.json", role); /* ids fit */
	rc = listed_version(doc, file, version, e);
	json_free(doc);
	return rc;
}

int
switchover_current(struct switchover *sw, const char *role, struct buf *bytes, int64_t *version,
    struct err *e)
{
	char name[OBJPATH_SIZE];
	int64_t found;

	if (role_version(sw, role, &found, e) == -1)
		return -1;
	if (found != 0) {
		objpath_metadata(name, role, (uint64_t)found);
		if (store_load(sw->parts.store, name, LIMIT_TARGETS_BYTES, bytes, e) == -1)
			return -1;
	}
	*version = found;
	return 0;
}

/* Room for the names of the three files. */
struct names {
	char role[OBJPATH_SIZE], snapshot[OBJPATH_SIZE];
};

static void
add_file(struct journal *j, const char *name, const char *text, size_t len)
{
	j->files[j->n_files++] = (struct journal_file){ .name = name, .text = text, .len = len };
}

static void
add_online(struct journal *j, const struct signer_switch *s, struct names *names)
{
	if (s->snapshot_version != 0) {
		objpath_metadata(names->snapshot, "snapshot", (uint64_t)s->snapshot_version);
		add_file(j, names->snapshot, buf_text(&s->snapshot), buf_len(&s->snapshot));
	}
	if (buf_len(&s->timestamp) != 0)
		add_file(j, TIMESTAMP_NAME, buf_text(&s->timestamp), buf_len(&s->timestamp));
}

/* Write the journal, then do what it says. */
static int
write_and_carry_out(struct switchover *sw, const struct journal *j, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (journal_encode(j, &bytes, e) == 0)
		rc = file_save(sw->parts.dirfd, CONTEXT_SWITCH_FILE, buf_data(&bytes),
		    buf_len(&bytes), 0600, e);
	buf_clear(&bytes);
	return rc == -1 ? -1 : carry_out(sw, j, e);
}

int
switchover_commit(struct switchover *sw, const struct switchover_change *change, int64_t *version,
    struct err *e)
{
	struct signer_switch s = { 0 };
	struct journal j = { .note = *change->note };
	struct names names;
	int rc = -1;

	if (signer_advance(sw->parts.signer, change->role, change->bytes, change->len, &s, e) == -1)
		return -1;
	objpath_metadata(names.role, change->role, (uint64_t)s.role_version);
	/*
	 * A root that changes online keys comes last: what the new keys signed too is there
	 * before anybody is told that the old ones do not count.
	 */
	if (strcmp(change->role, "root") == 0)
		add_online(&j, &s, &names);
	add_file(&j, names.role, change->bytes, change->len);
	if (strcmp(change->role, "root") != 0)
		add_online(&j, &s, &names);
	j.ended = change->ends ? change->role : NULL;
	if (change->release != NULL) {
		j.is_release = true;
		j.release = *change->release;
		j.draft_id = change->draft_id;
		j.role_version = s.role_version;
		digest_of(&j.role_hash, change->bytes, change->len);
	} else if (change->recall != NULL) {
		j.is_recall = true;
		j.is_undo = change->recall->is_undo;
		j.release.number = change->recall->number;
		(void)snprintf(j.release.channel, sizeof(j.release.channel), "%s",
		    change->recall->channel); /* ids fit */
		(void)snprintf(j.release.course, sizeof(j.release.course), "%s",
		    change->recall->course);
	}
	if (change->n_live > 0)
		memcpy(j.live, change->live, change->n_live * sizeof(j.live[0]));
	j.n_live = change->n_live;
	rc = write_and_carry_out(sw, &j, e);
	if (rc == 0)
		*version = s.role_version;
	signer_switch_clear(&s);
	return rc;
}

int
switchover_recover(struct switchover *sw, int64_t above, const struct audit_note *note,
    int64_t *version, struct err *e)
{
	struct signer_switch s = { 0 };
	struct journal j = { .note = *note };
	struct names names;
	int rc;

	if (signer_recover(sw->parts.signer, above, &s, e) == -1)
		return -1;
	add_online(&j, &s, &names);
	rc = write_and_carry_out(sw, &j, e);
	if (rc == 0)
		*version = s.snapshot_version;
	signer_switch_clear(&s);
	return rc;
}

static int
timestamp_expiry(struct switchover *sw, int64_t *expires_at, struct err *e)
{
	struct json_at sig;
	struct json *doc;
	int rc = -1;

	if (load_json(sw->parts.store, TIMESTAMP_NAME, LIMIT_TIMESTAMP_BYTES, &doc, e) == -1)
		return -1;
	if (json_get_object(json_top(doc), "signed", &sig, e) == 0)
		rc = json_get_utc(sig, "expires", expires_at, e);
	json_free(doc);
	return rc;
}

static int
renew_online_roles(struct switchover *sw, int64_t now, struct err *e)
{
	struct signer_switch s = { 0 };
	struct journal j = { .note = context_own_note(now, "resign", "timestamp", "") };
	struct names names;
	int rc;

	if (signer_resign(sw->parts.signer, &s, e) == -1)
		return -1;
	add_online(&j, &s, &names);
	rc = write_and_carry_out(sw, &j, e);
	if (rc == 0)
		log_note(LOG_LEVEL_INFO, "timestamp-signed", "version %lld",
		    (long long)s.timestamp_version);
	signer_switch_clear(&s);
	return rc;
}

int
switchover_refresh(struct switchover *sw, int64_t now, int64_t min_left_s, struct err *e)
{
	int64_t expires_at;
	int rc = -1;

	if (switchover_begin(sw, e) == -1)
		return -1;
	if (timestamp_expiry(sw, &expires_at, e) == 0)
		rc = expires_at - now >= min_left_s ? 0 : renew_online_roles(sw, now, e);
	switchover_end(sw);
	return rc;
}
