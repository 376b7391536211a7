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
	struct record *record; /* owned by show() */
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

/* The newest held release that the word means. */
static const struct library_name *
find_held(const struct library *l, const char *word)
{
	for (size_t i = 0; i < l->n_held; i++)
		if (library_matches(word, &l->held[i]))
			return &l->held[i];
	return NULL;
}

static int
find_offer(const struct session *s, const struct catalogue *c, const char *word,
    struct record **out, struct err *e)
{
	for (size_t i = 0; i < catalogue_n_offers(c); i++) {
		const struct catalogue_offer *offer = catalogue_offer(c, i);
		const struct release_want want = {
			.name = &offer->name, .trust = catalogue_trust(c), .target = offer->record,
		};

		if (library_matches(word, &offer->name))
			return release_record(s->home, NULL, &want, out, e);
	}
	return err_set(
	    e, ERR_NOT_FOUND, "no course %s is held or was offered at the last check", word);
}

/* Held, else hidden, else on offer.  c may be NULL. */
static int
find(const struct session *s, const struct catalogue *c, const char *word, struct shown *out,
    struct err *e)
{
	struct library library = { NULL, 0 }, hidden = { NULL, 0 };
	const struct library_name *name;
	int rc = -1;

	if (library_load(s->home, &library, e) == -1 ||
	    library_load_hidden(s->home, &hidden, e) == -1)
		goto out;
	name = find_held(&library, word);
	if (name == NULL) {
		name = find_held(&hidden, word);
		out->is_hidden = name != NULL;
	}
	out->is_held = name != NULL;
	if (name != NULL)
		rc = release_held_record(s->home, name, &out->record, e);
	else if (c != NULL)
		rc = find_offer(s, c, word, &out->record, e);
	else
		(void)err_set(e, ERR_NOT_FOUND, "no course %s is held here", word);
	if (rc == 0 && name != NULL && c != NULL)
		out->recall = catalogue_find_recall(c, name);
out:
	library_clear(&library);
	library_clear(&hidden);
	return rc;
}

static enum status
show(const struct session *s, const char *word)
{
	struct shown what = { .record = NULL };
	struct catalogue *c = NULL;
	struct err e = { 0 };
	enum status status = STATUS_OK;

	/* Without what was believed last, what is held can be shown all the same. */
	if (catalogue_open(s->home, NULL, (int64_t)time(NULL), &c, NULL) == -1)
		c = NULL;
	if (find(s, c, word, &what, &e) == -1)
		status = cli_fail(s->cli, &e);
	else
		say(s, &what);
	record_free(what.record);
	catalogue_close(c);
	return status;
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
