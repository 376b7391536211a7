/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catalog/repo/record.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/recalls.h"
#include "clients/kebao/release.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

static void
say_texts(const struct cli *cli, enum message line, const struct record_texts *texts)
{
	for (size_t i = 0; i < texts->n_items; i++)
		CLI_SAY(cli, line, texts->items[i].lang, texts->items[i].text);
}

static void
say_list(const struct cli *cli, enum message line, const struct record_list *list)
{
	for (size_t i = 0; i < list->n_items; i++)
		CLI_SAY(cli, line, list->items[i]);
}

/* 45 minutes are one 学时; a tenth is as exact as anybody counts. */
static void
say_minutes(const struct cli *cli, uint32_t minutes)
{
	struct text n;
	char lessons[24];

	(void)snprintf(lessons, sizeof(lessons), "%.1f", minutes / 45.0);
	CLI_SAY(cli, MSG_SHOW_MINUTES, text_number(&n, minutes), lessons);
}

/* FORMATS.md 3.5: a field that we do not know is another one. */
static const char *
field_name(const struct cli *cli, const char *field)
{
	static const struct {
		const char *field;
		enum message name;
	} fields[] = {
		{ "foreign", MSG_FIELD_FOREIGN }, { "ip", MSG_FIELD_IP },
		{ "securities", MSG_FIELD_SECURITIES }, { "ethics", MSG_FIELD_ETHICS },
		{ "practice", MSG_FIELD_PRACTICE },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(field, fields[i].field) == 0)
			return messages_text(cli->lang, fields[i].name);
	return messages_text(cli->lang, MSG_FIELD_OTHER);
}

/* What is held and where; and whether its publisher has recalled it. */
struct shown {
	struct record *record; /* of who shows it */
	bool is_held;
	bool is_hidden;
	const struct catalogue_recall *recall; /* lent by the catalogue; NULL: none */
};

static void
say(const struct session *s, const struct shown *what)
{
	const struct record *r = what->record;
	const struct cli *cli = s->cli;
	struct library_name full = { .release = r->release };
	char path[LIBRARY_PATH_SIZE], sha256[DIGEST_HEX_LEN + 1];
	struct text release, files, bytes, when;

	(void)snprintf(full.channel, sizeof(full.channel), "%s", r->channel);
	(void)snprintf(full.course, sizeof(full.course), "%s", r->course);
	CLI_SAY(cli, MSG_SHOW_HEAD, r->channel, r->course, text_number(&release, r->release),
	    r->label);
	say_texts(cli, MSG_SHOW_TITLE, &r->title);
	say_texts(cli, MSG_SHOW_SUMMARY, &r->summary);
	say_texts(cli, MSG_SHOW_NOTES, &r->notes);
	CLI_SAY(cli, MSG_SHOW_FIELD, field_name(cli, r->field));
	say_list(cli, MSG_SHOW_LANGUAGE, &r->languages);
	if (r->study_minutes > 0)
		say_minutes(cli, r->study_minutes);
	say_list(cli, MSG_SHOW_LECTURER, &r->lecturers);
	if (r->rights != NULL)
		CLI_SAY(cli, MSG_SHOW_RIGHTS, r->rights);
	CLI_SAY(cli, MSG_SHOW_FILES, text_number(&files, r->n_files),
	    text_bytes(&bytes, r->file_bytes), text_time(&when, r->published_at));
	digest_hex(sha256, &r->tar.sha256);
	CLI_SAY(cli, MSG_SHOW_TAR, sha256);
	library_path(path, LIBRARY_FILES, &full);
	if (what->recall != NULL)
		recalls_say_one(cli, what->recall, false);
	if (what->is_hidden)
		library_path(path, LIBRARY_HIDDEN, &full);
	if (what->is_held)
		CLI_SAY(cli, MSG_SHOW_HELD, home_path(s->home), path);
	else
		CLI_SAY(cli, MSG_SHOW_NOT_HELD);
}

/* What the word means, in every channel: held, else hidden, else on offer. */
struct showing {
	const struct session *s;
	struct catalogue *catalogue; /* may be NULL: nothing was ever believed */
	const char *word;
	struct library held, hidden;
	size_t n_shown;
	enum status status;
};

static bool
is_same_course(const struct library_name *a, const struct library_name *b)
{
	return strcmp(a->channel, b->channel) == 0 && strcmp(a->course, b->course) == 0;
}

/* Whether the word means one of the first n, too, of the same course: the newest comes first. */
static bool
has_shown(const struct showing *v, const struct library *l, size_t n,
    const struct library_name *name)
{
	for (size_t i = 0; i < n; i++)
		if (is_same_course(&l->held[i], name) && library_matches(v->word, &l->held[i]))
			return true;
	return false;
}

/* what->record is the caller's; rc is that of reading it. */
static void
show_one(struct showing *v, const struct shown *what, int rc, const struct err *e)
{
	if (v->n_shown++ > 0)
		(void)putchar('\n');
	if (rc == -1)
		v->status = cli_fail(v->s->cli, e);
	else
		say(v->s, what);
}

static void
show_ours(struct showing *v, const struct library *l, bool is_hidden)
{
	for (size_t i = 0; i < l->n_held; i++) {
		const struct library_name *name = &l->held[i];
		struct shown what = { .is_held = true, .is_hidden = is_hidden };
		struct err e = { 0 };
		int rc;

		if (!library_matches(v->word, name) || has_shown(v, l, i, name) ||
		    (is_hidden && has_shown(v, &v->held, v->held.n_held, name)))
			continue;
		rc = release_held_record(v->s->home, name, &what.record, &e);
		if (rc == 0 && v->catalogue != NULL)
			what.recall = catalogue_find_recall(v->catalogue, name);
		show_one(v, &what, rc, &e);
		record_free(what.record);
	}
}

static void
show_offers(struct showing *v)
{
	for (size_t i = 0; v->catalogue != NULL && i < catalogue_n_offers(v->catalogue); i++) {
		const struct catalogue_offer *offer = catalogue_offer(v->catalogue, i);
		const struct release_want want = {
			.name = &offer->name, .trust = catalogue_trust(v->catalogue),
			.target = offer->record,
		};
		struct shown what = { .is_held = false };
		struct err e = { 0 };
		int rc;

		if (!library_matches(v->word, &offer->name) ||
		    has_shown(v, &v->held, v->held.n_held, &offer->name) ||
		    has_shown(v, &v->hidden, v->hidden.n_held, &offer->name))
			continue;
		rc = release_record(v->s->home, NULL, &want, &what.record, &e);
		show_one(v, &what, rc, &e);
		record_free(what.record);
	}
}

static enum status
show(const struct session *s, const char *word)
{
	struct showing v = { .s = s, .word = word, .status = STATUS_OK };
	struct err e = { 0 };

	/* Without what was believed last, what is held can be shown all the same. */
	if (catalogue_open(s->home, NULL, (int64_t)time(NULL), &v.catalogue, NULL) == -1)
		v.catalogue = NULL;
	if (library_load(s->home, &v.held, &e) == -1 ||
	    library_load_hidden(s->home, &v.hidden, &e) == -1) {
		v.status = cli_fail(s->cli, &e);
	} else {
		show_ours(&v, &v.held, false);
		show_ours(&v, &v.hidden, true);
		show_offers(&v);
		if (v.n_shown == 0) {
			(void)err_set(&e, ERR_NOT_FOUND,
			    "no course %s is held or was offered at the last check", word);
			v.status = cli_fail(s->cli, &e);
		}
	}
	library_clear(&v.held);
	library_clear(&v.hidden);
	catalogue_close(v.catalogue);
	return v.status;
}

enum status
cmd_show(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 1, 1, MSG_USAGE_SHOW };
	struct args_list words;
	struct session s;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open_offline(&s, cli);
	if (status != STATUS_OK)
		return status;
	status = show(&s, words.words[0]);
	session_close(&s);
	return status;
}
