/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/certify.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/base/hex.h"
#include "catalog/repo/ids.h"

#define SERIAL_LEN 16
#define DAY_SECONDS 86400
#define HOST_BYTES 253 /* of a DNS name */

struct certify_ca {
	const struct sign_key *key; /* borrowed */
	X509 *cert;                 /* owned */
};

static int
openssl_failed(struct err *e, const char *what)
{
	char reason[120];

	ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
	ERR_clear_error();
	return err_set(e, ERR_SYSTEM, "cannot %s: %s", what, reason);
}

void
certify_out_clear(struct certify_out *o)
{
	buf_clear(&o->pem);
	memset(o, 0, sizeof(*o));
}

/* ---- requests ---- */

static int
check_key(EVP_PKEY *key, struct err *e)
{
	char group[40] = "";
	size_t len;

	if (EVP_PKEY_is_a(key, "ED25519"))
		return 0;
	if (EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	    strcmp(group, SN_X9_62_prime256v1) == 0)
		return 0;
	ERR_clear_error();
	return err_set(e, ERR_BAD_INPUT,
	    "the certificate request has a key that is neither P-256 nor Ed25519");
}

/* The key of a request whose own signature holds; the caller frees it. */
static EVP_PKEY *
request_key(const void *csr, size_t len, struct err *e)
{
	X509_REQ *req = NULL;
	EVP_PKEY *key = NULL;
	BIO *bio = NULL;
	bool is_good = false;

	if (len > CERTIFY_REQUEST_BYTES) {
		err_set(e, ERR_BAD_INPUT, "the certificate request has %zu bytes, the limit is %u",
		    len, CERTIFY_REQUEST_BYTES);
		return NULL;
	}
	bio = BIO_new_mem_buf(csr, (int)len);
	if (bio == NULL) {
		err_nomem(e);
		return NULL;
	}
	req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	if (req == NULL || (key = X509_REQ_get_pubkey(req)) == NULL) {
		err_set(e, ERR_BAD_INPUT, "the certificate request is not a PEM of PKCS#10");
		goto out;
	}
	if (check_key(key, e) == -1)
		goto out;
	if (X509_REQ_verify(req, key) != 1) {
		err_set(e, ERR_BAD_INPUT, "the certificate request is not signed by its own key");
		goto out;
	}
	is_good = true;
out:
	ERR_clear_error();
	if (!is_good) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	X509_REQ_free(req);
	BIO_free(bio);
	return key;
}

/* ---- parts of a certificate ---- */

/* 126 random bits below a fixed beginning: always 32 digits, always positive in DER. */
static int
set_serial(X509 *cert, char text[CERTIFY_SERIAL_SIZE], struct err *e)
{
	uint8_t bytes[SERIAL_LEN];
	BIGNUM *bn;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return openssl_failed(e, "draw a serial number");
	bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40);
	bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
	BN_free(bn);
	if (!ok)
		return openssl_failed(e, "set the serial number");
	hex_encode(text, bytes, sizeof(bytes));
	return 0;
}

static int
set_times(X509 *cert, int64_t from, int64_t until, struct err *e)
{
	if (ASN1_TIME_set(X509_getm_notBefore(cert), from) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), until) == NULL)
		return openssl_failed(e, "set the dates");
	return 0;
}

static int
add_name(X509_NAME *name, const char *field, const char *text, struct err *e)
{
	if (X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1,
	        -1, 0) != 1)
		return openssl_failed(e, "set the name");
	return 0;
}

static int
add_extension(X509 *cert, X509 *issuer, int nid, const char *value, struct err *e)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok ? 0 : openssl_failed(e, "add an extension");
}

static int
write_pem(X509 *cert, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;
	int rc = -1;

	if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1 ||
	    (len = BIO_get_mem_data(bio, &data)) <= 0)
		openssl_failed(e, "write the certificate");
	else
		rc = buf_add(out, data, (size_t)len, e);
	BIO_free(bio);
	return rc;
}

/* ---- the CA ---- */

int
certify_new_ca(const struct sign_key *key, const char *organisation, int64_t now,
    struct buf *pem, struct buf *der, struct err *e)
{
	char serial[CERTIFY_SERIAL_SIZE], common[40];
	unsigned char *bytes = NULL;
	X509 *cert = X509_new();
	X509_NAME *name;
	int len, rc = -1;

	if (cert == NULL)
		return err_nomem(e);
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) != 1) {
		openssl_failed(e, "make a certificate");
		goto out;
	}
	if (set_serial(cert, serial, e) == -1 ||
	    set_times(cert, now - CERTIFY_EARLY_SECONDS,
	        now + (int64_t)CERTIFY_CA_DAYS * DAY_SECONDS, e) == -1)
		goto out;
	/* Its own name in every hub: browsers choose client certificates by the issuer's name. */
	(void)snprintf(common, sizeof(common), "kebao CA %.8s", serial);
	if (add_name(name, "O", organisation, e) == -1 || add_name(name, "CN", common, e) == -1)
		goto out;
	if (X509_set_issuer_name(cert, name) != 1) {
		openssl_failed(e, "set the issuer");
		goto out;
	}
	if (sign_set_subject_key(key, cert, e) == -1 ||
	    add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0",
	    e) == -1 ||
	    add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign", e) == -1 ||
	    add_extension(cert, cert, NID_subject_key_identifier, "hash", e) == -1 ||
	    sign_certificate(key, cert, e) == -1)
		goto out;
	len = i2d_X509(cert, &bytes);
	if (len <= 0) {
		openssl_failed(e, "write the certificate");
		goto out;
	}
	if (write_pem(cert, pem, e) == 0 && buf_add(der, bytes, (size_t)len, e) == 0)
		rc = 0;
out:
	OPENSSL_free(bytes);
	X509_free(cert);
	return rc;
}

/* Whether the CA certificate is for this key: its signature over itself was made with it. */
static int
check_ca(const struct sign_key *key, X509 *cert, struct err *e)
{
	EVP_PKEY *in_cert = X509_get0_pubkey(cert);
	struct buf pem = BUF_INIT;
	EVP_PKEY *own = NULL;
	BIO *bio = NULL;
	int rc = -1;

	if (sign_encode_public(key, &pem, e) == -1)
		goto out;
	bio = BIO_new_mem_buf(buf_data(&pem), (int)buf_len(&pem));
	own = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	if (own == NULL) {
		openssl_failed(e, "read the CA's public key");
		goto out;
	}
	if (in_cert == NULL || EVP_PKEY_eq(own, in_cert) != 1 || X509_check_ca(cert) != 1) {
		err_set(e, ERR_UNTRUSTED, "the CA's certificate is not one for its key");
		goto out;
	}
	rc = 0;
out:
	ERR_clear_error();
	EVP_PKEY_free(own);
	BIO_free(bio);
	buf_clear(&pem);
	return rc;
}

int
certify_ca_new(const struct sign_key *key, const void *pem, size_t len, struct certify_ca **out,
    struct err *e)
{
	struct certify_ca *ca = calloc(1, sizeof(*ca));
	BIO *bio = BIO_new_mem_buf(pem, (int)len);

	if (ca == NULL || bio == NULL) {
		BIO_free(bio);
		free(ca);
		return err_nomem(e);
	}
	ca->key = key;
	ca->cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (ca->cert == NULL) {
		ERR_clear_error();
		err_set(e, ERR_BAD_INPUT, "the CA's certificate is not PEM");
		goto fail;
	}
	if (check_ca(key, ca->cert, e) == -1)
		goto fail;
	*out = ca;
	return 0;
fail:
	certify_ca_free(ca);
	return -1;
}

void
certify_ca_free(struct certify_ca *ca)
{
	if (ca == NULL)
		return;
	X509_free(ca->cert);
	free(ca);
}

/* ---- certificates for others ---- */

/* What differs between certificates. */
struct wanted {
	const char *common_name;
	const char *key_usage, *extended_usage;
	const char *alternative_names; /* NULL: none */
	int days;
};

static int
fill(const struct certify_ca *ca, X509 *cert, EVP_PKEY *key, const struct wanted *w, struct err *e)
{
	if (X509_set_version(cert, X509_VERSION_3) != 1 || X509_set_pubkey(cert, key) != 1 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) != 1)
		return openssl_failed(e, "make a certificate");
	if (add_name(X509_get_subject_name(cert), "CN", w->common_name, e) == -1 ||
	    add_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE", e) == -1 ||
	    add_extension(cert, ca->cert, NID_key_usage, w->key_usage, e) == -1 ||
	    add_extension(cert, ca->cert, NID_ext_key_usage, w->extended_usage, e) == -1 ||
	    add_extension(cert, ca->cert, NID_subject_key_identifier, "hash", e) == -1 ||
	    add_extension(cert, ca->cert, NID_authority_key_identifier, "keyid:always", e) == -1)
		return -1;
	if (w->alternative_names != NULL &&
	    add_extension(cert, ca->cert, NID_subject_alt_name, w->alternative_names, e) == -1)
		return -1;
	return 0;
}

static int
issue(const struct certify_ca *ca, EVP_PKEY *key, const struct wanted *w, int64_t now,
    struct certify_out *out, struct err *e)
{
	struct certify_out o = { BUF_INIT, "", now, now + (int64_t)w->days * DAY_SECONDS };
	X509 *cert = X509_new();
	int rc = -1;

	if (cert == NULL)
		return err_nomem(e);
	if (set_serial(cert, o.serial, e) == -1 ||
	    set_times(cert, now - CERTIFY_EARLY_SECONDS, o.expires_at, e) == -1 ||
	    fill(ca, cert, key, w, e) == -1 || sign_certificate(ca->key, cert, e) == -1 ||
	    write_pem(cert, &o.pem, e) == -1)
		goto out;
	*out = o;
	o.pem = (struct buf)BUF_INIT;
	rc = 0;
out:
	buf_clear(&o.pem);
	X509_free(cert);
	return rc;
}

int
certify_client(const struct certify_ca *ca, const void *csr, size_t csr_len, const char *org,
    int64_t now, struct certify_out *out, struct err *e)
{
	const struct wanted w = { org, "critical,digitalSignature", "clientAuth", NULL,
		CERTIFY_CLIENT_DAYS };
	EVP_PKEY *key;
	int rc;

	if (ids_check(IDS_ORGANISATION, org, strlen(org), e) == -1)
		return -1;
	key = request_key(csr, csr_len, e);
	if (key == NULL)
		return -1;
	rc = issue(ca, key, &w, now, out, e);
	EVP_PKEY_free(key);
	return rc;
}

static bool
is_address(const char *text)
{
	struct in6_addr room;

	return inet_pton(AF_INET, text, &room) == 1 || inet_pton(AF_INET6, text, &room) == 1;
}

/* Letters, digits, '-' and '.': nothing that the extension's own syntax reads. */
static bool
is_host(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= HOST_BYTES && text[0] != '-' && text[0] != '.' &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

static int
add_alternative(struct buf *list, const char *name, struct err *e)
{
	char quoted[80];

	if (!is_address(name) && !is_host(name))
		return err_set(e, ERR_BAD_INPUT, "\"%s\" is neither a host name nor an address",
		    err_quote(quoted, sizeof(quoted), name, strlen(name)));
	return buf_printf(list, e, "%s%s:%s", buf_len(list) > 0 ? "," : "",
	    is_address(name) ? "IP" : "DNS", name);
}

int
certify_server(const struct certify_ca *ca, const void *csr, size_t csr_len,
    const char *const *names, size_t n_names, int64_t now, struct certify_out *out,
    struct err *e)
{
	struct wanted w = { "kebaod", "critical,digitalSignature", "serverAuth", NULL,
		CERTIFY_SERVER_DAYS };
	struct buf list = BUF_INIT;
	EVP_PKEY *key = NULL;
	int rc = -1;

	if (n_names == 0)
		return err_set(e, ERR_BAD_INPUT, "a server certificate needs a name");
	for (size_t i = 0; i < n_names; i++)
		if (add_alternative(&list, names[i], e) == -1)
			goto out;
	w.alternative_names = buf_text(&list);
	if (strlen(names[0]) <= 64) /* what X.520 allows; clients read the list anyway */
		w.common_name = names[0];
	key = request_key(csr, csr_len, e);
	if (key == NULL)
		goto out;
	rc = issue(ca, key, &w, now, out, e);
out:
	EVP_PKEY_free(key);
	buf_clear(&list);
	return rc;
}
