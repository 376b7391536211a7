/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest releases one may see, by channel and course, in pages: a page's records are read from
 * the store when it is asked for, so neither time nor memory grows with the catalogue.  What a page
 * says follows from the hashes of its records, so who has it already costs no reading.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/limits.h"
#include "catalog/hub/state_releases.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "catalog/repo/ids.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/record.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"

#define PAGE_USUAL 100
#define PAGE_MOST 250 /* some 53 KB, in memory until they are read */
#define FORM "1"       /* another one when put_course() writes something else of a record */
#define ETAG_SIZE 35   /* 32 digits in quotes and a NUL */

struct page {
	struct state_releases_walk walk; /* where it begins; its channels are the client's */
	size_t most;
	struct state_release *rows; /* owned: one more than most where there is a next page */
	size_t n;                   /* of the page itself */
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
	p->most = (size_t)n;
	if (exchange_query(x, "after", text, sizeof(text), e) == -1)
		return e->class == ERR_NOT_FOUND ? 0 : -1;
	end = strchr(text, '/');
	if (end == NULL ||
	    ids_copy(IDS_CHANNEL, p->walk.channel, text, (size_t)(end - text), e) == -1 ||
	    ids_copy(IDS_COURSE, p->walk.course, end + 1, strlen(end + 1), e) == -1)
		return err_set(e, ERR_BAD_INPUT,
		    "after: what \"next\" of the page before said is wanted");
	return 0;
}

/* For the walk: the first channel at or behind id that the client may see. */
static const char *
next_visible(void *ctx, const char *id)
{
	const struct access_client *c = ctx;
	const struct registry *reg = access_client_registry(c);
	size_t pos = registry_seek(reg, id);
	const struct regdoc *d = registry_next_visible(reg, &c->who, c->day, &pos);

	return d != NULL ? d->id : NULL;
}

static int
load_page(struct app *app, struct page *p, struct err *e)
{
	size_t n;

	/* One more says whether there is a next page. */
	if (state_releases_page(app->state, &p->walk, p->most + 1, &p->rows, &n, e) == -1)
		return -1;
	p->has_next = n > p->most;
	p->n = p->has_next ? p->most : n;
	return 0;
}

/* From all that the body is made of: how it is written, records, whether more follows. */
static int
etag_of(const struct page *p, char out[ETAG_SIZE], struct err *e)
{
	struct digest_stream *sum = digest_new(DIGEST_SHA256, e);
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	if (sum == NULL)
		return -1;
	digest_add(sum, p->has_next ? FORM "+" : FORM ".", sizeof(FORM));
	for (size_t i = 0; i < p->n; i++)
		digest_add(sum, p->rows[i].record.bytes, DIGEST_LEN);
	digest_finish(sum, d.bytes);
	digest_free(sum);
	digest_hex(hex, &d);
	(void)snprintf(out, ETAG_SIZE, "\"%.32s\"", hex);
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

/* One course, as text: a page is never in memory as a document, which is ten times as large. */
static int
put_course(struct app *app, const struct state_release *row, struct buf *body, struct err *e)
{
	struct json_at at, title;
	struct json *doc;
	struct record *r;
	int rc = -1;

	if (load_record(app, row, &r, e) == -1)
		return -1;
	doc = json_new();
	at = json_top(doc);
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
	if (json_check(doc, e) == 0)
		rc = canon_write(at, body, e);
	json_free(doc);
	return rc;
}

static int
write_page(struct app *app, const struct page *p, struct buf *body, struct err *e)
{
	if (buf_add_text(body, "{\"courses\":[", e) == -1)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if ((i > 0 && buf_add_text(body, ",", e) == -1) ||
		    put_course(app, &p->rows[i], body, e) == -1)
			return -1;
	if (buf_add_text(body, "]", e) == -1)
		return -1;
	if (p->has_next) { /* ids: nothing in them is to be escaped */
		const struct state_release *last = &p->rows[p->n - 1];

		if (buf_printf(body, e, ",\"next\":\"%s/%s\"", last->channel, last->course) == -1)
			return -1;
	}
	return buf_add_text(body, "}", e);
}

static int
put_page(struct exchange *x, const struct page *p, struct err *e)
{
	struct buf body = BUF_INIT;
	int rc = -1;

	if (write_page(context_app(x), p, &body, e) == 0)
		rc = reply_bytes(x, 200, "application/json", &body, e);
	buf_clear(&body);
	return rc;
}

int
serve_catalogue(struct exchange *x, struct err *e)
{
	struct page p = {
		.walk = { .next_channel = next_visible, .ctx = context_client(x) },
		.most = PAGE_USUAL,
	};
	char etag[ETAG_SIZE];
	int rc = -1;

	if (wanted_page(x, &p, e) == -1 || load_page(context_app(x), &p, e) == -1)
		return -1;
	if (etag_of(&p, etag, e) == 0 &&
	    reply_conditions(x, etag, "private, no-cache", e) == 0)
		rc = reply_is_made(x) ? 0 : put_page(x, &p, e);
	free(p.rows);
	return rc;
}
