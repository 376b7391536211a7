/* SPDX-License-Identifier: Apache-2.0 */
/* kebao status: in one line what is going on and what comes next. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/checked.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/library.h"
#include "clients/kebao/outlook.h"
#include "clients/kebao/pace.h"
#include "clients/kebao/report.h"
#include "clients/kebao/session.h"
#include "clients/kebao/settings.h"
#include "clients/kebao/text.h"

#define ASKED_SHOWN 200u /* bytes of a line that people read */
#define ROOM_LEAST (1u << 20) /* with less nothing can be fetched, whatever is reserved */

struct view {
	const struct cli *cli;
	bool is_running;
	long process;             /* whose id the lock has; 0: not known */
	bool has_run;             /* run.json is there */
	bool has_courses;
	bool has_check;           /* younger than the run */
	struct report_state run;
	struct checked check;
	struct outlook open;      /* where nothing runs */
	uint64_t free_bytes;
	uint64_t reserve_bytes;
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
	int64_t still_s = r->still_since > 0 ? (int64_t)time(NULL) - r->still_since : 0;
	struct text release, share, total, speed, left, rest;
	struct buf how = BUF_INIT;
	int rc = 0;

	if (still_s > 0)
		rc = messages_add(&how, v->cli->lang, MSG_STATUS_STILL,
		    MESSAGES_ARGS(text_duration(&left, v->cli->lang, (uint64_t)still_s)), NULL);
	else if (r->bytes_per_second > 0)
		rc = messages_add(&how, v->cli->lang, MSG_STATUS_SPEED,
		    MESSAGES_ARGS(text_bytes(&speed, r->bytes_per_second),
		    text_duration(&left, v->cli->lang, rest_bytes / r->bytes_per_second + 1)),
		    NULL);
	CLI_SAY(v->cli, MSG_STATUS_FETCHING, r->name.channel, r->name.course,
	    text_number(&release, r->name.release), text_number(&share, percent),
	    text_bytes(&total, r->total_bytes), rc == 0 ? buf_text(&how) : "",
	    text_number(&rest, n_rest));
	buf_clear(&how);
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
next_of(int status, bool must_enrol)
{
	if (must_enrol)
		return MSG_STATUS_NEXT_ENROLL;
	if (status == STATUS_UNTRUSTED)
		return MSG_STATUS_NEXT_UNTRUSTED;
	if (status == STATUS_DENIED || status == STATUS_BAD_INPUT)
		return MSG_STATUS_NEXT_MEND;
	return MSG_STATUS_NEXT_FETCH;
}

static enum message
next_of_run(const struct report_state *r)
{
	if (r->status != STATUS_SPACE)
		return next_of(r->status, r->must_enrol);
	return strstr(r->asked, "--low-space") != NULL ? MSG_STATUS_NEXT_ROOM
	                                               : MSG_STATUS_NEXT_LOW_SPACE;
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
	if (messages_add(&next, v->cli->lang, next_of_run(r),
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

/* What went wrong when somebody asked last comes first, unless it may pass and a fetch waits. */
static bool
is_check_to_say(const struct view *v)
{
	if (!v->has_check || checked_is_good(&v->check))
		return false;
	return !v->has_run || !report_is_unfinished(&v->run) ||
	    (v->check.status != STATUS_NETWORK && v->check.status != STATUS_BUSY);
}

static void
say_check(const struct view *v)
{
	struct buf b = BUF_INIT, next = BUF_INIT;
	struct text at;

	CLI_SAY(v->cli, MSG_STATUS_CHECK_FAILED, text_time(&at, v->check.at),
	    cli_reason(v->cli, v->check.why, &b),
	    messages_add(&next, v->cli->lang, next_of((int)v->check.status, v->check.must_enrol),
	        MESSAGES_ARGS("kebao check"), NULL) == 0
	        ? buf_text(&next)
	        : "kebao check");
	buf_clear(&b);
	buf_clear(&next);
}

static bool
is_open(const struct outlook *o)
{
	return o->n_new + o->n_changed + o->n_damaged > 0;
}

/* A run that found no room has said so itself, and one that was denied has more to say. */
static bool
is_full(const struct view *v)
{
	const struct report_state *r = &v->run;
	bool is_told = v->has_run && r->phase == REPORT_ENDED &&
	    (r->status == STATUS_SPACE || r->status == STATUS_DENIED);
	uint64_t least = v->reserve_bytes > ROOM_LEAST ? v->reserve_bytes : ROOM_LEAST;

	return !is_told && v->free_bytes < least &&
	    ((v->has_run && report_is_unfinished(r)) || is_open(&v->open));
}

/* Of a run that ended before it could do all: whether what kept it is known to be over. */
static bool
is_over(const struct view *v)
{
	if (v->run.status == STATUS_NOT_NOW)
		return true; /* the line is ours again, or this was not asked */
	return v->has_check && checked_is_good(&v->check) && v->run.status != STATUS_SPACE &&
	    v->run.status != STATUS_ERROR;
}

static void
say_unfinished(const struct view *v)
{
	const struct report_state *r = &v->run;
	struct text at, percent;
	struct buf line = BUF_INIT;
	unsigned share = r->total_bytes > 0
	    ? (unsigned)(100.0 * (double)r->done_bytes / (double)r->total_bytes)
	    : 0;

	if (r->phase != REPORT_ENDED && r->name.release > 0)
		CLI_SAY(v->cli, MSG_STATUS_BROKEN, text_time(&at, r->updated_at), r->name.channel,
		    r->name.course, text_number(&percent, share), command(r, &line));
	else if (r->phase != REPORT_ENDED || r->status == STATUS_INTERRUPTED)
		CLI_SAY(v->cli, MSG_STATUS_BROKEN_EARLY, text_time(&at, r->updated_at),
		    command(r, &line));
	else if (is_over(v))
		CLI_SAY(v->cli, MSG_STATUS_AGAIN, text_time(&at, r->updated_at),
		    command(r, &line));
	else
		say_failed(v);
	buf_clear(&line);
}

/* No run is unfinished: what there is to do, as far as is known here. */
static void
say_open(const struct view *v)
{
	const struct outlook *o = &v->open;
	struct text contact, at, all, new, changed;
	const char *since = v->contact_at > 0 ? text_time(&contact, v->contact_at) : "-";
	const char *next = o->n_new > 0 ? "kebao fetch --all" : "kebao fetch";

	if (o->n_new > 0 && o->n_changed > 0)
		next = messages_text(v->cli->lang, MSG_STATUS_OPEN_BOTH);
	if (o->n_damaged > 0)
		CLI_SAY(v->cli, MSG_STATUS_DAMAGED, o->damaged.channel, o->damaged.course,
		    text_number(&all, o->damaged.release));
	else if (o->n_recalls > 0)
		CLI_SAY(v->cli, MSG_STATUS_RECALLS, text_number(&all, o->n_recalls));
	else if (is_open(o))
		CLI_SAY(v->cli, MSG_STATUS_OPEN, since, text_number(&all, o->n_new + o->n_changed),
		    text_number(&new, o->n_new), text_number(&changed, o->n_changed), next);
	else if (v->has_check && checked_is_good(&v->check))
		CLI_SAY(v->cli, MSG_STATUS_CHECKED, text_time(&at, v->check.at));
	else if (v->has_run)
		CLI_SAY(v->cli, MSG_STATUS_IDLE, text_time(&at, v->run.updated_at), since);
	else
		CLI_SAY(v->cli, MSG_STATUS_NO_NEWS);
}

static void
say_idle(const struct view *v)
{
	const struct report_state *r = &v->run;
	bool is_unfinished = v->has_run && report_is_unfinished(r);
	bool is_good = v->has_check && checked_is_good(&v->check);
	struct buf line = BUF_INIT;
	struct text room, reserve;

	if (v->pace != PACE_GO)
		say_next(v);
	else if (is_check_to_say(v))
		say_check(v);
	else if (is_full(v))
		CLI_SAY(v->cli, MSG_STATUS_NO_ROOM, text_bytes(&room, v->free_bytes),
		    text_bytes(&reserve, v->reserve_bytes),
		    is_unfinished    ? command(r, &line)
		    : v->has_courses ? "kebao fetch"
		                     : "kebao fetch --all");
	else if (is_unfinished)
		say_unfinished(v);
	else if (v->has_run && r->status != STATUS_OK && !is_good)
		say_failed(v);
	else if (!v->has_run && !v->has_courses)
		CLI_SAY(v->cli, MSG_STATUS_NEVER);
	else
		say_open(v);
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
	if (r->status == STATUS_NOT_NOW)
		until = 0; /* the reason says when */
	if (until > 0 && n > 0)
		CLI_SAY(v->cli, MSG_STATUS_WAITING, why, text_time(&at, until), rest.s);
	else if (until > 0)
		CLI_SAY(v->cli, MSG_STATUS_WAITING_ALONE, why, text_time(&at, until));
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
	/* Another verb has the lock; what the last fetch told is no news of it. */
	if (!v->has_run || r->phase == REPORT_ENDED || v->process != (long)r->process) {
		CLI_SAY(v->cli, MSG_STATUS_BUSY);
		return;
	}
	if (v->pace == PACE_PAUSED) {
		say_waiting(v, PACE_PAUSED_TEXT, 0);
		return;
	}
	if (r->since > 0) {
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
	case REPORT_ENDED:
		return;
	}
}

static void
put_outlook(struct json_at top, const struct view *v)
{
	json_put_int(top, "free_bytes", (int64_t)v->free_bytes);
	json_put_int(top, "reserve_bytes", (int64_t)v->reserve_bytes);
	if (v->has_check) {
		json_put_int(top, "checked_at", v->check.at);
		json_put_int(top, "check_status", (int64_t)v->check.status);
		json_put_text(top, "check_why", v->check.why);
	}
	if (v->is_running)
		return;
	json_put_int(top, "new", (int64_t)v->open.n_new);
	json_put_int(top, "changed", (int64_t)v->open.n_changed);
	json_put_int(top, "recalls", (int64_t)v->open.n_recalls);
	json_put_int(top, "damaged", (int64_t)v->open.n_damaged);
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
		json_put_int(top, "still_since", r->still_since);
		json_put_int(top, "courses_done", r->n_courses_done);
		json_put_int(top, "courses", r->n_courses);
		json_put_int(top, "since", r->since);
		json_put_int(top, "until", r->until);
		json_put_int(top, "status", r->status);
		json_put_bool(top, "must_enrol", r->must_enrol);
		json_put_text(top, "why", r->why);
		json_put_text(top, "asked", r->asked);
	}
	put_outlook(top, v);
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

	v->is_running = home_is_locked(s->home, &v->process);
	v->has_run = report_load(s->home, &v->run) == 0;
	v->has_check = checked_load(s->home, &v->check) == 0;
	home_load_state(s->home, &state);
	v->contact_at = state.contact_at;
	if (library_load(s->home, &library, e) == -1)
		return -1;
	v->has_courses = library.n_held > 0;
	library_clear(&library);
	if (file_free_bytes(home_dirfd(s->home), &v->free_bytes, e) == -1 ||
	    (!v->is_running && outlook_look(s->home, &v->open, e) == -1))
		return -1;
	if (settings_load(s->home, &settings, e) == -1 ||
	    pace_new(s->home, &settings, &pace, e) == -1)
		return -1;
	v->reserve_bytes = settings.reserve_bytes;
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
