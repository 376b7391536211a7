/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/sign.h"

#include <openssl/asn1t.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/file.h"

/* FORMATS.md section 4.1; 16 MiB and about 0.2 s a try. */
#define SCRYPT_N (1u << 14)
#define SCRYPT_R 8
#define SCRYPT_P 5
#define RANDOM_N (1u << 10) /* there is nothing to guess: see sign_is_random() */
#define RANDOM_P 1
#define RANDOM_DIGITS 32u
#define SCRYPT_P_MAX 64 /* of a foreign file: beyond it, opening would take minutes */
#define PEM_MAX_BYTES 16384

struct sign_key {
	EVP_PKEY *pkey;     /* owned; OpenSSL wipes it when freed */
	struct key *public; /* owned */
};

static int
openssl_failed(struct err *e, const char *what)
{
	ERR_clear_error();
	return err_set(e, ERR_SYSTEM, "OpenSSL cannot %s", what);
}

/* Append what was written into bio. */
static int
add_bio(struct buf *out, BIO *bio, struct err *e)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	return len < 0 ? openssl_failed(e, "write PEM") : buf_add(out, bytes, (size_t)len, e);
}

static int
encode_public(EVP_PKEY *pkey, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc;

	if (bio == NULL)
		return err_nomem(e);
	rc = PEM_write_bio_PUBKEY(bio, pkey) == 1 ? add_bio(out, bio, e) :
	    openssl_failed(e, "write a public key");
	BIO_free(bio);
	return rc;
}

static int
public_of(EVP_PKEY *pkey, struct key **out, struct err *e)
{
	uint8_t raw[KEY_ED25519_LEN];
	size_t len = sizeof(raw);
	struct buf pem = BUF_INIT;
	int rc = -1;

	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		if (EVP_PKEY_get_raw_public_key(pkey, raw, &len) != 1 || len != sizeof(raw))
			return openssl_failed(e, "read a public key");
		return key_new_ed25519(raw, out, e);
	}
	if (encode_public(pkey, &pem, e) == 0)
		rc = key_new_ecdsa(buf_text(&pem), out, e);
	buf_clear(&pem);
	return rc;
}

/* Takes pkey, whatever happens. */
static int
give_pkey(EVP_PKEY *pkey, struct sign_key **out, struct err *e)
{
	struct sign_key *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return err_nomem(e);
	}
	k->pkey = pkey;
	if (public_of(pkey, &k->public, e) == -1) {
		sign_free(k);
		return -1;
	}
	*out = k;
	return 0;
}

int
sign_generate(enum sign_kind kind, struct sign_key **out, struct err *e)
{
	EVP_PKEY *pkey = NULL;

	switch (kind) {
	case SIGN_ED25519:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case SIGN_P256:
		pkey = EVP_EC_gen("P-256");
		break;
	}
	if (pkey == NULL)
		return openssl_failed(e, "make a key");
	return give_pkey(pkey, out, e);
}

void
sign_free(struct sign_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	key_free(k->public);
	free(k);
}

bool
sign_is_random(const struct sign_passphrase *pass)
{
	const char *text = pass->bytes;

	for (size_t i = 0; i < pass->len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return pass->len >= RANDOM_DIGITS;
}

uint64_t
sign_scrypt_n(const struct sign_passphrase *pass)
{
	return sign_is_random(pass) ? RANDOM_N : SCRYPT_N;
}

/* The encrypted form; the caller frees it. */
static X509_SIG *
encrypt(EVP_PKEY *pkey, const struct sign_passphrase *pass)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(pkey);
	X509_ALGOR *how = NULL;
	X509_SIG *sealed = NULL;

	if (plain == NULL)
		goto out;
	how = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, sign_scrypt_n(pass), SCRYPT_R,
	    sign_is_random(pass) ? RANDOM_P : SCRYPT_P);
	if (how == NULL)
		goto out;
	sealed = PKCS8_set0_pbe(pass->bytes, (int)pass->len, plain, how);
	if (sealed != NULL)
		how = NULL; /* part of sealed now */
out:
	X509_ALGOR_free(how);
	PKCS8_PRIV_KEY_INFO_free(plain); /* wipes it */
	return sealed;
}

static int
check_passphrase(const struct sign_passphrase *pass, struct err *e)
{
	if (pass->len == 0)
		return err_set(e, ERR_BAD_INPUT, "the passphrase is empty");
	if (pass->len > 4096)
		return err_set(e, ERR_BAD_INPUT, "the passphrase is longer than 4,096 bytes");
	return 0;
}

int
sign_encode(const struct sign_key *k, const struct sign_passphrase *pass, struct buf *out,
    struct err *e)
{
	X509_SIG *sealed;
	BIO *bio = NULL;
	int rc = -1;

	if (check_passphrase(pass, e) == -1)
		return -1;
	sealed = encrypt(k->pkey, pass);
	if (sealed == NULL)
		return openssl_failed(e, "encrypt a private key");
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL) {
		err_nomem(e);
		goto out;
	}
	if (PEM_write_bio_PKCS8(bio, sealed) != 1) {
		openssl_failed(e, "write a private key");
		goto out;
	}
	rc = add_bio(out, bio, e);
out:
	BIO_free(bio);
	X509_SIG_free(sealed);
	return rc;
}

/* The cost N, or 0 where it is none that we write or stronger. */
static uint64_t
cost_of(const X509_ALGOR *how)
{
	SCRYPT_PARAMS *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS),
	    how->parameter);
	uint64_t n = 0, parallel = 0;
	bool good;

	good = p != NULL && ASN1_INTEGER_get_uint64(&n, p->costParameter) == 1 &&
	    (n >= SCRYPT_N || n == RANDOM_N) &&
	    ASN1_INTEGER_get_uint64(&parallel, p->parallelizationParameter) == 1 &&
	    parallel <= SCRYPT_P_MAX;
	SCRYPT_PARAMS_free(p);
	return good ? n : 0;
}

/* Whether a sealed key is of our form, and strong enough for this passphrase. */
static int
check_method(const X509_SIG *sealed, const struct sign_passphrase *pass, struct err *e)
{
	const X509_ALGOR *how;
	PBE2PARAM *params = NULL;
	uint64_t n = 0;

	X509_SIG_get0(sealed, &how, NULL);
	if (OBJ_obj2nid(how->algorithm) == NID_pbes2)
		params = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), how->parameter);
	if (params != NULL && OBJ_obj2nid(params->keyfunc->algorithm) == NID_id_scrypt &&
	    OBJ_obj2nid(params->encryption->algorithm) == NID_aes_256_cbc)
		n = cost_of(params->keyfunc);
	PBE2PARAM_free(params);
	ERR_clear_error();
	if (n == 0)
		return err_set(e, ERR_BAD_INPUT,
		    "the private key is encrypted by another method than scrypt and AES-256-CBC");
	if (n < sign_scrypt_n(pass)) /* the right one is random */
		return err_set(e, ERR_DENIED, "wrong passphrase");
	return 0;
}

/* DER to a sealed key. */
static int
sealed_of_der(const uint8_t *der, long len, X509_SIG **out, struct err *e)
{
	X509_SIG *sealed = d2i_X509_SIG(NULL, &der, len);

	if (sealed == NULL) {
		ERR_clear_error();
		return err_set(e, ERR_BAD_INPUT, "not an encrypted private key (PKCS#8)");
	}
	*out = sealed;
	return 0;
}

static int
sealed_of_pem(const void *bytes, size_t len, X509_SIG **out, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(bytes, (int)len);
	char *name = NULL, *header = NULL;
	uint8_t *der = NULL;
	long der_len = 0;
	int rc = -1;

	if (bio == NULL)
		return err_nomem(e);
	if (PEM_read_bio(bio, &name, &header, &der, &der_len) != 1) {
		ERR_clear_error();
		err_set(e, ERR_BAD_INPUT, "not a private key in PEM");
		goto out;
	}
	if (strcmp(name, PEM_STRING_PKCS8) == 0)
		rc = sealed_of_der(der, der_len, out, e);
	else if (strstr(name, "PRIVATE KEY") != NULL)
		err_set(e, ERR_BAD_INPUT, "the private key is not encrypted as PKCS#8: refused");
	else
		err_set(e, ERR_BAD_INPUT, "PEM, but not a private key");
out:
	if (der != NULL)
		OPENSSL_cleanse(der, (size_t)der_len); /* it may have been a naked key */
	OPENSSL_free(der);
	OPENSSL_free(header);
	OPENSSL_free(name);
	BIO_free(bio);
	return rc;
}

static bool
is_for_signing(const EVP_PKEY *pkey)
{
	char group[32];
	size_t len;

	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return true;
	return EVP_PKEY_is_a(pkey, "EC") &&
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
	    strcmp(group, "prime256v1") == 0;
}

static int
unseal(const X509_SIG *sealed, const struct sign_passphrase *pass, EVP_PKEY **out,
    struct err *e)
{
	PKCS8_PRIV_KEY_INFO *plain;
	EVP_PKEY *pkey;

	if (check_method(sealed, pass, e) == -1)
		return -1;
	plain = PKCS8_decrypt(sealed, pass->bytes, (int)pass->len);
	ERR_clear_error();
	if (plain == NULL)
		return err_set(e, ERR_DENIED, "wrong passphrase");
	pkey = EVP_PKCS82PKEY(plain);
	PKCS8_PRIV_KEY_INFO_free(plain);
	ERR_clear_error();
	if (pkey == NULL || !is_for_signing(pkey)) {
		EVP_PKEY_free(pkey);
		return err_set(e, ERR_BAD_INPUT,
		    "the private key is of another kind than Ed25519 and P-256");
	}
	*out = pkey;
	return 0;
}

int
sign_parse(const void *bytes, size_t len, const struct sign_passphrase *pass,
    struct sign_key **out, struct err *e)
{
	X509_SIG *sealed = NULL;
	EVP_PKEY *pkey = NULL;
	int rc;

	if (len > PEM_MAX_BYTES)
		return err_set(e, ERR_BAD_INPUT, "too long for a private key");
	if (sealed_of_pem(bytes, len, &sealed, e) == -1)
		return -1;
	rc = check_passphrase(pass, e) == -1 ? -1 : unseal(sealed, pass, &pkey, e);
	X509_SIG_free(sealed);
	return rc == -1 ? -1 : give_pkey(pkey, out, e);
}

int
sign_save(const struct sign_key *k, int dirfd, const char *name,
    const struct sign_passphrase *pass, struct err *e)
{
	struct buf pem = BUF_INIT;
	int rc = -1;

	if (sign_encode(k, pass, &pem, e) == 0)
		rc = file_create(dirfd, name, buf_data(&pem), buf_len(&pem), 0600, e);
	buf_clear(&pem);
	return rc;
}

int
sign_replace(const struct sign_key *k, int dirfd, const char *name,
    const struct sign_passphrase *pass, struct err *e)
{
	struct buf pem = BUF_INIT;
	int rc = -1;

	if (sign_encode(k, pass, &pem, e) == 0)
		rc = file_save(dirfd, name, buf_data(&pem), buf_len(&pem), 0600, e);
	buf_clear(&pem);
	return rc;
}

int
sign_load(int dirfd, const char *name, const struct sign_passphrase *pass,
    struct sign_key **out, struct err *e)
{
	struct buf pem = BUF_INIT;
	int rc = -1;

	if (file_load(dirfd, name, PEM_MAX_BYTES, &pem, e) == 0) {
		rc = sign_parse(buf_data(&pem), buf_len(&pem), pass, out, e);
		if (rc == -1)
			err_within(e, "key file %s", name);
	}
	buf_wipe(&pem); /* it may have been a naked key */
	return rc;
}

const struct key *
sign_public(const struct sign_key *k)
{
	return k->public;
}

int
sign_encode_public(const struct sign_key *k, struct buf *out, struct err *e)
{
	return encode_public(k->pkey, out, e);
}

static const EVP_MD *
digest_for(const struct sign_key *k)
{
	return EVP_PKEY_is_a(k->pkey, "ED25519") ? NULL : EVP_sha256();
}

int
sign_bytes(const struct sign_key *k, const void *bytes, size_t len, struct buf *sig,
    struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t sig_len = 0, before = buf_len(sig);
	uint8_t *room;
	int rc = -1;

	if (ctx == NULL)
		return err_nomem(e);
	if (EVP_DigestSignInit(ctx, NULL, digest_for(k), NULL, k->pkey) != 1 ||
	    EVP_DigestSign(ctx, NULL, &sig_len, bytes, len) != 1) {
		openssl_failed(e, "prepare a signature");
		goto out;
	}
	room = buf_extend(sig, sig_len, e);
	if (room == NULL)
		goto out;
	if (EVP_DigestSign(ctx, room, &sig_len, bytes, len) != 1) {
		buf_truncate(sig, before);
		openssl_failed(e, "sign");
		goto out;
	}
	buf_truncate(sig, before + sig_len); /* DER may be shorter than announced */
	rc = 0;
out:
	EVP_MD_CTX_free(ctx);
	return rc;
}

static int
sign_for_role(void *ctx, const void *bytes, size_t len, struct buf *sig, struct err *e)
{
	return sign_bytes(ctx, bytes, len, sig, e);
}

struct role_signer
sign_signer(const struct sign_key *k)
{
	return (struct role_signer){
		.ctx = (void *)(uintptr_t)k, /* sign_for_role() reads it only */
		.keyid = key_id(k->public),
		.sign = sign_for_role,
	};
}

int
sign_set_subject_key(const struct sign_key *k, struct x509_st *cert, struct err *e)
{
	return X509_set_pubkey(cert, k->pkey) == 1 ? 0 : openssl_failed(e,
	    "set a certificate's key");
}

int
sign_certificate(const struct sign_key *k, struct x509_st *cert, struct err *e)
{
	return X509_sign(cert, k->pkey, digest_for(k)) > 0 ? 0 :
	    openssl_failed(e, "sign a certificate");
}
