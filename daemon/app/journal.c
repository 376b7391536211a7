/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/journal.h"

#include <stdio.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "catalog/json/json.h"

#define JOURNAL_FORMAT "kebao-switch-1"

static void
put_release(struct json_at at, const struct state_release *r)
{
	json_put_text(at, "channel", r->channel);
	json_put_text(at, "course", r->course);
	json_put_int(at, "number", r->number);
	json_put_digest(at, "record", &r->record);
	json_put_int(at, "record_len", r->record_len);
	json_put_digest(at, "index", &r->index);
	json_put_int(at, "index_len", (int64_t)r->index_len);
	json_put_digest(at, "tar", &r->tar);
	json_put_int(at, "tar_len", (int64_t)r->tar_len);
	json_put_digest(at, "zst_tag", &r->zst_tag);
	json_put_int(at, "zst_len", (int64_t)r->zst_len);
	json_put_int(at, "published_at", r->published_at);
}

static void
put_live(struct json_at top, const struct journal *j)
{
	struct json_at list = json_put_array(top, "live");

	for (size_t i = 0; i < j->n_live; i++)
		json_add_int(list, j->live[i]);
}

int
journal_encode(const struct journal *j, struct buf *out, struct err *e)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc), at;
	int rc;

	json_put_text(top, "format", JOURNAL_FORMAT);
	at = json_put_array(top, "files");
	for (size_t i = 0; i < j->n_files; i++) {
		struct json_at file = json_add_object(at);

		json_put_text(file, "name", j->files[i].name);
		json_put_text(file, "text", j->files[i].text);
	}
	at = json_put_object(top, "note");
	json_put_int(at, "at", j->note.at);
	json_put_text(at, "actor", j->note.actor);
	json_put_text(at, "action", j->note.action);
	json_put_text(at, "object", j->note.object);
	json_put_text(at, "detail", j->note.detail);
	if (j->ended != NULL)
		json_put_text(top, "ended", j->ended);
	if (j->is_release) {
		put_release(json_put_object(top, "release"), &j->release);
		json_put_text(top, "draft", j->draft_id);
		json_put_int(top, "role_version", j->role_version);
		json_put_digest(top, "role_hash", &j->role_hash);
		put_live(top, j);
	}
	if (j->is_recall) {
		at = json_put_object(top, "recall");
		json_put_text(at, "channel", j->release.channel);
		json_put_text(at, "course", j->release.course);
		json_put_int(at, "number", j->release.number);
		json_put_bool(at, "undo", j->is_undo);
		put_live(top, j);
	}
	rc = json_check(doc, e);
	if (rc == 0)
		rc = canon_write(top, out, e);
	json_free(doc);
	return rc;
}

static int
get_id(struct json_at at, const char *key, char *out, struct err *e)
{
	const char *text;

	if (json_get_text(at, key, &text, e) == -1)
		return -1;
	if (strlen(text) > LIMIT_ID_BYTES)
		return json_wrong(json_member(at, key), e, "too long");
	(void)snprintf(out, LIMIT_ID_BYTES + 1, "%s", text); /* fits: just checked */
	return 0;
}

static int
get_release(struct json_at at, struct state_release *r, struct err *e)
{
	int64_t number, record_len, index_len, tar_len, zst_len;

	if (get_id(at, "channel", r->channel, e) == -1 ||
	    get_id(at, "course", r->course, e) == -1 ||
	    json_get_int_in(at, "number", 1, LIMIT_RELEASE_NUMBER, &number, e) == -1 ||
	    json_get_digest(at, "record", &r->record, e) == -1 ||
	    json_get_int_in(at, "record_len", 1, LIMIT_RECORD_BYTES, &record_len, e) == -1 ||
	    json_get_digest(at, "index", &r->index, e) == -1 ||
	    json_get_int_in(at, "index_len", 1, LIMIT_INDEX_BYTES, &index_len, e) == -1 ||
	    json_get_digest(at, "tar", &r->tar, e) == -1 ||
	    json_get_int_in(at, "tar_len", 1, (int64_t)LIMIT_TAR_BYTES, &tar_len, e) == -1 ||
	    json_get_digest(at, "zst_tag", &r->zst_tag, e) == -1 ||
	    json_get_int_in(at, "zst_len", 1, JSON_INT_MAX, &zst_len, e) == -1 ||
	    json_get_int(at, "published_at", &r->published_at, e) == -1)
		return -1;
	r->number = (uint32_t)number;
	r->record_len = (uint32_t)record_len;
	r->index_len = (uint64_t)index_len;
	r->tar_len = (uint64_t)tar_len;
	r->zst_len = (uint64_t)zst_len;
	r->is_live = true;
	return 0;
}

static int
get_live(struct json_at top, struct journal *j, struct err *e)
{
	struct json_at list;

	if (json_get_array(top, "live", &list, e) == -1)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		int64_t number;

		if (j->n_live == LIMIT_LIVE_RELEASES)
			return json_wrong(list, e, "too many");
		if (json_int(it, &number, e) == -1)
			return -1;
		if (number < 1 || number > (int64_t)LIMIT_RELEASE_NUMBER)
			return json_wrong(it, e, "no release number");
		j->live[j->n_live++] = (uint32_t)number;
	}
	return 0;
}

static int
get_recall(struct json_at top, struct json_at at, struct journal *j, struct err *e)
{
	int64_t number;

	if (get_id(at, "channel", j->release.channel, e) == -1 ||
	    get_id(at, "course", j->release.course, e) == -1 ||
	    json_get_int_in(at, "number", 1, LIMIT_RELEASE_NUMBER, &number, e) == -1 ||
	    json_get_bool(at, "undo", &j->is_undo, e) == -1)
		return -1;
	j->is_recall = true;
	j->release.number = (uint32_t)number;
	return get_live(top, j, e);
}

static int
get_files(struct json_at top, struct journal *j, struct err *e)
{
	struct json_at list;

	if (json_get_array(top, "files", &list, e) == -1)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		struct journal_file *f = &j->files[j->n_files];

		if (j->n_files == JOURNAL_FILES)
			return json_wrong(list, e, "too many");
		if (json_get_text(it, "name", &f->name, e) == -1 ||
		    json_get_text(it, "text", &f->text, e) == -1)
			return -1;
		f->len = strlen(f->text);
		j->n_files++;
	}
	return 0;
}

static int
get_note(struct json_at top, struct audit_note *note, struct err *e)
{
	struct json_at at;

	if (json_get_object(top, "note", &at, e) == -1 ||
	    json_get_int(at, "at", &note->at, e) == -1 ||
	    json_get_text(at, "actor", &note->actor, e) == -1 ||
	    json_get_text(at, "action", &note->action, e) == -1 ||
	    json_get_text(at, "object", &note->object, e) == -1 ||
	    json_get_text(at, "detail", &note->detail, e) == -1)
		return -1;
	return 0;
}

static int
get_all(struct json_at top, struct journal *j, struct err *e)
{
	struct json_at at;
	const char *format;

	if (json_get_text(top, "format", &format, e) == -1)
		return -1;
	if (strcmp(format, JOURNAL_FORMAT) != 0)
		return json_wrong(json_member(top, "format"), e, "\"%s\" is wanted",
		    JOURNAL_FORMAT);
	if (get_files(top, j, e) == -1 || get_note(top, &j->note, e) == -1 ||
	    json_find_text(top, "ended", &j->ended, e) == -1 ||
	    json_find_object(top, "recall", &at, e) == -1)
		return -1;
	if (json_is(at))
		return get_recall(top, at, j, e);
	if (json_find_object(top, "release", &at, e) == -1)
		return -1;
	if (!json_is(at))
		return 0;
	j->is_release = true;
	if (get_release(at, &j->release, e) == -1 ||
	    json_get_text(top, "draft", &j->draft_id, e) == -1 ||
	    json_get_int(top, "role_version", &j->role_version, e) == -1 ||
	    json_get_digest(top, "role_hash", &j->role_hash, e) == -1)
		return -1;
	return get_live(top, j, e);
}

int
journal_parse(const void *bytes, size_t len, struct journal *out, struct err *e)
{
	struct journal j = { 0 };

	if (json_parse(bytes, len, GATE_ANY, &j.doc, e) == -1)
		return -1;
	if (get_all(json_top(j.doc), &j, e) == -1) {
		json_free(j.doc);
		return -1;
	}
	*out = j;
	return 0;
}

void
journal_clear(struct journal *j)
{
	json_free(j->doc);
	memset(j, 0, sizeof(*j));
}
