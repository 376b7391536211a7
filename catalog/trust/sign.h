/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys.  Linked into kebao and kebaod-signer and nothing else; no private
 * key leaves sign.c, and what held one is wiped.  Files are PEM, encrypted PKCS#8
 * (scrypt and AES-256-CBC) and no other form.  The key behind the interface may
 * one day live in a token: callers see only what it is (its public key) and what
 * it does (sign).
 */
#ifndef KEBAO_CATALOG_TRUST_SIGN_H
#define KEBAO_CATALOG_TRUST_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/key.h"
#include "catalog/trust/role.h"

struct x509_st; /* OpenSSL's X509 */

struct sign_key; /* opaque; one thread at a time */

enum sign_kind {
	SIGN_ED25519, /* everything we make in metadata */
	SIGN_P256,    /* certification authorities, whose signatures browsers must read */
};

/* bytes: lent for the call; the caller wipes them. */
struct sign_passphrase {
	const void *bytes;
	size_t len; /* at least 1 */
};

/*
 * Whether the passphrase is 32 or more lower-case hexadecimal digits and nothing else: made by a
 * machine, 128 bits or more, so a slow derivation would protect nothing and cost every start.
 */
bool sign_is_random(const struct sign_passphrase *pass);
/* The cost N of scrypt for a key under this passphrase: what we write, and the least we read. */
uint64_t sign_scrypt_n(const struct sign_passphrase *pass);

int sign_generate(enum sign_kind kind, struct sign_key **out, struct err *e)
    __attribute__((warn_unused_result));
/* free(NULL) is fine; wiped. */
void sign_free(struct sign_key *k);

/* Append the encrypted PEM; ERR_BAD_INPUT for an empty passphrase. */
int sign_encode(const struct sign_key *k, const struct sign_passphrase *pass, struct buf *out,
    struct err *e) __attribute__((warn_unused_result));

/*
 * -1: ERR_DENIED "wrong passphrase", ERR_BAD_INPUT where the bytes are not a key,
 * not encrypted, encrypted by another method, or of a kind we do not sign with.
 */
int sign_parse(const void *bytes, size_t len, const struct sign_passphrase *pass,
    struct sign_key **out, struct err *e) __attribute__((warn_unused_result));

/*
 * The same through a file.  save creates it durably with mode 0600 and refuses to
 * replace another file (ERR_CONFLICT).
 */
int sign_save(const struct sign_key *k, int dirfd, const char *name,
    const struct sign_passphrase *pass, struct err *e) __attribute__((warn_unused_result));
/* The same, but the file is there and is replaced: under another passphrase. */
int sign_replace(const struct sign_key *k, int dirfd, const char *name,
    const struct sign_passphrase *pass, struct err *e) __attribute__((warn_unused_result));
int sign_load(int dirfd, const char *name, const struct sign_passphrase *pass,
    struct sign_key **out, struct err *e) __attribute__((warn_unused_result));

/* Lent, as long as k lives.  Its keyid is the computed one. */
const struct key *sign_public(const struct sign_key *k);

/* Append the raw signature (Ed25519: 64 bytes; P-256: DER). */
int sign_bytes(const struct sign_key *k, const void *bytes, size_t len, struct buf *sig,
    struct err *e) __attribute__((warn_unused_result));

/* The key as role.h wants it; lends k and its keyid, which must outlive the result. */
struct role_signer sign_signer(const struct sign_key *k);

/* Append the public key as PEM (SubjectPublicKeyInfo). */
int sign_encode_public(const struct sign_key *k, struct buf *out, struct err *e);

/* Make k's public key that of the certificate; or sign the certificate with k. */
int sign_set_subject_key(const struct sign_key *k, struct x509_st *cert, struct err *e);
int sign_certificate(const struct sign_key *k, struct x509_st *cert, struct err *e)
    __attribute__((warn_unused_result));

#endif
