/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a client certificate stands for.  The certificate only carries a serial
 * number; organisation and role are in the hub's table of enrolments, of which
 * struct ident_table is an immutable, reference-counted snapshot: workers look
 * up every request in the one they hold and take a new one when told.
 */
#ifndef KEBAO_CATALOG_HUB_IDENT_H
#define KEBAO_CATALOG_HUB_IDENT_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"

#define IDENT_SERIAL_HEX_LEN 32 /* 128 bits, lower-case hexadecimal */

enum ident_role { IDENT_MEMBER, IDENT_PUBLISHER, IDENT_ADMIN, IDENT_AUDITOR };

enum ident_state {
	IDENT_NONE,    /* no certificate */
	IDENT_OK,
	IDENT_UNKNOWN, /* of our CA, but in no table */
	IDENT_REVOKED,
	IDENT_EXPIRED,
};

/* One enrolment, as stored. */
struct ident_enrolment {
	char serial[IDENT_SERIAL_HEX_LEN + 1];
	char org[LIMIT_ID_BYTES + 1];
	enum ident_role role;
	int64_t issued_at;  /* UTC seconds */
	int64_t expires_at;
	int64_t revoked_at; /* 0: not revoked */
	char renews[IDENT_SERIAL_HEX_LEN + 1]; /* the serial that asked for it; "": an invitation */
};

/* Who asks.  org, role and expires_at are set unless state is NONE or UNKNOWN. */
struct ident {
	enum ident_state state;
	enum ident_role role;
	int64_t expires_at;
	char org[LIMIT_ID_BYTES + 1];
	char serial[IDENT_SERIAL_HEX_LEN + 1]; /* "" without a certificate */
};

struct ident_table; /* opaque, immutable, any thread */

/* A table with one reference; the rows are copied.  A serial that occurs twice is ERR_BAD_INPUT. */
int ident_table_new(const struct ident_enrolment *rows, size_t n_rows, struct ident_table **out,
    struct err *e) __attribute__((warn_unused_result));
struct ident_table *ident_table_hold(struct ident_table *t);
void ident_table_release(struct ident_table *t); /* NULL is fine */

/*
 * Look up a serial (lower-case hexadecimal; "" or NULL: no certificate) at now.
 * Revoked wins over expired.  Always fills *out.
 */
void ident_find(const struct ident_table *t, const char *serial, int64_t now, struct ident *out);

/*
 * Who holds the certificate, as a number: the same for all that renew one another, whatever their
 * keys; in all likelihood another for others.  Of a serial that is not in the table: its own.
 */
uint64_t ident_holder(const struct ident_table *t, const char *serial);

/* How many certificates of this holder are neither revoked nor expired at now. */
size_t ident_n_good(const struct ident_table *t, uint64_t holder, int64_t now);

/* "member", "publisher", "admin", "auditor". */
const char *ident_role_name(enum ident_role role);
int ident_role_parse(enum ident_role *out, const char *name) __attribute__((warn_unused_result));

/* "none", "ok", "unknown", "revoked", "expired". */
const char *ident_state_name(enum ident_state state);

/* The value of the header Kebao-Identity: "none", "xz; member", "revoked", ... */
#define IDENT_HEADER_SIZE (LIMIT_ID_BYTES + 16)
void ident_header(char *out, size_t size, const struct ident *who);

#endif
