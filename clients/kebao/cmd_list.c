/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "catalog/repo/record.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/recalls.h"
#include "clients/kebao/release.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

static void
say_record(const struct cli *cli, enum message line, const struct library_name *name,
    const struct record *record)
{
	struct text release, bytes;

	CLI_SAY(cli, line, name->channel, name->course, text_number(&release, name->release),
	    record->label, record_text_in(&record->title, cli->lang == LANGUAGE_ZH ? "zh" : "en"),
	    text_bytes(&bytes, record->file_bytes));
}

static enum status
say_held(const struct session *s, const struct library *l)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < l->n_held; i++) {
		struct record *record = NULL;
		struct err e = { 0 };

		if (release_held_record(s->home, &l->held[i], &record, &e) == -1)
			status = cli_fail(s->cli, &e);
		else
			say_record(s->cli, MSG_LIST_HELD, &l->held[i], record);
		record_free(record);
	}
	return status;
}

/* Recalled releases that are here, visible or hidden. */
static void
say_recalls(const struct session *s, const struct library *l)
{
	struct library hidden = { NULL, 0 };
	struct catalogue *c = NULL;

	/* Whoever never reached a hub has nothing that could be recalled. */
	if (catalogue_open(s->home, NULL, (int64_t)time(NULL), &c, NULL) == -1 ||
	    library_load_hidden(s->home, &hidden, NULL) == -1) {
		catalogue_close(c);
		return;
	}
	for (size_t i = 0; i < catalogue_n_recalls(c); i++) {
		const struct catalogue_recall *r = catalogue_recall(c, i);

		if (library_has(l, &r->name) || library_has(&hidden, &r->name))
			recalls_say_one(s->cli, r, false);
	}
	library_clear(&hidden);
	catalogue_close(c);
}

/* What the hub offered at the last contact and is not held. */
static enum status
say_offers(const struct session *s, const struct library *l)
{
	struct catalogue *c = NULL;
	struct err e = { 0 };

	if (catalogue_open(s->home, NULL, (int64_t)time(NULL), &c, &e) == -1) {
		if (e.class != ERR_NOT_FOUND)
			return cli_fail(s->cli, &e);
		CLI_WARN(s->cli, MSG_LIST_NOT_ASKED);
		return STATUS_NOT_FOUND;
	}
	for (size_t i = 0; i < catalogue_n_offers(c); i++) {
		const struct catalogue_offer *offer = catalogue_offer(c, i);
		const struct release_want want = {
			.name = &offer->name, .trust = catalogue_trust(c), .target = offer->record,
		};
		struct record *record = NULL;
		struct text release;

		if (library_has(l, &offer->name))
			continue;
		if (release_record(s->home, NULL, &want, &record, NULL) == 0)
			say_record(s->cli, MSG_LIST_OFFER, &offer->name, record);
		else
			CLI_SAY(s->cli, MSG_LIST_OFFER_BARE, offer->name.channel,
			    offer->name.course, text_number(&release, offer->name.release));
		record_free(record);
	}
	catalogue_close(c);
	return STATUS_OK;
}

enum status
cmd_list(struct cli *cli, int argc, char *const *argv)
{
	bool all = false;
	const struct args_option options[] = { { .name = "all", .flag = &all }, { .name = NULL } };
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_LIST };
	struct library library = { NULL, 0 };
	struct args_list words;
	struct session s;
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open_offline(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (library_load(s.home, &library, &e) == -1) {
		status = cli_fail(cli, &e);
	} else {
		status = say_held(&s, &library);
		say_recalls(&s, &library);
		if (library.n_held == 0)
			CLI_NOTE(cli, MSG_LIST_EMPTY);
		if (status == STATUS_OK && all)
			status = say_offers(&s, &library);
	}
	library_clear(&library);
	session_close(&s);
	return status;
}
