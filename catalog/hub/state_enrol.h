/* SPDX-License-Identifier: Apache-2.0 */
/* Invitations and enrolments. */
#ifndef KEBAO_CATALOG_HUB_STATE_ENROL_H
#define KEBAO_CATALOG_HUB_STATE_ENROL_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/ident.h"

#define STATE_ENROL_REPEAT_SECONDS 600 /* the same secret and CSR give the same answer */

struct state;

struct state_enrol_invitation {
	char org[LIMIT_ID_BYTES + 1];
	enum ident_role role;
	int64_t expires_at;
	char *certificate; /* owned PEM: already answered for this CSR; NULL: still open */
};

/* Remember an invitation by the hash of its secret (code_secret_hash). */
int state_enrol_invite(struct state *s, const struct digest *secret_hash, const char *org,
    enum ident_role role, int64_t expires_at, const struct audit_note *note, struct err *e);

/*
 * What a secret is good for at now.  csr_hash is the SHA-256 of the request as
 * sent.  -1 with ERR_DENIED: unknown, used up or expired (the text says which).
 * Free with state_enrol_invitation_clear().
 */
int state_enrol_find(struct state *s, const struct digest *secret_hash,
    const struct digest *csr_hash, int64_t now, struct state_enrol_invitation *out,
    struct err *e);
void state_enrol_invitation_clear(struct state_enrol_invitation *inv);

/*
 * Use the invitation up and add the enrolment, with the certificate for repeats.
 * ERR_CONFLICT where somebody used it since state_enrol_find(): find again.
 */
int state_enrol_redeem(struct state *s, const struct digest *secret_hash,
    const struct digest *csr_hash, const struct ident_enrolment *row, const char *certificate,
    const struct audit_note *note, struct err *e);

/*
 * An enrolment without an invitation: a renewal.  *note says what is renewed, and is the only
 * place that does: action "renew", actor "<org>/<serial>", detail the new serial.
 */
int state_enrol_add(struct state *s, const struct ident_enrolment *row,
    const struct audit_note *note, struct err *e);

/* ERR_NOT_FOUND; revoking twice keeps the first date and succeeds. */
int state_enrol_revoke(struct state *s, const char *serial, int64_t now,
    const struct audit_note *note, struct err *e);

/* All enrolments by date of issue, with what they renew; free() the array. */
int state_enrol_list(struct state *s, struct ident_enrolment **out, size_t *n, struct err *e);

#endif
