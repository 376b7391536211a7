/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/hex.h"

struct digest_stream {
	EVP_MD_CTX *ctx; /* owned */
	EVP_MD *md;      /* owned; fetched once, a fetch per digest costs more than a small hash */
};

struct digest_stream *
digest_new(enum digest_kind kind, struct err *e)
{
	struct digest_stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->md = EVP_MD_fetch(NULL, kind == DIGEST_SHA256 ? "SHA256" : "SHA512", NULL);
		s->ctx = EVP_MD_CTX_new();
	}
	if (s == NULL || s->md == NULL || s->ctx == NULL ||
	    EVP_DigestInit_ex2(s->ctx, s->md, NULL) != 1) {
		digest_free(s);
		(void)err_nomem(e); /* the NULL below is the report */
		return NULL;
	}
	return s;
}

void
digest_add(struct digest_stream *s, const void *bytes, size_t len)
{
	int ok = EVP_DigestUpdate(s->ctx, bytes, len);

	assert(ok == 1); /* a software digest has no way to fail once initialised */
}

void
digest_finish(struct digest_stream *s, uint8_t *out)
{
	int ok = EVP_DigestFinal_ex(s->ctx, out, NULL);

	assert(ok == 1);
	ok = EVP_DigestInit_ex2(s->ctx, s->md, NULL);
	assert(ok == 1);
}

void
digest_free(struct digest_stream *s)
{
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->ctx);
	EVP_MD_free(s->md);
	free(s);
}

void
digest_of(struct digest *out, const void *bytes, size_t len)
{
	/* The plain functions allocate nothing, so this cannot fail. */
	const unsigned char *p = SHA256(bytes, len, out->bytes);

	assert(p == out->bytes);
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_LEN) == 0;
}

void
digest_hex(char *hex, const struct digest *d)
{
	hex_encode(hex, d->bytes, DIGEST_LEN);
}

int
digest_parse(struct digest *out, const char *hex)
{
	return hex_decode(out->bytes, DIGEST_LEN, hex, strlen(hex));
}
