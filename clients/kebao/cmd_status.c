/* SPDX-License-Identifier: Apache-2.0 */
/* kebao status: in one line what is going on and what comes next. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/library.h"
#include "clients/kebao/pace.h"
#include "clients/kebao/report.h"
#include "clients/kebao/session.h"
#include "clients/kebao/settings.h"
#include "clients/kebao/text.h"

#define ASKED_SHOWN 200u /* bytes of a line that people read */

struct view {
	const struct cli *cli;
	bool is_running;
	bool has_run;             /* run.json is there */
	bool has_courses;
	struct report_state run;
	enum pace_state pace;
	int64_t until;            /* of pace */
	int64_t contact_at;
};

static void
say_fetching(const struct view *v)
{
	const struct report_state *r = &v->run;
	unsigned percent = r->total_bytes > 0
	    ? (unsigned)(100.0 * (double)r->done_bytes / (double)r->total_bytes)
	    : 0;
	uint64_t rest_bytes = r->total_bytes > r->done_bytes ? r->total_bytes - r->done_bytes : 0;
	uint32_t n_rest = r->n_courses > r->n_courses_done + 1
	    ? r->n_courses - r->n_courses_done - 1
	    : 0;
	struct text release, share, total, speed, left, rest;

	CLI_SAY(v->cli, MSG_STATUS_FETCHING, r->name.channel, r->name.course,
	    text_number(&release, r->name.release), text_number(&share, percent),
	    text_bytes(&total, r->total_bytes), text_bytes(&speed, r->bytes_per_second),
	    r->bytes_per_second > 0
	        ? text_duration(&left, v->cli->lang, rest_bytes / r->bytes_per_second + 1)
	        : "?",
	    text_number(&rest, n_rest));
}

/* What hinders the next run, or nothing. */
static void
say_next(const struct view *v)
{
	struct text at;

	switch (v->pace) {
	case PACE_GO:
		return;
	case PACE_PAUSED:
		CLI_SAY(v->cli, MSG_STATUS_PAUSED);
		return;
	case PACE_CLOSED:
		CLI_SAY(v->cli, MSG_STATUS_CLOSED, text_time(&at, v->until));
		return;
	case PACE_SPENT:
		CLI_SAY(v->cli, MSG_STATUS_SPENT, text_time(&at, v->until));
		return;
	}
}

/* The command that does what the last run was asked for; one that goes on with it does, too. */
static const char *
command(const struct report_state *r, struct buf *b)
{
	const char *asked = strlen(r->asked) <= ASKED_SHOWN ? r->asked : "";

	buf_truncate(b, 0);
	if (buf_add_text(b, "kebao fetch", NULL) == -1 ||
	    (asked[0] != '\0' &&
	        (buf_add_text(b, " ", NULL) == -1 || buf_add_text(b, asked, NULL) == -1)))
		return "kebao fetch";
	return buf_text(b);
}

static enum message
next_of(const struct report_state *r)
{
	if (r->status == STATUS_SPACE)
		return strstr(r->asked, "--low-space") != NULL ? MSG_STATUS_NEXT_ROOM
		                                               : MSG_STATUS_NEXT_LOW_SPACE;
	if (r->must_enrol)
		return MSG_STATUS_NEXT_ENROLL;
	if (r->status == STATUS_DENIED || r->status == STATUS_BAD_INPUT)
		return MSG_STATUS_NEXT_MEND;
	return MSG_STATUS_NEXT_FETCH;
}

/* The last run ended without all that was wanted: why, and what comes next. */
static void
say_failed(const struct view *v)
{
	const struct report_state *r = &v->run;
	struct buf b = BUF_INIT, next = BUF_INIT, line = BUF_INIT;
	const char *why = cli_reason(v->cli, r->why, &b);
	const char *advice = "kebao fetch";
	struct text at, status;

	(void)text_time(&at, r->updated_at);
	(void)text_number(&status, (uint64_t)r->status);
	if (messages_add(&next, v->cli->lang, next_of(r),
	        MESSAGES_ARGS(command(r, &line)), NULL) == 0)
		advice = buf_text(&next);
	if (r->status == STATUS_NOT_FOUND && r->why[0] != '\0')
		CLI_SAY(v->cli, MSG_STATUS_NOT_FOUND, at.s, why);
	else if (r->status == STATUS_WITHHELD && r->why[0] != '\0')
		CLI_SAY(v->cli, MSG_STATUS_WITHHELD, at.s, why);
	else if (r->why[0] == '\0')
		CLI_SAY(v->cli, MSG_STATUS_FAILED_WITH, at.s, status.s, advice);
	else
		CLI_SAY(v->cli, MSG_STATUS_FAILED, at.s, why, advice);
	buf_clear(&b);
	buf_clear(&next);
	buf_clear(&line);
}

static void
say_idle(const struct view *v)
{
	const struct report_state *r = &v->run;
	struct text contact, at, percent;
	struct buf line = BUF_INIT;
	unsigned share = r->total_bytes > 0
	    ? (unsigned)(100.0 * (double)r->done_bytes / (double)r->total_bytes)
	    : 0;

	if (v->pace != PACE_GO) {
		say_next(v);
	} else if (!v->has_run) {
		CLI_SAY(v->cli, v->has_courses ? MSG_STATUS_NO_NEWS : MSG_STATUS_NEVER);
	} else if (r->phase != REPORT_ENDED && r->name.release > 0) {
		CLI_SAY(v->cli, MSG_STATUS_BROKEN, text_time(&at, r->updated_at), r->name.channel,
		    r->name.course, text_number(&percent, share), command(r, &line));
	} else if (r->phase != REPORT_ENDED || r->status == STATUS_INTERRUPTED) {
		CLI_SAY(v->cli, MSG_STATUS_BROKEN_EARLY, text_time(&at, r->updated_at),
		    command(r, &line));
	} else if (r->status == STATUS_OK) {
		CLI_SAY(v->cli, MSG_STATUS_IDLE, text_time(&at, r->updated_at),
		    v->contact_at > 0 ? text_time(&contact, v->contact_at) : "-");
	} else {
		say_failed(v);
	}
	buf_clear(&line);
}

/* For a time, or (until is 0) for a word; how many courses wait is not known before a look. */
static void
say_waiting(const struct view *v, const char *reason, int64_t until)
{
	const struct report_state *r = &v->run;
	uint32_t n = r->n_courses > r->n_courses_done ? r->n_courses - r->n_courses_done : 0;
	struct buf b = BUF_INIT;
	const char *why = cli_reason(v->cli, reason, &b);
	struct text at, rest;

	(void)text_number(&rest, n);
	(void)text_time(&at, until);
	if (until > 0 && n > 0)
		CLI_SAY(v->cli, MSG_STATUS_WAITING, why, at.s, rest.s);
	else if (until > 0)
		CLI_SAY(v->cli, MSG_STATUS_WAITING_ALONE, why, at.s);
	else if (n > 0)
		CLI_SAY(v->cli, MSG_STATUS_WAITING_WORD, why, rest.s);
	else
		CLI_SAY(v->cli, MSG_STATUS_WAITING_WORD_ALONE, why);
	buf_clear(&b);
}

/* The hub is out of reach: since when, why, and when it is asked again. */
static void
say_trouble(const struct view *v)
{
	const struct report_state *r = &v->run;
	bool is_busy = r->status == STATUS_BUSY;
	struct buf b = BUF_INIT;
	const char *why = cli_reason(v->cli, r->why, &b);
	struct text since, at;

	(void)text_time(&since, r->since);
	if (r->until > (int64_t)time(NULL))
		CLI_SAY(v->cli, is_busy ? MSG_STATUS_BUSY_HUB : MSG_STATUS_NO_HUB, since.s, why,
		    text_time(&at, r->until));
	else
		CLI_SAY(v->cli, is_busy ? MSG_STATUS_BUSY_HUB_NOW : MSG_STATUS_NO_HUB_NOW, since.s,
		    why);
	buf_clear(&b);
}

static void
say(const struct view *v)
{
	const struct report_state *r = &v->run;

	if (!v->is_running) {
		say_idle(v);
		return;
	}
	if (!v->has_run) {
		CLI_SAY(v->cli, MSG_STATUS_BUSY);
		return;
	}
	if (r->phase != REPORT_ENDED && v->pace == PACE_PAUSED) {
		say_waiting(v, PACE_PAUSED_TEXT, 0);
		return;
	}
	if (r->phase != REPORT_ENDED && r->since > 0) {
		say_trouble(v);
		return;
	}
	switch (r->phase) {
	case REPORT_LOOKING:
		CLI_SAY(v->cli, MSG_STATUS_LOOKING);
		return;
	case REPORT_FETCHING:
		say_fetching(v);
		return;
	case REPORT_WAITING:
		say_waiting(v, r->why, r->until);
		return;
	case REPORT_ENDED: /* another verb has the lock */
		CLI_SAY(v->cli, MSG_STATUS_BUSY);
		return;
	}
}

static int
say_json(const struct view *v, struct err *e)
{
	static const char *const phases[] = {
		[REPORT_LOOKING] = "looking", [REPORT_FETCHING] = "fetching",
		[REPORT_WAITING] = "waiting", [REPORT_ENDED] = "ended",
	};
	static const char *const paces[] = {
		[PACE_GO] = "go", [PACE_PAUSED] = "paused", [PACE_CLOSED] = "closed",
		[PACE_SPENT] = "spent",
	};
	const struct report_state *r = &v->run;
	struct json *doc = json_new();
	struct json_at top = json_top(doc);
	struct buf bytes = BUF_INIT;
	int rc;

	json_put_bool(top, "running", v->is_running);
	json_put_text(top, "line", paces[v->pace]);
	json_put_int(top, "line_until", v->until);
	json_put_int(top, "contact_at", v->contact_at);
	if (v->has_run) {
		json_put_text(top, "phase", phases[r->phase]);
		json_put_int(top, "updated_at", r->updated_at);
		if (r->name.release > 0) {
			json_put_text(top, "channel", r->name.channel);
			json_put_text(top, "course", r->name.course);
			json_put_int(top, "release", r->name.release);
		}
		json_put_int(top, "done_bytes", (int64_t)r->done_bytes);
		json_put_int(top, "total_bytes", (int64_t)r->total_bytes);
		json_put_int(top, "bytes_per_second", (int64_t)r->bytes_per_second);
		json_put_int(top, "courses_done", r->n_courses_done);
		json_put_int(top, "courses", r->n_courses);
		json_put_int(top, "since", r->since);
		json_put_int(top, "until", r->until);
		json_put_int(top, "status", r->status);
		json_put_bool(top, "must_enrol", r->must_enrol);
		json_put_text(top, "why", r->why);
		json_put_text(top, "asked", r->asked);
	}
	rc = canon_write(top, &bytes, e);
	if (rc == 0)
		(void)printf("%s\n", buf_text(&bytes)); /* main() sees a full disk at the end */
	buf_clear(&bytes);
	json_free(doc);
	return rc;
}

static int
look(const struct session *s, struct view *v, struct err *e)
{
	struct library library = { NULL, 0 };
	struct settings settings;
	struct home_state state;
	struct pace *pace;

	v->is_running = home_is_locked(s->home);
	v->has_run = report_load(s->home, &v->run) == 0;
	home_load_state(s->home, &state);
	v->contact_at = state.contact_at;
	if (library_load(s->home, &library, e) == -1)
		return -1;
	v->has_courses = library.n_held > 0;
	library_clear(&library);
	if (settings_load(s->home, &settings, e) == -1 ||
	    pace_new(s->home, &settings, &pace, e) == -1)
		return -1;
	v->pace = pace_ask(pace, &v->until);
	pace_free(pace);
	return 0;
}

enum status
cmd_status(struct cli *cli, int argc, char *const *argv)
{
	bool is_json = false;
	const struct args_option options[] = {
		{ .name = "json", .flag = &is_json }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 0, 0, MSG_USAGE_STATUS };
	struct args_list words;
	struct session s;
	struct view v = { .cli = cli };
	struct err e = { 0 };
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open_offline(&s, cli);
	if (status != STATUS_OK)
		return status;
	if (look(&s, &v, &e) == -1 || (is_json && say_json(&v, &e) == -1))
		status = cli_fail(cli, &e);
	else if (!is_json)
		say(&v);
	session_close(&s);
	return status;
}
