/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "clients/kebao/choice.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/notice.h"
#include "clients/kebao/part.h"
#include "clients/kebao/space.h"
#include "clients/kebao/text.h"
#include "clients/kebao/ticks.h"
#include "clients/kebao/update.h"

#define FIRST_PAUSE_S 5u     /* after the quarter of a minute that transfer.c tried */
#define LONGEST_PAUSE_S 900u
#define STEP_MS 500u

/* --- which --- */

static bool
is_wanted(const void *ctx, const struct library_name *name)
{
	const struct fetch *f = ctx;

	if (f->asked.all)
		return true;
	for (size_t i = 0; i < f->asked.names.n; i++)
		if (library_matches(f->asked.names.words[i], name))
			return true;
	/* A course whose only copy is hidden is still one that is held here. */
	return (f->asked.names.n == 0 || f->is_going_on) &&
	       (library_newest(&f->library, name->channel, name->course) != NULL ||
	           library_newest(&f->hidden, name->channel, name->course) != NULL);
}

/* A course on offer, or a release held that is to be repaired. */
static bool
is_known(const struct fetch *f, const char *word)
{
	for (size_t i = 0; i < catalogue_n_offers(f->catalogue); i++)
		if (library_matches(word, &catalogue_offer(f->catalogue, i)->name))
			return true;
	for (size_t i = 0; i < f->library.n_held; i++)
		if (library_matches(word, &f->library.held[i]) &&
		    library_is_doubted(f->s->home, &f->library.held[i]))
			return true;
	return false;
}

/* The course of which word names a release that is not the newest; NULL: it is something else. */
static const struct library_name *
find_newer(const struct fetch *f, const char *word)
{
	const char *slash = strrchr(word, '/');
	long long n;

	if (slash == NULL || args_number(slash + 1, 1, LIMIT_RELEASE_NUMBER, &n) == -1)
		return NULL;
	for (size_t i = 0; i < catalogue_n_offers(f->catalogue); i++) {
		const struct library_name *name = &catalogue_offer(f->catalogue, i)->name;
		size_t len = strlen(name->channel);

		if (strncmp(word, name->channel, len) == 0 && word[len] == '/' &&
		    strlen(name->course) == (size_t)(slash - word) - len - 1 &&
		    strncmp(word + len + 1, name->course, strlen(name->course)) == 0)
			return name;
	}
	return NULL;
}

/* A word that means no course must not pass in silence. */
static enum status
check_words(struct fetch *f)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < f->asked.names.n; i++) {
		const char *word = f->asked.names.words[i];
		const struct library_name *newer;
		struct text release;
		char quoted[200];

		if (is_known(f, word))
			continue;
		newer = find_newer(f, word);
		if (newer != NULL)
			CLI_WARN(f->s->cli, MSG_NOT_NEWEST, word, newer->channel, newer->course,
			    text_number(&release, newer->release));
		else
			CLI_WARN(f->s->cli, MSG_NO_COURSE, word);
		status = STATUS_NOT_FOUND;
		(void)err_quote(quoted, sizeof(quoted), word, strlen(word));
		(void)err_set(&f->told, ERR_NOT_FOUND,
		    newer != NULL ? "\"%s\" is not the newest release of its course"
		                  : "no such course: \"%s\"",
		    quoted);
	}
	return status;
}

/* --- one course --- */

static void
on_progress(void *ctx, const struct update_progress *p)
{
	struct fetch *f = ctx;

	report_progress(&f->report, p);
}

/* With --verbose: how the bytes come, and why. */
static void
say_way(void *ctx, const struct update_way *way)
{
	const struct fetch *f = ctx;
	const struct cli *cli = f->s->cli;
	const struct library_name *name = &f->report.state.name;
	struct buf b = BUF_INIT;
	struct text from, patch, frames;

	if (!cli->is_verbose)
		return;
	if (way->why != NULL) {
		CLI_NOTE(cli, MSG_WAY_FAILED, name->channel, name->course,
		    cli_reason(cli, way->why->text, &b));
		buf_clear(&b);
		return;
	}
	(void)text_bytes(&patch, way->choice->patch_bytes);
	(void)text_bytes(&frames, way->choice->frames_bytes);
	switch (way->choice->way) {
	case CHOICE_FRAMES:
		CLI_NOTE(cli, MSG_WAY_FRAMES, name->channel, name->course);
		break;
	case CHOICE_CHEAPER:
		CLI_NOTE(cli, MSG_WAY_CHEAPER, name->channel, name->course, frames.s, patch.s);
		break;
	case CHOICE_NO_ROOM:
		CLI_NOTE(cli, MSG_WAY_NO_ROOM, name->channel, name->course);
		break;
	case CHOICE_PATCH:
		if (way->from == 0)
			CLI_NOTE(cli, MSG_WAY_PATCH_NOTHING, name->channel, name->course, patch.s,
			    frames.s);
		else
			CLI_NOTE(cli, MSG_WAY_PATCH, name->channel, name->course,
			    text_number(&from, way->from), patch.s, frames.s);
		break;
	}
}

static int
fetch_one(struct fetch *f, const struct catalogue_offer *offer, struct hint *hint, struct err *e)
{
	const struct update u = {
		.home = f->s->home, .transfer = hub_transfer(f->s->hub), .catalogue = f->catalogue,
		.library = &f->library, .hidden = &f->hidden, .offer = offer, .hint = hint,
		/* A repair is no update: whoever kept older releases goes on holding them. */
		.keeps_old = f->settings->keeps_old ||
		    library_is_doubted(f->s->home, &offer->name),
		.reserve_bytes = f->settings->reserve_bytes,
		.connections = f->settings->connections,
		.on_progress = on_progress, .on_way = say_way, .ctx = f,
	};
	struct update_figures g;

	report_course(&f->report, &offer->name);
	if (update_fetch(&u, &g, e) == -1)
		return -1;
	f->n_fetched++;
	if (g.bytes_per_second > 0)
		f->bytes_per_second = g.bytes_per_second;
	report_fetched(&f->report, &offer->name, &g);
	return 0;
}

/* What hinders one course hinders the next as well. */
static bool
ends_all(enum status status)
{
	return status == STATUS_INTERRUPTED || status == STATUS_SPACE || status == STATUS_NETWORK ||
	    status == STATUS_NOT_NOW || status == STATUS_DENIED || status == STATUS_ERROR;
}

/* Time, or a word, may mend it. */
static bool
may_pass(enum status status)
{
	return status == STATUS_NETWORK || status == STATUS_NOT_NOW || status == STATUS_BUSY;
}

/* A course failed: where it ends the round, the reason is kept for the end; else it is said. */
static enum status
fail(struct fetch *f, const struct err *e)
{
	enum status status = status_of(e);

	f->why = (struct err){ 0 };
	if (!ends_all(status) && !may_pass(status)) {
		f->told = *e;
		return session_fail(f->s, e);
	}
	f->why = *e;
	return status;
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
		(void)err_set(&f->told, ERR_NOT_FOUND,
		    "%s/%s is damaged, and the hub has it no more", name->channel, name->course);
		return STATUS_NOT_FOUND;
	}
	CLI_NOTE(f->s->cli, MSG_FETCH_REPAIR, name->channel, name->course, release.s);
	return fetch_one(f, &offer, NULL, &e) == -1 ? fail(f, &e) : STATUS_OK;
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

/* --- little room --- */

/* The newest of a course is never removed for room: it may be the only copy. */
static bool
is_replaced(const struct library *l, const struct library_name *name)
{
	return library_newest(l, name->channel, name->course) != name;
}

/* What all releases together would give back that newer held ones replaced. */
static int
room_to_make(const struct fetch *f, uint64_t *out, struct err *e)
{
	const struct library *l = &f->library;
	struct space_sum sum = SPACE_SUM_INIT;
	char path[LIBRARY_PATH_SIZE];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n_held; i++)
		if (is_replaced(l, &l->held[i])) {
			library_path(path, LIBRARY_FILES, &l->held[i]);
			rc = space_sum_add(&sum, home_dirfd(f->s->home), path, e);
		}
	*out = space_sum_bytes(&sum);
	space_sum_clear(&sum);
	return rc;
}

/* Remove replaced releases until so much is free; none where all would not be enough. */
static int
make_room(struct fetch *f, uint64_t want_bytes, struct err *e)
{
	const struct library *l = &f->library;
	uint64_t room, more;

	if (file_free_bytes(home_dirfd(f->s->home), &room, e) == -1)
		return -1;
	if (room >= want_bytes)
		return 0;
	if (room_to_make(f, &more, e) == -1)
		return -1;
	if (more < want_bytes - room)
		return 0;
	for (size_t i = 0; i < l->n_held; i++) {
		const struct library_name *name = &l->held[i];
		struct text release;

		if (file_free_bytes(home_dirfd(f->s->home), &room, e) == -1)
			return -1;
		if (room >= want_bytes)
			return 0;
		if (!is_replaced(l, name))
			continue;
		if (library_remove(f->s->home, name, e) == -1)
			return -1;
		CLI_NOTE(f->s->cli, MSG_FETCH_MADE_ROOM, name->channel, name->course,
		    text_number(&release, name->release));
	}
	return 0;
}

/* 1: it fits; 0: not, which is said. */
static int
fits(struct fetch *f, const struct plan_course *c, struct err *e)
{
	uint64_t want = c->cost.need_bytes + f->settings->reserve_bytes, room;
	struct library now = { NULL, 0 };
	struct text need, have, reserve;

	if (make_room(f, want, e) == -1 || library_load(f->s->home, &now, e) == -1)
		return -1;
	library_clear(&f->library);
	f->library = now;
	if (file_free_bytes(home_dirfd(f->s->home), &room, e) == -1)
		return -1;
	if (room >= want)
		return 1;
	CLI_WARN(f->s->cli, MSG_FETCH_SKIPPED, c->offer->name.channel, c->offer->name.course,
	    text_bytes(&need, c->cost.need_bytes), text_bytes(&have, room),
	    text_bytes(&reserve, f->settings->reserve_bytes));
	return 0;
}

/* --- a round --- */

static enum status
fetch_planned(struct fetch *f, enum status status)
{
	struct err e = { 0 };

	if (f->asked.is_low_space)
		plan_sort_by_need(&f->plan);
	else if (plan_check_space(&f->plan, &e) == -1)
		return fail(f, &e);
	for (size_t i = 0; i < f->plan.n_courses; i++) {
		const struct plan_course *c = &f->plan.courses[i];
		int rc = f->asked.is_low_space ? fits(f, c, &e) : 1;

		if (rc == 0) {
			status = STATUS_SPACE;
			(void)err_set(&f->told, ERR_SYSTEM, "%s/%s does not fit on the disk",
			    c->offer->name.channel, c->offer->name.course);
			continue;
		}
		if (rc == -1 || fetch_one(f, c->offer, c->cost.hint, &e) == -1) {
			enum status of_this = fail(f, &e);

			status = of_this;
			if (ends_all(of_this))
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

/* status is that of words which mean nothing. */
static enum status
say_plan(const struct fetch *f, enum status status)
{
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };

	if (status == STATUS_OK && f->recalls.n_recalled > 0)
		status = STATUS_WITHDRAWN;
	else if (status == STATUS_OK && f->plan.n_courses + f->recalls.n_undone > 0)
		status = STATUS_NEW;
	if (!f->is_json)
		plan_say(&f->plan, f->s->cli);
	else if (plan_encode(&f->plan, f->catalogue, &bytes, &e) == -1)
		status = cli_fail(f->s->cli, &e);
	else
		(void)printf("%s\n", buf_text(&bytes)); /* main() sees a full disk at the end */
	if (!f->is_json && f->plan.n_courses == 0)
		CLI_CHAT(f->s->cli, MSG_FETCH_NOTHING);
	buf_clear(&bytes);
	return status;
}

/* With --delete-withdrawn: hidden copies that nothing here is waiting to replace. */
static int
delete_hidden(struct fetch *f, struct err *e)
{
	struct text number;
	size_t n;

	if (f->is_dry || !f->deletes)
		return 0;
	if (recalls_delete(f->s->home, f->catalogue, &n, e) == -1)
		return -1;
	if (n > 0)
		CLI_NOTE(f->s->cli, MSG_RECALL_DELETED, text_number(&number, n));
	return 0;
}

/* What is held, once recalled releases are out of sight and others back. */
static int
load_libraries(struct fetch *f, struct err *e)
{
	f->recalls.is_aside = f->is_json;
	f->recalls.is_to_go = f->deletes;
	if (!f->is_dry &&
	    recalls_apply(f->s->cli, f->s->home, f->catalogue, &f->recalls, e) == -1)
		return -1;
	if (delete_hidden(f, e) == -1)
		return -1;
	if (library_load(f->s->home, &f->library, e) == -1 ||
	    library_load_hidden(f->s->home, &f->hidden, e) == -1)
		return -1;
	if (f->is_dry)
		recalls_say(f->s->cli, f->catalogue, &f->library, &f->hidden, &f->recalls);
	return 0;
}

/* Catalogue, library and plan; status is that of words which mean nothing. */
static int
look(struct fetch *f, enum status *status, struct err *e)
{
	struct plan_want want = {
		.home = f->s->home, .transfer = hub_transfer(f->s->hub), .library = &f->library,
		.hidden = &f->hidden,
		.settings = f->settings, .keeps_old = f->settings->keeps_old,
		.is_wanted = is_wanted, .ctx = f,
	};

	if (!f->is_dry && pace_check(f->pace, e) == -1)
		return -1;
	home_tidy(f->s->home, (int64_t)time(NULL));
	part_tidy(f->s->home, (int64_t)time(NULL));
	if (library_tidy(f->s->home, e) == -1 ||
	    catalogue_open(f->s->home, f->s->hub, (int64_t)time(NULL), &f->catalogue, e) == -1 ||
	    load_libraries(f, e) == -1)
		return -1;
	*status = check_words(f);
	want.catalogue = f->catalogue;
	if (plan_make(&want, &f->plan, e) == -1)
		return -1;
	f->report.state.n_courses =
	    f->report.state.n_courses_done + (uint32_t)f->plan.n_courses;
	return 0;
}

static void
say_end(const struct fetch *f)
{
	for (size_t i = 0; i < catalogue_n_withheld(f->catalogue); i++)
		CLI_WARN(f->s->cli, MSG_WITHHELD, catalogue_withheld(f->catalogue, i));
	if (f->is_json || f->n_fetched > 0 || f->recalls.n_recalled + f->recalls.n_undone > 0)
		return;
	if (f->library.n_held + f->hidden.n_held == 0 && f->asked.names.n == 0 && !f->asked.all)
		CLI_NOTE(f->s->cli, MSG_FETCH_WHAT);
	else
		CLI_CHAT(f->s->cli, MSG_FETCH_NOTHING);
}

/* Once; the status at the end of the run says it, too. */
static void
say_ended(struct fetch *f)
{
	const char *channel = notice_ended(f->s, f->catalogue, &f->library);

	if (channel == NULL)
		return;
	f->has_ended = true;
	(void)err_set(&f->ended, ERR_WITHHELD, "channel %s has ended", channel);
}

static enum status
fetch_round(struct fetch *f)
{
	enum status status = STATUS_OK;
	struct err e = { 0 };

	f->why = f->told = (struct err){ 0 };
	report_looking(&f->report);
	if (look(f, &status, &e) == -1) {
		f->why = e;
		status = status_of(&e);
		goto out;
	}
	report_contact(&f->report);
	say_ended(f);
	status = f->is_dry ? say_plan(f, status) : fetch_planned(f, status);
	keep_speed(f);
	if (status == STATUS_OK && delete_hidden(f, &e) == -1)
		status = fail(f, &e);
	if (status == STATUS_OK && !f->is_dry)
		say_end(f);
	if (status == STATUS_OK && catalogue_n_withheld(f->catalogue) > 0) {
		status = STATUS_WITHHELD;
		(void)err_set(&f->told, ERR_WITHHELD,
		    "channel %s is not given to this home any more",
		    catalogue_withheld(f->catalogue, 0));
	}
	if (status == STATUS_OK && f->has_ended) {
		status = STATUS_WITHHELD;
		f->told = f->ended;
	}
	/* A course that was asked for may be missing because its channel was refused. */
	for (size_t i = 0; i < catalogue_n_refused(f->catalogue); i++)
		if (status == STATUS_OK || status == STATUS_NOT_FOUND ||
		    status == STATUS_WITHHELD || status == STATUS_UNTRUSTED) {
			f->told = catalogue_refused(f->catalogue, i)->why;
			status = cli_fail(f->s->cli, &f->told);
		}
out:
	plan_clear(&f->plan);
	catalogue_close(f->catalogue);
	f->catalogue = NULL;
	library_clear(&f->library);
	library_clear(&f->hidden);
	return status;
}

/* --- again and again --- */

/* Twice as long each time, half of it by chance: many who lost one line do not return as one. */
static unsigned
pause_s(unsigned n)
{
	unsigned s = n < 8 ? FIRST_PAUSE_S << n : LONGEST_PAUSE_S;
	uint32_t chance = 0;

	s = s < LONGEST_PAUSE_S ? s : LONGEST_PAUSE_S;
	if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
		chance = UINT32_MAX / 2;
	return s / 2 + (unsigned)((uint64_t)s / 2 * chance / UINT32_MAX);
}

/*
 * Until the time has come, or the line is ours again; -1 when a signal came.  The clock may be set
 * back meanwhile and the machine may sleep: a pause is over by either clock.
 */
static int
wait_until(struct fetch *f, enum status why, int64_t until)
{
	int64_t over_ms = ticks_ms() + (until - (int64_t)time(NULL)) * 1000;

	report_wait(&f->report, &f->why, until);
	f->has_waited = true;
	for (;;) {
		bool is_over = why == STATUS_NOT_NOW
		    ? pace_ask(f->pace, NULL) == PACE_GO
		    : (int64_t)time(NULL) >= until || ticks_ms() >= over_ms;

		if (is_over)
			return 0;
		if (interrupt_sleep_ms(STEP_MS, &f->why) == -1)
			return -1;
	}
}

enum status
fetch_run(struct fetch *f)
{
	enum status status;
	size_t before;
	unsigned n = 0;
	char asked[ASKED_SIZE];

	asked_write(&f->asked, asked);
	report_begin(&f->report, f->s->cli, f->is_dry ? NULL : f->s->home, asked,
	    f->is_json && !f->is_dry);
	for (;;) {
		int64_t until = 0;

		before = f->n_fetched;
		status = fetch_round(f);
		if (f->is_dry || !f->settings->keeps_trying || !may_pass(status))
			break;
		n = f->n_fetched > before ? 0 : n;
		if (status == STATUS_NOT_NOW)
			(void)pace_ask(f->pace, &until);
		else
			until = (int64_t)time(NULL) + pause_s(n++);
		if (wait_until(f, status, until) == -1) {
			status = STATUS_INTERRUPTED;
			break;
		}
	}
	if (status != STATUS_OK && f->why.class != ERR_NONE)
		status = session_fail(f->s, &f->why);
	report_end(&f->report, f->is_dry && status == STATUS_NEW ? STATUS_OK : status,
	    f->why.class != ERR_NONE ? &f->why : &f->told);
	return status;
}
