/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/publish.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/index.h"
#include "clients/kebao/channel.h"
#include "clients/kebao/cosign.h"
#include "clients/kebao/draft.h"
#include "clients/kebao/floors.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/release.h"
#include "clients/kebao/source.h"
#include "clients/kebao/ticks.h"
#include "clients/kebao/upload.h"

#define ROUNDS 8          /* others publishing at the same time, or frames gone meanwhile */
#define SPOOL "work/publish"
#define NAME_SIZE (DIGEST_HEX_LEN + 8)

/* A release on its way. */
struct run {
	const struct publish *p;
	struct publish_figures *figures;
	struct trust *trust;
	struct trust_source source;
	struct channel channel;
	struct build_result built;
	struct buf index;         /* encoded */
	struct buf record;        /* encoded */
	char draft[DRAFT_ID_SIZE]; /* "": none under way */
	int spool;                /* directory for packs */
};

static void
progress(const struct run *r, enum message what, uint64_t done_bytes, uint64_t total_bytes)
{
	if (r->p->on_progress != NULL)
		r->p->on_progress(r->p->ctx, what, done_bytes, total_bytes);
}

/* --- where we stand --- */

static int
open_trust(struct run *r, struct err *e)
{
	int fd = home_open_dir(r->p->home, "trust", e);
	int rc;

	if (fd == -1)
		return -1;
	rc = trust_open(fd, NULL, &r->trust, e);
	(void)close(fd); /* trust_open() made its own */
	return rc;
}

static int
look(struct run *r, struct err *e)
{
	int64_t now = (int64_t)time(NULL);

	r->source = source_of(hub_transfer(r->p->hub));
	if (trust_refresh(r->trust, &r->source, now, e) == -1 ||
	    channel_open(&r->channel, r->trust, &r->source, r->p->channel, now, e) == -1)
		return -1;
	return channel_check_keys(&r->channel, r->p->keys, r->p->n_keys, e);
}

/*
 * The number after the newest release.  1 where the newest one has the same index: nothing
 * to do.
 */
static int
number(struct run *r, struct err *e)
{
	struct record *record = r->p->record, *newest = NULL;
	struct library_name name = { .release = 0 };
	const struct meta_target *target = channel_newest(&r->channel, record->course,
	    &name.release);
	struct release_want want = { .name = &name, .trust = r->trust, .target = target };
	uint32_t floor;
	bool is_same;

	if (floors_get(r->p->home, r->p->channel, record->course, &floor, e) == -1)
		return -1;
	record->release = (name.release > floor ? name.release : floor) + 1;
	if (target == NULL || r->p->is_forced || withdrawn_is(target->custom))
		return 0;
	(void)snprintf(name.channel, sizeof(name.channel), "%s", r->p->channel);
	memcpy(name.course, record->course, sizeof(name.course));
	if (release_record(r->p->home, hub_transfer(r->p->hub), &want, &newest, e) == -1)
		return -1;
	is_same = digest_equal(&newest->index.sha256, &record->index.sha256);
	record_free(newest);
	if (!is_same)
		return 0;
	r->figures->is_unchanged = true;
	r->figures->release = name.release;
	return 1;
}

/*
 * Where several have to sign: whether the same content of the course waits already.  A new
 * draft would cost those who have signed it their signatures.  1: it does.
 */
static int
waits(struct run *r, struct err *e)
{
	const struct record *wanted = r->p->record;
	struct record *record = NULL;
	struct pending p;
	struct buf bytes = BUF_INIT;
	int rc = 0;

	if (r->channel.delegation->threshold < 2 || r->p->is_forced)
		return 0;
	if (pending_get(r->p->hub, r->p->channel, &p, e) == -1)
		return -1;
	if (p.kind == PENDING_RELEASE && strcmp(p.course, wanted->course) == 0) {
		if (cosign_record(r->p->hub, &p, &bytes, &record, e) == -1)
			rc = -1;
		else if (digest_equal(&record->index.sha256, &wanted->index.sha256)) {
			r->figures->is_waiting_already = true;
			r->figures->release = p.release;
			r->figures->outcome = (struct pending_outcome){ .is_waiting = true,
				.doc = p.doc };
			p.doc = NULL;
			rc = 1;
		}
	}
	record_free(record);
	buf_clear(&bytes);
	pending_clear(&p);
	return rc;
}

/* --- what the folder is --- */

static int
read_folder(struct run *r, struct err *e)
{
	struct record *record = r->p->record;
	int64_t began = ticks_ms();

	if (build_index(r->p->build, &r->built, e) == -1 ||
	    index_encode(r->built.index, &r->index, e) == -1)
		return -1;
	(void)snprintf(record->channel, sizeof(record->channel), "%s", r->p->channel);
	record->n_files = index_n_files(r->built.index);
	record->file_bytes = index_file_bytes(r->built.index);
	record->tar.len = r->built.tar_len;
	record->tar.sha256 = r->built.tar_sha256;
	record->index.len = buf_len(&r->index);
	digest_of(&record->index.sha256, buf_data(&r->index), buf_len(&r->index));
	r->figures->n_frames = index_n_frames(r->built.index);
	r->figures->times.read_ms += ticks_ms() - began;
	return 0;
}

/* --- what the hub lacks --- */

/* missing: one byte per frame; the caller frees. */
static int
ask_missing(struct run *r, uint8_t **missing, uint32_t *n_missing, struct err *e)
{
	uint32_t n = index_n_frames(r->built.index);
	const struct digest **contents = calloc(n, sizeof(*contents));
	uint8_t *answers = calloc(n, 1);
	uint32_t count = 0;
	int rc = -1;

	if (contents == NULL || answers == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct index_frame f;

		index_frame(r->built.index, i, &f);
		contents[i] = f.sha256;
	}
	if (draft_missing(r->p->hub, r->p->channel, contents, n, answers, e) == -1)
		goto out;
	for (uint32_t i = 0; i < n; i++)
		count += answers[i];
	*n_missing = count;
	*missing = answers;
	answers = NULL;
	rc = 0;
out:
	free(contents);
	free(answers);
	return rc;
}

static void
on_upload(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	progress(ctx, MSG_DOING_UPLOAD, done_bytes, total_bytes);
}

/* Sent and removed before the next one is written: a course needs no room for all its packs. */
static int
send_pack(void *ctx, const struct build_pack *pack, struct err *e)
{
	struct run *r = ctx;
	struct upload u = {
		.channel = r->p->channel, .kind = "pack", .sha256 = pack->sha256, .len = pack->len,
		.on_progress = on_upload, .ctx = r,
	};
	char name[NAME_SIZE];
	int64_t began = ticks_ms();
	uint64_t sent = 0;
	int rc;

	digest_hex(name, &pack->sha256);
	(void)snprintf(name + DIGEST_HEX_LEN, sizeof(name) - DIGEST_HEX_LEN, ".pack");
	u.fd = openat(r->spool, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (u.fd == -1)
		return err_errno(e, "%s/%s", SPOOL, name);
	rc = upload_object(hub_transfer(r->p->hub), &u, &sent, e);
	(void)close(u.fd); /* only read */
	r->figures->uploaded_bytes += sent;
	r->figures->times.upload_ms += ticks_ms() - began;
	if (rc == -1)
		return -1;
	r->figures->n_packs++;
	r->figures->n_new_frames += pack->n_frames;
	return file_remove(r->spool, name, e);
}

static int
send_bytes(struct run *r, const char *kind, const struct buf *bytes, struct err *e)
{
	struct upload u = {
		.channel = r->p->channel, .kind = kind, .len = buf_len(bytes), .fd = -1,
		.bytes = buf_data(bytes),
	};
	uint64_t sent = 0;
	int rc;

	digest_of(&u.sha256, buf_data(bytes), buf_len(bytes));
	rc = upload_object(hub_transfer(r->p->hub), &u, &sent, e);
	r->figures->uploaded_bytes += sent;
	return rc;
}

/* Compress what is missing into packs and send them. */
static int
send_frames(struct run *r, struct err *e)
{
	const struct build_spool spool = { .dirfd = r->spool, .on_pack = send_pack, .ctx = r };
	struct build_packs packs = { .packs = NULL };
	uint8_t *missing = NULL;
	struct publish_times *times = &r->figures->times;
	int64_t began, uploaded_ms = times->upload_ms;
	uint32_t n_missing;
	int rc;

	if (ask_missing(r, &missing, &n_missing, e) == -1)
		return -1;
	began = ticks_ms();
	rc = n_missing == 0
	    ? 0 : build_packs(r->p->build, r->built.index, missing, &spool, &packs, e);
	/* Packs are sent as they are finished; but for a few frames nothing is packed meanwhile. */
	times->pack_ms += ticks_ms() - began - (times->upload_ms - uploaded_ms);
	r->figures->new_bytes += packs.content_bytes;
	build_packs_clear(&packs);
	free(missing);
	return rc;
}

/* --- record, check, switch --- */

static void
on_check(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	progress(ctx, MSG_DOING_CHECK, done_bytes, total_bytes);
}

static int
verify_draft(struct run *r, struct err *e)
{
	const struct draft_watch watch = { .on_progress = on_check, .ctx = r };
	struct publish_times *times = &r->figures->times;
	int64_t began = ticks_ms();
	int rc;

	r->p->record->published_at = (int64_t)time(NULL);
	buf_truncate(&r->record, 0);
	if (record_encode(r->p->record, &r->record, e) == -1 ||
	    send_bytes(r, "index", &r->index, e) == -1 ||
	    send_bytes(r, "record", &r->record, e) == -1)
		return -1;
	times->upload_ms += ticks_ms() - began;
	began = ticks_ms();
	rc = draft_verify(r->p->hub, r->p->record, &r->record, &watch, r->draft, e);
	times->check_ms += ticks_ms() - began;
	return rc;
}

/*
 * The hub said that it is out: look again, as a recipient would.  What is seen now is kept, so
 * nobody can hand this publisher a state before her own release to build the next one on.
 */
static int
confirm(struct run *r, struct err *e)
{
	const struct record *record = r->p->record;
	const struct meta_target *target;
	struct digest sha256;

	if (look(r, e) == -1) {
		err_within(e, "release %u was taken, but cannot be seen", record->release);
		return -1;
	}
	digest_of(&sha256, buf_data(&r->record), buf_len(&r->record));
	target = channel_release(&r->channel, record->course, record->release);
	if (target == NULL || !digest_equal(&target->bytes.sha256, &sha256))
		return err_set(e, ERR_UNTRUSTED,
		    "the hub took release %u of %s, but does not show it", record->release,
		    record->course);
	return 0;
}

static int
switch_over(struct run *r, struct err *e)
{
	const struct channel_release release = {
		.record = r->p->record, .record_bytes = &r->record, .now = (int64_t)time(NULL),
	};
	struct role *next = NULL;
	struct buf file = BUF_INIT;
	struct json *answer = NULL;
	int rc = -1;

	if (channel_next_release(&r->channel, &release, &next, e) == 0 &&
	    channel_sign(&r->channel, next, r->p->keys, r->p->n_keys, &file, e) == 0)
		rc = draft_publish(r->p->hub, r->draft, &file, &answer, e);
	if (rc == 0)
		rc = pending_outcome(answer, &r->figures->outcome, e);
	role_free(next);
	buf_clear(&file);
	return rc;
}

/*
 * After a conflict: look again.  0: the same release on top of the newer role; 1: its number
 * was taken, so a new record and draft are needed.
 */
static int
look_again(struct run *r, struct err *e)
{
	uint32_t release = 0;

	if (look(r, e) == -1)
		return -1;
	(void)channel_newest(&r->channel, r->p->record->course, &release);
	if (release < r->p->record->release)
		return 0;
	/* Only tidiness: the hub forgets drafts by itself. */
	(void)draft_drop(r->p->hub, r->draft, NULL);
	return 1;
}

/* Until the switch is made: others may come first, frames may have gone. */
static int
deliver(struct run *r, struct err *e)
{
	bool needs_draft = true;
	struct err mine = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		mine = (struct err){ 0 };
		if (needs_draft) {
			int n = number(r, e);

			if (n != 0)
				return n == 1 ? 0 : -1;
			if (send_frames(r, e) == -1)
				return -1;
			if (verify_draft(r, &mine) == -1) {
				if (mine.class == ERR_NOT_FOUND)
					continue; /* frames went meanwhile: send them */
				break;
			}
			needs_draft = false;
		}
		if (switch_over(r, &mine) == 0) {
			r->figures->release = r->p->record->release;
			/* What waits for signatures is not to be seen yet. */
			return r->figures->outcome.is_waiting ? 0 : confirm(r, e);
		}
		if (mine.class != ERR_CONFLICT)
			break;
		switch (look_again(r, e)) {
		case -1:
			return -1;
		case 1:
			needs_draft = true;
			break;
		}
	}
	if (e != NULL)
		*e = mine;
	return -1;
}

int
publish_release(const struct publish *p, struct publish_figures *out, struct err *e)
{
	struct run r = { .p = p, .figures = out, .spool = -1 };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	/* Packs of a run that was killed: the hub says anew what it lacks. */
	if (file_remove_tree(home_dirfd(p->home), SPOOL, e) == -1)
		return -1;
	r.spool = home_open_dir(p->home, SPOOL, e);
	if (r.spool == -1 || open_trust(&r, e) == -1 || look(&r, e) == -1 ||
	    read_folder(&r, e) == -1)
		goto out;
	rc = waits(&r, e);
	if (rc == 0)
		rc = deliver(&r, e);
	else if (rc == 1)
		rc = 0;
out:
	if (rc == -1 && interrupt_pending())
		(void)interrupt_check(e);
	if (r.spool != -1)
		(void)close(r.spool); /* only a handle */
	(void)file_remove_tree(home_dirfd(p->home), SPOOL, NULL); /* else the next run does it */
	index_free(r.built.index);
	trust_close(r.trust);
	buf_clear(&r.index);
	buf_clear(&r.record);
	return rc;
}
