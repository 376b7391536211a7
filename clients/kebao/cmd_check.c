/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/json/canon.h"
#include "catalog/repo/record.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"
#include "clients/kebao/update.h"

/* What a look at the hub has found. */
struct found {
	struct update_cost *costs; /* of offers[i], where is_new[i] */
	bool *is_new;
	size_t n;
	size_t n_new;
	uint64_t fetch_bytes;
	uint64_t bytes_per_second; /* 0: never measured */
};

static int
look(const struct session *s, const struct catalogue *c, const struct library *l,
    struct found *out, struct err *e)
{
	out->n = catalogue_n_offers(c);
	out->costs = calloc(out->n + 1, sizeof(*out->costs));
	out->is_new = calloc(out->n + 1, sizeof(*out->is_new));
	if (out->costs == NULL || out->is_new == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < out->n; i++) {
		const struct update u = {
			.home = s->home,
			.transfer = hub_transfer(s->hub),
			.catalogue = c,
			.library = l,
			.offer = catalogue_offer(c, i),
		};

		if (library_has(l, &u.offer->name))
			continue;
		if (update_cost(&u, &out->costs[i], e) == -1)
			return -1;
		out->is_new[i] = true;
		out->n_new++;
		out->fetch_bytes += out->costs[i].fetch_bytes;
	}
	return 0;
}

static void
found_clear(struct found *f)
{
	for (size_t i = 0; f->costs != NULL && i < f->n; i++)
		record_free(f->costs[i].record);
	free(f->costs);
	free(f->is_new);
}

static void
say_offer(const struct cli *cli, const struct catalogue_offer *offer,
    const struct update_cost *cost)
{
	const char *lang = cli->lang == LANGUAGE_ZH ? "zh" : "en";
	const char *title = record_text_in(&cost->record->title, lang);
	const char *notes = record_text_in(&cost->record->notes, lang);
	struct text number, held, fetch, size;

	(void)text_number(&number, offer->name.release);
	(void)text_number(&held, cost->held_release);
	(void)text_bytes(&fetch, cost->fetch_bytes);
	(void)text_bytes(&size, cost->record->file_bytes);
	CLI_SAY(cli, cost->held_release > 0 ? MSG_CHECK_UPDATE : MSG_CHECK_NEW, offer->name.channel,
	    offer->name.course, number.s, cost->record->label, title, size.s, fetch.s, held.s);
	if (notes != NULL && *notes != '\0')
		CLI_SAY(cli, MSG_CHECK_NOTES, notes);
}

static void
say(const struct cli *cli, const struct catalogue *c, const struct found *f)
{
	struct text n, bytes, time;

	for (size_t i = 0; i < f->n; i++)
		if (f->is_new[i])
			say_offer(cli, catalogue_offer(c, i), &f->costs[i]);
	for (size_t i = 0; i < catalogue_n_withheld(c); i++)
		CLI_WARN(cli, MSG_WITHHELD, catalogue_withheld(c, i));
	if (f->n_new == 0) {
		CLI_CHAT(cli, MSG_CHECK_NOTHING);
		return;
	}
	(void)text_number(&n, f->n_new);
	(void)text_bytes(&bytes, f->fetch_bytes);
	if (f->bytes_per_second == 0)
		CLI_SAY(cli, MSG_CHECK_SUM, n.s, bytes.s);
	else
		CLI_SAY(cli, MSG_CHECK_SUM_TIME, n.s, bytes.s,
		    text_duration(&time, cli->lang, f->fetch_bytes / f->bytes_per_second + 1));
}

static void
put_text(struct json_at at, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_put_text(at, key, text);
}

static int
say_json(const struct catalogue *c, const struct found *f, struct err *e)
{
	struct json *doc = json_new();
	struct json_at list = json_put_array(json_top(doc), "new");
	struct json_at gone = json_put_array(json_top(doc), "withheld");
	struct buf bytes = BUF_INIT;
	int rc;

	for (size_t i = 0; i < f->n; i++) {
		const struct catalogue_offer *offer = catalogue_offer(c, i);
		const struct update_cost *cost = &f->costs[i];
		struct json_at item;

		if (!f->is_new[i])
			continue;
		item = json_add_object(list);
		json_put_text(item, "channel", offer->name.channel);
		json_put_text(item, "course", offer->name.course);
		json_put_int(item, "release", offer->name.release);
		json_put_int(item, "held", cost->held_release);
		json_put_text(item, "label", cost->record->label);
		put_text(item, "title_zh", record_text_in(&cost->record->title, "zh"));
		put_text(item, "title_en", record_text_in(&cost->record->title, "en"));
		put_text(item, "notes", record_text_in(&cost->record->notes, "zh"));
		json_put_int(item, "bytes", (int64_t)cost->record->file_bytes);
		json_put_int(item, "fetch_bytes", (int64_t)cost->fetch_bytes);
		json_put_int(item, "full_bytes", (int64_t)cost->full_bytes);
	}
	for (size_t i = 0; i < catalogue_n_withheld(c); i++)
		json_add_text(gone, catalogue_withheld(c, i));
	json_put_int(json_top(doc), "fetch_bytes", (int64_t)f->fetch_bytes);
	json_put_int(json_top(doc), "bytes_per_second", (int64_t)f->bytes_per_second);
	rc = canon_write(json_top(doc), &bytes, e);
	if (rc == 0)
		(void)printf("%s\n", buf_text(&bytes)); /* main() sees a full disk at the end */
	buf_clear(&bytes);
	json_free(doc);
	return rc;
}

static enum status
check(const struct session *s, bool is_json)
{
	struct catalogue *c = NULL;
	struct library library = { NULL, 0 };
	struct found found = { .costs = NULL };
	struct home_state state;
	struct err e = { 0 };
	enum status status = STATUS_OK;

	home_load_state(s->home, &state);
	found.bytes_per_second = state.bytes_per_second;
	if (library_load(s->home, &library, &e) == -1 ||
	    catalogue_open(s->home, s->hub, (int64_t)time(NULL), &c, &e) == -1 ||
	    look(s, c, &library, &found, &e) == -1) {
		status = session_fail(s, &e);
		goto out;
	}
	if (!is_json)
		say(s->cli, c, &found);
	else if (say_json(c, &found, &e) == -1)
		status = cli_fail(s->cli, &e);
	if (status == STATUS_OK && catalogue_n_withheld(c) > 0)
		status = STATUS_WITHHELD;
	else if (status == STATUS_OK && found.n_new > 0)
		status = STATUS_NEW;
out:
	found_clear(&found);
	catalogue_close(c);
	library_clear(&library);
	return status;
}

enum status
cmd_check(struct cli *cli, int argc, char *const *argv)
{
	bool is_json = false;
	const struct args_option options[] = {
		{ .name = "json", .flag = &is_json }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_CHECK };
	struct args_list words;
	struct session s;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	status = check(&s, is_json);
	session_close(&s);
	return status;
}
