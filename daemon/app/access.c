/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/access.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/day.h"
#include "catalog/hub/state_enrol.h"
#include "catalog/hub/state_registry.h"

struct access_tables {
	atomic_uint refs;
	struct ident_table *idents; /* owned reference */
	struct registry *registry;  /* owned reference */
};

struct access {
	pthread_mutex_t lock;
	struct access_tables *tables; /* owned reference; changed under lock */
	atomic_int offset_minutes;
};

static struct access_tables *
hold(struct access *a)
{
	struct access_tables *t;

	pthread_mutex_lock(&a->lock);
	t = a->tables;
	atomic_fetch_add(&t->refs, 1);
	pthread_mutex_unlock(&a->lock);
	return t;
}

static void
release(struct access_tables *t)
{
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	ident_table_release(t->idents);
	registry_release(t->registry);
	free(t);
}

/* New tables of two references, which are taken, whatever is returned. */
static struct access_tables *
tables_of(struct ident_table *idents, struct registry *registry, struct err *e)
{
	struct access_tables *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		ident_table_release(idents);
		registry_release(registry);
		(void)err_nomem(e);
		return NULL;
	}
	atomic_init(&t->refs, 1);
	t->idents = idents;
	t->registry = registry;
	return t;
}

static int
load_identities(struct state *state, struct ident_table **out, struct err *e)
{
	struct ident_enrolment *rows = NULL;
	size_t n = 0;
	int rc;

	if (state_enrol_list(state, &rows, &n, e) == -1)
		return -1;
	rc = ident_table_new(rows, n, out, e);
	free(rows);
	return rc;
}

static int
load_registry(struct state *state, struct registry **out, struct err *e)
{
	struct regset docs = REGSET_INIT;
	int rc = -1;

	if (state_registry_load(state, &docs, e) == 0)
		rc = registry_new(&docs, out, e);
	regset_clear(&docs);
	return rc;
}

int
access_new(struct state *state, struct access **out, struct err *e)
{
	struct ident_table *idents = NULL;
	struct registry *registry = NULL;
	struct access_tables *t;
	struct access *a;

	if (load_identities(state, &idents, e) == -1)
		return -1;
	if (load_registry(state, &registry, e) == -1) {
		ident_table_release(idents);
		return -1;
	}
	t = tables_of(idents, registry, e);
	if (t == NULL)
		return -1;
	a = calloc(1, sizeof(*a));
	if (a == NULL || pthread_mutex_init(&a->lock, NULL) != 0) {
		free(a);
		release(t);
		return err_nomem(e);
	}
	a->tables = t;
	atomic_init(&a->offset_minutes, DAY_CHINA);
	*out = a;
	return 0;
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	release(a->tables);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void
access_set_offset(struct access *a, int offset_minutes)
{
	atomic_store(&a->offset_minutes, offset_minutes);
}

/*
 * Put one new table beside the other one now in force.  Exactly one of idents and
 * registry is given; its reference is taken, whatever is returned.
 */
static int
swap(struct access *a, struct ident_table *idents, struct registry *registry, struct err *e)
{
	struct access_tables *t = tables_of(idents, registry, e), *old;

	if (t == NULL)
		return -1;
	pthread_mutex_lock(&a->lock);
	old = a->tables;
	if (t->idents == NULL)
		t->idents = ident_table_hold(old->idents);
	if (t->registry == NULL)
		t->registry = registry_hold(old->registry);
	a->tables = t;
	pthread_mutex_unlock(&a->lock);
	release(old);
	return 0;
}

int
access_reload_identities(struct access *a, struct state *state, struct err *e)
{
	struct ident_table *idents = NULL;

	if (load_identities(state, &idents, e) == -1)
		return -1;
	return swap(a, idents, NULL, e);
}

int
access_set_registry(struct access *a, struct registry *reg, struct err *e)
{
	return swap(a, NULL, registry_hold(reg), e);
}

uint64_t
access_holder(struct access *a, const char *serial)
{
	struct access_tables *t = hold(a);
	uint64_t holder = ident_holder(t->idents, serial);

	release(t);
	return holder;
}

size_t
access_n_good(struct access *a, const char *serial, int64_t now)
{
	struct access_tables *t = hold(a);
	size_t n = ident_n_good(t->idents, ident_holder(t->idents, serial), now);

	release(t);
	return n;
}

struct registry *
access_registry(struct access *a)
{
	struct access_tables *t = hold(a);
	struct registry *reg = registry_hold(t->registry);

	release(t);
	return reg;
}

struct access_client *
access_client_new(struct access *a, const char *serial, bool is_foreign, int64_t now)
{
	struct access_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->tables = hold(a);
	c->day = day_at(now, atomic_load(&a->offset_minutes));
	ident_find(c->tables->idents, serial, now, &c->who);
	if (is_foreign)
		c->who.state = IDENT_UNKNOWN;
	return c;
}

void
access_client_free(struct access_client *c)
{
	if (c == NULL)
		return;
	release(c->tables);
	free(c);
}

const struct registry *
access_client_registry(const struct access_client *c)
{
	return c->tables->registry;
}

int
access_absent(struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is nothing here, or nothing that you may see");
}

static void
note_need(struct access_client *c, enum access_need need, const char *channel)
{
	c->need = need;
	/* ids fit: registry knows it */
	(void)snprintf(c->channel, sizeof(c->channel), "%s", channel);
}

int
access_see(struct access_client *c, const char *channel, struct err *e)
{
	if (!registry_may_see(c->tables->registry, &c->who, channel, c->day))
		return access_absent(e);
	note_need(c, ACCESS_SEE, channel);
	return 0;
}

/* Why somebody without the right role is turned away, in words for that person. */
static int
denied(const struct access_client *c, const char *wanted, struct err *e)
{
	const char *role = ident_role_name(c->who.role);

	switch (c->who.state) {
	case IDENT_NONE:
		return err_set(e, ERR_DENIED, "this needs a certificate of this hub: enrol first");
	case IDENT_UNKNOWN:
		return err_set(e, ERR_DENIED, "this certificate was not issued by this hub");
	case IDENT_REVOKED:
		return err_set(e, ERR_DENIED,
		    "this certificate was revoked: ask the hub's administrator");
	case IDENT_EXPIRED:
		return err_set(e, ERR_DENIED, "this certificate has expired: enrol again");
	case IDENT_OK:
		return err_set(e, ERR_DENIED, "this needs %s; you are %s %s of %s", wanted,
		    role[0] == 'a' ? "an" : "a", role, c->who.org);
	}
	return err_set(e, ERR_DENIED, "this needs %s", wanted);
}

int
access_publish(struct access_client *c, const char *channel, struct err *e)
{
	if (!registry_may_publish(c->tables->registry, &c->who, channel, c->day)) {
		if (c->who.state == IDENT_OK && access_see(c, channel, e) == -1)
			return -1;
		return denied(c, "a publisher of the channel, which must be open", e);
	}
	note_need(c, ACCESS_PUBLISH, channel);
	return 0;
}

static bool
is_admin(const struct ident *who)
{
	return who->state == IDENT_OK && who->role == IDENT_ADMIN;
}

static bool
may_audit(const struct ident *who)
{
	return who->state == IDENT_OK &&
	    (who->role == IDENT_ADMIN || who->role == IDENT_AUDITOR);
}

int
access_role(struct access_client *c, const char *channel, struct err *e)
{
	if (!may_audit(&c->who))
		return access_see(c, channel, e);
	note_need(c, ACCESS_AUDIT, "");
	return 0;
}

int
access_renew(struct access_client *c, const char *channel, struct err *e)
{
	if (is_admin(&c->who)) {
		note_need(c, ACCESS_ADMIN, "");
		return 0;
	}
	if (!registry_is_publisher(c->tables->registry, &c->who, channel, c->day)) {
		if (c->who.state == IDENT_OK && access_see(c, channel, e) == -1)
			return -1;
		return denied(c, "a publisher of the channel", e);
	}
	note_need(c, ACCESS_RENEW, channel);
	return 0;
}

int
access_enrolled(struct access_client *c, struct err *e)
{
	if (c->who.state != IDENT_OK)
		return denied(c, "an enrolment", e);
	note_need(c, ACCESS_ENROLLED, "");
	return 0;
}

int
access_staff(struct access_client *c, struct err *e)
{
	if (c->who.state != IDENT_OK ||
	    (c->who.role != IDENT_PUBLISHER && c->who.role != IDENT_ADMIN))
		return denied(c, "a publisher", e);
	note_need(c, ACCESS_ENROLLED, "");
	return 0;
}

int
access_admin(struct access_client *c, struct err *e)
{
	if (!is_admin(&c->who))
		return denied(c, "an administrator of the hub", e);
	note_need(c, ACCESS_ADMIN, "");
	return 0;
}

int
access_audit(struct access_client *c, struct err *e)
{
	if (!may_audit(&c->who))
		return denied(c, "an administrator or an auditor of the hub", e);
	note_need(c, ACCESS_AUDIT, "");
	return 0;
}

bool
access_is_auditor(const struct access_client *c)
{
	return c->who.state == IDENT_OK && c->who.role == IDENT_AUDITOR;
}

bool
access_still(struct access *a, const struct access_client *c, int64_t now)
{
	struct access_tables *t = hold(a);
	int32_t day = day_at(now, atomic_load(&a->offset_minutes));
	struct ident who;
	bool is_ok = false;

	ident_find(t->idents, c->who.serial, now, &who);
	switch (c->need) {
	case ACCESS_NOTHING:
		is_ok = true;
		break;
	case ACCESS_ENROLLED:
		is_ok = who.state == IDENT_OK;
		break;
	case ACCESS_SEE:
		is_ok = registry_may_see(t->registry, &who, c->channel, day);
		break;
	case ACCESS_PUBLISH:
		is_ok = registry_may_publish(t->registry, &who, c->channel, day);
		break;
	case ACCESS_RENEW:
		is_ok = registry_is_publisher(t->registry, &who, c->channel, day);
		break;
	case ACCESS_ADMIN:
		is_ok = is_admin(&who);
		break;
	case ACCESS_AUDIT:
		is_ok = may_audit(&who);
		break;
	}
	release(t);
	return is_ok;
}
