/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/servercert.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "daemon/app/context.h"
#include "daemon/config.h"
#include "daemon/http/route.h"
#include "daemon/signer/signer.h"

#define PEM_BYTES 65536u /* a certificate or key is 1 or 2 KB */

int
servercert_load(int dirfd, struct service_certs *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	if (file_load(dirfd, CONTEXT_SERVER_CERT_FILE, PEM_BYTES, &out->chain, e) == 0 &&
	    file_load(dirfd, CONTEXT_SERVER_KEY_FILE, PEM_BYTES, &out->key, e) == 0 &&
	    file_load(dirfd, CONTEXT_CA_FILE, PEM_BYTES, &out->ca, e) == 0)
		return 0;
	buf_clear(&out->chain);
	buf_wipe(&out->key);
	buf_clear(&out->ca);
	return -1;
}

static int
openssl_failed(struct err *e, const char *what)
{
	ERR_clear_error();
	return err_set(e, ERR_SYSTEM, "%s: OpenSSL refused", what);
}

/* Names of a certificate as texts; each owned. */
struct names {
	char **item;
	size_t n;
};

static void
names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->item[i]);
	free(names->item);
}

static char *
name_text(const GENERAL_NAME *g)
{
	char text[INET6_ADDRSTRLEN];
	int len;

	if (g->type == GEN_DNS) {
		len = ASN1_STRING_length(g->d.dNSName);
		return strndup((const char *)ASN1_STRING_get0_data(g->d.dNSName), (size_t)len);
	}
	if (g->type != GEN_IPADD)
		return NULL;
	len = ASN1_STRING_length(g->d.iPAddress);
	if (inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(g->d.iPAddress), text,
	        sizeof(text)) == NULL)
		return NULL;
	return strdup(text);
}

static int
names_of(X509 *cert, struct names *out, struct err *e)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = list == NULL ? 0 : sk_GENERAL_NAME_num(list);

	out->n = 0;
	out->item = calloc((size_t)n + 1, sizeof(*out->item));
	for (int i = 0; i < n && out->item != NULL; i++) {
		char *text = name_text(sk_GENERAL_NAME_value(list, i));

		if (text != NULL)
			out->item[out->n++] = text;
	}
	GENERAL_NAMES_free(list);
	return out->item == NULL ? err_nomem(e) : 0;
}

/* The same name or address, however an address is written. */
static bool
is_same_name(const char *a, const char *b)
{
	uint8_t x[16], y[16];

	if (inet_pton(AF_INET6, a, x) == 1 && inet_pton(AF_INET6, b, y) == 1)
		return memcmp(x, y, sizeof(x)) == 0;
	return strcasecmp(a, b) == 0;
}

static bool
has_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (is_same_name(names->item[i], name))
			return true;
	return false;
}

static bool
is_due(X509 *cert, const struct names *names, const struct config_list *hostnames, int64_t now)
{
	time_t at = (time_t)(now + SERVERCERT_RENEW_S), today = (time_t)now;

	if (X509_cmp_time(X509_get0_notAfter(cert), &at) <= 0)
		return true;
	if (X509_cmp_time(X509_get0_notBefore(cert), &today) > 0) /* our clock was ahead */
		return true;
	if (hostnames->n != 0 && hostnames->n != names->n)
		return true;
	for (size_t i = 0; i < hostnames->n; i++)
		if (!has_name(names, hostnames->item[i]))
			return true;
	return false;
}

/* A request for the key, as PEM; the signer takes nothing from it but the key. */
static int
make_request(const struct buf *key_pem, struct buf *csr, struct err *e)
{
	BIO *in = BIO_new_mem_buf(buf_data(key_pem), (int)buf_len(key_pem));
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	const EVP_MD *md = key != NULL && EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
	X509_REQ *req = X509_REQ_new();
	char *pem;
	long len;
	int rc = -1;

	if (key == NULL || out == NULL || req == NULL || X509_REQ_set_version(req, 0) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 || X509_REQ_sign(req, key, md) <= 0 ||
	    PEM_write_bio_X509_REQ(out, req) != 1) {
		(void)openssl_failed(e, "request for the hub's certificate");
		goto out;
	}
	len = BIO_get_mem_data(out, &pem);
	rc = buf_add(csr, pem, (size_t)len, e);
out:
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	BIO_free(out);
	BIO_free(in);
	return rc;
}

static int
issue(int dirfd, struct signer *signer, const struct buf *key_pem, const struct names *names,
    struct err *e)
{
	struct signer_certificate cert = { 0 };
	struct buf csr = BUF_INIT;
	int rc = -1;

	if (make_request(key_pem, &csr, e) == -1 ||
	    signer_certify_server(signer, buf_data(&csr), buf_len(&csr),
	        (const char *const *)names->item, names->n, &cert, e) == -1)
		goto out;
	rc = file_save(dirfd, CONTEXT_SERVER_CERT_FILE, buf_data(&cert.pem), buf_len(&cert.pem),
	    0644,
	    e);
out:
	signer_certificate_clear(&cert);
	buf_clear(&csr);
	return rc;
}

int
servercert_renew(int dirfd, struct signer *signer, const struct config_list *hostnames,
    int64_t now, bool *renewed, struct err *e)
{
	struct names listed = { hostnames->item, hostnames->n }, found = { NULL, 0 };
	struct service_certs files;
	X509 *cert = NULL;
	BIO *in = NULL;
	int rc = -1;

	*renewed = false;
	if (servercert_load(dirfd, &files, e) == -1)
		return -1;
	in = BIO_new_mem_buf(buf_data(&files.chain), (int)buf_len(&files.chain));
	cert = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
	if (cert == NULL) {
		(void)openssl_failed(e, CONTEXT_SERVER_CERT_FILE);
		goto out;
	}
	if (names_of(cert, &found, e) == -1)
		goto out;
	if (is_due(cert, &found, hostnames, now)) {
		rc = issue(dirfd, signer, &files.key, hostnames->n == 0 ? &found : &listed, e);
		*renewed = rc == 0;
	} else
		rc = 0;
out:
	names_clear(&found);
	X509_free(cert);
	BIO_free(in);
	buf_clear(&files.chain);
	buf_wipe(&files.key);
	buf_clear(&files.ca);
	return rc;
}
