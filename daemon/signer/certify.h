/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, PROTOCOL.md section 5.  Of a request nothing is taken but its key,
 * after its own signature was checked.
 */
#ifndef KEBAO_DAEMON_SIGNER_CERTIFY_H
#define KEBAO_DAEMON_SIGNER_CERTIFY_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/sign.h"

#define CERTIFY_REQUEST_BYTES 8192u /* of a PEM request; P-256 needs about 500 */
#define CERTIFY_CA_DAYS 7305        /* 20 years */
#define CERTIFY_CLIENT_DAYS 365
#define CERTIFY_SERVER_DAYS 90
#define CERTIFY_EARLY_SECONDS 3600  /* valid from an hour ago: clocks differ */
#define CERTIFY_SERIAL_SIZE 33      /* 32 lower-case digits and a NUL */

struct certify_ca; /* the CA's key and certificate; one thread at a time */

/* key is lent and outlives the result; pem is its certificate.  ERR_BAD_INPUT, ERR_UNTRUSTED. */
int certify_ca_new(const struct sign_key *key, const void *pem, size_t len,
    struct certify_ca **out, struct err *e) __attribute__((warn_unused_result));
void certify_ca_free(struct certify_ca *ca);

struct certify_out {
	struct buf pem;
	char serial[CERTIFY_SERIAL_SIZE];
	int64_t issued_at, expires_at;
};
void certify_out_clear(struct certify_out *o);

/* -1: ERR_BAD_INPUT where the request is not one, or its key neither P-256 nor Ed25519. */
int certify_client(const struct certify_ca *ca, const void *csr, size_t csr_len,
    const char *org, int64_t now, struct certify_out *out, struct err *e);

/* names: at least one; host names or addresses. */
int certify_server(const struct certify_ca *ca, const void *csr, size_t csr_len,
    const char *const *names, size_t n_names, int64_t now, struct certify_out *out,
    struct err *e);

/* A new CA's own certificate; organisation is for people who look at it.  Append PEM, and DER. */
int certify_new_ca(const struct sign_key *key, const char *organisation, int64_t now,
    struct buf *pem, struct buf *der, struct err *e);

#endif
