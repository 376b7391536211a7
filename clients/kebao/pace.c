/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/pace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/text.h"

#define USAGE "usage.json"
#define USAGE_NEW "usage.json.new"
#define PAUSED "paused"
#define USAGE_BYTES 65536u
#define SAVE_BYTES (16u << 20)
#define MONTH_SIZE 8 /* "2026-11" */

struct pace {
	const struct home *home;         /* borrowed */
	const struct settings *settings; /* borrowed */
	pthread_mutex_t lock;            /* of all below */
	char month[MONTH_SIZE];
	uint64_t used_bytes;             /* of the month */
	/* The month before, which comes back where the clock was ahead; "": none. */
	char earlier[MONTH_SIZE];
	uint64_t earlier_bytes;
	uint64_t unsaved_bytes;
	int64_t asked_at;
	enum pace_state state;           /* as of asked_at */
	int64_t until;
};

/* --- the month --- */

static void
month_of(const struct tm *tm, char *out)
{
	if (strftime(out, MONTH_SIZE, "%Y-%m", tm) == 0)
		*out = '\0';
}

static void
load_month(struct json_at at, char month[MONTH_SIZE], uint64_t *used_bytes)
{
	const char *text = NULL;
	int64_t used;

	if (json_get_text(at, "month", &text, NULL) == 0 && strlen(text) < MONTH_SIZE &&
	    json_get_int_in(at, "received_bytes", 0, JSON_INT_MAX, &used, NULL) == 0) {
		memcpy(month, text, strlen(text) + 1);
		*used_bytes = (uint64_t)used;
	}
}

static void
load(struct pace *p)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	struct json_at earlier;

	/* Where it is lost the month begins anew. */
	if (file_load(home_dirfd(p->home), USAGE, USAGE_BYTES, &bytes, NULL) == 0 &&
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, NULL) == 0) {
		load_month(json_top(doc), p->month, &p->used_bytes);
		if (json_get_object(json_top(doc), "earlier", &earlier, NULL) == 0)
			load_month(earlier, p->earlier, &p->earlier_bytes);
	}
	json_free(doc);
	buf_clear(&bytes);
}

static void
put_month(struct json_at at, const char *month, uint64_t used_bytes)
{
	json_put_text(at, "month", month);
	json_put_int(at, "received_bytes",
	    used_bytes < JSON_INT_MAX ? (int64_t)used_bytes : JSON_INT_MAX);
}

/*
 * The clock says so.  Neither one that was ahead and is set back nor one that is behind until it
 * asks the net gives anybody a second budget.
 */
static void
turn_to(struct pace *p, const char *month)
{
	int order = strcmp(month, p->month);

	if (order < 0 && strcmp(month, p->earlier) < 0)
		return; /* it is behind */
	if (order > 0) {
		memcpy(p->earlier, p->month, sizeof(p->earlier));
		p->earlier_bytes = p->used_bytes;
		p->used_bytes = 0;
	} else if (order < 0 && strcmp(month, p->earlier) == 0) {
		p->used_bytes += p->earlier_bytes;
		p->earlier[0] = '\0';
	}
	memcpy(p->month, month, strlen(month) + 1);
}

/*
 * In the middle of a run without a sync, which would wait for all that the run has written; the
 * last word of a run is durable.
 */
static void
save(struct pace *p, bool is_durable)
{
	int dirfd = home_dirfd(p->home), fd;
	struct json *doc = json_new();
	struct buf bytes = BUF_INIT;

	put_month(json_top(doc), p->month, p->used_bytes);
	if (p->earlier[0] != '\0')
		put_month(json_put_object(json_top(doc), "earlier"), p->earlier, p->earlier_bytes);
	p->unsaved_bytes = 0;
	if (canon_write(json_top(doc), &bytes, NULL) == -1 ||
	    buf_add_text(&bytes, "\n", NULL) == -1)
		goto out;
	/* A disk that is full is found out by what matters more. */
	if (is_durable) {
		(void)file_save(dirfd, USAGE, buf_data(&bytes), buf_len(&bytes), 0600, NULL);
		goto out;
	}
	fd = openat(dirfd, USAGE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		goto out;
	if (file_write_all(fd, buf_data(&bytes), buf_len(&bytes), NULL) == 0)
		(void)renameat(dirfd, USAGE_NEW, dirfd, USAGE);
	(void)close(fd);
out:
	json_free(doc);
	buf_clear(&bytes);
}

int
pace_new(const struct home *h, const struct settings *s, struct pace **out, struct err *e)
{
	struct pace *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_nomem(e);
	p->home = h;
	p->settings = s;
	(void)pthread_mutex_init(&p->lock, NULL); /* cannot fail on Linux */
	load(p);
	*out = p;
	return 0;
}

void
pace_free(struct pace *p)
{
	if (p == NULL)
		return;
	if (p->unsaved_bytes > 0)
		save(p, true);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* --- may it? --- */

/* When the next month begins. */
static int64_t
next_month(const struct tm *now)
{
	struct tm tm = { .tm_year = now->tm_year, .tm_mon = now->tm_mon + 1, .tm_mday = 1,
		.tm_isdst = -1 };

	return (int64_t)mktime(&tm);
}

/* Look at clock, calendar and disk; with the lock held. */
static void
look(struct pace *p, int64_t now)
{
	const struct settings *s = p->settings;
	time_t t = (time_t)now;
	char month[MONTH_SIZE];
	struct tm tm;
	unsigned wait;

	p->asked_at = now;
	p->state = PACE_GO;
	p->until = 0;
	if (localtime_r(&t, &tm) == NULL)
		return;
	month_of(&tm, month);
	turn_to(p, month);
	wait = settings_minutes_until_open(s, (unsigned)(tm.tm_hour * 60 + tm.tm_min));
	if (file_exists(home_dirfd(p->home), PAUSED)) {
		p->state = PACE_PAUSED;
	} else if (s->monthly_bytes > 0 && p->used_bytes > s->monthly_bytes) {
		p->state = PACE_SPENT;
		p->until = next_month(&tm);
	} else if (wait > 0) {
		p->state = PACE_CLOSED;
		p->until = now - tm.tm_sec + 60 * (int64_t)wait;
	}
}

enum pace_state
pace_ask(struct pace *p, int64_t *until)
{
	enum pace_state state;

	(void)pthread_mutex_lock(&p->lock);
	look(p, (int64_t)time(NULL));
	state = p->state;
	if (until != NULL)
		*until = p->until;
	(void)pthread_mutex_unlock(&p->lock);
	return state;
}

int64_t
pace_closes_at(const struct settings *s, int64_t now)
{
	const unsigned day = 24 * 60;
	time_t t = (time_t)now;
	struct tm tm;
	unsigned minute;

	if (localtime_r(&t, &tm) == NULL)
		return 0;
	minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min);
	if (settings_minutes_until_open(s, minute) > 0)
		return 0;
	for (unsigned wait = 1; wait < day; wait++)
		if (settings_minutes_until_open(s, (minute + wait) % day) > 0)
			return now - tm.tm_sec + 60 * (int64_t)wait;
	return 0;
}

/* With the lock held. */
static int
judge(const struct pace *p, struct err *e)
{
	struct text until, used, budget;

	switch (p->state) {
	case PACE_GO:
		return 0;
	case PACE_PAUSED:
		(void)err_set(e, ERR_BUSY, "%s", PACE_PAUSED_TEXT);
		break;
	case PACE_CLOSED:
		(void)err_set(e, ERR_BUSY, "outside of the hours; it may go on at %s",
		    text_time(&until, p->until));
		break;
	case PACE_SPENT:
		(void)err_set(e, ERR_BUSY,
		    "the month's budget is used up (%s / %s); it may go on at %s",
		    text_bytes(&used, p->used_bytes),
		    text_bytes(&budget, p->settings->monthly_bytes),
		    text_time(&until, p->until));
		break;
	}
	if (e != NULL)
		e->sys = EAGAIN;
	return -1;
}

int
pace_check(struct pace *p, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&p->lock);
	look(p, (int64_t)time(NULL));
	rc = judge(p, e);
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

int
pace_took(void *pace, size_t len, struct err *e)
{
	struct pace *p = pace;
	const uint64_t budget = p->settings->monthly_bytes;
	int64_t now = (int64_t)time(NULL);
	int rc;

	(void)pthread_mutex_lock(&p->lock);
	p->used_bytes += len;
	p->unsaved_bytes += len;
	if (now != p->asked_at || (budget > 0 && p->used_bytes > budget))
		look(p, now);
	rc = judge(p, e);
	if (p->unsaved_bytes >= SAVE_BYTES || (rc == -1 && p->unsaved_bytes > 0))
		save(p, false);
	(void)pthread_mutex_unlock(&p->lock);
	return rc;
}

uint64_t
pace_used_bytes(struct pace *p)
{
	uint64_t n;

	(void)pthread_mutex_lock(&p->lock);
	look(p, (int64_t)time(NULL));
	n = p->used_bytes;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

int
pace_pause(const struct home *h, struct err *e)
{
	return file_save(home_dirfd(h), PAUSED, "", 0, 0600, e);
}

int
pace_resume(const struct home *h, struct err *e)
{
	if (file_remove(home_dirfd(h), PAUSED, e) == -1)
		return -1;
	return file_sync_dir_of(home_dirfd(h), PAUSED, e);
}
