/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest releases one may see, by channel and course, in pages: a page's records are read from
 * the store when it is asked for, so neither time nor memory grows with the catalogue.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/hub/state_releases.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/record.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/respond.h"
#include "daemon/app/serve.h"

#define PAGE_USUAL 100
#define PAGE_MOST 1000 /* some 25 ms of a thread of the pool */

struct page {
	struct app *app;
	struct json_at courses;
	char channel[LIMIT_ID_BYTES + 1]; /* it begins behind this course ... */
	char course[LIMIT_ID_BYTES + 1];  /* ... of this channel; both "": at the first */
	size_t n_left;
	bool has_next;
};

/* ?limit=N and ?after=CHANNEL/COURSE */
static int
wanted_page(const struct exchange *x, struct page *p, struct err *e)
{
	char text[2 * LIMIT_ID_BYTES + 2], *end;
	long n = PAGE_USUAL;

	if (exchange_query(x, "limit", text, sizeof(text), e) == 0) {
		n = strtol(text, &end, 10);
		if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > PAGE_MOST)
			return err_set(e, ERR_BAD_INPUT,
			    "limit: a number from 1 to %d is wanted", PAGE_MOST);
	} else if (e->class != ERR_NOT_FOUND) {
		return -1;
	}
	p->n_left = (size_t)n;
	if (exchange_query(x, "after", text, sizeof(text), e) == -1)
		return e->class == ERR_NOT_FOUND ? 0 : -1;
	end = strchr(text, '/');
	if (end == NULL || (size_t)(end - text) > LIMIT_ID_BYTES ||
	    strlen(end + 1) > LIMIT_ID_BYTES)
		return err_set(e, ERR_BAD_INPUT,
		    "after: what \"next\" of the page before said is wanted");
	*end = '\0';
	memcpy(p->channel, text, strlen(text) + 1);
	memcpy(p->course, end + 1, strlen(end + 1) + 1);
	return 0;
}

static int
load_record(struct app *app, const struct state_release *r, struct record **out, struct err *e)
{
	struct objpath p = { .kind = OBJPATH_RECORD, .release = r->number, .hash = r->record };
	struct buf bytes = BUF_INIT;
	char name[OBJPATH_SIZE];
	int rc = -1;

	memcpy(p.channel, r->channel, sizeof(p.channel));
	memcpy(p.course, r->course, sizeof(p.course));
	objpath_build(name, &p);
	if (store_load(app->store, name, LIMIT_RECORD_BYTES, &bytes, e) == 0)
		rc = record_parse(buf_data(&bytes), buf_len(&bytes), RECORD_LENIENT, out, e);
	if (rc == -1) {
		e->class = ERR_SYSTEM; /* published, so it should be there */
		err_within(e, "%s", name);
	}
	buf_clear(&bytes);
	return rc;
}

static int
put_course(struct page *p, const struct state_release *row, struct err *e)
{
	struct json_at at, title;
	struct record *r;

	if (load_record(p->app, row, &r, e) == -1)
		return -1;
	at = json_add_object(p->courses);
	json_put_text(at, "channel", r->channel);
	json_put_text(at, "course", r->course);
	json_put_int(at, "release", r->release);
	json_put_text(at, "label", r->label);
	title = json_put_object(at, "title");
	for (size_t i = 0; i < r->title.n_items; i++)
		json_put_text(title, r->title.items[i].lang, r->title.items[i].text);
	json_put_utc(at, "published", r->published_at);
	json_put_text(at, "field", r->field);
	json_put_int(at, "files", r->n_files);
	json_put_int(at, "bytes", (int64_t)r->file_bytes);
	record_free(r);
	memcpy(p->channel, row->channel, sizeof(p->channel));
	memcpy(p->course, row->course, sizeof(p->course));
	p->n_left--;
	return 0;
}

/* As many newest releases of one channel as the page has room for. */
static int
put_channel(struct page *p, const char *channel, struct err *e)
{
	struct state_release *rows = NULL;
	bool is_begun = strcmp(channel, p->channel) == 0;
	size_t n = 0;
	int rc = 0;

	/* One more says whether there is a next page. */
	if (state_releases_page(p->app->state, channel, is_begun ? p->course : "", p->n_left + 1,
	    &rows, &n, e) == -1)
		return -1;
	for (size_t i = 0; i < n && rc == 0 && !p->has_next; i++) {
		if (p->n_left > 0)
			rc = put_course(p, &rows[i], e);
		else
			p->has_next = true;
	}
	free(rows);
	return rc;
}

int
serve_catalogue(struct exchange *x, struct err *e)
{
	struct access_client *c = context_client(x);
	struct page p = { .app = context_app(x) };
	const struct regdoc *d;
	struct json *doc;
	size_t pos = 0;

	if (wanted_page(x, &p, e) == -1)
		return -1;
	doc = json_new();
	p.courses = json_put_array(json_top(doc), "courses");
	while (!p.has_next && (d =
	    registry_next_visible(access_client_registry(c), &c->who, c->day, &pos)) != NULL)
		if (strcmp(d->id, p.channel) >= 0 && put_channel(&p, d->id, e) == -1) {
			json_free(doc);
			return -1;
		}
	if (p.has_next) {
		char next[sizeof(p.channel) + sizeof(p.course)];

		(void)snprintf(next, sizeof(next), "%s/%s", p.channel, p.course);
		json_put_text(json_top(doc), "next", next);
	}
	return respond_json(x, 200, doc, e);
}
