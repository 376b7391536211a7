/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/csr.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static int
failed(struct err *e, const char *what)
{
	char reason[120];

	ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
	ERR_clear_error();
	return err_set(e, ERR_SYSTEM, "cannot %s: %s", what, reason);
}

int
csr_new_key(EVP_PKEY **out, struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		return failed(e, "make a key for the server");
	*out = key;
	return 0;
}

/* What a memory BIO holds, appended; the BIO is freed, and wiped where it is secret. */
static int
take(BIO *bio, struct buf *out, struct err *e)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	int rc;

	rc = len > 0 ? buf_add(out, data, (size_t)len, e) : failed(e, "write PEM");
	if (len > 0)
		OPENSSL_cleanse(data, (size_t)len);
	BIO_free(bio);
	return rc;
}

int
csr_write_key(EVP_PKEY *key, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
		BIO_free(bio);
		return failed(e, "write the server's key");
	}
	return take(bio, out, e);
}

int
csr_write(EVP_PKEY *key, struct buf *out, struct err *e)
{
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = -1;

	if (req == NULL || bio == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 || X509_REQ_sign(req, key, EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, req) != 1) {
		failed(e, "make a certificate request");
		BIO_free(bio);
	} else {
		rc = take(bio, out, e);
	}
	X509_REQ_free(req);
	return rc;
}
