/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/identity.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "catalog/base/hex.h"
#include "catalog/trust/sign.h"

/* scrypt with the N of signing keys: 16 MiB and 50 ms a guess where there is something to guess. */
#define SCRYPT_R 8
#define SCRYPT_P 1

static int
openssl_failed(struct err *e, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return err_set(e, ERR_SYSTEM, "%s: %s", what, reason != NULL ? reason : "OpenSSL failed");
}

/* Append what was written to the memory BIO. */
static int
take_bio(BIO *bio, struct buf *out, struct err *e)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);

	return buf_add(out, bytes, len > 0 ? (size_t)len : 0, e);
}

static int
encrypt_key(EVP_PKEY *key, const char *passphrase, struct buf *out, struct err *e)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	const struct sign_passphrase pass = { passphrase, strlen(passphrase) };
	X509_ALGOR *how = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 16, NULL,
	    sign_scrypt_n(&pass), SCRYPT_R, SCRYPT_P);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_SIG *sealed = NULL;
	int rc = -1;

	if (plain != NULL && how != NULL)
		sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, how);
	if (sealed == NULL) {
		X509_ALGOR_free(how);
		(void)openssl_failed(e, "encrypting a key");
		goto out;
	}
	if (bio == NULL || PEM_write_bio_PKCS8(bio, sealed) != 1) {
		(void)openssl_failed(e, "writing a key");
		goto out;
	}
	rc = take_bio(bio, out, e);
out:
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(plain);
	BIO_free(bio);
	return rc;
}

static int
request_for(EVP_PKEY *key, struct buf *out, struct err *e)
{
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = -1;

	if (req == NULL || bio == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 || X509_REQ_sign(req, key, EVP_sha256()) == 0 ||
	    PEM_write_bio_X509_REQ(bio, req) != 1)
		(void)openssl_failed(e, "making a certificate request");
	else
		rc = take_bio(bio, out, e);
	X509_REQ_free(req);
	BIO_free(bio);
	return rc;
}

int
identity_make(const char *passphrase, struct buf *key_pem, struct buf *csr_pem, struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int rc = -1;

	if (key == NULL)
		return openssl_failed(e, "making a key");
	if (encrypt_key(key, passphrase, key_pem, e) == 0 && request_for(key, csr_pem, e) == 0)
		rc = 0;
	EVP_PKEY_free(key);
	return rc;
}

/* OpenSSL asks here instead of at the terminal. */
static int
on_passphrase(char *out, int size, int is_writing, void *ctx)
{
	size_t len = strlen(ctx);

	(void)is_writing;
	if (size < 0 || len > (size_t)size)
		return -1;
	memcpy(out, ctx, len);
	return (int)len;
}

static EVP_PKEY *
open_key(const struct buf *key_pem, const char *passphrase, struct err *e)
{
	static const char mark[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
	EVP_PKEY *key;
	BIO *bio;

	if (strncmp(buf_text(key_pem), mark, sizeof(mark) - 1) != 0) {
		(void)err_set(e, ERR_BAD_INPUT, "the client's key is not encrypted PKCS#8");
		return NULL;
	}
	bio = BIO_new_mem_buf(buf_data(key_pem), (int)buf_len(key_pem));
	if (bio == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, (char *)passphrase);
	if (key == NULL)
		(void)err_set(e, ERR_BAD_INPUT,
		    "the client's key: wrong passphrase or damaged file");
	ERR_clear_error();
	BIO_free(bio);
	return key;
}

bool
identity_opens(const struct buf *key_pem, const char *passphrase)
{
	EVP_PKEY *key = open_key(key_pem, passphrase, NULL);
	bool is_open = key != NULL;

	EVP_PKEY_free(key);
	return is_open;
}

static X509 *
open_cert(const struct buf *pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(buf_data(pem), (int)buf_len(pem));
	X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

	if (cert == NULL)
		(void)err_set(e, ERR_BAD_INPUT, "not a certificate in PEM");
	ERR_clear_error();
	BIO_free(bio);
	return cert;
}

static int64_t
seconds_of(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
take_serial(const ASN1_INTEGER *serial, char *out, size_t size)
{
	int len = ASN1_STRING_length(serial);

	out[0] = '\0';
	if (len > 0 && (size_t)len < size / 2)
		hex_encode(out, ASN1_STRING_get0_data(serial), (size_t)len);
}

static void
take_common_name(X509 *cert, char *out, size_t size)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *value;

	out[0] = '\0';
	if (at < 0)
		return;
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	(void)err_quote(out, size, ASN1_STRING_get0_data(value),
	    (unsigned long)ASN1_STRING_length(value));
}

int
identity_facts(const struct buf *cert_pem, struct identity_facts *out, struct err *e)
{
	X509 *cert = open_cert(cert_pem, e);

	if (cert == NULL)
		return -1;
	out->valid_from = seconds_of(X509_get0_notBefore(cert));
	out->valid_until = seconds_of(X509_get0_notAfter(cert));
	take_serial(X509_get0_serialNumber(cert), out->serial, sizeof(out->serial));
	take_common_name(cert, out->org, sizeof(out->org));
	X509_free(cert);
	return 0;
}

int
identity_check(const struct buf *cert_pem, const struct buf *key_pem, const char *passphrase,
    const struct buf *ca_pem, struct err *e)
{
	EVP_PKEY *key = open_key(key_pem, passphrase, e);
	X509 *cert = NULL, *ca = NULL;
	int rc = -1;

	if (key == NULL)
		return -1;
	cert = open_cert(cert_pem, e);
	if (cert == NULL)
		goto out;
	ca = open_cert(ca_pem, e);
	if (ca == NULL)
		goto out;
	if (X509_check_private_key(cert, key) != 1) {
		(void)err_set(e, ERR_UNTRUSTED, "the certificate is for another key than ours");
		goto out;
	}
	if (X509_verify(cert, X509_get0_pubkey(ca)) != 1) {
		(void)err_set(e, ERR_UNTRUSTED, "the certificate is not signed by the hub's CA");
		goto out;
	}
	rc = 0;
out:
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(cert);
	X509_free(ca);
	return rc;
}

int
identity_der(const struct buf *cert_pem, struct buf *der, struct err *e)
{
	X509 *cert = open_cert(cert_pem, e);
	unsigned char *bytes = NULL;
	int len, rc = -1;

	if (cert == NULL)
		return -1;
	len = i2d_X509(cert, &bytes);
	if (len <= 0)
		(void)openssl_failed(e, "encoding a certificate");
	else
		rc = buf_add(der, bytes, (size_t)len, e);
	OPENSSL_free(bytes);
	X509_free(cert);
	return rc;
}
