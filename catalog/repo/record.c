/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "catalog/repo/record_check.h"
#include "catalog/repo/record_read.h"

#define FORMAT "kebao-record-1"

static void
clear_texts(struct record_texts *t)
{
	for (size_t i = 0; i < t->n_items; i++) {
		free(t->items[i].lang);
		free(t->items[i].text);
	}
	free(t->items);
}

static void
clear_list(struct record_list *l)
{
	for (size_t i = 0; i < l->n_items; i++)
		free(l->items[i]);
	free(l->items);
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	free(r->label);
	clear_texts(&r->title);
	clear_texts(&r->summary);
	clear_texts(&r->notes);
	free(r->field);
	clear_list(&r->languages);
	clear_list(&r->lecturers);
	free(r->rights);
	free(r);
}

/* What reading a whole document needs. */
struct reading {
	struct record *r;   /* owned by the one who reads */
	struct json *doc;   /* likewise */
	struct record_findings f;
};

static void
note_if(int rc, struct record_findings *f, const struct err *e)
{
	if (rc == -1)
		record_check_note(f, e);
}

static void
read_file(struct json_at top, const char *key, struct record_file *out, struct record_findings *f)
{
	struct json_at file = { NULL, NULL };
	int64_t len = 0;
	struct err e;

	if (json_get_object(top, key, &file, &e) == -1) {
		record_check_note(f, &e);
		return;
	}
	note_if(json_get_int_in(file, "length", 1, LIMIT_TAR_BYTES, &len, &e), f, &e);
	note_if(json_get_digest(file, "sha256", &out->sha256, &e), f, &e);
	out->len = (uint64_t)len;
}

/* Members of a record that course.json does not have. */
static void
read_computed(struct json_at top, struct record *r, struct record_findings *f)
{
	const char *format = NULL, *channel = NULL;
	int64_t release = 0, files = 0, bytes = 0;
	struct err e;

	if (json_get_text(top, "format", &format, &e) == -1)
		record_check_note(f, &e);
	else if (strcmp(format, FORMAT) != 0)
		record_check_add(f, "format: this program reads " FORMAT " only");
	if (json_get_text(top, "channel", &channel, &e) == -1 ||
	    ids_copy(IDS_CHANNEL, r->channel, channel, strlen(channel), &e) == -1)
		record_check_note(f, &e);
	note_if(json_get_int_in(top, "release", 1, LIMIT_RELEASE_NUMBER, &release, &e), f, &e);
	note_if(json_get_utc(top, "published", &r->published_at, &e), f, &e);
	note_if(json_get_int_in(top, "files", 1, LIMIT_ENTRIES, &files, &e), f, &e);
	note_if(json_get_int_in(top, "bytes", 0, LIMIT_TAR_BYTES, &bytes, &e), f, &e);
	read_file(top, "tar", &r->tar, f);
	read_file(top, "index", &r->index, f);
	r->release = (uint32_t)release;
	r->n_files = (uint32_t)files;
	r->file_bytes = (uint64_t)bytes;
}

/* Refuse what is no object, and what has members that nobody knows. */
static int
check_members(struct json_at top, struct err *e)
{
	static const char *const computed[] = { "format", "channel", "release", "published",
		"files", "bytes", "tar", "index" };
	enum { N_COMPUTED = sizeof(computed) / sizeof(computed[0]) };
	const char *names[RECORD_READ_N_SHARED + N_COMPUTED];

	memcpy(names, record_read_shared, sizeof(record_read_shared));
	memcpy(names + RECORD_READ_N_SHARED, computed, sizeof(computed));
	return json_only(top, names, RECORD_READ_N_SHARED + N_COMPUTED, e);
}

/* Each member that course.json does not have: people mend all at once. */
static void
note_strangers(struct json_at top, struct record_findings *f)
{
	struct err e;

	for (struct json_at it = json_first(top); json_is(it); it = json_next(it)) {
		size_t i = 0;

		while (i < RECORD_READ_N_SHARED && strcmp(record_read_shared[i], json_key(it)) != 0)
			i++;
		if (i == RECORD_READ_N_SHARED) {
			(void)json_wrong(it, &e, "there is no such member here");
			record_check_note(f, &e);
		}
	}
}

/* The gate, the tree, an empty record. */
static int
begin(struct reading *in, const void *bytes, size_t len, enum gate_mode mode, struct err *e)
{
	if (len > LIMIT_RECORD_BYTES)
		return err_set(e, ERR_BAD_INPUT, "longer than %u bytes", LIMIT_RECORD_BYTES);
	if (json_parse(bytes, len, mode, &in->doc, e) == -1)
		return -1;
	if (!json_is_object(json_top(in->doc)))
		return err_set(e, ERR_BAD_INPUT, "not a JSON object");
	if ((in->r = calloc(1, sizeof(*in->r))) == NULL)
		return err_nomem(e);
	return 0;
}

/* The canonical form must be the very bytes that were read. */
static int
check_canonical(const struct record *r, const void *bytes, size_t len, struct err *e)
{
	struct buf again = BUF_INIT;
	int rc = record_encode(r, &again, e);

	if (rc == 0 && (buf_len(&again) != len || memcmp(buf_data(&again), bytes, len) != 0))
		rc = err_set(e, ERR_BAD_INPUT, "not in canonical form");
	buf_clear(&again);
	return rc;
}

int
record_parse(const void *bytes, size_t len, enum record_mode mode, struct record **out,
    struct err *e)
{
	struct reading in = { NULL, NULL, { NULL, 0, { 0 }, false } };
	int rc = -1;

	if (begin(&in, bytes, len, GATE_SIGNED, e) == -1)
		goto out;
	if (mode == RECORD_STRICT && check_members(json_top(in.doc), e) == -1)
		goto out;
	read_computed(json_top(in.doc), in.r, &in.f);
	record_read_course(json_top(in.doc), false, in.r, &in.f);
	if (in.f.n == 0) {
		record_check_course(in.r, mode, &in.f);
		record_check_computed(in.r, &in.f);
	}
	if (record_check_result(&in.f, e) == -1)
		goto out;
	if (mode == RECORD_STRICT && check_canonical(in.r, bytes, len, e) == -1)
		goto out;
	*out = in.r;
	in.r = NULL;
	rc = 0;
out:
	if (rc == -1)
		err_within(e, "record");
	json_free(in.doc);
	record_free(in.r);
	return rc;
}

int
record_parse_course(const void *bytes, size_t len, struct record **out, struct buf *findings,
    struct err *e)
{
	struct reading in = { NULL, NULL, { findings, 0, { 0 }, false } };
	struct err mine = { 0 };
	size_t n_strangers;
	int rc = -1;

	if (begin(&in, bytes, len, GATE_ANY, &mine) == -1) {
		record_check_note(&in.f, &mine);
		goto out;
	}
	note_strangers(json_top(in.doc), &in.f);
	n_strangers = in.f.n;
	record_read_course(json_top(in.doc), true, in.r, &in.f);
	if (in.f.n == n_strangers)
		record_check_course(in.r, RECORD_STRICT, &in.f);
	if (in.f.n > 0)
		goto out;
	*out = in.r;
	in.r = NULL;
	rc = 0;
out:
	if (rc == -1) {
		(void)record_check_result(&in.f, e);
		err_within(e, "course.json");
	}
	json_free(in.doc);
	record_free(in.r);
	return rc;
}

int
record_check(const struct record *r, struct buf *findings, struct err *e)
{
	struct record_findings f = { findings, 0, { 0 }, false };

	record_check_course(r, RECORD_STRICT, &f);
	record_check_computed(r, &f);
	return record_check_result(&f, e);
}

static void
put_texts(struct json_at top, const char *key, const struct record_texts *t)
{
	struct json_at object;

	if (t->n_items == 0)
		return;
	object = json_put_object(top, key);
	for (size_t i = 0; i < t->n_items; i++)
		json_put_text(object, t->items[i].lang, t->items[i].text);
}

static void
put_list(struct json_at top, const char *key, const struct record_list *l)
{
	struct json_at array;

	if (l->n_items == 0)
		return;
	array = json_put_array(top, key);
	for (size_t i = 0; i < l->n_items; i++)
		json_add_text(array, l->items[i]);
}

static void
put_file(struct json_at top, const char *key, const struct record_file *file)
{
	struct json_at object = json_put_object(top, key);

	json_put_int(object, "length", (int64_t)file->len);
	json_put_digest(object, "sha256", &file->sha256);
}

static void
put_all(struct json_at top, const struct record *r)
{
	json_put_text(top, "format", FORMAT);
	json_put_text(top, "channel", r->channel);
	json_put_text(top, "course", r->course);
	json_put_int(top, "release", r->release);
	json_put_utc(top, "published", r->published_at);
	json_put_text(top, "label", r->label);
	put_texts(top, "title", &r->title);
	put_texts(top, "summary", &r->summary);
	put_texts(top, "notes", &r->notes);
	json_put_text(top, "field", r->field);
	put_list(top, "languages", &r->languages);
	if (r->study_minutes != 0)
		json_put_int(top, "minutes", r->study_minutes);
	put_list(top, "lecturers", &r->lecturers);
	if (r->rights != NULL)
		json_put_text(top, "rights", r->rights);
	json_put_int(top, "files", r->n_files);
	json_put_int(top, "bytes", (int64_t)r->file_bytes);
	put_file(top, "tar", &r->tar);
	put_file(top, "index", &r->index);
}

int
record_encode(const struct record *r, struct buf *b, struct err *e)
{
	size_t before = buf_len(b);
	struct json *doc;
	int rc;

	if (record_check(r, NULL, e) == -1)
		return -1;
	doc = json_new();
	put_all(json_top(doc), r);
	rc = canon_write(json_top(doc), b, e);
	json_free(doc);
	if (rc == 0 && buf_len(b) - before > LIMIT_RECORD_BYTES)
		rc = err_set(e, ERR_BAD_INPUT,
		    "record would be longer than %u bytes: shorten its texts", LIMIT_RECORD_BYTES);
	if (rc == -1)
		buf_truncate(b, before);
	return rc;
}

int
record_course_template(const char *course, struct buf *b, struct err *e)
{
	return buf_printf(b, e,
	    "{\n"
	    "  \"course\": \"%s\",\n"
	    "  \"label\": \"\",\n"
	    "  \"title\": {\"zh\": \"\", \"en\": \"\"},\n"
	    "  \"summary\": {\"zh\": \"\", \"en\": \"\"},\n"
	    "  \"notes\": {\"zh\": \"\", \"en\": \"\"},\n"
	    "  \"field\": \"other\",\n"
	    "  \"languages\": [\"zh\"],\n"
	    "  \"minutes\": 0,\n"
	    "  \"lecturers\": [\"\"],\n"
	    "  \"rights\": \"\"\n"
	    "}\n",
	    course == NULL ? "" : course);
}

/* The first text whose tag is lang, or begins with lang where is_start. */
static const char *
find_text(const struct record_texts *t, const char *lang, size_t len, bool is_start)
{
	for (size_t i = 0; i < t->n_items; i++) {
		const char *tag = t->items[i].lang;

		if (strncmp(tag, lang, len) == 0 &&
		    (tag[len] == '\0' || (is_start && tag[len] == '-')))
			return t->items[i].text;
	}
	return NULL;
}

const char *
record_text_in(const struct record_texts *t, const char *lang)
{
	const char *text;

	if ((text = find_text(t, lang, strlen(lang), false)) == NULL &&
	    (text = find_text(t, lang, strcspn(lang, "-"), true)) == NULL &&
	    (text = find_text(t, "zh", 2, true)) == NULL &&
	    (text = find_text(t, "en", 2, true)) == NULL)
		text = t->n_items > 0 ? t->items[0].text : "";
	return text;
}
