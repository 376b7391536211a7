/* SPDX-License-Identifier: Apache-2.0 */
/* The plan in words: plan.h. */
#include <string.h>
#include <time.h>

#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "catalog/repo/record.h"
#include "clients/kebao/plan.h"
#include "clients/kebao/recalls.h"
#include "clients/kebao/text.h"

static void
say_course(const struct cli *cli, const struct plan_course *c)
{
	const struct update_cost *cost = &c->cost;
	const char *lang = cli->lang == LANGUAGE_ZH ? "zh" : "en";
	const char *title = record_text_in(&cost->record->title, lang);
	const char *notes = record_text_in(&cost->record->notes, lang);
	struct text number, held, fetch, size;

	(void)text_number(&number, c->offer->name.release);
	(void)text_number(&held, cost->held_release);
	(void)text_bytes(&fetch, cost->fetch_bytes);
	(void)text_bytes(&size, cost->record->file_bytes);
	CLI_SAY(cli, cost->held_release > 0 ? MSG_CHECK_UPDATE : MSG_CHECK_NEW,
	    c->offer->name.channel, c->offer->name.course, number.s, cost->record->label, title,
	    size.s, fetch.s, held.s);
	if (notes != NULL && *notes != '\0')
		CLI_SAY(cli, MSG_CHECK_NOTES, notes);
}

static void
say_sum(const struct plan *p, const struct cli *cli)
{
	struct text n, n_new, n_changed, bytes, time;

	(void)text_number(&n, p->n_courses);
	(void)text_number(&n_new, p->n_new);
	(void)text_number(&n_changed, p->n_changed);
	(void)text_bytes(&bytes, p->fetch_bytes);
	if (p->bytes_per_second == 0)
		CLI_SAY(cli, MSG_CHECK_SUM, n.s, bytes.s, n_new.s, n_changed.s);
	else
		CLI_SAY(cli, p->is_limited ? MSG_CHECK_SUM_LIMIT : MSG_CHECK_SUM_TIME, n.s, bytes.s,
		    text_duration(&time, cli->lang, plan_seconds(p)), n_new.s, n_changed.s);
}

/* What will keep a fetch from its end, whichever comes first. */
static void
say_pace(const struct plan *p, const struct cli *cli)
{
	uint64_t left = p->budget_bytes > p->used_bytes ? p->budget_bytes - p->used_bytes : 0;
	int64_t now = (int64_t)time(NULL);
	struct text at, bytes;

	switch (p->pace) {
	case PACE_PAUSED:
		CLI_SAY(cli, MSG_PLAN_PAUSED);
		return;
	case PACE_CLOSED:
		CLI_SAY(cli, MSG_PLAN_CLOSED, text_time(&at, p->until));
		return;
	case PACE_SPENT:
		CLI_SAY(cli, MSG_PLAN_SPENT, text_time(&at, p->until));
		return;
	case PACE_GO:
		break;
	}
	if (p->budget_bytes > 0 && p->fetch_bytes > left)
		CLI_SAY(cli, MSG_PLAN_OVER_BUDGET, text_bytes(&bytes, left));
	else if (p->closes_at > 0 && plan_seconds(p) > (uint64_t)(p->closes_at - now))
		CLI_SAY(cli, MSG_PLAN_CLOSES, text_time(&at, p->closes_at));
}

static void
say_space(const struct plan *p, const struct cli *cli)
{
	struct text need, peak, freed, room, reserve, used, budget;

	CLI_SAY(cli, MSG_PLAN_SPACE, text_bytes(&need, p->need_bytes),
	    text_bytes(&peak, p->peak_bytes), text_bytes(&freed, p->freed_bytes),
	    text_bytes(&room, p->free_bytes), text_bytes(&reserve, p->reserve_bytes));
	if (plan_check_space(p, NULL) == -1)
		CLI_SAY(cli, MSG_PLAN_NO_ROOM);
	if (p->budget_bytes > 0)
		CLI_SAY(cli, MSG_PLAN_BUDGET, text_bytes(&used, p->used_bytes),
		    text_bytes(&budget, p->budget_bytes));
	say_pace(p, cli);
}

void
plan_say(const struct plan *p, const struct cli *cli)
{
	for (size_t i = 0; i < p->n_courses; i++)
		say_course(cli, &p->courses[i]);
	if (p->n_courses == 0)
		return;
	say_sum(p, cli);
	say_space(p, cli);
}

/* --- JSON --- */

static void
put_text(struct json_at at, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_put_text(at, key, text);
}

static void
put_course(struct json_at at, const struct plan_course *c)
{
	const struct update_cost *cost = &c->cost;

	json_put_text(at, "channel", c->offer->name.channel);
	json_put_text(at, "course", c->offer->name.course);
	json_put_int(at, "release", c->offer->name.release);
	json_put_int(at, "held", cost->held_release);
	json_put_text(at, "label", cost->record->label);
	put_text(at, "title_zh", record_text_in(&cost->record->title, "zh"));
	put_text(at, "title_en", record_text_in(&cost->record->title, "en"));
	put_text(at, "notes", record_text_in(&cost->record->notes, "zh"));
	json_put_int(at, "bytes", (int64_t)cost->record->file_bytes);
	json_put_int(at, "fetch_bytes", (int64_t)cost->fetch_bytes);
	json_put_int(at, "full_bytes", (int64_t)cost->full_bytes);
	json_put_int(at, "need_bytes", (int64_t)cost->need_bytes);
	json_put_int(at, "freed_bytes", (int64_t)cost->freed_bytes);
}

static void
put_name(struct json_at item, const struct library_name *name)
{
	json_put_text(item, "channel", name->channel);
	json_put_text(item, "course", name->course);
	json_put_int(item, "release", name->release);
}

/* Recalled releases that are visible here, and hidden ones that are live again. */
static void
put_recalls(struct json_at top, const struct plan *p, const struct catalogue *c)
{
	struct json_at recalled = json_put_array(top, "withdrawn");
	struct json_at undone = json_put_array(top, "undone");

	for (size_t i = 0; i < p->library->n_held; i++) {
		const struct catalogue_recall *r = catalogue_find_recall(c, &p->library->held[i]);
		struct json_at item;

		if (r == NULL)
			continue;
		item = json_add_object(recalled);
		put_name(item, &r->name);
		json_put_text(item, "reason", r->what.reason);
		if (r->what.date != 0)
			json_put_utc(item, "date", r->what.date);
		if (r->what.successor != 0)
			json_put_int(item, "successor", r->what.successor);
	}
	for (size_t i = 0; i < p->hidden->n_held; i++)
		if (recalls_is_undone(c, &p->hidden->held[i]))
			put_name(json_add_object(undone), &p->hidden->held[i]);
}

int
plan_encode(const struct plan *p, const struct catalogue *c, struct buf *out, struct err *e)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc);
	struct json_at list = json_put_array(top, "new");
	struct json_at gone = json_put_array(top, "withheld");
	struct json_at ended = json_put_array(top, "ended");
	struct json_at refused = json_put_array(top, "refused");
	int rc;

	for (size_t i = 0; i < p->n_courses; i++)
		put_course(json_add_object(list), &p->courses[i]);
	for (size_t i = 0; i < catalogue_n_withheld(c); i++)
		json_add_text(gone, catalogue_withheld(c, i));
	for (size_t i = 0; i < p->library->n_held; i++)
		if (library_begins_channel(p->library, i) &&
		    catalogue_has_ended(c, p->library->held[i].channel))
			json_add_text(ended, p->library->held[i].channel);
	for (size_t i = 0; i < catalogue_n_refused(c); i++)
		json_add_text(refused, catalogue_refused(c, i)->channel);
	put_recalls(top, p, c);
	json_put_int(top, "fetch_bytes", (int64_t)p->fetch_bytes);
	json_put_int(top, "need_bytes", (int64_t)p->need_bytes);
	json_put_int(top, "peak_bytes", (int64_t)p->peak_bytes);
	json_put_int(top, "freed_bytes", (int64_t)p->freed_bytes);
	json_put_int(top, "free_bytes", (int64_t)p->free_bytes);
	json_put_int(top, "reserve_bytes", (int64_t)p->reserve_bytes);
	json_put_bool(top, "fits", plan_check_space(p, NULL) == 0);
	json_put_int(top, "bytes_per_second", (int64_t)p->bytes_per_second);
	if (p->budget_bytes > 0) {
		json_put_int(top, "budget_bytes", (int64_t)p->budget_bytes);
		json_put_int(top, "used_bytes", (int64_t)p->used_bytes);
	}
	rc = canon_write(top, out, e);
	json_free(doc);
	return rc;
}
