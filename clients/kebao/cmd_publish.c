/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/ids.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/keyring.h"
#include "clients/kebao/progress.h"
#include "clients/kebao/publish.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"
#include "clients/kebao/ticks.h"

#define COURSE_FILE "course.json"
#define PACK_BYTES (256ull << 20) /* a spool file of moderate size; a GiB is four requests */

struct publish_args {
	bool init;
	bool force;
	const char *channel;
	const char *label;
	const char *notes;
	const char *passphrase_file;
	const char *passphrase_fd;
	struct args_list keys;
	const char *dir;
};

/* Everything a run holds; cleared in one place. */
struct running {
	struct cli *cli;
	const struct publish_args *a;
	struct session session;
	struct keyring ring;
	struct record *record;
	struct build *build;
	int64_t scan_ms; /* looking at the folder */
	int dirfd;
	pthread_mutex_t lock; /* of the display: the library reports from its threads */
	struct progress progress;
	enum message doing;
	bool is_drawing;
};

/* --- --init --- */

/* The id of the course, made from the folder's name where that can be one. */
static void
guess_id(const char *dir, char out[IDS_SIZE])
{
	char *full = realpath(dir, NULL);
	const char *base = full != NULL ? strrchr(full, '/') : NULL;

	if (base == NULL || ids_copy(IDS_COURSE, out, base + 1, strlen(base + 1), NULL) == -1)
		(void)snprintf(out, IDS_SIZE, "my-course");
	free(full);
}

static enum status
init(const struct cli *cli, const char *dir)
{
	struct buf template = BUF_INIT;
	struct err e = { 0 };
	char id[IDS_SIZE];
	int dirfd = -1, rc = -1;

	if (file_make_dirs(AT_FDCWD, dir, 0755, &e) == -1)
		goto out;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1) {
		(void)err_errno(&e, "%s", dir);
		goto out;
	}
	guess_id(dir, id);
	if (file_exists(dirfd, COURSE_FILE)) {
		(void)err_set(&e, ERR_CONFLICT, "%s/%s is there already", dir, COURSE_FILE);
		goto out;
	}
	if (record_course_template(id, &template, &e) == -1)
		goto out;
	rc = file_create(dirfd, COURSE_FILE, buf_data(&template), buf_len(&template), 0644, &e);
	if (rc == -1)
		err_within(&e, "%s", dir);
out:
	if (dirfd != -1)
		(void)close(dirfd); /* only a handle */
	buf_clear(&template);
	if (rc == -1)
		return cli_fail(cli, &e);
	CLI_SAY(cli, MSG_PUBLISH_INIT, dir);
	return STATUS_OK;
}

/* --- the display --- */

static void
on_progress(void *ctx, enum message what, uint64_t done_bytes, uint64_t total_bytes)
{
	struct running *r = ctx;

	(void)pthread_mutex_lock(&r->lock);
	if (!r->is_drawing || r->doing != what) {
		if (r->is_drawing)
			progress_end(&r->progress);
		progress_begin(&r->progress, r->cli->lang, r->cli->is_quiet,
		    messages_text(r->cli->lang, what), total_bytes);
		r->is_drawing = true;
		r->doing = what;
	}
	progress_set(&r->progress, done_bytes, total_bytes);
	(void)pthread_mutex_unlock(&r->lock);
}

static void
on_read(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	on_progress(ctx, MSG_DOING_READ, done_bytes, total_bytes);
}

static void
on_finding(void *ctx, enum scan_finding kind, const char *path, const char *text)
{
	const struct running *r = ctx;

	(void)path; /* the text names it, too */
	switch (kind) {
	case SCAN_REFUSED:
		cli_warn_reason(r->cli, MSG_FINDING_REFUSED, text);
		break;
	case SCAN_LEFT_OUT:
		CLI_NOTE(r->cli, MSG_FINDING_LEFT_OUT, text);
		break;
	}
}

/* --- the folder and its course.json --- */

static int
set_text(char **field, const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return err_nomem(e);
	free(*field);
	*field = copy;
	return 0;
}

/* --label and --notes; notes in the language of the interface. */
static int
take_wishes(struct running *r, struct err *e)
{
	struct record_texts *notes = &r->record->notes;
	const char *lang = r->cli->lang == LANGUAGE_ZH ? "zh" : "en";
	struct record_text *items;

	if (r->a->label != NULL && set_text(&r->record->label, r->a->label, e) == -1)
		return -1;
	if (r->a->notes == NULL)
		return 0;
	for (size_t i = 0; i < notes->n_items; i++) {
		free(notes->items[i].lang);
		free(notes->items[i].text);
	}
	notes->n_items = 0;
	items = reallocarray(notes->items, 1, sizeof(*items));
	if (items == NULL)
		return err_nomem(e);
	notes->items = items;
	items[0] = (struct record_text){ NULL, NULL };
	notes->n_items = 1;
	if (set_text(&items[0].lang, lang, e) == -1)
		return -1;
	return set_text(&items[0].text, r->a->notes, e);
}

static void
say_course_findings(const struct cli *cli, const struct buf *findings)
{
	const char *line = buf_text(findings);

	while (*line != '\0') {
		size_t len = strcspn(line, "\n");
		char text[400] = COURSE_FILE ": ";
		size_t used = strlen(text);

		(void)err_quote(text + used, sizeof(text) - used, line, len);
		cli_warn_reason(cli, MSG_FINDING_REFUSED, text);
		line += len + (line[len] == '\n');
	}
}

static int
read_course(struct running *r, struct err *e)
{
	struct buf bytes = BUF_INIT, findings = BUF_INIT;
	int rc = -1;

	if (file_load(r->dirfd, COURSE_FILE, LIMIT_RECORD_BYTES, &bytes, e) == -1) {
		if (e->class == ERR_NOT_FOUND)
			CLI_WARN(r->cli, MSG_NO_COURSE_FILE, r->a->dir);
	} else {
		rc = record_parse_course(
		    buf_data(&bytes), buf_len(&bytes), &r->record, &findings, e);
		say_course_findings(r->cli, &findings);
	}
	if (rc == 0)
		rc = take_wishes(r, e);
	buf_clear(&bytes);
	buf_clear(&findings);
	return rc;
}

/* Both are looked at before anything is said to be wrong: people mend all at once. */
static int
read_folder(struct running *r, struct err *e)
{
	const struct build_options options = {
		.pack_bytes = PACK_BYTES, .cancel = interrupt_flag(), .on_finding = on_finding,
		.on_progress = on_read, .ctx = r,
	};
	struct err of_course = { 0 };
	int64_t began = ticks_ms();
	int course, folder;

	r->dirfd = open(r->a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd == -1) {
		int rc = err_errno(e, "%s", r->a->dir);

		if (e->sys == ENOENT)
			e->class = ERR_NOT_FOUND;
		else if (e->sys == ENOTDIR)
			e->class = ERR_BAD_INPUT;
		return rc;
	}
	course = read_course(r, &of_course);
	folder = build_scan(r->dirfd, &options, &r->build, e);
	r->scan_ms = ticks_ms() - began;
	if (folder == -1)
		return -1;
	if (course == -1)
		*e = of_course;
	return course;
}

/* --- the run --- */

static int
check_args(const struct publish_args *a, struct err *e)
{
	return ids_check(IDS_CHANNEL, a->channel, strlen(a->channel), e);
}

static void
say(const struct cli *cli, const struct publish_args *a, const struct record *record,
    const struct publish_figures *f)
{
	struct text release, frames, new_frames, uploaded, content;

	(void)text_number(&release, f->release);
	if (f->is_unchanged) {
		CLI_SAY(cli, MSG_PUBLISH_UNCHANGED, a->channel, record->course, release.s);
		if (a->label != NULL || a->notes != NULL)
			CLI_WARN(cli, MSG_PUBLISH_WISHES_UNUSED);
		return;
	}
	if (f->is_waiting_already) {
		CLI_SAY(cli, MSG_PUBLISH_WAITS, a->channel, record->course, release.s);
		pending_outcome_say(cli, &f->outcome);
		return;
	}
	CLI_SAY(cli, f->outcome.is_waiting ? MSG_PUBLISH_DRAFT : MSG_PUBLISHED, a->channel,
	    record->course, release.s, record->label,
	    text_number(&frames, f->n_frames), text_number(&new_frames, f->n_new_frames),
	    text_bytes(&content, f->new_bytes), text_bytes(&uploaded, f->uploaded_bytes));
	pending_outcome_say(cli, &f->outcome);
}

/* With --verbose: where the time went. */
static void
say_times(const struct running *r, const struct publish_times *t)
{
	struct text read, packed, uploaded, checked;

	if (!r->cli->is_verbose)
		return;
	CLI_NOTE(r->cli, MSG_PUBLISH_TIMES, text_seconds(&read, r->scan_ms + t->read_ms),
	    text_seconds(&packed, t->pack_ms), text_seconds(&uploaded, t->upload_ms),
	    text_seconds(&checked, t->check_ms));
}

static int
publish(struct running *r, struct err *e)
{
	const struct publish p = {
		.home = r->session.home, .hub = r->session.hub, .channel = r->a->channel,
		.keys = r->ring.keys, .n_keys = r->ring.n, .build = r->build, .record = r->record,
		.is_forced = r->a->force, .on_progress = on_progress, .ctx = r,
	};
	struct publish_figures figures;
	int rc = publish_release(&p, &figures, e);

	if (r->is_drawing)
		progress_end(&r->progress);
	r->is_drawing = false;
	if (rc == 0)
		say(r->cli, r->a, r->record, &figures);
	if (rc == 0)
		say_times(r, &figures.times);
	pending_outcome_clear(&figures.outcome);
	return rc;
}

static enum status
run(struct cli *cli, const struct publish_args *a)
{
	struct running r = { .cli = cli, .a = a, .dirfd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
	const struct keyring_options o = {
		.files = &a->keys, .passphrase_file = a->passphrase_file,
		.passphrase_fd = a->passphrase_fd, .lang = cli->lang,
	};
	struct err e = { 0 };
	enum status status = STATUS_OK;

	if (check_args(a, &e) == -1 || read_folder(&r, &e) == -1 ||
	    keyring_open(&r.ring, &o, &e) == -1) {
		if (interrupt_pending())
			(void)interrupt_check(&e);
		status = cli_fail(cli, &e);
	} else if ((status = session_open(&r.session, cli)) == STATUS_OK && publish(&r, &e) == -1) {
		status = session_fail(&r.session, &e);
	}
	session_close(&r.session);
	keyring_close(&r.ring);
	build_free(r.build);
	record_free(r.record);
	if (r.dirfd != -1)
		(void)close(r.dirfd); /* only a handle */
	return status;
}

enum status
cmd_publish(struct cli *cli, int argc, char *const *argv)
{
	struct publish_args a = { .init = false };
	const struct args_option options[] = {
		{ .name = "init", .flag = &a.init }, { .name = "force", .flag = &a.force },
		{ .name = "channel", .value = &a.channel }, { .name = "key", .list = &a.keys },
		{ .name = "label", .value = &a.label }, { .name = "notes", .value = &a.notes },
		{ .name = "passphrase-file", .value = &a.passphrase_file },
		{ .name = "passphrase-fd", .value = &a.passphrase_fd }, { .name = NULL },
	};
	const struct cli_usage usage = { options, 1, 1, MSG_USAGE_PUBLISH };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	a.dir = words.words[0];
	if (a.init)
		return init(cli, a.dir);
	if (a.channel == NULL || a.keys.n == 0) {
		CLI_WARN(cli, MSG_ARGS_WANTED, a.channel == NULL ? "--channel" : "--key");
		cli_warn(cli, MSG_USAGE_PUBLISH, NULL);
		return STATUS_USAGE;
	}
	return run(cli, &a);
}
