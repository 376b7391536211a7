/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/draft.h"

#include <stdio.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "catalog/json/json.h"
#include "clients/kebao/interrupt.h"

#define LOOK_FIRST_MS 100u
#define LOOK_LATER_MS 2000u

static int
ask_batch(struct hub *hub, const char *channel, const struct digest *const *contents, size_t n,
    uint8_t *missing, struct err *e)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream", NULL };
	struct buf body = BUF_INIT, answer = BUF_INIT;
	char path[128];
	struct transfer_reply reply;
	struct transfer_request r = {
		.method = TRANSFER_POST, .path = path, .headers = headers, .max_bytes = n,
		.sink = transfer_to_buf, .sink_ctx = &answer,
	};
	int rc = -1;

	(void)snprintf(path, sizeof(path), "/api/v1/channels/%s/missing", channel); /* an id fits */
	for (size_t i = 0; i < n; i++)
		if (buf_add(&body, contents[i]->bytes, DIGEST_LEN, e) == -1)
			goto out;
	r.body = buf_data(&body);
	r.body_len = buf_len(&body);
	if (transfer_again(hub_transfer(hub), &r, &reply, e) == -1)
		goto out;
	if (buf_len(&answer) != n) {
		(void)err_set(e, ERR_BAD_INPUT, "%s: %zu answers to %zu questions", path,
		    buf_len(&answer), n);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		missing[i] = buf_data(&answer)[i] != 0;
	rc = 0;
out:
	buf_clear(&body);
	buf_clear(&answer);
	return rc;
}

int
draft_missing(struct hub *hub, const char *channel, const struct digest *const *contents,
    size_t n, uint8_t *missing, struct err *e)
{
	for (size_t at = 0; at < n; at += DRAFT_BATCH) {
		size_t some = n - at < DRAFT_BATCH ? n - at : DRAFT_BATCH;

		if (interrupt_check(e) == -1 ||
		    ask_batch(hub, channel, contents + at, some, missing + at, e) == -1)
			return -1;
	}
	return 0;
}

/* The id goes into paths. */
static int
take_id(struct json *doc, char id[DRAFT_ID_SIZE], struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_-";
	const char *text;
	int64_t number;

	if (json_is_int(json_member(json_top(doc), "id"))) {
		if (json_get_int_in(json_top(doc), "id", 1, JSON_INT_MAX, &number, e) == -1)
			return -1;
		(void)snprintf(id, DRAFT_ID_SIZE, "%lld", (long long)number);
		return 0;
	}
	if (json_get_text(json_top(doc), "id", &text, e) == -1)
		return -1;
	if (text[0] == '\0' || strlen(text) >= DRAFT_ID_SIZE || text[strspn(text, allowed)] != '\0')
		return err_set(e, ERR_BAD_INPUT, "the hub gave no usable id of a draft");
	memcpy(id, text, strlen(text) + 1);
	return 0;
}

static int
announce(struct hub *hub, const struct record *record, const struct buf *bytes,
    struct json **out, struct err *e)
{
	struct json *ask = json_new();
	struct json_at item;
	struct buf body = BUF_INIT;
	struct hub_message m = { .method = TRANSFER_POST, .path = "/api/v1/drafts" };
	struct digest sha256;
	int rc;

	digest_of(&sha256, buf_data(bytes), buf_len(bytes));
	json_put_text(json_top(ask), "channel", record->channel);
	json_put_text(json_top(ask), "course", record->course);
	json_put_int(json_top(ask), "release", record->release);
	item = json_put_object(json_top(ask), "record");
	json_put_digest(item, "sha256", &sha256);
	json_put_int(item, "length", (int64_t)buf_len(bytes));
	rc = canon_write(json_top(ask), &body, e);
	m.body = buf_data(&body);
	m.body_len = buf_len(&body);
	if (rc == 0)
		rc = hub_send_again(hub, &m, out, e);
	buf_clear(&body);
	json_free(ask);
	return rc;
}

/* 1: verified, 0: still at it, -1: refused or not understood. */
static int
judge(struct json *doc, const struct draft_watch *watch, struct err *e)
{
	struct json_at top = json_top(doc), missing;
	int64_t done, total;
	const char *state, *reason = NULL;
	char quoted[240];

	if (json_get_text(top, "state", &state, e) == -1 ||
	    json_find_int(top, "done_bytes", 0, &done, e) == -1 ||
	    json_find_int(top, "total_bytes", 0, &total, e) == -1 ||
	    json_find_text(top, "reason", &reason, e) == -1 ||
	    json_find_array(top, "missing", &missing, e) == -1)
		return -1;
	if (strcmp(state, "verified") == 0 || strcmp(state, "published") == 0)
		return 1;
	if (strcmp(state, "checking") == 0) {
		if (watch->on_progress != NULL && done >= 0 && total >= done)
			watch->on_progress(watch->ctx, (uint64_t)done, (uint64_t)total);
		return 0;
	}
	if (json_count(missing) > 0)
		return err_set(e, ERR_NOT_FOUND, "the hub lacks %zu frames it had before",
		    json_count(missing));
	if (reason == NULL)
		reason = state;
	return err_set(e, ERR_UNTRUSTED, "the hub refuses the release: %s",
	    err_quote(quoted, sizeof(quoted), reason, strlen(reason)));
}

int
draft_verify(struct hub *hub, const struct record *record, const struct buf *record_bytes,
    const struct draft_watch *watch, char id[DRAFT_ID_SIZE], struct err *e)
{
	struct json *doc = NULL;
	char path[DRAFT_ID_SIZE + 32];
	unsigned pause_ms = LOOK_FIRST_MS;
	int verdict = -1;

	if (announce(hub, record, record_bytes, &doc, e) == -1)
		return -1;
	if (take_id(doc, id, e) == -1)
		goto out;
	(void)snprintf(path, sizeof(path), "/api/v1/drafts/%s", id);
	while ((verdict = judge(doc, watch, e)) == 0) {
		if (interrupt_sleep_ms(pause_ms, e) == -1) {
			verdict = -1;
			break;
		}
		pause_ms = 2 * pause_ms < LOOK_LATER_MS ? 2 * pause_ms : LOOK_LATER_MS;
		json_free(doc);
		doc = NULL;
		if (hub_get(hub, path, &doc, e) == -1) {
			verdict = -1;
			break;
		}
	}
out:
	json_free(doc);
	return verdict == 1 ? 0 : -1;
}

int
draft_publish(struct hub *hub, const char *id, const struct buf *role, struct json **answer,
    struct err *e)
{
	char path[DRAFT_ID_SIZE + 40];
	const struct hub_message m = {
		.method = TRANSFER_POST, .path = path, .body = buf_data(role),
		.body_len = buf_len(role),
	};

	(void)snprintf(path, sizeof(path), "/api/v1/drafts/%s/publish", id);
	return hub_send_again(hub, &m, answer, e); /* the same bytes again are no second release */
}

int
draft_drop(struct hub *hub, const char *id, struct err *e)
{
	char path[DRAFT_ID_SIZE + 32];
	const struct hub_message m = { .method = TRANSFER_DELETE, .path = path };

	(void)snprintf(path, sizeof(path), "/api/v1/drafts/%s", id);
	return hub_send(hub, &m, NULL, e);
}
