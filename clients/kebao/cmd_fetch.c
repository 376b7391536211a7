/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "clients/kebao/cmd.h"
#include "clients/kebao/fetch.h"

struct words {
	const char *limit_rate;
	const char *hours;
	const char *progress;
	bool keeps_trying;
};

/* What the command line says goes before what the home's settings say. */
static enum status
merge(struct settings *s, const struct words *w, const struct cli *cli)
{
	struct err e = { 0 };

	if ((w->limit_rate != NULL && settings_parse(s, "limit-rate", w->limit_rate, &e) == -1) ||
	    (w->hours != NULL && settings_parse(s, "hours", w->hours, &e) == -1)) {
		(void)cli_fail(cli, &e);
		return STATUS_USAGE;
	}
	if (w->progress != NULL && strcmp(w->progress, "json") != 0) {
		CLI_WARN(cli, MSG_ARGS_CHOICE, "--progress", w->progress, "json");
		CLI_WARN(cli, MSG_USAGE_FETCH);
		return STATUS_USAGE;
	}
	s->keeps_trying = s->keeps_trying || w->keeps_trying;
	return STATUS_OK;
}

/*
 * Who names nothing goes on with what a run that was stopped was asked for: less would leave
 * undone what somebody wanted.  The names are lent by *earlier.
 */
static bool
take_up(const struct session *s, struct asked *a, struct report_state *earlier)
{
	struct asked now = *a;

	if (a->all || a->names.n > 0 || report_load(s->home, earlier) == -1 ||
	    !report_is_unfinished(earlier) || earlier->asked[0] == '\0')
		return false;
	CLI_NOTE(s->cli, MSG_FETCH_GOES_ON, earlier->asked);
	asked_read(earlier->asked, a);
	a->is_low_space = a->is_low_space || now.is_low_space;
	a->keeps_old = a->keeps_old || now.keeps_old;
	return true;
}

static enum status
fetch(struct fetch *f, const struct session *s, const struct settings *settings)
{
	struct err e = { 0 };
	enum status status;

	f->s = s;
	f->settings = settings;
	if (pace_new(s->home, settings, &f->pace, &e) == -1)
		return cli_fail(s->cli, &e);
	if (hub_use_settings(s->hub, settings, f->is_dry ? NULL : f->pace, &e) == -1) {
		pace_free(f->pace);
		return cli_fail(s->cli, &e);
	}
	transfer_on_retry(hub_transfer(s->hub), report_retry, &f->report);
	status = fetch_run(f);
	(void)hub_use_settings(s->hub, settings, NULL, NULL); /* takes back what may fail to come */
	pace_free(f->pace);
	return status;
}

enum status
cmd_fetch(struct cli *cli, int argc, char *const *argv)
{
	struct fetch f = { .s = NULL };
	struct report_state earlier;
	struct words w = { .limit_rate = NULL };
	bool is_json = false;
	const struct args_option options[] = {
		{ .name = "all", .flag = &f.asked.all },
		{ .name = "delete-withdrawn", .flag = &f.deletes },
		{ .name = "dry-run", .flag = &f.is_dry },
		{ .name = "json", .flag = &is_json },
		{ .name = "keep-old", .flag = &f.asked.keeps_old },
		{ .name = "keep-trying", .flag = &w.keeps_trying },
		{ .name = "low-space", .flag = &f.asked.is_low_space },
		{ .name = "limit-rate", .value = &w.limit_rate },
		{ .name = "hours", .value = &w.hours },
		{ .name = "progress", .value = &w.progress },
		{ .name = NULL },
	};
	const struct cli_usage usage = { options, 0, ARGS_MAX_WORDS, MSG_USAGE_FETCH };
	struct settings settings;
	struct session s;
	enum status status = cli_parse(cli, &usage, argc, argv, &f.asked.names);

	if (status != STATUS_OK || cli->is_help)
		return status;
	settings_init(&settings);
	status = merge(&settings, &w, cli);
	if (status != STATUS_OK)
		return status;
	status = session_open(&s, cli);
	if (status != STATUS_OK)
		return status;
	settings = *hub_settings(s.hub);
	(void)merge(&settings, &w, cli); /* it was good above */
	f.is_going_on = take_up(&s, &f.asked, &earlier);
	settings.keeps_old = settings.keeps_old || f.asked.keeps_old;
	f.is_json = is_json || w.progress != NULL;
	status = fetch(&f, &s, &settings);
	session_close(&s);
	return status;
}
