/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), whole or streaming, and SHA-512 where TUF metadata lists it. */
#ifndef KEBAO_CATALOG_BASE_DIGEST_H
#define KEBAO_CATALOG_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

#define DIGEST_LEN 32
#define DIGEST_HEX_LEN 64

struct digest {
	uint8_t bytes[DIGEST_LEN];
};

enum digest_kind { DIGEST_SHA256, DIGEST_SHA512 };

struct digest_stream; /* opaque; one thread at a time */

/* The caller frees; NULL with ERR_SYSTEM. */
struct digest_stream *digest_new(enum digest_kind kind, struct err *e);
void digest_add(struct digest_stream *s, const void *bytes, size_t len);
/* Write the digest (32 or 64 bytes by kind) and begin anew. */
void digest_finish(struct digest_stream *s, uint8_t *out);
void digest_free(struct digest_stream *s);

/* One call for bytes in memory; aborts only when OpenSSL itself is broken. */
void digest_of(struct digest *out, const void *bytes, size_t len);

bool digest_equal(const struct digest *a, const struct digest *b);

/* hex needs DIGEST_HEX_LEN + 1 bytes. */
void digest_hex(char *hex, const struct digest *d);
/* Exactly 64 lower-case digits; 0 or -1. */
int digest_parse(struct digest *out, const char *hex) __attribute__((warn_unused_result));

#endif
