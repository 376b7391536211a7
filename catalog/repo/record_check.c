/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/record_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/base/utf8.h"
#include "catalog/repo/tar.h"

#define MAX_LANGUAGES 16u
#define MAX_TAG_BYTES 35u
#define MAX_LECTURERS 50u
#define MAX_MINUTES 100000u

void
record_check_note(struct record_findings *f, const struct err *e)
{
	struct err lines_err;

	if (f->is_broken)
		return;
	if (f->n++ == 0 || e->class == ERR_SYSTEM)
		f->first = *e;
	f->is_broken = e->class == ERR_SYSTEM;
	if (f->lines != NULL && buf_printf(f->lines, &lines_err, "%s\n", e->text) == -1) {
		f->first = lines_err;
		f->is_broken = true;
	}
}

void
record_check_add(struct record_findings *f, const char *fmt, ...)
{
	struct err e;
	char text[sizeof(e.text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is better than no finding */
	va_end(ap);
	(void)err_set(&e, ERR_BAD_INPUT, "%s", text);
	record_check_note(f, &e);
}

int
record_check_result(const struct record_findings *f, struct err *e)
{
	if (f->n == 0 && !f->is_broken)
		return 0;
	if (e != NULL) {
		*e = f->first;
		if (f->n > 1 && !f->is_broken)
			return err_set(e, ERR_BAD_INPUT,
			    "%s (and %zu more)", f->first.text, f->n - 1);
	}
	return -1;
}

/* How a text may look. */
struct shape {
	size_t max_chars;
	bool is_line; /* without line ends */
};

static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

static bool
is_space(uint32_t c)
{
	return c == ' ' || c == '\n' || c == 0xa0 || c == 0x3000;
}

/* The rule a text breaks, or NULL. */
static const char *
broken_text_rule(const char *text, size_t len, const struct shape *shape)
{
	size_t chars = 0, n;
	uint32_t c = 0;

	if (len == 0)
		return "is empty";
	for (size_t i = 0; i < len; i += n, chars++) {
		if ((n = utf8_char(text + i, len - i)) == 0)
			return "is not UTF-8";
		c = utf8_decode(text + i, n);
		if (is_control(c) && (shape->is_line || c != '\n'))
			return shape->is_line ? "has a line end or control character" :
			                        "has a control character";
		if (i == 0 && is_space(c))
			return "begins with white space";
	}
	if (is_space(c))
		return "ends with white space";
	return chars > shape->max_chars ? "is too long" : NULL;
}

static void
check_text(const char *name, const char *text, struct shape shape, struct record_findings *f)
{
	const char *rule = broken_text_rule(text, strlen(text), &shape);

	if (rule != NULL)
		record_check_add(f, "%s: %s (1 to %zu characters%s are wanted)", name, rule,
		    shape.max_chars, shape.is_line ? " on one line" : "");
}

static bool
is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
is_tag(const char *tag)
{
	size_t len = strlen(tag), part = 0;

	if (len > MAX_TAG_BYTES)
		return false;
	while (part < len && tag[part] >= 'a' && tag[part] <= 'z')
		part++;
	if (part < 2 || part > 3 || (tag[part] != '\0' && tag[part] != '-'))
		return false;
	while (part < len) {
		size_t n = 0;

		part++; /* the '-' */
		while (is_alphanumeric(tag[part + n]))
			n++;
		if (n < 1 || n > 8 || (tag[part + n] != '\0' && tag[part + n] != '-'))
			return false;
		part += n;
	}
	return true;
}

static void
check_tag(const char *name, const char *tag, struct record_findings *f)
{
	char quoted[60];

	if (!is_tag(tag))
		record_check_add(f, "%s: \"%s\" is not a language tag such as zh, en or bo", name,
		    err_quote(quoted, sizeof(quoted), tag, strlen(tag)));
}

static void
check_texts(const char *name, const struct record_texts *t, struct shape shape,
    struct record_findings *f)
{
	char where[MAX_TAG_BYTES + 20];

	if (t->n_items > MAX_LANGUAGES)
		record_check_add(f, "%s: more than %u languages", name, MAX_LANGUAGES);
	for (size_t i = 0; i < t->n_items; i++) {
		check_tag(name, t->items[i].lang, f);
		for (size_t k = 0; k < i; k++)
			if (strcmp(t->items[k].lang, t->items[i].lang) == 0)
				record_check_add(f, "%s: a language is there twice", name);
		(void)snprintf(where, sizeof(where), "%s.%s", name, t->items[i].lang);
		check_text(where, t->items[i].text, shape, f);
	}
}

static void
check_field(const char *field, enum record_mode mode, struct record_findings *f)
{
	static const char *const fields[] = { "foreign", "ip", "securities", "ethics", "practice",
		"other" };
	size_t len = strlen(field);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(field, fields[i]) == 0)
			return;
	if (mode == RECORD_LENIENT && field[0] >= 'a' && field[0] <= 'z' && len <= LIMIT_ID_BYTES &&
	    strspn(field, "abcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return;
	record_check_add(f,
	    "field: must be one of foreign, ip, securities, ethics, practice, other");
}

static void
check_languages(const struct record_list *l, struct record_findings *f)
{
	if (l->n_items == 0)
		record_check_add(f, "languages: missing; name the languages of the material, "
		    "as [\"zh\"]");
	if (l->n_items > MAX_LANGUAGES)
		record_check_add(f, "languages: more than %u", MAX_LANGUAGES);
	for (size_t i = 0; i < l->n_items; i++) {
		check_tag("languages", l->items[i], f);
		for (size_t k = 0; k < i; k++)
			if (strcmp(l->items[k], l->items[i]) == 0)
				record_check_add(f, "languages: one is there twice");
	}
}

void
record_check_course(const struct record *r, enum record_mode mode, struct record_findings *f)
{
	struct err e = { 0 };

	if (ids_check(IDS_COURSE, r->course, strlen(r->course), &e) == -1) {
		err_within(&e, "course");
		record_check_note(f, &e);
	}
	if (r->label == NULL)
		record_check_add(f, "label: missing; name this release for people, as \"2026\"");
	else
		check_text("label", r->label, (struct shape) { 100, true }, f);
	if (r->title.n_items == 0)
		record_check_add(f, "title: missing; give it in at least one language");
	check_texts("title", &r->title, (struct shape) { 200, true }, f);
	check_texts("summary", &r->summary, (struct shape) { 2000, false }, f);
	check_texts("notes", &r->notes, (struct shape) { 4000, false }, f);
	if (r->field == NULL)
		record_check_add(f,
		    "field: missing; one of foreign, ip, securities, ethics, practice, "
		    "other");
	else
		check_field(r->field, mode, f);
	check_languages(&r->languages, f);
	if (r->study_minutes > MAX_MINUTES)
		record_check_add(f, "minutes: more than %u", MAX_MINUTES);
	if (r->lecturers.n_items > MAX_LECTURERS)
		record_check_add(f, "lecturers: more than %u", MAX_LECTURERS);
	for (size_t i = 0; i < r->lecturers.n_items; i++)
		check_text("lecturers", r->lecturers.items[i], (struct shape) { 100, true }, f);
	if (r->rights != NULL)
		check_text("rights", r->rights, (struct shape) { 2000, false }, f);
}

void
record_check_computed(const struct record *r, struct record_findings *f)
{
	struct err e = { 0 };

	if (ids_check(IDS_CHANNEL, r->channel, strlen(r->channel), &e) == -1) {
		err_within(&e, "channel");
		record_check_note(f, &e);
	}
	if (r->release == 0 || r->release > LIMIT_RELEASE_NUMBER)
		record_check_add(f, "release: %" PRIu32 " is not from 1 to %u", r->release,
		    LIMIT_RELEASE_NUMBER);
	if (r->published_at < 0 || r->published_at > UTC_MAX)
		record_check_add(f, "published: not between the years 1970 and 9999");
	if (r->n_files == 0 || r->n_files > LIMIT_ENTRIES)
		record_check_add(f,
		    "files: %" PRIu32 " is not from 1 to %u", r->n_files, LIMIT_ENTRIES);
	if (r->file_bytes > r->tar.len)
		record_check_add(f, "bytes: more than the tar has");
	if (r->tar.len > LIMIT_TAR_BYTES || r->tar.len % TAR_BLOCK != 0 ||
	    r->tar.len < TAR_BLOCK + TAR_END_BYTES)
		record_check_add(f,
		    "tar.length: %" PRIu64 " cannot be the length of a tar", r->tar.len);
	if (r->index.len == 0 || r->index.len > LIMIT_INDEX_BYTES)
		record_check_add(f, "index.length: %" PRIu64 " is not from 1 to %u", r->index.len,
		    LIMIT_INDEX_BYTES);
}
