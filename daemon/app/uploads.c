/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/uploads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/store.h"
#include "daemon/app/access.h"
#include "daemon/app/context.h"
#include "daemon/app/intake.h"
#include "daemon/log.h"

/* An upload somebody holds.  Made when first needed, gone with its last user. */
struct slot {
	struct slot *next;   /* under uploads.lock, like users */
	unsigned users;
	char id[STATE_UPLOADS_ID_LEN + 1]; /* constant */
	pthread_mutex_t lock; /* of what follows; kept while an object is checked */
	struct state_upload row;
	bool is_loaded;      /* row and fd are there */
	bool is_gone;        /* entered, refused or dropped */
	int fd;              /* owned, -1 while not open */
	uint64_t off;        /* written so far; row.offset is what is durable */
	uint64_t writer;     /* the number of the one who may write */
};

struct uploads {
	struct uploads_parts parts; /* borrowed, but for: */
	int dirfd;                  /* owned: the directory of the files */
	pthread_mutex_t lock;
	struct slot *slots;
};

struct upload {
	struct uploads *us; /* borrowed */
	struct slot *slot;  /* a user of it */
	uint64_t writer;
	char channel[LIMIT_ID_BYTES + 1];
};

static int
open_dir(struct uploads *us, struct err *e)
{
	if (file_make_dirs(us->parts.dirfd, CONTEXT_UPLOADS, 0700, e) == -1)
		return -1;
	us->dirfd = openat(us->parts.dirfd, CONTEXT_UPLOADS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (us->dirfd == -1)
		return err_errno(e, "open %s", CONTEXT_UPLOADS);
	return 0;
}

/* Files of uploads that ended, left by a crash between row and file. */
static int
sweep(struct uploads *us, struct err *e)
{
	int fd = openat(us->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return err_errno(e, "read %s", CONTEXT_UPLOADS);
	}
	while (rc == 0 && (errno = 0, d = readdir(dir)) != NULL) {
		struct state_upload row;

		if (d->d_name[0] == '.')
			continue;
		if (state_uploads_get(us->parts.state, d->d_name, &row, e) == 0)
			continue;
		rc = e->class == ERR_NOT_FOUND ? file_remove(us->dirfd, d->d_name, e) : -1;
	}
	if (rc == 0 && errno != 0)
		rc = err_errno(e, "read %s", CONTEXT_UPLOADS);
	closedir(dir);
	return rc;
}

int
uploads_new(const struct uploads_parts *parts, struct uploads **out, struct err *e)
{
	struct uploads *us = calloc(1, sizeof(*us));

	if (us == NULL || pthread_mutex_init(&us->lock, NULL) != 0) {
		free(us);
		return err_nomem(e);
	}
	us->parts = *parts;
	us->dirfd = -1;
	if (open_dir(us, e) == -1 || sweep(us, e) == -1) {
		uploads_free(us);
		return -1;
	}
	*out = us;
	return 0;
}

void
uploads_free(struct uploads *us)
{
	if (us == NULL)
		return;
	if (us->dirfd != -1)
		close(us->dirfd);
	pthread_mutex_destroy(&us->lock);
	free(us);
}

static void
slot_free(struct slot *s)
{
	if (s->fd != -1)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct slot *
slot_new(const char *id)
{
	struct slot *s = calloc(1, sizeof(*s));

	if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return NULL;
	}
	(void)snprintf(s->id, sizeof(s->id), "%s", id); /* fits: slot_take() looked */
	s->fd = -1;
	return s;
}

/* Become a user of the upload's slot. */
static struct slot *
slot_take(struct uploads *us, const char *id, struct err *e)
{
	struct slot *s;

	if (strlen(id) != STATE_UPLOADS_ID_LEN) {
		(void)access_absent(e);
		return NULL;
	}
	pthread_mutex_lock(&us->lock);
	for (s = us->slots; s != NULL && strcmp(s->id, id) != 0; s = s->next)
		;
	if (s == NULL && (s = slot_new(id)) != NULL) {
		s->next = us->slots;
		us->slots = s;
	}
	if (s != NULL)
		s->users++;
	else
		(void)err_nomem(e);
	pthread_mutex_unlock(&us->lock);
	return s;
}

static void
slot_give(struct uploads *us, struct slot *s)
{
	struct slot **at;

	pthread_mutex_lock(&us->lock);
	if (--s->users == 0) {
		for (at = &us->slots; *at != s; at = &(*at)->next)
			;
		*at = s->next;
		slot_free(s);
	}
	pthread_mutex_unlock(&us->lock);
}

/*
 * Open the file of the row.  One that is complete may have been moved into the store before a
 * crash: then there is none, and slot_enter() finds out.
 */
static int
open_file(struct uploads *us, struct slot *s, struct err *e)
{
	bool is_whole = s->row.offset == s->row.length;
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (is_whole ? 0 : O_CREAT);
	struct stat st;

	s->fd = openat(us->dirfd, s->id, flags, 0600);
	if (s->fd == -1)
		return is_whole && errno == ENOENT ? 0 : err_errno(e, "open the upload %s", s->id);
	if (fstat(s->fd, &st) == -1)
		return err_errno(e, "look at the upload %s", s->id);
	if ((uint64_t)st.st_size < s->row.offset)
		s->row.offset = (uint64_t)st.st_size; /* the disk lost it: say so */
	return 0;
}

/* With the slot's lock: row and file are there, and it is org's. */
static int
slot_load(struct uploads *us, struct slot *s, const char *org, struct err *e)
{
	if (!s->is_loaded && !s->is_gone) {
		if (state_uploads_get(us->parts.state, s->id, &s->row, e) == -1)
			return e->class == ERR_NOT_FOUND ? access_absent(e) : -1;
		if (s->fd == -1 && open_file(us, s, e) == -1)
			return -1;
		s->off = s->row.offset;
		s->is_loaded = true;
	}
	if (s->is_gone || strcmp(s->row.org, org) != 0)
		return access_absent(e);
	return 0;
}

/* With the slot's lock: make durable what was written. */
static int
slot_sync(struct uploads *us, struct slot *s, struct err *e)
{
	if (s->off == s->row.offset)
		return 0;
	if (fsync(s->fd) == -1)
		return err_errno(e, "sync the upload %s", s->id);
	if (s->row.offset == 0 && fsync(us->dirfd) == -1) /* the file's name is new */
		return err_errno(e, "sync %s", CONTEXT_UPLOADS);
	if (state_uploads_set_offset(us->parts.state, s->id, s->off, (int64_t)time(NULL),
	        e) == -1)
		return -1;
	s->row.offset = s->off;
	return 0;
}

/* With the slot's lock: the upload is over. */
static int
slot_end(struct uploads *us, struct slot *s, const struct audit_note *note, struct err *e)
{
	if (state_uploads_end(us->parts.state, s->id, note, e) == -1)
		return -1;
	s->is_gone = true;
	return file_remove(us->dirfd, s->id, e);
}

/* With the slot's lock, all bytes durable: check and enter. */
static int
slot_enter(struct uploads *us, struct slot *s, const struct uploads_by *by, struct err *e)
{
	struct intake in = { .state = us->parts.state, .store = us->parts.store,
		.dirfd = us->dirfd, .name = s->id, .what = &s->row, .actor = by->actor,
		.at = by->at };
	struct audit_note note = { .at = by->at, .actor = by->actor, .action = "upload-refused",
		.object = s->id, .detail = e->text };
	struct err second = { 0 };

	if (s->fd != -1)
		close(s->fd); /* the store takes files that nobody writes */
	s->fd = -1;
	s->is_loaded = false;
	if (intake_enter(&in, e) == 0)
		return slot_end(us, s, NULL, e);
	if (e->class == ERR_UNTRUSTED && slot_end(us, s, &note, &second) == -1)
		log_failure(LOG_LEVEL_ERROR, "upload-end", &second);
	if (e->class == ERR_NOT_FOUND) { /* begin anew */
		s->off = s->row.offset = 0;
		(void)state_uploads_set_offset(us->parts.state, s->id, 0, by->at, &second);
	}
	return -1;
}

static bool
is_complete(const struct slot *s)
{
	return s->row.offset == s->row.length;
}

static int
check_space(struct uploads *us, uint64_t more, struct err *e)
{
	uint64_t available, wanted;

	if (file_free_bytes(us->dirfd, &available, e) == -1)
		return -1;
	if (!__builtin_add_overflow(more, us->parts.reserve_bytes, &wanted) && wanted <= available)
		return 0;
	(void)err_set(e, ERR_BUSY,
	    "the hub's disk is too full for %llu bytes more: tell the hub's administrator",
	    (unsigned long long)more);
	e->sys = ENOSPC;
	return -1;
}

static int
check_length(const struct state_upload *want, struct err *e)
{
	uint64_t max_bytes = intake_max_bytes(want->kind);

	if (want->length == 0)
		return err_set(e, ERR_BAD_INPUT, "an object has at least one byte");
	if (want->length > max_bytes)
		return err_set(e, ERR_BAD_INPUT, "%s: %llu bytes are too many, %llu are allowed",
		    state_uploads_kind_name(want->kind), (unsigned long long)want->length,
		    (unsigned long long)max_bytes);
	return 0;
}

/* An upload that is under way and has all its bytes: a crash, or a lost answer. */
static int
enter_complete(struct uploads *us, const struct state_upload *row, const struct uploads_by *by,
    struct err *e)
{
	struct slot *s = slot_take(us, row->id, e);
	int rc;

	if (s == NULL)
		return -1;
	pthread_mutex_lock(&s->lock);
	rc = slot_load(us, s, row->org, e);
	if (rc == 0 && is_complete(s))
		rc = slot_enter(us, s, by, e);
	else if (rc == -1 && s->is_gone)
		rc = 0; /* the one we waited for has done it */
	pthread_mutex_unlock(&s->lock);
	slot_give(us, s);
	return rc;
}

int
uploads_begin(struct uploads *us, const struct state_upload *want, const struct uploads_by *by,
    struct state_upload *out, enum uploads_found *found, struct err *e)
{
	char object[LIMIT_ID_BYTES + DIGEST_HEX_LEN + 16], hex[DIGEST_HEX_LEN + 1];
	struct audit_note note = { .at = by->at, .actor = by->actor, .action = "upload-begin",
		.object = object, .detail = "" };
	struct intake in = { .state = us->parts.state, .store = us->parts.store, .what = want,
		.actor = by->actor, .at = by->at };
	bool held, is_new;

	digest_hex(hex, &want->sha256);
	(void)snprintf(object, sizeof(object), "%s/%s/%s", want->channel,
	    state_uploads_kind_name(want->kind), hex);
	if (check_length(want, e) == -1 || intake_is_held(&in, &held, e) == -1)
		return -1;
	if (held) {
		*found = UPLOADS_HELD;
		return 0;
	}
	if (check_space(us, want->length, e) == -1 ||
	    state_uploads_start(us->parts.state, want, us->parts.quota_bytes, &note, out, &is_new,
	        e) == -1)
		return -1;
	*found = is_new ? UPLOADS_STARTED : UPLOADS_RUNNING;
	if (out->offset != out->length)
		return 0;
	if (enter_complete(us, out, by, e) == -1)
		return -1;
	if (want->kind != STATE_UPLOAD_RECORD && intake_is_held(&in, &held, e) == -1)
		return -1;
	*found = UPLOADS_HELD;
	return 0;
}

int
uploads_look(struct uploads *us, const char *id, const char *org, struct state_upload *out,
    struct err *e)
{
	struct slot *s = slot_take(us, id, e);
	int rc = -1;

	if (s == NULL)
		return -1;
	pthread_mutex_lock(&s->lock);
	if (slot_load(us, s, org, e) == 0) {
		s->writer++;
		rc = slot_sync(us, s, e);
		*out = s->row;
	}
	pthread_mutex_unlock(&s->lock);
	slot_give(us, s);
	return rc;
}

static int
become_writer(struct uploads *us, struct slot *s, const struct uploads_piece *piece,
    struct err *e)
{
	if (slot_load(us, s, piece->org, e) == -1)
		return -1;
	if (piece->off != s->off)
		return err_set(e, ERR_CONFLICT,
		    "the upload stands at %llu, and the request begins at %llu: ask with HEAD",
		    (unsigned long long)s->off, (unsigned long long)piece->off);
	if (piece->len > s->row.length - s->off)
		return err_set(e, ERR_BAD_INPUT, "the upload lacks %llu bytes, and %llu are sent",
		    (unsigned long long)(s->row.length - s->off), (unsigned long long)piece->len);
	s->writer++;
	return 0;
}

int
uploads_open(struct uploads *us, const struct uploads_piece *piece, struct upload **out,
    struct err *e)
{
	struct upload *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return err_nomem(e);
	u->us = us;
	u->slot = slot_take(us, piece->id, e);
	if (u->slot == NULL) {
		free(u);
		return -1;
	}
	pthread_mutex_lock(&u->slot->lock);
	rc = become_writer(us, u->slot, piece, e);
	u->writer = u->slot->writer;
	memcpy(u->channel, u->slot->row.channel, sizeof(u->channel));
	pthread_mutex_unlock(&u->slot->lock);
	if (rc == -1) {
		slot_give(us, u->slot);
		free(u);
		return -1;
	}
	*out = u;
	return 0;
}

const char *
uploads_channel(const struct upload *u)
{
	return u->channel;
}

static int
check_writer(const struct upload *u, struct err *e)
{
	if (u->slot->is_gone)
		return access_absent(e);
	if (u->writer != u->slot->writer)
		return err_set(e, ERR_CONFLICT, "another connection continues this upload");
	return 0;
}

static int
write_at(struct uploads *us, struct slot *s, const void *bytes, size_t len, struct err *e)
{
	if (file_pwrite_all(s->fd, bytes, len, s->off, e) == -1)
		return -1;
	s->off += len;
	if (s->off - s->row.offset < UPLOADS_SYNC_BYTES)
		return 0;
	if (slot_sync(us, s, e) == -1)
		return -1;
	return check_space(us, 0, e);
}

int
uploads_write(struct upload *u, const void *bytes, size_t len, struct err *e)
{
	struct slot *s = u->slot;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = check_writer(u, e);
	if (rc == 0 && len > s->row.length - s->off)
		rc = err_set(e, ERR_BAD_INPUT, "the upload is longer than was announced");
	if (rc == 0)
		rc = write_at(u->us, s, bytes, len, e);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int
uploads_commit(struct upload *u, const struct uploads_by *by, uint64_t *offset, struct err *e)
{
	struct slot *s = u->slot;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = check_writer(u, e);
	if (rc == 0)
		rc = slot_sync(u->us, s, e);
	if (rc == 0)
		*offset = s->row.offset;
	if (rc == 0 && is_complete(s))
		rc = slot_enter(u->us, s, by, e);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void
uploads_close(struct upload *u)
{
	struct err e = { 0 };

	if (u == NULL)
		return;
	pthread_mutex_lock(&u->slot->lock);
	if (check_writer(u, &e) == 0 && u->slot->is_loaded &&
	    slot_sync(u->us, u->slot, &e) == -1)
		log_failure(LOG_LEVEL_WARN, "upload-sync", &e);
	pthread_mutex_unlock(&u->slot->lock);
	slot_give(u->us, u->slot);
	free(u);
}

int
uploads_drop(struct uploads *us, const char *id, const char *org, const struct uploads_by *by,
    struct err *e)
{
	struct audit_note note = { .at = by->at, .actor = by->actor, .action = "upload-dropped",
		.object = id, .detail = "" };
	struct slot *s = slot_take(us, id, e);
	int rc;

	if (s == NULL)
		return -1;
	pthread_mutex_lock(&s->lock);
	rc = slot_load(us, s, org, e);
	if (rc == 0)
		rc = slot_end(us, s, &note, e);
	pthread_mutex_unlock(&s->lock);
	slot_give(us, s);
	return rc;
}

int
uploads_recover(struct uploads *us, int64_t now, struct err *e)
{
	struct uploads_by by = { .actor = "hub", .at = now };
	struct state_upload *rows = NULL;
	struct err single = { 0 };
	size_t n = 0;

	if (state_uploads_list(us->parts.state, INT64_MAX, &rows, &n, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (rows[i].offset == rows[i].length &&
		    enter_complete(us, &rows[i], &by, &single) == -1)
			log_failure(LOG_LEVEL_WARN, "upload-recover", &single);
	free(rows);
	return 0;
}

int
uploads_expire(struct uploads *us, int64_t now, struct err *e)
{
	struct uploads_by by = { .actor = "hub", .at = now };
	struct state_upload *rows = NULL;
	size_t n = 0;
	int rc = 0;

	if (state_uploads_list(us->parts.state, now - UPLOADS_LIFE_S, &rows, &n, e) == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = uploads_drop(us, rows[i].id, rows[i].org, &by, e);
		if (rc == -1 && e->class == ERR_NOT_FOUND)
			rc = 0; /* it ended meanwhile */
	}
	free(rows);
	return rc;
}
