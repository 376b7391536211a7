/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/regdoc.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/base/utf8.h"
#include "catalog/hub/day.h"
#include "catalog/json/canon.h"
#include "catalog/repo/ids.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Indexed by the enums of the header. */
static const char *const kind_names[] = { "organisations", "pairings", "channels" };
static const char *const kind_words[] = { "organisation", "pairing", "channel" };
static const char *const org_kinds[] = { "association", "firm", "office" };
static const char *const levels[] = { "association", "firm" };
static const char *const modes[] = { "", "strong-helps-weak", "strong-with-strong" };
static const char *const channel_states[] = { "open", "frozen", "closed" };

const char *
regdoc_kind_name(enum regdoc_kind kind)
{
	return kind_names[kind];
}

const char *
regdoc_kind_word(enum regdoc_kind kind)
{
	return kind_words[kind];
}

const char *
regdoc_org_kind_name(enum regdoc_org_kind kind)
{
	return org_kinds[kind];
}

const char *
regdoc_channel_state_name(enum regdoc_channel_state state)
{
	return channel_states[state];
}

int
regdoc_kind_parse(enum regdoc_kind *out, const char *name)
{
	for (size_t i = 0; i < N_OF(kind_names); i++)
		if (strcmp(name, kind_names[i]) == 0) {
			*out = (enum regdoc_kind)i;
			return 0;
		}
	return -1;
}

/* ---- members ---- */

/* The place of text among names, from index first; -1 with the names listed. */
static int
choose(struct json_at at, const char *key, const char *const *names, size_t n, int absent,
    int *out, struct err *e)
{
	const char *text;
	char list[120] = "";

	if (json_find_text(at, key, &text, e) == -1)
		return -1;
	if (text == NULL && absent >= 0) {
		*out = absent;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (names[i][0] == '\0')
			continue;
		if (text != NULL && strcmp(text, names[i]) == 0) {
			*out = (int)i;
			return 0;
		}
		if (list[0] != '\0')
			strncat(list, ", ", sizeof(list) - strlen(list) - 1);
		strncat(list, names[i], sizeof(list) - strlen(list) - 1);
	}
	if (text == NULL)
		return json_wrong(at, e, "the member %s is missing: one of %s", key, list);
	return json_wrong(json_member(at, key), e, "must be one of %s", list);
}

/* An organisation's id, or the document's own. */
static int
read_id(struct json_at at, enum ids_kind kind, char out[IDS_SIZE], struct err *e)
{
	const char *text;
	struct err inner = { 0 };

	if (json_text(at, &text, e) == -1)
		return -1;
	if (ids_copy(kind, out, text, strlen(text), &inner) == -1)
		return json_wrong(at, e, "%s", inner.text);
	return 0;
}

static int
get_id(struct json_at at, const char *key, char out[IDS_SIZE], struct err *e)
{
	const char *text;

	if (json_get_text(at, key, &text, e) == -1) /* says that it is missing */
		return -1;
	return read_id(json_member(at, key), IDS_ORGANISATION, out, e);
}

/* A name for people: one line, something in it, no control characters. */
static int
check_line(struct json_at at, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len == 0)
		return json_wrong(at, e, "must not be empty");
	if (len > LIMIT_REGISTRY_TEXT_BYTES)
		return json_wrong(at, e, "has %zu bytes, the limit is %u", len,
		    LIMIT_REGISTRY_TEXT_BYTES);
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c;

		n = utf8_char(text + i, len - i);
		if (n == 0)
			return json_wrong(at, e, "is not UTF-8");
		c = utf8_decode(text + i, n);
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return json_wrong(at, e, "has a control character");
	}
	return 0;
}

static int
copy_line(struct json_at at, const char *key, char **out, struct err *e)
{
	const char *text;

	if (json_find_text(at, key, &text, e) == -1)
		return -1;
	if (text == NULL)
		return 0;
	if (check_line(json_member(at, key), text, e) == -1)
		return -1;
	*out = strdup(text);
	return *out != NULL ? 0 : err_nomem(e);
}

static int
get_texts(struct json_at at, const char *key, struct regdoc_texts *out, struct err *e)
{
	static const char *const known[] = { "zh", "en" };
	struct json_at texts;

	if (json_get_object(at, key, &texts, e) == -1 ||
	    json_only(texts, known, N_OF(known), e) == -1 ||
	    copy_line(texts, "zh", &out->zh, e) == -1 || copy_line(texts, "en", &out->en, e) == -1)
		return -1;
	if (out->zh == NULL && out->en == NULL)
		return json_wrong(texts, e, "needs zh or en");
	return 0;
}

static int
find_day(struct json_at at, const char *key, int32_t *out, struct err *e)
{
	const char *text;

	*out = DAY_NONE;
	if (json_find_text(at, key, &text, e) == -1)
		return -1;
	if (text != NULL && day_parse(out, text) == -1)
		return json_wrong(json_member(at, key), e, "must be a date like 2026-11-23");
	return 0;
}

static int
find_days(struct json_at at, int32_t *from, int32_t *until, struct err *e)
{
	if (find_day(at, "from", from, e) == -1 || find_day(at, "until", until, e) == -1)
		return -1;
	if (*from != DAY_NONE && *until != DAY_NONE && *until < *from)
		return json_wrong(json_member(at, "until"), e, "lies before \"from\"");
	return 0;
}

/* Where a fact comes from: for people, kept in the document only. */
static int
check_source(struct json_at at, struct err *e)
{
	const char *text;

	if (json_find_text(at, "source", &text, e) == -1)
		return -1;
	return text == NULL ? 0 : check_line(json_member(at, "source"), text, e);
}

/* A member whose form another module judges. */
static int
find_checked(struct json_at at, const char *key, int (*check)(const char *, struct err *),
    char *out, struct err *e)
{
	struct err inner = { 0 };
	const char *text;

	if (json_find_text(at, key, &text, e) == -1)
		return -1;
	if (text == NULL)
		return 0;
	if (check(text, &inner) == -1)
		return json_wrong(json_member(at, key), e, "%s", inner.text);
	memcpy(out, text, strlen(text) + 1); /* the check knows the length */
	return 0;
}

/* ---- the three kinds ---- */

static int
read_organisation(struct json_at at, struct regdoc_organisation *o, struct err *e)
{
	static const char *const known[] = {
		"id", "kind", "parent", "name", "region", "uscc", "from", "until", "source",
	};
	struct json_at parent = json_member(at, "parent");
	int kind;

	if (json_only(at, known, N_OF(known), e) == -1 ||
	    choose(at, "kind", org_kinds, N_OF(org_kinds), -1, &kind, e) == -1)
		return -1;
	o->kind = (enum regdoc_org_kind)kind;
	if (json_is(parent) && read_id(parent, IDS_ORGANISATION, o->parent, e) == -1)
		return -1;
	if (get_texts(at, "name", &o->name, e) == -1 ||
	    find_checked(at, "region", region_check, o->region, e) == -1 ||
	    find_checked(at, "uscc", uscc_check, o->uscc, e) == -1)
		return -1;
	return find_days(at, &o->from, &o->until, e);
}

static int
read_pairing(struct json_at at, struct regdoc_pairing *p, struct err *e)
{
	static const char *const known[] = {
		"id", "donor", "recipient", "level", "mode", "from", "until", "source",
	};
	int level, mode;

	if (json_only(at, known, N_OF(known), e) == -1 ||
	    get_id(at, "donor", p->donor, e) == -1 ||
	    get_id(at, "recipient", p->recipient, e) == -1 ||
	    choose(at, "level", levels, N_OF(levels), -1, &level, e) == -1 ||
	    choose(at, "mode", modes, N_OF(modes), REGDOC_MODE_NONE, &mode, e) == -1)
		return -1;
	p->level = (enum regdoc_level)level;
	p->mode = (enum regdoc_mode)mode;
	if (strcmp(p->donor, p->recipient) == 0)
		return json_wrong(at, e, "%s is paired with itself", p->donor);
	return find_days(at, &p->from, &p->until, e);
}

/* "org:a,b,c" after the colon. */
static int
read_orgs(struct json_at at, const char *text, struct regdoc_channel *c, struct err *e)
{
	size_t n = 1;

	for (const char *t = text; *t != '\0'; t++)
		n += *t == ',';
	if (n > LIMIT_AUDIENCE_ORGS)
		return json_wrong(at, e, "names %zu organisations, the limit is %u", n,
		    LIMIT_AUDIENCE_ORGS);
	c->orgs = calloc(n, sizeof(*c->orgs));
	if (c->orgs == NULL)
		return err_nomem(e);
	while (c->n_orgs < n) {
		size_t len = strcspn(text, ",");
		struct err inner = { 0 };

		if (ids_copy(IDS_ORGANISATION, c->orgs[c->n_orgs], text, len, &inner) == -1)
			return json_wrong(at, e, "%s", inner.text);
		for (size_t i = 0; i < c->n_orgs; i++)
			if (strcmp(c->orgs[i], c->orgs[c->n_orgs]) == 0)
				return json_wrong(at, e, "names %s twice", c->orgs[i]);
		c->n_orgs++;
		text += len + 1;
	}
	return 0;
}

static int
read_audience(struct json_at at, struct regdoc_channel *c, struct err *e)
{
	static const struct {
		const char *text;
		enum regdoc_audience audience;
	} plain[] = {
		{ "public", REGDOC_AUDIENCE_PUBLIC },
		{ "members", REGDOC_AUDIENCE_MEMBERS },
		{ "paired", REGDOC_AUDIENCE_PAIRED },
		{ "paired:self", REGDOC_AUDIENCE_PAIRED_SELF },
	};
	const char *text;

	if (json_get_text(at, "audience", &text, e) == -1)
		return -1;
	c->audience_text = strdup(text);
	if (c->audience_text == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < N_OF(plain); i++)
		if (strcmp(text, plain[i].text) == 0) {
			c->audience = plain[i].audience;
			return 0;
		}
	at = json_member(at, "audience");
	if (strncmp(text, "org:", 4) != 0)
		return json_wrong(at, e,
		    "must be public, members, paired, paired:self or org:<id>,<id>...");
	c->audience = REGDOC_AUDIENCE_ORGS;
	return read_orgs(at, text + 4, c, e);
}

static int
read_channel(struct json_at at, struct regdoc_channel *c, struct err *e)
{
	static const char *const known[] = {
		"id", "publisher", "audience", "title", "state", "source",
	};
	int state;

	if (json_only(at, known, N_OF(known), e) == -1 ||
	    get_id(at, "publisher", c->publisher, e) == -1 || read_audience(at, c, e) == -1 ||
	    get_texts(at, "title", &c->title, e) == -1 ||
	    choose(at, "state", channel_states, N_OF(channel_states), REGDOC_CHANNEL_OPEN, &state,
	        e) == -1)
		return -1;
	c->state = (enum regdoc_channel_state)state;
	return 0;
}

static int
read_kind(struct json_at at, struct regdoc *d, struct err *e)
{
	switch (d->kind) {
	case REGDOC_ORGANISATION:
		return read_organisation(at, &d->u.organisation, e);
	case REGDOC_PAIRING:
		return read_pairing(at, &d->u.pairing, e);
	case REGDOC_CHANNEL:
		return read_channel(at, &d->u.channel, e);
	}
	return err_set(e, ERR_SYSTEM, "no such kind of document");
}

static enum ids_kind
id_kind(enum regdoc_kind kind)
{
	switch (kind) {
	case REGDOC_ORGANISATION:
		return IDS_ORGANISATION;
	case REGDOC_PAIRING:
		return IDS_PAIRING;
	case REGDOC_CHANNEL:
		return IDS_CHANNEL;
	}
	return IDS_ORGANISATION;
}

int
regdoc_from(enum regdoc_kind kind, struct json_at at, struct regdoc **out, struct err *e)
{
	struct regdoc *d = calloc(1, sizeof(*d));
	struct buf json = BUF_INIT;
	const char *id;
	int rc = -1;

	if (d == NULL)
		return err_nomem(e);
	atomic_init(&d->refs, 1);
	d->kind = kind;
	if (json_get_text(at, "id", &id, e) == -1 ||
	    read_id(json_member(at, "id"), id_kind(kind), d->id, e) == -1)
		goto out;
	if (read_kind(at, d, e) == -1 || check_source(at, e) == -1 ||
	    canon_write(at, &json, e) == -1) {
		err_within(e, "%s %s", regdoc_kind_word(kind), d->id);
		goto out;
	}
	d->json_len = buf_len(&json);
	d->json = buf_take(&json, NULL);
	if (d->json == NULL) {
		err_nomem(e);
		goto out;
	}
	*out = d;
	d = NULL;
	rc = 0;
out:
	buf_clear(&json);
	regdoc_release(d);
	return rc;
}

int
regdoc_parse(enum regdoc_kind kind, const void *bytes, size_t len, struct regdoc **out,
    struct err *e)
{
	struct json *doc = NULL;
	int rc = -1;

	if (json_parse(bytes, len, GATE_SIGNED, &doc, e) == 0)
		rc = regdoc_from(kind, json_top(doc), out, e);
	else
		err_within(e, "%s", regdoc_kind_word(kind));
	json_free(doc);
	return rc;
}

struct regdoc *
regdoc_hold(struct regdoc *d)
{
	atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	return d;
}

static void
clear_texts(struct regdoc_texts *t)
{
	free(t->zh);
	free(t->en);
}

void
regdoc_release(struct regdoc *d)
{
	if (d == NULL || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
		return;
	switch (d->kind) {
	case REGDOC_ORGANISATION:
		clear_texts(&d->u.organisation.name);
		break;
	case REGDOC_PAIRING:
		break;
	case REGDOC_CHANNEL:
		clear_texts(&d->u.channel.title);
		free(d->u.channel.orgs);
		free(d->u.channel.audience_text);
		break;
	}
	free(d->json);
	free(d);
}
