/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys of TUF metadata: ed25519, ecdsa-sha2-nistp256, rsassa-pss-sha256
 * (2048 to 8192 bits).  FORMATS.md section 4.1.
 */
#ifndef KEBAO_CATALOG_TRUST_KEY_H
#define KEBAO_CATALOG_TRUST_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/json/json.h"

#define KEY_ED25519_LEN 32

struct key; /* opaque, immutable; threads may share one */

/*
 * A key as it stands in metadata.  keyid is the name it has there; NULL: it is
 * computed (SHA-256 of the canonical form).  A key of a type or scheme we do
 * not know, or with a value that is no such key, is accepted and verifies nothing:
 * ERR_BAD_INPUT only where the members themselves are missing or of the wrong type.
 */
int key_parse(struct json_at at, const char *keyid, struct key **out, struct err *e)
    __attribute__((warn_unused_result));

/* The same from a text that holds one key object: what `kebao key` prints and admins pass on. */
int key_parse_bytes(const void *bytes, size_t len, struct key **out, struct err *e)
    __attribute__((warn_unused_result));

int key_new_ed25519(const uint8_t public_bytes[KEY_ED25519_LEN], struct key **out, struct err *e)
    __attribute__((warn_unused_result));
/* pem: SubjectPublicKeyInfo of an EC P-256 key. */
int key_new_ecdsa(const char *pem, struct key **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * pem: SubjectPublicKeyInfo of any kind we verify (openssl pkey -pubout); RSA keys are for
 * PSS with SHA-256.  ERR_BAD_INPUT.
 */
int key_new_pem(const char *pem, struct key **out, struct err *e)
    __attribute__((warn_unused_result));

/* Another owner of the same key; never fails.  Each is freed. */
struct key *key_share(const struct key *k);
void key_free(struct key *k);

const char *key_id(const struct key *k);
/* Whether it can verify anything at all. */
bool key_is_usable(const struct key *k);
/* The same key, whatever its keyids: compared by type, scheme and value. */
bool key_is_same(const struct key *a, const struct key *b);

/* Put the key object, with members we do not know, as member `key` of at. */
void key_put(const struct key *k, struct json_at at, const char *key);
/* Append its canonical form. */
int key_encode(const struct key *k, struct buf *out, struct err *e);

/* 0: sig is k's signature over the bytes.  -1: ERR_UNTRUSTED, or ERR_SYSTEM. */
int key_verify(const struct key *k, const void *bytes, size_t len, const struct buf *sig,
    struct err *e) __attribute__((warn_unused_result));

#endif
