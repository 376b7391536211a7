/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/ident.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct ident_enrolment row; /* an empty serial marks a free slot */
	uint64_t holder;
};

/* Open addressing, at most half full. */
struct ident_table {
	atomic_uint refs;
	size_t n_slots; /* a power of two */
	struct slot *slots; /* owned */
};

/* FNV-1a: serials are random, but a table loaded by hand may hold any. */
static uint64_t
hash(const char *serial)
{
	uint64_t h = 14695981039346656037u;

	for (; *serial != '\0'; serial++)
		h = (h ^ (uint8_t)*serial) * 1099511628211u;
	return h;
}

static struct slot *
probe(const struct ident_table *t, const char *serial)
{
	uint64_t h = hash(serial);
	size_t i = (size_t)(h ^ h >> 32) & (t->n_slots - 1);

	while (t->slots[i].row.serial[0] != '\0' && strcmp(t->slots[i].row.serial, serial) != 0)
		i = (i + 1) & (t->n_slots - 1);
	return &t->slots[i];
}

/*
 * Up to the first of those that renew one another, or to one whose holder is known, and down
 * again.  steps is for a circle, which nobody but a hand can make.
 */
static void
set_holder(struct ident_table *t, struct slot *from, size_t steps)
{
	struct slot *at = from;
	const char *first = at->row.serial;
	uint64_t holder = 0;

	while (at->row.serial[0] != '\0' && at->holder == 0 && steps-- > 0) {
		first = at->row.serial;
		if (at->row.renews[0] == '\0')
			break;
		first = at->row.renews;
		at = probe(t, first);
	}
	holder = at->holder != 0 ? at->holder : hash(first) | 1;
	for (at = from; at->row.serial[0] != '\0' && at->holder == 0;
	    at = probe(t, at->row.renews)) {
		at->holder = holder;
		if (at->row.renews[0] == '\0')
			break;
	}
}

int
ident_table_new(const struct ident_enrolment *rows, size_t n_rows, struct ident_table **out,
    struct err *e)
{
	struct ident_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_nomem(e);
	atomic_init(&t->refs, 1);
	t->n_slots = 16;
	while (t->n_slots / 2 < n_rows)
		t->n_slots *= 2;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (t->slots == NULL) {
		ident_table_release(t);
		return err_nomem(e);
	}
	for (size_t i = 0; i < n_rows; i++) {
		struct slot *slot;

		if (rows[i].serial[0] == '\0') {
			ident_table_release(t);
			return err_set(e, ERR_BAD_INPUT, "an enrolment of %s has no serial",
			    rows[i].org);
		}
		slot = probe(t, rows[i].serial);
		if (slot->row.serial[0] != '\0') {
			ident_table_release(t);
			return err_set(e, ERR_BAD_INPUT, "serial %s is enrolled twice",
			    rows[i].serial);
		}
		slot->row = rows[i];
	}
	for (size_t i = 0; i < n_rows; i++)
		set_holder(t, probe(t, rows[i].serial), n_rows);
	*out = t;
	return 0;
}

struct ident_table *
ident_table_hold(struct ident_table *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void
ident_table_release(struct ident_table *t)
{
	if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(t->slots);
	free(t);
}

void
ident_find(const struct ident_table *t, const char *serial, int64_t now, struct ident *out)
{
	const struct ident_enrolment *row;

	memset(out, 0, sizeof(*out));
	out->state = IDENT_NONE;
	if (serial == NULL || serial[0] == '\0')
		return;
	out->state = IDENT_UNKNOWN;
	if (strlen(serial) > IDENT_SERIAL_HEX_LEN)
		return;
	(void)snprintf(out->serial, sizeof(out->serial), "%s", serial); /* fits: just checked */
	row = &probe(t, serial)->row;
	if (row->serial[0] == '\0')
		return;
	memcpy(out->org, row->org, sizeof(out->org));
	out->role = row->role;
	out->expires_at = row->expires_at;
	if (row->revoked_at != 0)
		out->state = IDENT_REVOKED;
	else if (now >= row->expires_at)
		out->state = IDENT_EXPIRED;
	else
		out->state = IDENT_OK;
}

uint64_t
ident_holder(const struct ident_table *t, const char *serial)
{
	const struct slot *slot = probe(t, serial);

	return slot->holder != 0 ? slot->holder : hash(serial) | 1;
}

size_t
ident_n_good(const struct ident_table *t, uint64_t holder, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_slots; i++) {
		const struct ident_enrolment *row = &t->slots[i].row;

		n += row->serial[0] != '\0' && t->slots[i].holder == holder &&
		    row->revoked_at == 0 && now < row->expires_at;
	}
	return n;
}

const char *
ident_role_name(enum ident_role role)
{
	switch (role) {
	case IDENT_MEMBER:
		return "member";
	case IDENT_PUBLISHER:
		return "publisher";
	case IDENT_ADMIN:
		return "admin";
	case IDENT_AUDITOR:
		return "auditor";
	}
	return "?";
}

int
ident_role_parse(enum ident_role *out, const char *name)
{
	static const enum ident_role roles[] = { IDENT_MEMBER, IDENT_PUBLISHER, IDENT_ADMIN,
		IDENT_AUDITOR };

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(name, ident_role_name(roles[i])) == 0) {
			*out = roles[i];
			return 0;
		}
	return -1;
}

const char *
ident_state_name(enum ident_state state)
{
	switch (state) {
	case IDENT_NONE:
		return "none";
	case IDENT_OK:
		return "ok";
	case IDENT_UNKNOWN:
		return "unknown";
	case IDENT_REVOKED:
		return "revoked";
	case IDENT_EXPIRED:
		return "expired";
	}
	return "?";
}

void
ident_header(char *out, size_t size, const struct ident *who)
{
	if (who->state == IDENT_OK)
		(void)snprintf(out, size, "%s; %s", who->org, ident_role_name(who->role));
	else
		(void)snprintf(out, size, "%s", ident_state_name(who->state));
}
