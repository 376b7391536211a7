/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment, PROTOCOL.md 5: from a hub's address and a code to an identity in
 * the home.  The hub's CA and root are held against the fingerprint in the code
 * before the secret is sent; whatever fails leaves the home as it was.
 */
#ifndef KEBAO_CLIENTS_KEBAO_ENROL_H
#define KEBAO_CLIENTS_KEBAO_ENROL_H

#include "catalog/base/err.h"
#include "clients/kebao/home.h"
#include "clients/kebao/identity.h"

struct enrol_request {
	const char *url;
	const char *code;
	const char *passphrase_file; /* NULL: a passphrase is made and kept in the home */
};

struct enrol_result {
	struct home_config config;
	struct identity_facts facts;
};

/*
 * The home is locked.  May be done again after the certificate expired or was
 * revoked, or when an answer was lost: library and trust stay.  -1:
 * ERR_BAD_INPUT (the code was mistyped), ERR_UNTRUSTED (it is another hub),
 * ERR_CONFLICT (the home belongs to another hub), ERR_DENIED (the code was
 * used, has expired or is unknown), ERR_NETWORK.
 */
int enrol(struct home *home, const struct enrol_request *r, struct enrol_result *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
