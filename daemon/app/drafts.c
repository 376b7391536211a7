/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/drafts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/hex.h"
#include "catalog/base/limits.h"
#include "catalog/repo/check.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/record.h"
#include "catalog/repo/store.h"
#include "daemon/app/layouts.h"
#include "daemon/log.h"

/* A draft that waits for its check. */
struct waiting {
	struct waiting *next;
	char id[STATE_DRAFTS_ID_LEN + 1];
};

struct drafts {
	struct drafts_parts parts; /* borrowed */
	pthread_t thread;
	bool is_running;
	pthread_mutex_t check; /* held while a draft is checked */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct waiting *first; /* under lock, as what follows */
	bool is_stopping;
	char current[STATE_DRAFTS_ID_LEN + 1]; /* "" while none is checked */
	struct drafts_progress progress;       /* of the current one */
	atomic_bool cancel;                    /* of the current check */
};

int
drafts_new(const struct drafts_parts *parts, struct drafts **out, struct err *e)
{
	struct drafts *ds = calloc(1, sizeof(*ds));

	if (ds == NULL)
		return err_nomem(e);
	if (pthread_mutex_init(&ds->check, NULL) != 0) {
		free(ds);
		return err_nomem(e);
	}
	if (pthread_mutex_init(&ds->lock, NULL) != 0) {
		pthread_mutex_destroy(&ds->check);
		free(ds);
		return err_nomem(e);
	}
	if (pthread_cond_init(&ds->changed, NULL) != 0) {
		pthread_mutex_destroy(&ds->lock);
		pthread_mutex_destroy(&ds->check);
		free(ds);
		return err_nomem(e);
	}
	ds->parts = *parts;
	atomic_init(&ds->cancel, false);
	*out = ds;
	return 0;
}

/* Queue it, unless it waits.  One that is judged by the time its turn comes is passed over. */
static int
enqueue(struct drafts *ds, const char *id, struct err *e)
{
	struct waiting *w = calloc(1, sizeof(*w)), **at;

	if (w == NULL)
		return err_nomem(e);
	(void)snprintf(w->id, sizeof(w->id), "%s", id); /* fits: ids of the state do */
	pthread_mutex_lock(&ds->lock);
	for (at = &ds->first; *at != NULL && strcmp((*at)->id, id) != 0; at = &(*at)->next)
		;
	if (*at == NULL) {
		*at = w;
		w = NULL;
		pthread_cond_signal(&ds->changed);
	}
	pthread_mutex_unlock(&ds->lock);
	free(w);
	return 0;
}

static void
on_check_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct drafts *ds = ctx;

	pthread_mutex_lock(&ds->lock);
	ds->progress.done_bytes = done_bytes;
	ds->progress.total_bytes = total_bytes;
	pthread_mutex_unlock(&ds->lock);
}

static int
load_record(struct drafts *ds, const struct state_release *want, struct record **out,
    struct err *e)
{
	struct objpath p = { .kind = OBJPATH_RECORD, .release = want->number,
		.hash = want->record };
	struct buf bytes = BUF_INIT;
	char name[OBJPATH_SIZE];
	int rc = -1;

	memcpy(p.channel, want->channel, sizeof(p.channel));
	memcpy(p.course, want->course, sizeof(p.course));
	objpath_build(name, &p);
	if (store_load(ds->parts.store, name, LIMIT_RECORD_BYTES, &bytes, e) == -1) {
		if (e->class == ERR_NOT_FOUND)
			(void)err_set(e, ERR_BAD_INPUT,
			    "this record of %s/%s/%u has not been uploaded", want->channel,
			    want->course, (unsigned)want->number);
		goto out;
	}
	if (buf_len(&bytes) != want->record_len) {
		(void)err_set(e, ERR_BAD_INPUT, "the record has %zu bytes, not %u", buf_len(&bytes),
		    (unsigned)want->record_len);
		goto out;
	}
	rc = record_parse(buf_data(&bytes), buf_len(&bytes), RECORD_STRICT, out, e);
out:
	buf_clear(&bytes);
	return rc;
}

/* What the record says about the index must be so. */
static int
compare_counts(const struct record *rec, const struct index *ix, struct err *e)
{
	if (rec->n_files != index_n_files(ix) || rec->file_bytes != index_file_bytes(ix))
		return err_set(e, ERR_UNTRUSTED,
		    "the record speaks of %u files and %llu bytes, the index has %u and %llu",
		    (unsigned)rec->n_files, (unsigned long long)rec->file_bytes,
		    (unsigned)index_n_files(ix), (unsigned long long)index_file_bytes(ix));
	if (rec->tar.len != index_tar_len(ix))
		return err_set(e, ERR_UNTRUSTED,
		    "the record speaks of a tar of %llu bytes, the index of one of %llu",
		    (unsigned long long)rec->tar.len, (unsigned long long)index_tar_len(ix));
	return 0;
}

static int
check_index_len(struct drafts *ds, const struct record *rec, struct err *e)
{
	char name[OBJPATH_SIZE];
	uint64_t len;
	int fd;

	objpath_index(name, rec->channel, &rec->index.sha256);
	if (store_read(ds->parts.store, name, &fd, &len, e) == -1) {
		if (e->class == ERR_NOT_FOUND)
			(void)err_set(e, ERR_NOT_FOUND, "the index has not been uploaded");
		return -1;
	}
	close(fd);
	if (len != rec->index.len)
		return err_set(e, ERR_UNTRUSTED,
		    "the record speaks of an index of %llu bytes, it has %llu",
		    (unsigned long long)rec->index.len, (unsigned long long)len);
	return 0;
}

static int
fill_release(struct state_release *r, const struct record *rec, const struct layout *l,
    struct err *e)
{
	r->index = rec->index.sha256;
	r->index_len = rec->index.len;
	r->tar = rec->tar.sha256;
	r->tar_len = rec->tar.len;
	r->zst_len = l->zst_len;
	memset(&r->zst_tag, 0, sizeof(r->zst_tag));
	/* The ETag is "z-" and 32 digits, in quotes; the state keeps the digits' bytes. */
	if (hex_decode(r->zst_tag.bytes, DIGEST_LEN / 2, l->zst_etag + 3, DIGEST_LEN) == -1)
		return err_set(e, ERR_SYSTEM, "%s is no ETag of a view", l->zst_etag);
	r->published_at = rec->published_at;
	return 0;
}

/* The whole check of one draft. */
static int
check(struct drafts *ds, struct state_draft *d, struct err *e)
{
	struct check_options opt = { .cancel = &ds->cancel, .on_progress = on_check_progress,
		.ctx = ds };
	struct record *rec = NULL;
	struct layout *l = NULL;
	struct stream_source src;
	int rc = -1;

	if (load_record(ds, &d->release, &rec, e) == -1 || check_index_len(ds, rec, e) == -1 ||
	    layouts_take(ds->parts.layouts, d->release.channel, &rec->index.sha256, NULL, &l, e) ==
	        -1)
		goto out;
	src = layouts_source(ds->parts.layouts, l);
	if (compare_counts(rec, l->index, e) == -1 ||
	    check_release(&src, rec->tar.len, &rec->tar.sha256, &opt, e) == -1)
		goto out;
	rc = fill_release(&d->release, rec, l, e);
out:
	layouts_give_back(ds->parts.layouts, l);
	record_free(rec);
	return rc;
}

/* Check a draft and note the verdict.  A check that was stopped has none: ERR_BUSY. */
static int
judge(struct drafts *ds, struct state_draft *d, struct err *e)
{
	char object[2 * LIMIT_ID_BYTES + 16];
	struct audit_note note = { .actor = "hub", .object = object };
	struct err why = { 0 };

	(void)snprintf(object, sizeof(object), "%s/%s/%u", d->release.channel, d->release.course,
	    (unsigned)d->release.number);
	d->state = STATE_DRAFT_VERIFIED;
	note.action = "draft-verified";
	note.detail = d->id;
	if (check(ds, d, &why) == -1) {
		if (atomic_load(&ds->cancel))
			return err_set(e, ERR_BUSY, "the check was stopped");
		if (why.class == ERR_SYSTEM) {
			log_failure(LOG_LEVEL_ERROR, "draft-check", &why);
			(void)err_set(&why, ERR_SYSTEM,
			    "the hub had trouble of its own while checking; try again");
		}
		d->state = STATE_DRAFT_REFUSED;
		memcpy(d->reason, why.text, sizeof(d->reason));
		note.action = "draft-refused";
		note.detail = d->reason;
	}
	note.at = (int64_t)time(NULL);
	return state_drafts_judge(ds->parts.state, d, &note, e);
}

_Static_assert(sizeof(((struct state_draft *)0)->reason) == sizeof(((struct err *)0)->text),
    "a reason is the text of an error");

/* Take the next draft and make it the current one; NULL when it is time to stop. */
static struct waiting *
next(struct drafts *ds)
{
	struct waiting *w = NULL;

	pthread_mutex_lock(&ds->lock);
	while (!ds->is_stopping && ds->first == NULL)
		pthread_cond_wait(&ds->changed, &ds->lock);
	if (!ds->is_stopping) {
		w = ds->first;
		ds->first = w->next;
		memcpy(ds->current, w->id, sizeof(ds->current));
		ds->progress = (struct drafts_progress){ 0, 0 };
		atomic_store(&ds->cancel, false);
	}
	pthread_mutex_unlock(&ds->lock);
	return w;
}

static void
log_verdict(const struct state_draft *d)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, "draft-judged");
	log_text(&l, "draft", d->id);
	log_text(&l, "channel", d->release.channel);
	log_text(&l, "course", d->release.course);
	log_number(&l, "release", d->release.number);
	log_text(&l, "state", state_drafts_state_name(d->state));
	if (d->state == STATE_DRAFT_REFUSED)
		log_text(&l, "reason", d->reason);
	log_end(&l);
}

static void *
on_thread(void *arg)
{
	struct drafts *ds = arg;
	struct waiting *w;

	while ((w = next(ds)) != NULL) {
		struct state_draft d;
		struct err e = { 0 };

		pthread_mutex_lock(&ds->check);
		if (state_drafts_get(ds->parts.state, w->id, &d, &e) == 0 &&
		    d.state == STATE_DRAFT_CHECKING) {
			if (judge(ds, &d, &e) == 0)
				log_verdict(&d);
			else if (e.class != ERR_BUSY)
				log_failure(LOG_LEVEL_ERROR, "draft-judge", &e);
		}
		pthread_mutex_unlock(&ds->check);
		pthread_mutex_lock(&ds->lock);
		ds->current[0] = '\0';
		pthread_mutex_unlock(&ds->lock);
		free(w);
	}
	return NULL;
}

int
drafts_run(struct drafts *ds, struct err *e)
{
	struct state_draft *list = NULL;
	size_t n = 0;
	int rc = 0;

	if (state_drafts_list(ds->parts.state, STATE_DRAFT_CHECKING, &list, &n, e) == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = enqueue(ds, list[i].id, e);
	free(list);
	if (rc == -1)
		return -1;
	if (pthread_create(&ds->thread, NULL, on_thread, ds) != 0)
		return err_set(e, ERR_SYSTEM, "cannot start the thread that checks drafts");
	ds->is_running = true;
	return 0;
}

void
drafts_free(struct drafts *ds)
{
	struct waiting *w;

	if (ds == NULL)
		return;
	if (ds->is_running) {
		pthread_mutex_lock(&ds->lock);
		ds->is_stopping = true;
		atomic_store(&ds->cancel, true);
		pthread_cond_signal(&ds->changed);
		pthread_mutex_unlock(&ds->lock);
		(void)pthread_join(ds->thread, NULL); /* it is there and joinable */
	}
	while ((w = ds->first) != NULL) {
		ds->first = w->next;
		free(w);
	}
	pthread_cond_destroy(&ds->changed);
	pthread_mutex_destroy(&ds->lock);
	pthread_mutex_destroy(&ds->check);
	free(ds);
}

void
drafts_hold(struct drafts *ds)
{
	pthread_mutex_lock(&ds->check);
}

void
drafts_go_on(struct drafts *ds)
{
	pthread_mutex_unlock(&ds->check);
}

int
drafts_start(struct drafts *ds, const struct state_draft *want, const char *actor, int64_t now,
    struct state_draft *out, struct err *e)
{
	char object[2 * LIMIT_ID_BYTES + 16];
	struct audit_note note = { .at = now, .actor = actor, .action = "draft", .object = object,
		.detail = "" };
	struct record *rec = NULL;
	struct state_draft d;

	(void)snprintf(object, sizeof(object), "%s/%s/%u", want->release.channel,
	    want->release.course, (unsigned)want->release.number);
	if (load_record(ds, &want->release, &rec, e) == -1)
		return -1;
	record_free(rec);
	if (state_drafts_start(ds->parts.state, want, &note, &d, e) == -1)
		return -1;
	if (d.state == STATE_DRAFT_REFUSED) {
		note.action = "draft-recheck";
		if (state_drafts_recheck(ds->parts.state, d.id, &note, e) == -1)
			return -1;
		d.state = STATE_DRAFT_CHECKING;
		d.reason[0] = '\0';
	}
	if (d.state == STATE_DRAFT_CHECKING && enqueue(ds, d.id, e) == -1)
		return -1;
	*out = d;
	return 0;
}

int
drafts_get(struct drafts *ds, const char *id, struct state_draft *out,
    struct drafts_progress *progress, struct err *e)
{
	if (state_drafts_get(ds->parts.state, id, out, e) == -1)
		return -1;
	*progress = (struct drafts_progress){ out->release.tar_len, out->release.tar_len };
	if (out->state != STATE_DRAFT_CHECKING)
		return 0;
	pthread_mutex_lock(&ds->lock);
	if (strcmp(ds->current, id) == 0)
		*progress = ds->progress;
	else
		progress->done_bytes = 0;
	pthread_mutex_unlock(&ds->lock);
	return 0;
}

int
drafts_missing(struct drafts *ds, const struct state_draft *d, struct buf *missing, struct err *e)
{
	struct record *rec = NULL;
	struct layout *l = NULL;
	int rc = 0;

	if (load_record(ds, &d->release, &rec, e) == -1)
		return -1;
	if (layouts_take(ds->parts.layouts, rec->channel, &rec->index.sha256, missing, &l,
	    e) == -1 &&
	    e->class != ERR_NOT_FOUND)
		rc = -1;
	layouts_give_back(ds->parts.layouts, l);
	record_free(rec);
	return rc;
}

int
drafts_drop(struct drafts *ds, const char *id, const char *actor, int64_t now, struct err *e)
{
	struct audit_note note = { .at = now, .actor = actor, .action = "draft-dropped",
		.object = id, .detail = "" };

	if (state_drafts_end(ds->parts.state, id, &note, e) == -1)
		return -1;
	pthread_mutex_lock(&ds->lock);
	if (strcmp(ds->current, id) == 0)
		atomic_store(&ds->cancel, true);
	pthread_mutex_unlock(&ds->lock);
	return 0;
}
