/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/record_read.h"

#include <stdlib.h>
#include <string.h>

const char *const record_read_shared[RECORD_READ_N_SHARED] = { "course", "label", "title",
	"summary", "notes", "field", "languages", "minutes", "lecturers", "rights" };

/* What the readers below carry around. */
struct reading {
	struct json_at top;
	bool may_be_empty;
	struct record_findings *f; /* borrowed */
};

static char *
copy(const struct reading *in, const char *text)
{
	char *mine = strdup(text);
	struct err e;

	if (mine == NULL) {
		(void)err_nomem(&e);
		record_check_note(in->f, &e);
	}
	return mine;
}

/* Room for one more item of a list that has n; NULL is a finding. */
static void *
one_more(const struct reading *in, void *items, size_t n, size_t item)
{
	void *more = reallocarray(items, n + 1, item);
	struct err e;

	if (more == NULL) {
		(void)err_nomem(&e);
		record_check_note(in->f, &e);
	}
	return more;
}

static void
read_text(const struct reading *in, const char *key, char **out)
{
	const char *text = NULL;
	struct err e;

	if (json_find_text(in->top, key, &text, &e) == -1)
		record_check_note(in->f, &e);
	else if (text != NULL && (text[0] != '\0' || !in->may_be_empty))
		*out = copy(in, text);
}

static int
compare_langs(const void *a, const void *b)
{
	return strcmp(((const struct record_text *)a)->lang, ((const struct record_text *)b)->lang);
}

/* Whether something that must not be empty is. */
static void
check_not_empty(const struct reading *in, const char *key, struct json_at list)
{
	if (json_is(list) && json_count(list) == 0 && !in->may_be_empty)
		record_check_add(in->f, "%s: is empty; what may be absent is left out", key);
}

static void
read_texts(const struct reading *in, const char *key, struct record_texts *out)
{
	struct json_at object = { NULL, NULL };
	struct err e;

	if (json_find_object(in->top, key, &object, &e) == -1) {
		record_check_note(in->f, &e);
		return;
	}
	check_not_empty(in, key, object);
	for (struct json_at it = json_first(object); json_is(it); it = json_next(it)) {
		struct record_text *items, *item;
		const char *text = NULL;

		if (json_text(it, &text, &e) == -1) {
			record_check_note(in->f, &e);
			continue;
		}
		if (text[0] == '\0' && in->may_be_empty)
			continue;
		if ((items = one_more(in, out->items, out->n_items, sizeof(*items))) == NULL)
			return;
		out->items = items;
		item = &items[out->n_items];
		item->lang = copy(in, json_key(it));
		item->text = copy(in, text);
		out->n_items++;
		if (item->lang == NULL || item->text == NULL)
			return;
	}
	if (out->n_items > 1)
		qsort(out->items, out->n_items, sizeof(*out->items), compare_langs);
}

static void
read_list(const struct reading *in, const char *key, struct record_list *out)
{
	struct json_at array = { NULL, NULL };
	struct err e;

	if (json_find_array(in->top, key, &array, &e) == -1) {
		record_check_note(in->f, &e);
		return;
	}
	check_not_empty(in, key, array);
	for (struct json_at it = json_first(array); json_is(it); it = json_next(it)) {
		const char *text = NULL;
		char **items;

		if (json_text(it, &text, &e) == -1) {
			record_check_note(in->f, &e);
			continue;
		}
		if (text[0] == '\0' && in->may_be_empty)
			continue;
		if ((items = one_more(in, out->items, out->n_items, sizeof(*items))) == NULL)
			return;
		out->items = items;
		if ((items[out->n_items] = copy(in, text)) == NULL)
			return;
		out->n_items++;
	}
}

/* As it is, when it fits: its form is looked at with all other values. */
static void
read_course_id(const struct reading *in, struct record *r)
{
	const char *id = NULL;
	struct err e;

	if (json_find_text(in->top, "course", &id, &e) == -1)
		record_check_note(in->f, &e);
	else if (id != NULL && strlen(id) <= LIMIT_ID_BYTES)
		memcpy(r->course, id, strlen(id) + 1);
	else if (id != NULL && ids_check(IDS_COURSE, id, strlen(id), &e) == -1)
		record_check_note(in->f, &e);
}

static void
read_minutes(const struct reading *in, struct record *r)
{
	int64_t minutes = 0;
	struct err e;

	if (json_find_int(in->top, "minutes", 0, &minutes, &e) == -1)
		record_check_note(in->f, &e);
	else if (minutes < 0 || minutes > UINT32_MAX)
		record_check_add(in->f, "minutes: not a number of minutes");
	else if (minutes == 0 && !in->may_be_empty && json_is(json_member(in->top, "minutes")))
		record_check_add(in->f, "minutes: 0; what may be absent is left out");
	r->study_minutes = (uint32_t)minutes;
}

void
record_read_course(struct json_at top, bool may_be_empty, struct record *r,
    struct record_findings *f)
{
	const struct reading in = { top, may_be_empty, f };

	read_course_id(&in, r);
	read_text(&in, "label", &r->label);
	read_texts(&in, "title", &r->title);
	read_texts(&in, "summary", &r->summary);
	read_texts(&in, "notes", &r->notes);
	read_text(&in, "field", &r->field);
	read_list(&in, "languages", &r->languages);
	read_minutes(&in, r);
	read_list(&in, "lecturers", &r->lecturers);
	read_text(&in, "rights", &r->rights);
}
