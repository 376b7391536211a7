/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enrolment code, PROTOCOL.md section 5: what an administrator hands to a
 * new organisation.  It carries a secret that is good once, and a fingerprint
 * of the hub's CA and root that the client checks before it sends the secret.
 */
#ifndef KEBAO_CATALOG_HUB_CODE_H
#define KEBAO_CATALOG_HUB_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

#define CODE_SECRET_LEN 16
#define CODE_FINGERPRINT_LEN 20
#define CODE_SECRET_HEX_LEN 32
#define CODE_TEXT_SIZE 96 /* room code_encode() needs, with the NUL */

struct code {
	uint16_t root_version; /* 1..65535: the N of the N.root.json below the fingerprint */
	uint8_t secret[CODE_SECRET_LEN];
	uint8_t fingerprint[CODE_FINGERPRINT_LEN];
};

/* A new secret from the kernel; 0, or -1 with ERR_SYSTEM. */
int code_new_secret(uint8_t secret[CODE_SECRET_LEN], struct err *e);

/* Write "KB1-XXXXX-..." and a NUL into text, which has room for CODE_TEXT_SIZE. */
void code_encode(char *text, const struct code *c);

/*
 * Read what a person typed or pasted: lower case, blanks and '-' anywhere, O for
 * 0, I and L for 1.  -1 with ERR_BAD_INPUT; the text never shows the code.
 */
int code_decode(struct code *out, const char *text, struct err *e)
    __attribute__((warn_unused_result));

/*
 * First 20 bytes of SHA-256(SHA-256(ca_der) || SHA-256(root_json)): the DER of
 * the CA certificate and the exact bytes of N.root.json.
 */
void code_fingerprint(uint8_t out[CODE_FINGERPRINT_LEN], const void *ca_der, size_t ca_der_len,
    const void *root_json, size_t root_json_len);

/* Whether c was made for this CA and this root; time does not depend on where they differ. */
bool code_matches(const struct code *c, const void *ca_der, size_t ca_der_len,
    const void *root_json, size_t root_json_len);

/* What the hub keeps instead of the secret: SHA-256("kebao invitation 1" || secret). */
void code_secret_hash(struct digest *out, const uint8_t secret[CODE_SECRET_LEN]);

#endif
