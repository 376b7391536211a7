/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key and certificate with which this machine shows who it is: made here,
 * certified by the hub's CA at enrolment.  Bytes in, bytes out; home.h keeps
 * them.  The private key never leaves this module unencrypted.
 */
#ifndef KEBAO_CLIENTS_KEBAO_IDENTITY_H
#define KEBAO_CLIENTS_KEBAO_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

/*
 * Make a P-256 key.  Appends to *key_pem the key as encrypted PKCS#8 and to
 * *csr_pem a request for a certificate (PKCS#10, an empty name: the hub takes
 * nothing of it but the key).
 */
int identity_make(const char *passphrase, struct buf *key_pem, struct buf *csr_pem, struct err *e)
    __attribute__((warn_unused_result));

struct identity_facts {
	int64_t valid_from; /* UTC seconds */
	int64_t valid_until;
	char serial[64];    /* lower-case hexadecimal */
	char org[80];       /* the CN, printable */
};

/* What the (first) certificate in pem says. */
int identity_facts(const struct buf *cert_pem, struct identity_facts *out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Whether the certificate is signed by ca and is for this key; for the answer
 * of a hub.  -1: ERR_UNTRUSTED, or ERR_BAD_INPUT where the passphrase is wrong.
 */
int identity_check(const struct buf *cert_pem, const struct buf *key_pem, const char *passphrase,
    const struct buf *ca_pem, struct err *e) __attribute__((warn_unused_result));

/* Whether the passphrase opens the key. */
bool identity_opens(const struct buf *key_pem, const char *passphrase);

/* PEM of exactly one certificate to its DER, as fingerprints count it. */
int identity_der(const struct buf *cert_pem, struct buf *der, struct err *e)
    __attribute__((warn_unused_result));

#endif
