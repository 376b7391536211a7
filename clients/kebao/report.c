/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/checked.h"
#include "clients/kebao/text.h"
#include "clients/kebao/ticks.h"

#define RUN "run.json"
#define RUN_NEW "run.json.new"
#define RUN_BYTES 65536u
#define SAVE_MS 1000
#define EVENT_MS 1000

static const char *const phases[] = {
	[REPORT_LOOKING] = "looking", [REPORT_FETCHING] = "fetching", [REPORT_WAITING] = "waiting",
	[REPORT_ENDED] = "ended",
};
#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

/* --- run.json --- */

static void
put_name(struct json_at at, const struct library_name *name)
{
	if (name->release == 0)
		return;
	json_put_text(at, "channel", name->channel);
	json_put_text(at, "course", name->course);
	json_put_int(at, "release", name->release);
}

static void
put_figures(struct json_at at, const struct report_state *s)
{
	json_put_int(at, "done_bytes", (int64_t)s->done_bytes);
	json_put_int(at, "total_bytes", (int64_t)s->total_bytes);
	json_put_int(at, "bytes_per_second", (int64_t)s->bytes_per_second);
	json_put_int(at, "still_since", s->still_since);
	json_put_int(at, "files_done", s->n_files_done);
	json_put_int(at, "files", s->n_files);
	json_put_int(at, "courses_done", s->n_courses_done);
	json_put_int(at, "courses", s->n_courses);
}

/* The old file or the new one, for whoever looks meanwhile; a power cut may take both. */
static void
replace(const struct home *h, const struct buf *bytes)
{
	int dirfd = home_dirfd(h);
	int fd = openat(dirfd, RUN_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0600);

	if (fd == -1)
		return; /* only the news of a run are lost, here and below */
	if (file_write_all(fd, buf_data(bytes), buf_len(bytes), NULL) == 0)
		(void)renameat(dirfd, RUN_NEW, dirfd, RUN);
	(void)close(fd);
}

static void
save(struct report *r)
{
	const struct report_state *s = &r->state;
	struct buf bytes = BUF_INIT;
	struct json_at top;
	struct json *doc;

	if (r->home == NULL)
		return;
	doc = json_new();
	top = json_top(doc);
	r->saved_ms = ticks_ms();
	r->state.updated_at = (int64_t)time(NULL);
	json_put_text(top, "phase", phases[s->phase]);
	json_put_int(top, "process", s->process);
	json_put_int(top, "began_at", s->began_at);
	json_put_int(top, "updated_at", s->updated_at);
	put_name(top, &s->name);
	put_figures(top, s);
	json_put_int(top, "since", s->since);
	json_put_int(top, "until", s->until);
	json_put_int(top, "status", s->status);
	json_put_bool(top, "must_enrol", s->must_enrol);
	json_put_text(top, "why", s->why);
	json_put_text(top, "asked", s->asked);
	if (canon_write(top, &bytes, NULL) == 0 && buf_add_text(&bytes, "\n", NULL) == 0)
		replace(r->home, &bytes);
	json_free(doc);
	buf_clear(&bytes);
}

void
report_forget(const struct home *h)
{
	(void)file_remove(home_dirfd(h), RUN, NULL); /* it is news only */
	checked_forget(h);
}

static uint64_t
number(struct json_at top, const char *key)
{
	int64_t n;

	return json_find_int(top, key, 0, &n, NULL) == 0 && n > 0 ? (uint64_t)n : 0;
}

static void
read_name(struct json_at top, struct library_name *out)
{
	uint64_t release = number(top, "release");
	const char *channel, *course;

	if (release == 0 || release > LIMIT_RELEASE_NUMBER ||
	    json_get_text(top, "channel", &channel, NULL) == -1 ||
	    json_get_text(top, "course", &course, NULL) == -1 ||
	    ids_copy(IDS_CHANNEL, out->channel, channel, strlen(channel), NULL) == -1 ||
	    ids_copy(IDS_COURSE, out->course, course, strlen(course), NULL) == -1)
		return;
	out->release = (uint32_t)release;
}

int
report_load(const struct home *h, struct report_state *out)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	struct json_at top;
	const char *phase, *why, *asked;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (file_load(home_dirfd(h), RUN, RUN_BYTES, &bytes, NULL) == -1 ||
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, NULL) == -1)
		goto out;
	top = json_top(doc);
	if (json_get_text(top, "phase", &phase, NULL) == -1 ||
	    json_get_text(top, "why", &why, NULL) == -1)
		goto out;
	for (size_t i = 0; i < N_PHASES; i++) {
		if (strcmp(phase, phases[i]) != 0)
			continue;
		out->phase = (enum report_phase)i;
		rc = 0;
	}
	read_name(top, &out->name);
	out->process = (int64_t)number(top, "process");
	out->began_at = (int64_t)number(top, "began_at");
	out->updated_at = (int64_t)number(top, "updated_at");
	out->done_bytes = number(top, "done_bytes");
	out->total_bytes = number(top, "total_bytes");
	out->bytes_per_second = number(top, "bytes_per_second");
	out->still_since = (int64_t)number(top, "still_since");
	out->n_files_done = (uint32_t)number(top, "files_done");
	out->n_files = (uint32_t)number(top, "files");
	out->n_courses_done = (uint32_t)number(top, "courses_done");
	out->n_courses = (uint32_t)number(top, "courses");
	out->since = (int64_t)number(top, "since");
	out->until = (int64_t)number(top, "until");
	out->status = (int)number(top, "status");
	if (json_find_bool(top, "must_enrol", false, &out->must_enrol, NULL) == -1)
		out->must_enrol = false;
	(void)err_quote(out->why, sizeof(out->why), why, strlen(why));
	if (json_find_text(top, "asked", &asked, NULL) == 0 && asked != NULL)
		(void)snprintf(out->asked, sizeof(out->asked), "%s", asked);
out:
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

bool
report_is_unfinished(const struct report_state *s)
{
	if (s->phase != REPORT_ENDED)
		return true;
	switch ((enum status)s->status) {
	case STATUS_ERROR:
	case STATUS_NETWORK:
	case STATUS_DENIED:
	case STATUS_SPACE:
	case STATUS_BUSY:
	case STATUS_NOT_NOW:
	case STATUS_INTERRUPTED:
		return true;
	case STATUS_OK: /* and those that the next run would meet again */
	case STATUS_USAGE:
	case STATUS_UNTRUSTED:
	case STATUS_CONFLICT:
	case STATUS_BAD_INPUT:
	case STATUS_NOT_FOUND:
	case STATUS_NEW:
	case STATUS_WITHHELD:
	case STATUS_WITHDRAWN:
		return false;
	}
	return false;
}

/* --- events --- */

static struct json *
event(const struct report *r, const char *name)
{
	struct json *doc = json_new();

	json_put_text(json_top(doc), "event", name);
	put_name(json_top(doc), &r->state.name);
	return doc;
}

/* main() sees a full disk behind a redirection at the end. */
static void
send(struct json *doc)
{
	struct buf bytes = BUF_INIT;

	if (canon_write(json_top(doc), &bytes, NULL) == 0)
		(void)printf("%s\n", buf_text(&bytes));
	(void)fflush(stdout);
	buf_clear(&bytes);
	json_free(doc);
}

static void
wipe(struct report *r)
{
	if (r->is_drawing)
		progress_end(&r->progress);
	r->is_drawing = false;
}

/* --- what happens --- */

/* The hub has answered, or the run is over. */
static void
forget_trouble(struct report_state *s)
{
	s->since = s->until = 0;
	s->status = 0;
	s->why[0] = '\0';
}

/* Of the first failure on, until something is heard from the hub. */
static void
note_trouble(struct report_state *s, const struct err *why, int64_t until)
{
	int64_t now = (int64_t)time(NULL);

	s->since = s->since > 0 && s->since <= now ? s->since : now;
	s->until = until;
	s->status = (int)status_of(why);
	(void)snprintf(s->why, sizeof(s->why), "%s", why->text);
}

void
report_begin(struct report *r, const struct cli *cli, const struct home *home, const char *asked,
    bool is_json)
{
	memset(r, 0, sizeof(*r));
	r->cli = cli;
	r->home = home;
	r->is_json = is_json;
	r->state.process = (int64_t)getpid();
	r->state.began_at = (int64_t)time(NULL);
	(void)snprintf(r->state.asked, sizeof(r->state.asked), "%s", asked);
	if (home != NULL)
		checked_forget(home);
	save(r);
}

void
report_looking(struct report *r)
{
	r->state.phase = REPORT_LOOKING;
	r->state.until = 0;
	if (r->state.since == 0)
		forget_trouble(&r->state);
	save(r);
}

void
report_contact(struct report *r)
{
	forget_trouble(&r->state);
	save(r);
}

void
report_course(struct report *r, const struct library_name *name)
{
	struct report_state *s = &r->state;

	s->phase = REPORT_FETCHING;
	s->name = *name;
	s->done_bytes = s->total_bytes = s->bytes_per_second = 0;
	s->still_since = 0;
	s->n_files_done = s->n_files = 0;
	forget_trouble(s);
	save(r);
	if (r->is_json) {
		struct json *doc = event(r, "course");

		json_put_int(json_top(doc), "courses_done", s->n_courses_done);
		json_put_int(json_top(doc), "courses", s->n_courses);
		send(doc);
	}
}

void
report_progress(void *report, const struct update_progress *p)
{
	struct report *r = report;
	struct report_state *s = &r->state;
	bool is_last = p->done_bytes == p->total_bytes;
	bool is_new = !r->is_drawing || r->doing != p->what;
	bool is_back = s->since > 0 && p->what == MSG_DOING_FETCH && p->done_bytes > s->done_bytes;
	int64_t now = ticks_ms();

	if (is_new) {
		wipe(r);
		progress_begin(&r->progress, r->cli->lang, r->cli->is_quiet || r->is_json,
		    messages_text(r->cli->lang, p->what), p->total_bytes);
		r->is_drawing = true;
		r->doing = p->what;
	}
	if (is_back)
		forget_trouble(s);
	progress_set_files(&r->progress, p->n_files_done, p->n_files);
	progress_set(&r->progress, p->done_bytes, p->total_bytes);
	s->done_bytes = p->done_bytes;
	s->total_bytes = p->total_bytes;
	s->n_files_done = p->n_files_done;
	s->n_files = p->n_files;
	s->bytes_per_second = p->what == MSG_DOING_FETCH ? r->progress.speed : 0;
	s->still_since = p->what == MSG_DOING_FETCH && r->progress.still_s > 0
	    ? (int64_t)time(NULL) - r->progress.still_s
	    : 0;
	if (is_new || is_back || now - r->saved_ms >= SAVE_MS)
		save(r);
	if (r->is_json && (is_new || is_last || now - r->sent_ms >= EVENT_MS)) {
		struct json *doc = event(r, "progress");

		json_put_text(json_top(doc), "doing",
		    p->what == MSG_DOING_FETCH ? "fetch" : "look");
		put_figures(json_top(doc), s);
		send(doc);
		r->sent_ms = now;
	}
}

void
report_retry(void *report, const struct err *why, unsigned pause_ms)
{
	struct report *r = report;
	struct buf b = BUF_INIT;
	struct text pause;

	wipe(r);
	note_trouble(&r->state, why, (int64_t)time(NULL) + (pause_ms + 999) / 1000);
	save(r);
	if (r->is_json) {
		struct json *doc = event(r, "retry");

		json_put_text(json_top(doc), "why", why->text);
		json_put_int(json_top(doc), "pause_ms", pause_ms);
		send(doc);
		return;
	}
	CLI_NOTE(r->cli, MSG_RETRY, cli_reason(r->cli, why->text, &b),
	    text_duration(&pause, r->cli->lang, (pause_ms + 999) / 1000));
	buf_clear(&b);
}

void
report_wait(struct report *r, const struct err *why, int64_t until)
{
	bool is_ours = status_of(why) == STATUS_NOT_NOW; /* and its reason says until when */
	bool is_news = r->state.phase != REPORT_WAITING || strcmp(r->state.why, why->text) != 0;
	struct buf b = BUF_INIT;
	struct text at;

	wipe(r);
	r->state.phase = REPORT_WAITING;
	note_trouble(&r->state, why, until);
	if (is_ours)
		r->state.since = 0;
	save(r);
	if (r->is_json) {
		struct json *doc = event(r, "waiting");

		json_put_text(json_top(doc), "why", why->text);
		json_put_int(json_top(doc), "until", until);
		send(doc);
	} else if (is_news && until > 0 && !is_ours) {
		CLI_NOTE(r->cli, MSG_WAITING_UNTIL, cli_reason(r->cli, why->text, &b),
		    text_time(&at, until));
	} else if (is_news) {
		CLI_NOTE(r->cli, MSG_WAITING, cli_reason(r->cli, why->text, &b));
	}
	buf_clear(&b);
}

void
report_fetched(struct report *r, const struct library_name *name, const struct update_figures *f)
{
	struct text release, files, size, fetched, saved;
	uint64_t saved_bytes =
	    f->full_bytes > f->fetched_bytes ? f->full_bytes - f->fetched_bytes : 0;

	wipe(r);
	r->state.n_courses_done++;
	save(r);
	if (r->is_json) {
		struct json *doc = event(r, "fetched");

		json_put_int(json_top(doc), "files", f->n_files);
		json_put_int(json_top(doc), "bytes", (int64_t)f->file_bytes);
		json_put_int(json_top(doc), "fetched_bytes", (int64_t)f->fetched_bytes);
		json_put_int(json_top(doc), "saved_bytes", (int64_t)saved_bytes);
		send(doc);
		return;
	}
	CLI_SAY(r->cli, MSG_FETCHED, name->channel, name->course,
	    text_number(&release, name->release), text_number(&files, f->n_files),
	    text_bytes(&size, f->file_bytes), text_bytes(&fetched, f->fetched_bytes),
	    text_bytes(&saved, saved_bytes));
}

void
report_end(struct report *r, enum status status, const struct err *why)
{
	wipe(r);
	forget_trouble(&r->state);
	r->state.phase = REPORT_ENDED;
	r->state.status = (int)status;
	r->state.must_enrol = status_must_enrol(why);
	if (why->class != ERR_NONE)
		(void)snprintf(r->state.why, sizeof(r->state.why), "%s", why->text);
	save(r);
	if (r->is_json) {
		struct json *doc = json_new();

		json_put_text(json_top(doc), "event", "end");
		json_put_int(json_top(doc), "status", (int64_t)status);
		json_put_text(json_top(doc), "why", r->state.why);
		send(doc);
	}
}
