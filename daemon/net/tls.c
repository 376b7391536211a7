/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/base/hex.h"
#include "daemon/http/route.h"
#include "daemon/net/duct.h"
#include "daemon/net/tickets.h"

struct tls {
	OSSL_LIB_CTX *lib;
	EVP_CIPHER *ticket_cipher; /* what is not fetched from lib is shared by all threads */
	struct tickets *tickets; /* borrowed */
	SSL_CTX *ctx;
	X509_STORE *clients; /* what a client's certificate must come from */
};

const char *
tls_reason(char *out, size_t size)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	(void)snprintf(out, size, "%s", reason == NULL ? "no reason given" : reason);
	ERR_clear_error();
	return out;
}

bool
tls_saw_http(void)
{
	return ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
}

static int
fail(struct err *e, enum err_class class, const char *what)
{
	char reason[120];

	return err_set(e, class, "%s: %s", what, tls_reason(reason, sizeof(reason)));
}

/* Tickets. */

static int64_t
monotonic_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail with this clock */
	return ts.tv_sec;
}

/* As OpenSSL has it.  1, 2: opened, the latter to be renewed; 0: none; -1. */
static int
choose_key(struct tickets *t, uint8_t *name, bool is_sealing, struct tickets_key *out)
{
	if (is_sealing) {
		if (tickets_seal(t, monotonic_s(), out) == -1)
			return -1;
		memcpy(name, out->name, sizeof(out->name));
		return 1;
	}
	switch (tickets_open(t, monotonic_s(), name, out)) {
	case TICKETS_UNKNOWN:
		return 0;
	case TICKETS_OPEN:
		return 1;
	case TICKETS_OPEN_AND_RENEW:
		return 2;
	}
	return -1;
}

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int is_sealing)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct tickets_key key;
	char digest[] = "SHA256";
	OSSL_PARAM params[3];
	int rc = choose_key(tls->tickets, name, is_sealing, &key);

	if (rc <= 0)
		return rc;
	if (is_sealing && RAND_bytes_ex(tls->lib, iv, 16, 0) != 1) {
		rc = -1;
		goto out;
	}
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof(key.mac));
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	if (EVP_CipherInit_ex(cipher, tls->ticket_cipher, NULL, key.cipher, iv, is_sealing) != 1 ||
	    EVP_MAC_CTX_set_params(mac, params) != 1)
		rc = -1;
out:
	OPENSSL_cleanse(&key, sizeof(key));
	return rc;
}

/* Contexts. */

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned int in_len, void *arg)
{
	static const unsigned char ours[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours), in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * Never refuse here: a stranger's request is answered, not his handshake cut.
 * tls_judge_peer() decides afterwards, for resumed sessions, too.
 */
static int
on_verify(X509_STORE_CTX *ctx, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static X509 *
read_cert(OSSL_LIB_CTX *lib, BIO *bio)
{
	X509 *cert = X509_new_ex(lib, NULL);

	if (cert != NULL && PEM_read_bio_X509(bio, &cert, NULL, NULL) == NULL) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static BIO *
open_pem(const struct buf *pem)
{
	return BIO_new_mem_buf(buf_data(pem), (int)buf_len(pem));
}

static int
use_chain(SSL_CTX *ctx, OSSL_LIB_CTX *lib, const struct service_certs *certs, struct err *e)
{
	BIO *chain = open_pem(&certs->chain), *key_pem = open_pem(&certs->key);
	X509 *cert = NULL;
	EVP_PKEY *key = NULL;
	int rc = -1;

	if (chain == NULL || key_pem == NULL) {
		err_nomem(e);
		goto out;
	}
	cert = read_cert(lib, chain);
	key = PEM_read_bio_PrivateKey_ex(key_pem, NULL, NULL, NULL, lib, NULL);
	if (cert == NULL || key == NULL) {
		fail(e, ERR_BAD_INPUT, "the server's certificate or its key cannot be read");
		goto out;
	}
	if (SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
		fail(e, ERR_BAD_INPUT, "the server's key does not belong to its certificate");
		goto out;
	}
	for (X509 *more; (more = read_cert(lib, chain)) != NULL;) {
		if (SSL_CTX_add0_chain_cert(ctx, more) != 1) { /* gives more away */
			X509_free(more);
			fail(e, ERR_SYSTEM, "certificate chain");
			goto out;
		}
	}
	rc = 0;
out:
	ERR_clear_error(); /* the end of the chain leaves one */
	BIO_free(chain);
	BIO_free(key_pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

/* Name the CA in the request for a certificate, and trust it in *store. */
static int
use_ca(SSL_CTX *ctx, OSSL_LIB_CTX *lib, const struct service_certs *certs, X509_STORE **store,
    struct err *e)
{
	BIO *pem = open_pem(&certs->ca);
	X509_STORE *fresh = X509_STORE_new();
	X509 *ca = pem == NULL ? NULL : read_cert(lib, pem);
	int rc = -1;

	if (fresh == NULL || ca == NULL) {
		fail(e, ERR_BAD_INPUT, "the CA's certificate cannot be read");
		goto out;
	}
	if (SSL_CTX_add_client_CA(ctx, ca) != 1 || X509_STORE_add_cert(fresh, ca) != 1) {
		fail(e, ERR_SYSTEM, "the CA's certificate");
		goto out;
	}
	*store = fresh;
	fresh = NULL;
	rc = 0;
out:
	X509_STORE_free(fresh);
	X509_free(ca);
	BIO_free(pem);
	return rc;
}

static int
set_options(SSL_CTX *ctx)
{
	static const char suites13[] =
	    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
	static const char suites12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
	static const unsigned char session_name[] = "kebao";

	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
	    SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_info_callback(ctx, duct_on_step);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_max_cert_list(ctx, LIMIT_CERT_LIST_BYTES);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets hold the state */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_ciphersuites(ctx, suites13) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, suites12) == 1 &&
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
	    SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	    SSL_CTX_set_session_id_context(ctx, session_name, sizeof(session_name) - 1) == 1 &&
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1 ? 0 : -1;
}

int
tls_load(struct tls *tls, const struct service_certs *certs, struct err *e)
{
	X509_STORE *clients = NULL;
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = SSL_CTX_new_ex(tls->lib, NULL, TLS_server_method());
	if (ctx == NULL)
		return fail(e, ERR_SYSTEM, "TLS");
	if (SSL_CTX_set_app_data(ctx, tls) != 1 || set_options(ctx) == -1) {
		fail(e, ERR_SYSTEM, "TLS options");
		goto fail;
	}
	if (use_chain(ctx, tls->lib, certs, e) == -1 ||
	    use_ca(ctx, tls->lib, certs, &clients, e) == -1)
		goto fail;
	SSL_CTX_free(tls->ctx); /* running connections hold it on */
	X509_STORE_free(tls->clients);
	tls->ctx = ctx;
	tls->clients = clients;
	return 0;
fail:
	SSL_CTX_free(ctx);
	return -1;
}

struct tls *
tls_new(const struct service_certs *certs, struct tickets *tickets, struct err *e)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL) {
		err_nomem(e);
		return NULL;
	}
	tls->tickets = tickets;
	tls->lib = OSSL_LIB_CTX_new();
	if (tls->lib != NULL)
		tls->ticket_cipher = EVP_CIPHER_fetch(tls->lib, "AES-256-CBC", NULL);
	if (tls->ticket_cipher == NULL) {
		fail(e, ERR_SYSTEM, "TLS");
		goto fail;
	}
	if (tls_load(tls, certs, e) == -1)
		goto fail;
	return tls;
fail:
	tls_free(tls);
	return NULL;
}

void
tls_end_thread(struct tls *tls)
{
	OPENSSL_thread_stop_ex(tls->lib);
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->ctx);
	X509_STORE_free(tls->clients);
	EVP_CIPHER_free(tls->ticket_cipher);
	OSSL_LIB_CTX_free(tls->lib);
	free(tls);
}

SSL *
tls_accept(struct tls *tls, struct err *e)
{
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(tls->ctx);
	if (ssl == NULL) {
		fail(e, ERR_SYSTEM, "TLS connection");
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}

/* Peers. */

static bool
is_ours(const struct tls *tls, SSL *ssl, X509 *cert)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(tls->lib, NULL);
	bool yes = false;

	/* What the client sent along may stand between; only our CA is believed. */
	if (ctx != NULL &&
	    X509_STORE_CTX_init(ctx, tls->clients, cert, SSL_get_peer_cert_chain(ssl))) {
		X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

		(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
		(void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
		yes = X509_verify_cert(ctx) == 1;
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return yes;
}

static int
read_serial(const X509 *cert, struct tls_peer *out)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	uint8_t bytes[32];
	int len, rc = -1;

	if (n == NULL)
		return -1;
	len = BN_num_bytes(n) < 16 ? 16 : BN_num_bytes(n);
	if (!BN_is_negative(n) && len <= (int)sizeof(bytes) && BN_bn2binpad(n, bytes, len) == len) {
		hex_encode(out->serial, bytes, (size_t)len);
		rc = 0;
	}
	BN_free(n);
	return rc;
}

static int
read_time(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = timegm(&tm);
	return 0;
}

void
tls_judge_peer(const struct tls *tls, SSL *ssl, struct tls_peer *out)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	memset(out, 0, sizeof(*out));
	out->cert = CERT_NONE;
	if (cert == NULL)
		return;
	if (is_ours(tls, ssl, cert) && read_time(X509_get0_notBefore(cert), &out->from) == 0 &&
	    read_time(X509_get0_notAfter(cert), &out->until) == 0 && read_serial(cert, out) == 0) {
		out->cert = CERT_VERIFIED;
		return;
	}
	memset(out, 0, sizeof(*out));
	out->cert = CERT_FOREIGN;
}

enum exchange_cert
tls_peer_at(const struct tls_peer *peer, int64_t now)
{
	if (peer->cert == CERT_VERIFIED && (now < peer->from || now > peer->until))
		return CERT_EXPIRED;
	return peer->cert;
}
