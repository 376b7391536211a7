/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/base/hex.h"
#include "catalog/json/canon.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

enum method { METHOD_NONE, METHOD_ED25519, METHOD_ECDSA, METHOD_RSA_PSS };

struct key {
	atomic_uint owners;
	char *id;           /* owned */
	struct json *doc;   /* owned; {"key": the key object} */
	const char *type;   /* borrowed from doc, like the next two */
	const char *scheme;
	const char *value;
	enum method method; /* METHOD_NONE where pkey is NULL */
	EVP_PKEY *pkey;     /* owned; NULL: unknown, verifies nothing */
};

static struct json_at
key_object(const struct key *k)
{
	return json_member(json_top(k->doc), "key");
}

/* A PEM that asks for a passphrase gets none: nothing here talks to a terminal. */
static int
no_passphrase(char *out, int size, int rw, void *ctx)
{
	(void)out;
	(void)size;
	(void)rw;
	(void)ctx;
	return -1;
}

static EVP_PKEY *
pkey_of_pem(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey;

	if (bio == NULL)
		return NULL;
	pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return pkey;
}

static EVP_PKEY *
pkey_ed25519(const char *value)
{
	uint8_t raw[KEY_ED25519_LEN];

	if (hex_decode(raw, sizeof(raw), value, strlen(value)) == -1)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static bool
is_p256(const EVP_PKEY *pkey)
{
	char group[32];
	size_t len;

	return EVP_PKEY_is_a(pkey, "EC") &&
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
	    strcmp(group, "prime256v1") == 0;
}

static bool
is_fair_rsa(const EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);

	return EVP_PKEY_is_a(pkey, "RSA") && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

static enum method
method_of(const struct key *k)
{
	if (strcmp(k->scheme, "ed25519") == 0 && strcmp(k->type, "ed25519") == 0)
		return METHOD_ED25519;
	if (strcmp(k->scheme, "ecdsa-sha2-nistp256") == 0 &&
	    (strcmp(k->type, "ecdsa") == 0 || strcmp(k->type, k->scheme) == 0))
		return METHOD_ECDSA;
	if (strcmp(k->scheme, "rsassa-pss-sha256") == 0 && strcmp(k->type, "rsa") == 0)
		return METHOD_RSA_PSS;
	return METHOD_NONE;
}

/* Make k->pkey from the value, where we know how. */
static void
prepare(struct key *k)
{
	EVP_PKEY *pkey = NULL;
	bool fits = false;

	k->method = method_of(k);
	switch (k->method) {
	case METHOD_NONE:
		return;
	case METHOD_ED25519:
		pkey = pkey_ed25519(k->value);
		fits = pkey != NULL;
		break;
	case METHOD_ECDSA:
		pkey = pkey_of_pem(k->value);
		fits = pkey != NULL && is_p256(pkey);
		break;
	case METHOD_RSA_PSS:
		pkey = pkey_of_pem(k->value);
		fits = pkey != NULL && is_fair_rsa(pkey);
		break;
	}
	ERR_clear_error();
	if (fits) {
		k->pkey = pkey;
		return;
	}
	EVP_PKEY_free(pkey);
	k->method = METHOD_NONE;
}

static int
set_id(struct key *k, const char *keyid, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct buf canonical = BUF_INIT;
	struct digest d;

	if (keyid == NULL) {
		if (canon_signed(key_object(k), &canonical, e) == -1) {
			buf_clear(&canonical);
			return -1;
		}
		digest_of(&d, buf_data(&canonical), buf_len(&canonical));
		buf_clear(&canonical);
		digest_hex(hex, &d);
		keyid = hex;
	}
	k->id = strdup(keyid);
	return k->id == NULL ? err_nomem(e) : 0;
}

int
key_parse(struct json_at at, const char *keyid, struct key **out, struct err *e)
{
	struct json_at value;
	struct key *k;
	int rc = -1;

	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return err_nomem(e);
	atomic_init(&k->owners, 1);
	/* The texts are read where they came from first, so that errors name that place. */
	if (json_get_text(at, "keytype", &k->type, e) == -1 ||
	    json_get_text(at, "scheme", &k->scheme, e) == -1 ||
	    json_get_object(at, "keyval", &value, e) == -1 ||
	    json_get_text(value, "public", &k->value, e) == -1)
		goto out;
	k->doc = json_new();
	json_put_copy(json_top(k->doc), "key", at);
	if (json_check(k->doc, e) == -1)
		goto out;
	at = key_object(k);
	if (json_get_text(at, "keytype", &k->type, e) == -1 ||
	    json_get_text(at, "scheme", &k->scheme, e) == -1 ||
	    json_get_text(json_member(at, "keyval"), "public", &k->value, e) == -1 ||
	    set_id(k, keyid, e) == -1)
		goto out;
	prepare(k);
	*out = k;
	rc = 0;
out:
	if (rc == -1)
		key_free(k);
	return rc;
}

int
key_parse_bytes(const void *bytes, size_t len, struct key **out, struct err *e)
{
	struct json *doc = NULL;
	int rc = -1;

	if (json_parse(bytes, len, GATE_SIGNED, &doc, e) == 0)
		rc = key_parse(json_top(doc), NULL, out, e);
	json_free(doc);
	return rc;
}

/* A key of our own making; usable, or ERR_BAD_INPUT. */
static int
new_key(const char *type, const char *scheme, const char *value, struct key **out,
    struct err *e)
{
	struct json *doc = json_new();
	struct key *k = NULL;
	int rc = -1;

	json_put_text(json_top(doc), "keytype", type);
	json_put_text(json_top(doc), "scheme", scheme);
	json_put_text(json_put_object(json_top(doc), "keyval"), "public", value);
	if (json_check(doc, e) == -1 || key_parse(json_top(doc), NULL, &k, e) == -1)
		goto out;
	if (!key_is_usable(k)) {
		err_set(e, ERR_BAD_INPUT, "not a public key for %s", scheme);
		goto out;
	}
	*out = k;
	k = NULL;
	rc = 0;
out:
	key_free(k);
	json_free(doc);
	return rc;
}

int
key_new_ed25519(const uint8_t public_bytes[KEY_ED25519_LEN], struct key **out, struct err *e)
{
	char hex[2 * KEY_ED25519_LEN + 1];

	hex_encode(hex, public_bytes, KEY_ED25519_LEN);
	return new_key("ed25519", "ed25519", hex, out, e);
}

int
key_new_ecdsa(const char *pem, struct key **out, struct err *e)
{
	return new_key("ecdsa", "ecdsa-sha2-nistp256", pem, out, e);
}

int
key_new_pem(const char *pem, struct key **out, struct err *e)
{
	EVP_PKEY *pkey = pkey_of_pem(pem);
	uint8_t raw[KEY_ED25519_LEN];
	size_t len = sizeof(raw);
	int rc = -1;

	ERR_clear_error();
	if (pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") &&
	    EVP_PKEY_get_raw_public_key(pkey, raw, &len) == 1)
		rc = key_new_ed25519(raw, out, e);
	else if (pkey != NULL && EVP_PKEY_is_a(pkey, "EC"))
		rc = key_new_ecdsa(pem, out, e);
	else if (pkey != NULL && EVP_PKEY_is_a(pkey, "RSA"))
		rc = new_key("rsa", "rsassa-pss-sha256", pem, out, e);
	else
		err_set(e, ERR_BAD_INPUT, "not a public key that can be used");
	EVP_PKEY_free(pkey);
	return rc;
}

struct key *
key_share(const struct key *k)
{
	struct key *shared = (struct key *)(uintptr_t)k; /* only the count of owners changes */

	atomic_fetch_add(&shared->owners, 1);
	return shared;
}

void
key_free(struct key *k)
{
	if (k == NULL || atomic_fetch_sub(&k->owners, 1) > 1)
		return;
	EVP_PKEY_free(k->pkey);
	json_free(k->doc);
	free(k->id);
	free(k);
}

const char *
key_id(const struct key *k)
{
	return k->id;
}

bool
key_is_usable(const struct key *k)
{
	return k->pkey != NULL;
}

bool
key_is_same(const struct key *a, const struct key *b)
{
	if (a->pkey != NULL && b->pkey != NULL)
		return a->method == b->method && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
	return strcmp(a->type, b->type) == 0 && strcmp(a->scheme, b->scheme) == 0 &&
	    strcmp(a->value, b->value) == 0;
}

void
key_put(const struct key *k, struct json_at at, const char *key)
{
	json_put_copy(at, key, key_object(k));
}

int
key_encode(const struct key *k, struct buf *out, struct err *e)
{
	return canon_write(key_object(k), out, e);
}

static bool
set_pss(EVP_PKEY_CTX *ctx)
{
	/* Any salt length is fine to verify: other writers choose 32 or the longest. */
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) == 1;
}

int
key_verify(const struct key *k, const void *bytes, size_t len, const struct buf *sig,
    struct err *e)
{
	EVP_PKEY_CTX *pctx = NULL; /* borrowed from ctx */
	EVP_MD_CTX *ctx;
	char quoted[24];
	int good = 0, ready;

	err_quote(quoted, sizeof(quoted), k->id, strlen(k->id));
	if (k->pkey == NULL)
		return err_set(e, ERR_UNTRUSTED, "key %s is of a kind that is not known here",
		    quoted);
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL)
		return err_nomem(e);
	ready = EVP_DigestVerifyInit(ctx, &pctx,
	    k->method == METHOD_ED25519 ? NULL : EVP_sha256(), NULL, k->pkey) == 1;
	if (ready && k->method == METHOD_RSA_PSS)
		ready = set_pss(pctx);
	if (ready)
		good = EVP_DigestVerify(ctx, buf_data(sig), buf_len(sig), bytes, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!ready)
		return err_set(e, ERR_SYSTEM, "cannot prepare the check of a signature");
	if (!good)
		return err_set(e, ERR_UNTRUSTED, "not a signature of key %s", quoted);
	return 0;
}
