/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/pending.h"

#include <stdio.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "clients/kebao/text.h"

static enum pending_kind
kind_of(const char *text)
{
	if (text == NULL)
		return PENDING_NONE;
	if (strcmp(text, "release") == 0)
		return PENDING_RELEASE;
	if (strcmp(text, "recall") == 0)
		return PENDING_RECALL;
	if (strcmp(text, "recall-undo") == 0)
		return PENDING_UNDO;
	return strcmp(text, "renewal") == 0 ? PENDING_RENEWAL : PENDING_NONE;
}

/* The id goes into a path. */
static int
take_draft(const char *id, struct pending *out, struct err *e)
{
	if (id == NULL || strlen(id) >= sizeof(out->draft) ||
	    id[strspn(id, "0123456789abcdef")] != '\0')
		return err_set(e, ERR_BAD_INPUT, "the hub gave no usable id of a draft");
	(void)snprintf(out->draft, sizeof(out->draft), "%s", id);
	return 0;
}

static int
read_release(struct json_at at, struct pending *out, struct err *e)
{
	const char *id, *course;
	struct json_at record;
	int64_t release, len;

	if (json_get_text(at, "draft", &id, e) == -1 || take_draft(id, out, e) == -1 ||
	    json_get_text(at, "course", &course, e) == -1 ||
	    ids_copy(IDS_COURSE, out->course, course, strlen(course), e) == -1 ||
	    json_get_int_in(at, "release", 1, LIMIT_RELEASE_NUMBER, &release, e) == -1 ||
	    json_get_object(at, "record", &record, e) == -1 ||
	    json_get_digest(record, "sha256", &out->record, e) == -1 ||
	    json_get_int_in(record, "length", 1, LIMIT_RECORD_BYTES, &len, e) == -1)
		return -1;
	out->release = (uint32_t)release;
	out->record_len = (uint32_t)len;
	return 0;
}

int
pending_read(struct json_at at, struct pending *out, struct err *e)
{
	const char *channel, *kind;

	*out = (struct pending){ .at = at, .object = "" };
	if (json_get_text(at, "channel", &channel, e) == -1 ||
	    ids_copy(IDS_CHANNEL, out->channel, channel, strlen(channel), e) == -1 ||
	    json_find_text(at, "kind", &kind, e) == -1 ||
	    json_find_text(at, "object", &out->object, e) == -1 ||
	    json_find_text(at, "role", &out->role, e) == -1 ||
	    json_find_int(at, "version", 0, &out->version, e) == -1 ||
	    json_get_int_in(at, "threshold", 1, LIMIT_ROLE_KEYS, &out->threshold, e) == -1)
		return -1;
	out->kind = kind_of(kind);
	if (out->object == NULL)
		out->object = "";
	return out->kind == PENDING_RELEASE && out->role != NULL ? read_release(at, out, e) : 0;
}

int
pending_get(struct hub *hub, const char *channel, struct pending *out, struct err *e)
{
	char path[IDS_SIZE + 24];
	struct json *doc = NULL;

	(void)snprintf(path, sizeof(path), "/api/v1/pending/%s", channel); /* an id fits */
	if (hub_get(hub, path, &doc, e) == -1)
		return -1;
	if (pending_read(json_top(doc), out, e) == -1) {
		err_within(e, "%s", path);
		json_free(doc);
		return -1;
	}
	out->doc = doc;
	return 0;
}

void
pending_clear(struct pending *p)
{
	json_free(p->doc);
	p->doc = NULL;
}

/* --- in words --- */

static const char *
word_of(const struct cli *cli, enum pending_kind kind)
{
	switch (kind) {
	case PENDING_RELEASE:
		return messages_text(cli->lang, MSG_PENDING_RELEASE);
	case PENDING_RECALL:
		return messages_text(cli->lang, MSG_PENDING_RECALL);
	case PENDING_UNDO:
		return messages_text(cli->lang, MSG_PENDING_UNDO);
	case PENDING_RENEWAL:
		return messages_text(cli->lang, MSG_PENDING_RENEWAL);
	case PENDING_NONE:
		break;
	}
	return "?";
}

/* A text of the hub's, made printable. */
static const char *
text_in(struct json_at at, const char *key, char *out, size_t size)
{
	const char *text = NULL;

	if (json_find_text(at, key, &text, NULL) == -1 || text == NULL)
		text = "?";
	return err_quote(out, size, text, strlen(text));
}

static void
say_signature(const struct cli *cli, struct json_at item, bool is_dropped)
{
	char keyid[160], by[160], object[160];
	struct text when;
	int64_t at = 0;

	(void)json_get_utc(item, "at", &at, NULL); /* "1970" is answer enough */
	if (is_dropped)
		CLI_SAY(cli, MSG_PENDING_DROPPED, text_in(item, "object", object, sizeof(object)),
		    text_in(item, "keyid", keyid, sizeof(keyid)),
		    text_in(item, "by", by, sizeof(by)), text_time(&when, at));
	else
		CLI_SAY(cli, MSG_PENDING_SIGNED, text_in(item, "keyid", keyid, sizeof(keyid)),
		    text_in(item, "by", by, sizeof(by)), text_time(&when, at));
}

static bool
has_signed(struct json_at list, const char *keyid)
{
	const char *text;

	for (struct json_at it = json_first(list); json_is(it); it = json_next(it))
		if (json_get_text(it, "keyid", &text, NULL) == 0 && strcmp(text, keyid) == 0)
			return true;
	return false;
}

static void
say_may_sign(const struct cli *cli, const struct pending *p)
{
	struct json_at signatures = json_member(p->at, "signatures");
	const char *keyid;
	char quoted[160];

	for (struct json_at it = json_first(json_member(p->at, "keyids")); json_is(it);
	     it = json_next(it))
		if (json_text(it, &keyid, NULL) == 0 && !has_signed(signatures, keyid))
			CLI_SAY(cli, MSG_PENDING_MAY,
			    err_quote(quoted, sizeof(quoted), keyid, strlen(keyid)));
}

void
pending_say(const struct cli *cli, const struct pending *p)
{
	struct json_at signatures = json_member(p->at, "signatures");
	char quoted[200];
	struct text n, wanted;

	if (p->kind != PENDING_NONE) {
		CLI_SAY(cli, MSG_PENDING_WAITS,
		    err_quote(quoted, sizeof(quoted), p->object, strlen(p->object)),
		    word_of(cli, p->kind), text_number(&n, json_count(signatures)),
		    text_number(&wanted, (uint64_t)p->threshold));
		for (struct json_at it = json_first(signatures); json_is(it); it = json_next(it))
			say_signature(cli, it, false);
		say_may_sign(cli, p);
		CLI_SAY(cli, MSG_PENDING_HOW, p->channel);
	}
	for (struct json_at it = json_first(json_member(p->at, "dropped_signatures")); json_is(it);
	     it = json_next(it))
		say_signature(cli, it, true);
}

/* --- answers --- */

int
pending_outcome(struct json *doc, struct pending_outcome *out, struct err *e)
{
	const char *state;

	*out = (struct pending_outcome){ .doc = doc };
	if (json_find_text(json_top(doc), "state", &state, e) == -1 ||
	    json_find_int(json_top(doc), "dropped", 0, &out->n_dropped, e) == -1) {
		pending_outcome_clear(out);
		return -1;
	}
	out->is_waiting = state != NULL && strcmp(state, "waiting") == 0;
	return 0;
}

void
pending_outcome_clear(struct pending_outcome *o)
{
	json_free(o->doc);
	o->doc = NULL;
}

void
pending_outcome_say(const struct cli *cli, const struct pending_outcome *o)
{
	struct pending p;
	struct text n;

	if (o->n_dropped > 0)
		CLI_WARN(cli, MSG_PENDING_REPLACED, text_number(&n, (uint64_t)o->n_dropped));
	if (o->is_waiting && pending_read(json_top(o->doc), &p, NULL) == 0)
		pending_say(cli, &p);
}
