/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/kebao/catalogue.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/progress.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"
#include "clients/kebao/update.h"

struct fetch {
	const struct session *s;
	const struct args_list *wanted; /* courses by name; none: what is held already */
	bool all;
	bool keeps_old;
	struct catalogue *catalogue;
	struct library library;
	/* The display. */
	struct progress progress;
	enum message doing;
	bool is_drawing;
	/* What came of it. */
	size_t n_fetched;
	uint64_t fetched_bytes;
	uint64_t bytes_per_second;
};

static void
on_progress(void *ctx, enum message what, uint64_t done_bytes, uint64_t total_bytes)
{
	struct fetch *f = ctx;
	const struct cli *cli = f->s->cli;

	if (!f->is_drawing || f->doing != what) {
		if (f->is_drawing)
			progress_end(&f->progress);
		progress_begin(&f->progress, cli->lang, cli->is_quiet,
		    messages_text(cli->lang, what), total_bytes);
		f->is_drawing = true;
		f->doing = what;
	}
	progress_set(&f->progress, done_bytes, total_bytes);
}

static bool
is_wanted(const struct fetch *f, const struct library_name *name)
{
	if (f->all)
		return true;
	for (size_t i = 0; i < f->wanted->n; i++)
		if (library_matches(f->wanted->words[i], name))
			return true;
	return f->wanted->n == 0 &&
	       library_newest(&f->library, name->channel, name->course) != NULL;
}

/* A word that means no course must not pass in silence. */
static enum status
check_words(const struct fetch *f)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < f->wanted->n; i++) {
		bool is_known = false;

		for (size_t k = 0; k < catalogue_n_offers(f->catalogue); k++)
			is_known = is_known || library_matches(f->wanted->words[i],
			    &catalogue_offer(f->catalogue, k)->name);
		if (!is_known) {
			CLI_WARN(f->s->cli, MSG_NO_COURSE, f->wanted->words[i]);
			status = STATUS_NOT_FOUND;
		}
	}
	return status;
}

static void
say_fetched(const struct cli *cli, const struct library_name *name,
    const struct update_figures *g)
{
	struct text release, files, size, fetched, saved;
	uint64_t saved_bytes =
	    g->full_bytes > g->fetched_bytes ? g->full_bytes - g->fetched_bytes : 0;

	CLI_SAY(cli, MSG_FETCHED, name->channel, name->course, text_number(&release, name->release),
	    text_number(&files, g->n_files), text_bytes(&size, g->file_bytes),
	    text_bytes(&fetched, g->fetched_bytes), text_bytes(&saved, saved_bytes));
}

static int
fetch_one(struct fetch *f, const struct catalogue_offer *offer, struct err *e)
{
	const struct update u = {
		.home = f->s->home, .transfer = hub_transfer(f->s->hub), .catalogue = f->catalogue,
		.library = &f->library, .offer = offer,
		/* A repair is no update: whoever kept older releases goes on holding them. */
		.keeps_old = f->keeps_old || library_is_doubted(f->s->home, &offer->name),
		.on_progress = on_progress, .ctx = f,
	};
	struct update_figures g;
	int rc = update_fetch(&u, &g, e);

	if (f->is_drawing)
		progress_end(&f->progress);
	f->is_drawing = false;
	if (rc == -1)
		return -1;
	f->n_fetched++;
	f->fetched_bytes += g.fetched_bytes;
	if (g.bytes_per_second > 0)
		f->bytes_per_second = g.bytes_per_second;
	say_fetched(f->s->cli, &offer->name, &g);
	return 0;
}

/* What hinders one course hinders the next as well. */
static bool
ends_all(enum status status)
{
	return status == STATUS_INTERRUPTED || status == STATUS_SPACE || status == STATUS_NETWORK ||
	    status == STATUS_ERROR;
}

/* Anew, from what is good in it and the hub. */
static enum status
repair(struct fetch *f, const struct library_name *name)
{
	struct catalogue_offer offer = {
		.name = *name, .record = catalogue_find(f->catalogue, name),
	};
	struct text release;
	struct err e = { 0 };

	(void)text_number(&release, name->release);
	if (offer.record == NULL) {
		CLI_WARN(f->s->cli, MSG_CANNOT_REPAIR, name->channel, name->course, release.s);
		return STATUS_NOT_FOUND;
	}
	CLI_NOTE(f->s->cli, MSG_FETCH_REPAIR, name->channel, name->course, release.s);
	return fetch_one(f, &offer, &e) == -1 ? session_fail(f->s, &e) : STATUS_OK;
}

/* Releases that kebao verify found damaged and that are still held (their note goes with them). */
static enum status
repair_wanted(struct fetch *f, enum status status)
{
	for (size_t i = 0; i < f->library.n_held; i++) {
		const struct library_name *name = &f->library.held[i];
		enum status of_this;

		if (!is_wanted(f, name) || !library_is_doubted(f->s->home, name))
			continue;
		of_this = repair(f, name);
		if (of_this != STATUS_OK)
			status = of_this;
		if (ends_all(of_this))
			break;
	}
	return status;
}

static enum status
fetch_wanted(struct fetch *f)
{
	enum status status = check_words(f);

	for (size_t i = 0; i < catalogue_n_offers(f->catalogue); i++) {
		const struct catalogue_offer *offer = catalogue_offer(f->catalogue, i);
		struct err e = { 0 };

		if (!is_wanted(f, &offer->name) || library_has(&f->library, &offer->name))
			continue;
		if (fetch_one(f, offer, &e) == -1) {
			status = session_fail(f->s, &e);
			if (ends_all(status))
				return status;
		}
	}
	return repair_wanted(f, status);
}

static void
keep_speed(const struct fetch *f)
{
	struct home_state state;

	if (f->bytes_per_second == 0)
		return;
	home_load_state(f->s->home, &state);
	state.bytes_per_second = f->bytes_per_second;
	(void)home_save_state(f->s->home, &state, NULL); /* only an estimate is lost */
}

static enum status
fetch(struct fetch *f)
{
	struct err e = { 0 };
	enum status status;

	if (library_tidy(f->s->home, &e) == -1 || library_load(f->s->home, &f->library, &e) == -1 ||
	    catalogue_open(f->s->home, f->s->hub, (int64_t)time(NULL), &f->catalogue, &e) == -1) {
		status = session_fail(f->s, &e);
		goto out;
	}
	status = fetch_wanted(f);
	keep_speed(f);
	for (size_t i = 0; i < catalogue_n_withheld(f->catalogue); i++)
		CLI_WARN(f->s->cli, MSG_WITHHELD, catalogue_withheld(f->catalogue, i));
	if (status == STATUS_OK && catalogue_n_withheld(f->catalogue) > 0)
		status = STATUS_WITHHELD;
	if (status == STATUS_OK && f->n_fetched == 0 && f->library.n_held == 0 &&
	    f->wanted->n == 0 && !f->all)
		CLI_NOTE(f->s->cli, MSG_FETCH_WHAT);
	else if (status == STATUS_OK && f->n_fetched == 0)
		CLI_CHAT(f->s->cli, MSG_FETCH_NOTHING);
out:
	catalogue_close(f->catalogue);
	library_clear(&f->library);
	return status;
}

enum status
cmd_fetch(struct cli *cli, int argc, char *const *argv)
{
	struct args_list words;
	struct fetch f = { .wanted = &words };
	const struct args_option options[] = {
		{ .name = "all", .flag = &f.all }, { .name = "keep-old", .flag = &f.keeps_old },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 0, ARGS_MAX_WORDS, MSG_USAGE_FETCH };
	struct session s;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	f.s = &s;
	status = fetch(&f);
	session_close(&s);
	return status;
}
