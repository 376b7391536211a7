/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/registry.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/base/hex.h"
#include "catalog/hub/day.h"

#define NOBODY SIZE_MAX

struct org {
	const struct regdoc *doc; /* borrowed from docs */
	size_t parent;            /* of orgs, or NOBODY */
};

struct pair {
	size_t donor, recipient; /* of orgs */
	int32_t from, until;
};

struct chan {
	const struct regdoc *doc; /* borrowed from docs */
	size_t publisher;         /* of orgs */
	size_t *named;            /* owned; of orgs, sorted; the document's n_orgs of them */
};

/* Organisations and channels are sorted by id, pairings by donor. */
struct registry {
	atomic_uint refs;
	struct regset docs; /* owned */
	struct org *orgs;   /* owned */
	size_t n_orgs;
	struct pair *pairs; /* owned */
	size_t n_pairs;
	struct chan *chans; /* owned */
	size_t n_chans;
};

/* ---- building ---- */

static size_t
find_org(const struct registry *reg, const char *id)
{
	size_t lo = 0, hi = reg->n_orgs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(reg->orgs[mid].doc->id, id);

		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NOBODY;
}

static int
refer(const struct registry *reg, const struct regdoc *d, const char *member, const char *id,
    size_t *out, struct err *e)
{
	*out = find_org(reg, id);
	if (*out == NOBODY)
		return err_set(e, ERR_BAD_INPUT, "%s %s: its %s %s is no organisation here",
		    regdoc_kind_word(d->kind), d->id, member, id);
	return 0;
}

static int
allocate(struct registry *reg, struct err *e)
{
	size_t n[REGDOC_N_KINDS] = { 0 };

	for (size_t i = 0; i < reg->docs.n_docs; i++)
		n[reg->docs.docs[i]->kind]++;
	reg->orgs = calloc(n[REGDOC_ORGANISATION] + 1, sizeof(*reg->orgs));
	reg->pairs = calloc(n[REGDOC_PAIRING] + 1, sizeof(*reg->pairs));
	reg->chans = calloc(n[REGDOC_CHANNEL] + 1, sizeof(*reg->chans));
	if (reg->orgs == NULL || reg->pairs == NULL || reg->chans == NULL)
		return err_nomem(e);
	return 0;
}

static int
link_parents(struct registry *reg, struct err *e)
{
	for (size_t i = 0; i < reg->n_orgs; i++) {
		const struct regdoc *d = reg->orgs[i].doc;
		const char *parent = d->u.organisation.parent;

		reg->orgs[i].parent = NOBODY;
		if (parent[0] != '\0' &&
		    refer(reg, d, "parent", parent, &reg->orgs[i].parent, e) == -1)
			return -1;
	}
	return 0;
}

/*
 * Follow each organisation upwards.  One that was seen to end at a top is settled,
 * so every link is followed twice at most.
 */
static int
refuse_circles(const struct registry *reg, struct err *e)
{
	enum { UNKNOWN, ON_THE_WAY, SETTLED };
	uint8_t *mark = calloc(reg->n_orgs + 1, 1);
	int rc = 0;

	if (mark == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < reg->n_orgs && rc == 0; i++) {
		size_t at = i;

		for (; at != NOBODY && mark[at] == UNKNOWN; at = reg->orgs[at].parent)
			mark[at] = ON_THE_WAY;
		if (at != NOBODY && mark[at] == ON_THE_WAY)
			rc = err_set(e, ERR_BAD_INPUT,
			    "organisation %s lies below itself: its parents form a circle",
			    reg->orgs[at].doc->id);
		for (at = i; at != NOBODY && mark[at] == ON_THE_WAY; at = reg->orgs[at].parent)
			mark[at] = SETTLED;
	}
	free(mark);
	return rc;
}

static int
add_pair(struct registry *reg, const struct regdoc *d, struct err *e)
{
	const struct regdoc_pairing *p = &d->u.pairing;
	struct pair *to = &reg->pairs[reg->n_pairs];

	if (refer(reg, d, "donor", p->donor, &to->donor, e) == -1 ||
	    refer(reg, d, "recipient", p->recipient, &to->recipient, e) == -1)
		return -1;
	to->from = p->from;
	to->until = p->until;
	reg->n_pairs++;
	return 0;
}

static int
by_place(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
by_donor(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return by_place(&x->donor, &y->donor);
}

static int
add_chan(struct registry *reg, const struct regdoc *d, struct err *e)
{
	const struct regdoc_channel *c = &d->u.channel;
	struct chan *to = &reg->chans[reg->n_chans];

	to->doc = d;
	if (refer(reg, d, "publisher", c->publisher, &to->publisher, e) == -1)
		return -1;
	reg->n_chans++; /* from here registry_release() frees named */
	if (c->n_orgs == 0)
		return 0;
	to->named = calloc(c->n_orgs, sizeof(*to->named));
	if (to->named == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < c->n_orgs; i++)
		if (refer(reg, d, "audience", c->orgs[i], &to->named[i], e) == -1)
			return -1;
	qsort(to->named, c->n_orgs, sizeof(*to->named), by_place);
	return 0;
}

static int
fill(struct registry *reg, struct err *e)
{
	if (allocate(reg, e) == -1)
		return -1;
	for (size_t i = 0; i < reg->docs.n_docs; i++)
		if (reg->docs.docs[i]->kind == REGDOC_ORGANISATION)
			reg->orgs[reg->n_orgs++].doc = reg->docs.docs[i];
	if (link_parents(reg, e) == -1 || refuse_circles(reg, e) == -1)
		return -1;
	for (size_t i = 0; i < reg->docs.n_docs; i++) {
		const struct regdoc *d = reg->docs.docs[i];

		if (d->kind == REGDOC_PAIRING && add_pair(reg, d, e) == -1)
			return -1;
		if (d->kind == REGDOC_CHANNEL && add_chan(reg, d, e) == -1)
			return -1;
	}
	qsort(reg->pairs, reg->n_pairs, sizeof(*reg->pairs), by_donor);
	return 0;
}

int
registry_new(const struct regset *docs, struct registry **out, struct err *e)
{
	struct registry *reg = calloc(1, sizeof(*reg));

	if (reg == NULL)
		return err_nomem(e);
	atomic_init(&reg->refs, 1);
	if (regset_copy(docs, &reg->docs, e) == -1 || fill(reg, e) == -1) {
		registry_release(reg);
		return -1;
	}
	*out = reg;
	return 0;
}

struct registry *
registry_hold(struct registry *reg)
{
	atomic_fetch_add_explicit(&reg->refs, 1, memory_order_relaxed);
	return reg;
}

void
registry_release(struct registry *reg)
{
	if (reg == NULL || atomic_fetch_sub_explicit(&reg->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < reg->n_chans; i++)
		free(reg->chans[i].named);
	free(reg->chans);
	free(reg->pairs);
	free(reg->orgs);
	regset_clear(&reg->docs);
	free(reg);
}

/* ---- asking ---- */

const struct regset *
registry_docs(const struct registry *reg)
{
	return &reg->docs;
}

size_t
registry_seek(const struct registry *reg, const char *id)
{
	size_t lo = 0, hi = reg->n_chans;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(reg->chans[mid].doc->id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct chan *
find_chan(const struct registry *reg, const char *id)
{
	size_t at = registry_seek(reg, id);

	return at < reg->n_chans && strcmp(reg->chans[at].doc->id, id) == 0 ? &reg->chans[at]
	                                                                    : NULL;
}

const struct regdoc *
registry_find_organisation(const struct registry *reg, const char *id)
{
	size_t at = find_org(reg, id);

	return at == NOBODY ? NULL : reg->orgs[at].doc;
}

const struct regdoc *
registry_find_channel(const struct registry *reg, const char *id)
{
	const struct chan *c = find_chan(reg, id);

	return c == NULL ? NULL : c->doc;
}

static bool
covers(int32_t from, int32_t until, int32_t day)
{
	return (from == DAY_NONE || from <= day) && (until == DAY_NONE || day <= until);
}

bool
registry_is_in_force(const struct registry *reg, const char *org, int32_t day)
{
	size_t at = find_org(reg, org);
	const struct regdoc_organisation *o;

	if (at == NOBODY)
		return false;
	o = &reg->orgs[at].doc->u.organisation;
	return covers(o->from, o->until, day);
}

/* The organisation that asks, or NOBODY: then it sees what the public sees. */
static size_t
asking_org(const struct registry *reg, const struct ident *who, int32_t day)
{
	if (who->state != IDENT_OK || !registry_is_in_force(reg, who->org, day))
		return NOBODY;
	return find_org(reg, who->org);
}

static bool
is_at_or_below(const struct registry *reg, size_t org, size_t above)
{
	while (org != NOBODY && org != above)
		org = reg->orgs[org].parent;
	return org == above;
}

static bool
is_paired(const struct registry *reg, size_t donor, size_t org, bool or_below, int32_t day)
{
	size_t lo = 0, hi = reg->n_pairs;

	while (lo < hi) { /* the first pairing of the donor */
		size_t mid = lo + (hi - lo) / 2;

		if (reg->pairs[mid].donor < donor)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < reg->n_pairs && reg->pairs[lo].donor == donor; lo++) {
		const struct pair *p = &reg->pairs[lo];

		if (covers(p->from, p->until, day) &&
		    (or_below ? is_at_or_below(reg, org, p->recipient) : org == p->recipient))
			return true;
	}
	return false;
}

static bool
sees(const struct registry *reg, size_t org, const struct chan *c, int32_t day)
{
	const struct regdoc_channel *doc = &c->doc->u.channel;

	if (org != NOBODY && org == c->publisher)
		return true;
	if (doc->state == REGDOC_CHANNEL_CLOSED)
		return false;
	if (doc->audience == REGDOC_AUDIENCE_PUBLIC)
		return true;
	if (org == NOBODY)
		return false;
	switch (doc->audience) {
	case REGDOC_AUDIENCE_PUBLIC:
	case REGDOC_AUDIENCE_MEMBERS:
		return true;
	case REGDOC_AUDIENCE_PAIRED:
		return is_paired(reg, c->publisher, org, true, day);
	case REGDOC_AUDIENCE_PAIRED_SELF:
		return is_paired(reg, c->publisher, org, false, day);
	case REGDOC_AUDIENCE_ORGS:
		return bsearch(&org, c->named, doc->n_orgs, sizeof(org), by_place) != NULL;
	}
	return false;
}

bool
registry_may_see(const struct registry *reg, const struct ident *who, const char *channel,
    int32_t day)
{
	const struct chan *c = find_chan(reg, channel);

	return c != NULL && sees(reg, asking_org(reg, who, day), c, day);
}

bool
registry_is_publisher(const struct registry *reg, const struct ident *who, const char *channel,
    int32_t day)
{
	const struct chan *c = find_chan(reg, channel);
	size_t org = asking_org(reg, who, day);

	return c != NULL && org != NOBODY && org == c->publisher && who->role == IDENT_PUBLISHER;
}

bool
registry_may_publish(const struct registry *reg, const struct ident *who, const char *channel,
    int32_t day)
{
	return registry_is_publisher(reg, who, channel, day) &&
	    find_chan(reg, channel)->doc->u.channel.state == REGDOC_CHANNEL_OPEN;
}

bool
registry_is_public(const struct registry *reg, const char *channel)
{
	const struct chan *c = find_chan(reg, channel);

	return c != NULL && c->doc->u.channel.audience == REGDOC_AUDIENCE_PUBLIC &&
	    c->doc->u.channel.state != REGDOC_CHANNEL_CLOSED;
}

const struct regdoc *
registry_next_visible(const struct registry *reg, const struct ident *who, int32_t day,
    size_t *pos)
{
	size_t org = asking_org(reg, who, day);

	while (*pos < reg->n_chans) {
		const struct chan *c = &reg->chans[(*pos)++];

		if (sees(reg, org, c, day))
			return c->doc;
	}
	return NULL;
}

void
registry_view(const struct registry *reg, const struct ident *who, int32_t day,
    char out[REGISTRY_VIEW_HEX_LEN + 1])
{
	/* Links of a hash chain: a list needs no memory, and its order and borders count. */
	struct digest link = { { 0 } };
	const struct regdoc *d;
	size_t pos = 0;

	while ((d = registry_next_visible(reg, who, day, &pos)) != NULL) {
		uint8_t bytes[DIGEST_LEN + LIMIT_ID_BYTES + 1];
		size_t len = strlen(d->id);

		memcpy(bytes, link.bytes, DIGEST_LEN);
		memcpy(bytes + DIGEST_LEN, d->id, len);
		bytes[DIGEST_LEN + len] = (uint8_t)d->u.channel.state;
		digest_of(&link, bytes, DIGEST_LEN + len + 1);
	}
	hex_encode(out, link.bytes, REGISTRY_VIEW_HEX_LEN / 2);
}
