/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"
#include "clients/kebao/belief.h"
#include "clients/kebao/source.h"

#define CHANNELS_BYTES (4u << 20)

/* A channel that is given to us; both lent by the trust store. */
struct given {
	const char *channel;
	const struct meta *role;
};

struct catalogue {
	struct home *home;          /* borrowed */
	struct hub *hub;            /* borrowed; NULL: offline */
	struct trust *trust;        /* owned */
	struct json *channels;      /* owned; channels.json; NULL: never heard of */
	struct given *given;        /* owned */
	size_t n_given;
	struct catalogue_offer *offers; /* owned */
	size_t n_offers;
	size_t offers_room;
	struct catalogue_recall *recalls; /* owned */
	size_t n_recalls;
	char (*withheld)[IDS_SIZE]; /* owned */
	size_t n_withheld;
	struct catalogue_refused *refused; /* owned */
	size_t n_refused;
};

/* --- which channels --- */

/* The hub's list, asked for again where the view it was made for is another one. */
static int
ask_channels(struct catalogue *c, struct home_state *state, struct err *e)
{
	struct transfer *t = hub_transfer(c->hub);
	const char *view = transfer_view(t);
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	struct json_at list;
	int rc = -1;

	if (view[0] != '\0' && strcmp(view, state->view) == 0 && c->channels != NULL)
		return 0;
	if (transfer_load(t, "/api/v1/channels", CHANNELS_BYTES, &bytes, e) == -1 ||
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, e) == -1 ||
	    json_get_array(json_top(doc), "channels", &list, e) == -1 ||
	    file_save(home_dirfd(c->home), "channels.json", buf_data(&bytes), buf_len(&bytes), 0600,
		e) == -1)
		goto out;
	(void)snprintf(state->view, sizeof(state->view), "%s", view); /* same size */
	json_free(c->channels);
	c->channels = doc;
	doc = NULL;
	rc = 0;
out:
	if (rc == -1)
		err_within(e, "list of channels");
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

static void
load_channels(struct catalogue *c)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	struct json_at list;

	/* Where it is lost or damaged it is asked for again. */
	if (file_load(home_dirfd(c->home), "channels.json", CHANNELS_BYTES, &bytes, NULL) == 0 &&
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, NULL) == 0 &&
	    json_get_array(json_top(doc), "channels", &list, NULL) == 0) {
		c->channels = doc;
		doc = NULL;
	}
	json_free(doc);
	buf_clear(&bytes);
}

/* What the hub last said of the channel, or nowhere. */
static struct json_at
find_listed(const struct catalogue *c, const char *channel)
{
	struct json_at list;
	const char *id;

	if (json_get_array(json_top(c->channels), "channels", &list, NULL) == -1)
		return (struct json_at){ NULL, NULL };
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it))
		if (json_get_text(it, "id", &id, NULL) == 0 && strcmp(id, channel) == 0)
			return it;
	return (struct json_at){ NULL, NULL };
}

bool
catalogue_is_listed(const struct catalogue *c, const char *channel)
{
	return json_is(find_listed(c, channel));
}

static bool
was_held(const struct catalogue *c, const char *channel)
{
	struct meta *role = NULL;
	bool held = trust_held_role(c->trust, channel, &role, NULL) == 0;

	meta_free(role);
	return held;
}

/*
 * Whether the role that is kept says that the channel was given to us.  Administrators and auditors
 * may read the role of any channel, and kebao hub status does, so theirs says nothing; what
 * they hold of it does.
 */
static int
was_given(const struct catalogue *c, const char *channel, bool *out, struct err *e)
{
	const char *role = hub_config(c->hub)->role;
	struct library held = { NULL, 0 }, hidden = { NULL, 0 };
	int rc = -1;

	*out = true;
	if (strcmp(role, "admin") != 0 && strcmp(role, "auditor") != 0)
		return 0;
	if (library_load(c->home, &held, e) == 0 && library_load_hidden(c->home, &hidden, e) == 0) {
		*out = library_has_channel(&held, channel) || library_has_channel(&hidden, channel);
		rc = 0;
	}
	library_clear(&held);
	library_clear(&hidden);
	return rc;
}

/* --- what they offer --- */

static struct catalogue_offer *
new_offer(struct catalogue *c, struct err *e)
{
	if (c->n_offers == c->offers_room) {
		size_t room = c->offers_room == 0 ? 16 : 2 * c->offers_room;
		struct catalogue_offer *more = reallocarray(c->offers, room, sizeof(*more));

		if (more == NULL) {
			(void)err_nomem(e);
			return NULL;
		}
		c->offers = more;
		c->offers_room = room;
	}
	return &c->offers[c->n_offers++];
}

static int
add_recall(struct catalogue *c, const struct objpath *p, const struct meta_target *target,
    struct err *e)
{
	struct catalogue_recall *more = reallocarray(c->recalls, c->n_recalls + 1, sizeof(*more));
	struct catalogue_recall *r;

	if (more == NULL)
		return err_nomem(e);
	c->recalls = more;
	r = &c->recalls[c->n_recalls++];
	memset(r, 0, sizeof(*r));
	memcpy(r->name.channel, p->channel, sizeof(r->name.channel));
	memcpy(r->name.course, p->course, sizeof(r->name.course));
	r->name.release = p->release;
	withdrawn_look(target->custom, &r->what);
	return 0;
}

/* Targets are sorted by path, so a course's releases stand together. */
static int
take_target(struct catalogue *c, const char *channel, const struct meta_target *target,
    struct err *e)
{
	struct catalogue_offer *last = c->n_offers > 0 ? &c->offers[c->n_offers - 1] : NULL;
	struct objpath p;

	if (objpath_parse_target(&p, target->path, NULL) == -1 || p.kind != OBJPATH_RECORD ||
	    strcmp(p.channel, channel) != 0)
		return 0; /* of a format to come */
	if (withdrawn_is(target->custom))
		return add_recall(c, &p, target, e);
	if (last == NULL || strcmp(last->name.channel, channel) != 0 ||
	    strcmp(last->name.course, p.course) != 0) {
		last = new_offer(c, e);
		if (last == NULL)
			return -1;
		memset(last, 0, sizeof(*last));
		memcpy(last->name.channel, p.channel, sizeof(last->name.channel));
		memcpy(last->name.course, p.course, sizeof(last->name.course));
	}
	if (p.release > last->name.release) {
		last->name.release = p.release;
		last->record = target;
	}
	return 0;
}

static int
add_withheld(struct catalogue *c, const char *channel, struct err *e)
{
	char (*more)[IDS_SIZE] = reallocarray(c->withheld, c->n_withheld + 1, sizeof(*more));

	if (more == NULL)
		return err_nomem(e);
	c->withheld = more;
	(void)snprintf(c->withheld[c->n_withheld++], IDS_SIZE, "%s", channel);
	return 0;
}

static int
add_refused(struct catalogue *c, const char *channel, const struct err *why, struct err *e)
{
	struct catalogue_refused *more = reallocarray(c->refused, c->n_refused + 1, sizeof(*more));
	struct catalogue_refused *r;

	if (more == NULL)
		return err_nomem(e);
	c->refused = more;
	r = &c->refused[c->n_refused++];
	(void)snprintf(r->channel, sizeof(r->channel), "%s", channel); /* a checked id fits */
	r->why = *why;
	return 0;
}

static int
take_role(struct catalogue *c, const char *channel, int64_t now, struct err *e)
{
	struct trust_source source = { NULL, NULL };
	const struct trust_source *from = NULL;
	const struct meta *role = NULL;
	struct err mine = { 0 };
	bool listed = catalogue_is_listed(c, channel), given = true;

	if (!listed && !was_held(c, channel))
		return 0;
	if (c->hub != NULL) {
		if (!listed && was_given(c, channel, &given, e) == -1)
			return -1;
		if (!listed)
			return given ? add_withheld(c, channel, e) : 0;
		source = source_of(hub_transfer(c->hub));
		from = &source;
	}
	if (trust_role(c->trust, from, channel, now, &role, &mine) == -1) {
		if (mine.class == ERR_WITHHELD)
			return add_withheld(c, channel, e);
		if (mine.class == ERR_NOT_FOUND)
			return 0; /* nothing published, or nothing for us yet */
		err_within(&mine, "channel %s", channel);
		if (mine.class == ERR_UNTRUSTED)
			return add_refused(c, channel, &mine, e);
		if (e != NULL)
			*e = mine;
		return -1;
	}
	c->given[c->n_given++] = (struct given){ channel, role };
	for (size_t i = 0; i < role->n_targets; i++)
		if (take_target(c, channel, &role->targets[i], e) == -1)
			return -1;
	return 0;
}

static int
compare_offers(const void *a, const void *b)
{
	const struct catalogue_offer *x = a, *y = b;

	return library_compare(&x->name, &y->name);
}

static int
take_roles(struct catalogue *c, int64_t now, struct err *e)
{
	const struct meta *targets = trust_targets(c->trust);

	c->given = calloc(targets->n_roles + 1, sizeof(*c->given));
	if (c->given == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < targets->n_roles; i++) {
		const char *channel = targets->roles[i].name;

		if (ids_check(IDS_CHANNEL, channel, strlen(channel), NULL) == 0 &&
		    take_role(c, channel, now, e) == -1)
			return -1;
	}
	if (c->n_offers > 0)
		qsort(c->offers, c->n_offers, sizeof(*c->offers), compare_offers);
	return 0;
}

/* --- from the hub --- */

static int
refresh(struct catalogue *c, int64_t now, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(c->hub));
	struct home_state state;

	home_load_state(c->home, &state);
	if (trust_refresh(c->trust, &source, now, e) == -1 ||
	    transfer_check_standing(hub_transfer(c->hub), e) == -1 ||
	    ask_channels(c, &state, e) == -1)
		return -1;
	state.contact_at = now;
	return home_save_state(c->home, &state, e);
}

int
catalogue_open(struct home *home, struct hub *hub, int64_t now, struct catalogue **out,
    struct err *e)
{
	struct catalogue *c = calloc(1, sizeof(*c));
	int rc = -1;

	if (c == NULL)
		return err_nomem(e);
	c->home = home;
	c->hub = hub;
	load_channels(c);
	if (belief_open(home, &c->trust, e) == -1)
		goto out;
	if (hub != NULL ? refresh(c, now, e) == -1 : trust_load(c->trust, e) == -1)
		goto out;
	if (take_roles(c, now, e) == -1)
		goto out;
	/* Revoked meanwhile: then it was not the channels that were withheld. */
	if (hub != NULL && transfer_check_standing(hub_transfer(hub), e) == -1)
		goto out;
	*out = c;
	c = NULL;
	rc = 0;
out:
	catalogue_close(c);
	return rc;
}

void
catalogue_close(struct catalogue *c)
{
	if (c == NULL)
		return;
	trust_close(c->trust);
	json_free(c->channels);
	free(c->given);
	free(c->offers);
	free(c->recalls);
	free(c->withheld);
	free(c->refused);
	free(c);
}

size_t
catalogue_n_offers(const struct catalogue *c)
{
	return c->n_offers;
}

const struct catalogue_offer *
catalogue_offer(const struct catalogue *c, size_t i)
{
	return &c->offers[i];
}

size_t
catalogue_n_recalls(const struct catalogue *c)
{
	return c->n_recalls;
}

const struct catalogue_recall *
catalogue_recall(const struct catalogue *c, size_t i)
{
	return &c->recalls[i];
}

const struct catalogue_recall *
catalogue_find_recall(const struct catalogue *c, const struct library_name *name)
{
	for (size_t i = 0; i < c->n_recalls; i++)
		if (library_compare(&c->recalls[i].name, name) == 0)
			return &c->recalls[i];
	return NULL;
}

size_t
catalogue_n_refused(const struct catalogue *c)
{
	return c->n_refused;
}

const struct catalogue_refused *
catalogue_refused(const struct catalogue *c, size_t i)
{
	return &c->refused[i];
}

size_t
catalogue_n_withheld(const struct catalogue *c)
{
	return c->n_withheld;
}

const char *
catalogue_withheld(const struct catalogue *c, size_t i)
{
	return c->withheld[i];
}

size_t
catalogue_n_channels(const struct catalogue *c)
{
	return c->n_given;
}

const char *
catalogue_channel(const struct catalogue *c, size_t i, const struct meta **role)
{
	*role = c->given[i].role;
	return c->given[i].channel;
}

bool
catalogue_is_publisher(const struct catalogue *c, const char *channel, const char *org)
{
	struct json_at at = find_listed(c, channel);
	const char *publisher;

	return json_is(at) && json_get_text(at, "publisher", &publisher, NULL) == 0 &&
	    strcmp(publisher, org) == 0;
}

bool
catalogue_has_ended(const struct catalogue *c, const char *channel)
{
	const char *state;

	/* One that is open is empty for other reasons: its hub was restored. */
	if (json_get_text(find_listed(c, channel), "state", &state, NULL) == -1 ||
	    strcmp(state, "open") == 0)
		return false;
	for (size_t i = 0; i < c->n_given; i++)
		if (strcmp(c->given[i].channel, channel) == 0)
			return c->given[i].role->n_targets == 0;
	return false;
}

struct trust *
catalogue_trust(const struct catalogue *c)
{
	return c->trust;
}

static const struct meta_target *
find_target(const struct catalogue *c, const struct library_name *name, enum objpath_kind kind)
{
	struct objpath p = { .kind = kind, .release = name->release };
	char path[OBJPATH_SIZE];

	memcpy(p.channel, name->channel, sizeof(p.channel));
	memcpy(p.course, name->course, sizeof(p.course));
	objpath_build_target(path, &p);
	/* Only its own channel's role may speak for it. */
	for (size_t i = 0; i < c->n_given; i++)
		if (strcmp(c->given[i].channel, name->channel) == 0)
			return meta_find_target(c->given[i].role, path);
	return NULL;
}

const struct meta_target *
catalogue_find(const struct catalogue *c, const struct library_name *name)
{
	return find_target(c, name, OBJPATH_RECORD);
}

const struct meta_target *
catalogue_bundle(const struct catalogue *c, size_t i)
{
	return find_target(c, &c->offers[i].name, OBJPATH_BUNDLE);
}

bool
catalogue_is_behind(const struct catalogue *c, const struct library *l,
    const struct library_name *offer)
{
	const struct library_name *held = library_newest(l, offer->channel, offer->course);

	return held != NULL && held->release > offer->release && catalogue_find(c, held) == NULL;
}
