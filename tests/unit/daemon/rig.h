/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serving engine in this process and clients to try it with: a CA made on the
 * spot, a server in a thread of its own, blocking TLS clients that send exactly the bytes
 * they are told to.  Everything fails by assertion; reads have a deadline.  The server's log is
 * kept and shown at the end (rig_end) where a test has failed.
 */
#ifndef KEBAO_TESTS_UNIT_DAEMON_RIG_H
#define KEBAO_TESTS_UNIT_DAEMON_RIG_H

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/buf.h"
#include "daemon/http/route.h"
#include "daemon/log.h"
#include "daemon/net/server.h"

#define RIG_DEADLINE_S 20
#define RIG_UNUSED __attribute__((unused))

/* Certificates. */

struct rig_identity {
	X509 *cert;
	EVP_PKEY *key;
};

struct rig_kind {
	const struct rig_identity *issuer; /* NULL: signs itself, a CA */
	const char *usage;		   /* "serverAuth", "clientAuth" */
	const char *name;
	long from_s, until_s; /* from now */
};

static void
rig_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static RIG_UNUSED void
rig_identity_new(struct rig_identity *out, const struct rig_kind *kind)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_NAME_new();
	BIGNUM *serial = BN_new();

	out->key = EVP_EC_gen("P-256");
	assert(cert != NULL && name != NULL && serial != NULL && out->key != NULL);
	assert(BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
	assert(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL);
	assert(X509_set_version(cert, X509_VERSION_3) == 1);
	assert(X509_gmtime_adj(X509_getm_notBefore(cert), kind->from_s) != NULL);
	assert(X509_gmtime_adj(X509_getm_notAfter(cert), kind->until_s) != NULL);
	assert(X509_NAME_add_entry_by_txt(
		   name, "CN", MBSTRING_ASC, (const unsigned char *)kind->name, -1, -1, 0) == 1);
	assert(X509_set_subject_name(cert, name) == 1 && X509_set_pubkey(cert, out->key) == 1);
	assert(X509_set_issuer_name(cert,
		   kind->issuer == NULL ? name : X509_get_subject_name(kind->issuer->cert)) == 1);
	if (kind->issuer == NULL) {
		rig_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
		rig_extension(cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	} else {
		rig_extension(cert, NID_ext_key_usage, kind->usage);
		rig_extension(cert, NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost");
	}
	assert(
	    X509_sign(cert, kind->issuer == NULL ? out->key : kind->issuer->key, EVP_sha256()) > 0);
	out->cert = cert;
	X509_NAME_free(name);
	BN_free(serial);
}

static RIG_UNUSED void
rig_identity_clear(struct rig_identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
	*id = (struct rig_identity){ NULL, NULL };
}

static void
rig_pem(struct buf *out, X509 *cert, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert(bio != NULL);
	if (cert != NULL)
		assert(PEM_write_bio_X509(bio, cert) == 1);
	if (key != NULL)
		assert(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	len = BIO_get_mem_data(bio, &text);
	assert(buf_add(out, text, (size_t)len, NULL) == 0);
	BIO_free(bio);
}

/* The log. */

static FILE *rig_log; /* has no name */

static void
rig_keep_log(void)
{
	if (rig_log != NULL)
		return;
	rig_log = tmpfile();
	assert(rig_log != NULL);
	log_set_fd(fileno(rig_log));
}

/* How many tests have failed: main's last word. */
static RIG_UNUSED int
rig_end(int n_failed)
{
	char line[4096];

	if (rig_log == NULL)
		return n_failed;
	log_set_fd(STDERR_FILENO);
	rewind(rig_log);
	while (n_failed != 0 && fgets(line, sizeof(line), rig_log) != NULL)
		(void)fprintf(stderr, "# %s", line);
	(void)fclose(rig_log);
	rig_log = NULL;
	return n_failed;
}

/* The server. */

struct rig {
	struct rig_identity ca, server_id;
	struct service service;
	struct server_config config;
	struct server *server;
	pthread_t thread;
	unsigned port, local_port;
	int run_rc;
	SSL_CTX *client_ctx;
	in_addr_t from; /* of 127.0.0.0/8: where clients connect from; 0: 127.0.0.1 */
};

static int
rig_certs(void *app, struct service_certs *out, struct err *e)
{
	const struct rig *rig = app;

	(void)e;
	rig_pem(&out->chain, rig->server_id.cert, NULL);
	rig_pem(&out->key, NULL, rig->server_id.key);
	rig_pem(&out->ca, rig->ca.cert, NULL);
	return 0;
}

/* Routes and deadlines are the caller's to set between rig_init and rig_start. */
static RIG_UNUSED void
rig_init(struct rig *rig)
{
	static const char *const listen[] = { "127.0.0.1:0" };
	const long day = 24L * 3600;

	memset(rig, 0, sizeof(*rig));
	rig_identity_new(&rig->ca,
	    &(struct rig_kind){ .name = "ca", .from_s = -1000 * day, .until_s = 1000 * day });
	rig_identity_new(&rig->server_id, &(struct rig_kind){ .issuer = &rig->ca,
					      .usage = "serverAuth",
					      .name = "hub",
					      .from_s = -day,
					      .until_s = 90 * day });
	server_config_init(&rig->config);
	rig->config.listen = listen;
	rig->config.n_listen = 1;
	rig->config.n_workers = 2;
	rig->config.deadlines.tick_ms = 20;
	rig->service.app = rig;
	rig->service.certs = rig_certs;
}

static void *
rig_run(void *arg)
{
	struct rig *rig = arg;
	struct err e = { 0 };

	rig->run_rc = server_run(rig->server, &e);
	return NULL;
}

static RIG_UNUSED void
rig_start(struct rig *rig)
{
	struct err e = { 0 };

	rig_keep_log();
	if (server_new(&rig->config, &rig->service, &rig->server, &e) == -1) {
		(void)fprintf(stderr, "server_new: %s\n", e.text);
		abort();
	}
	rig->port = server_port(rig->server, 0);
	rig->local_port = server_local_port(rig->server);
	assert(pthread_create(&rig->thread, NULL, rig_run, rig) == 0);
	rig->client_ctx = SSL_CTX_new(TLS_client_method());
	assert(rig->client_ctx != NULL);
	assert(X509_STORE_add_cert(SSL_CTX_get_cert_store(rig->client_ctx), rig->ca.cert) == 1);
	SSL_CTX_set_verify(rig->client_ctx, SSL_VERIFY_PEER, NULL);
}

static RIG_UNUSED void
rig_stop(struct rig *rig)
{
	server_stop(rig->server);
	assert(pthread_join(rig->thread, NULL) == 0);
	assert(rig->run_rc == 0);
	server_free(rig->server);
	SSL_CTX_free(rig->client_ctx);
	rig_identity_clear(&rig->ca);
	rig_identity_clear(&rig->server_id);
}

/* Clients. */

struct rig_client {
	int fd;
	SSL *ssl;      /* NULL: plain */
	struct buf in; /* received, not yet consumed */
	bool is_over;  /* the server has ended the connection */
};

static RIG_UNUSED int
rig_dial_from(in_addr_t from, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
	const struct timeval deadline = { .tv_sec = RIG_DEADLINE_S };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd != -1);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) == 0);
	assert(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline)) == 0);
	assert(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	if (from != 0)
		assert(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	assert(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static RIG_UNUSED int
rig_dial(unsigned port)
{
	return rig_dial_from(0, port);
}

/* As identity (NULL: anonymous); session (NULL: none) is resumed. */
static RIG_UNUSED void
rig_connect(
    struct rig *rig, struct rig_client *c, const struct rig_identity *id, SSL_SESSION *session)
{
	memset(c, 0, sizeof(*c));
	c->fd = rig_dial_from(rig->from, rig->port);
	c->ssl = SSL_new(rig->client_ctx);
	assert(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
	if (id != NULL)
		assert(SSL_use_certificate(c->ssl, id->cert) == 1 &&
		       SSL_use_PrivateKey(c->ssl, id->key) == 1);
	if (session != NULL)
		assert(SSL_set_session(c->ssl, session) == 1);
	assert(SSL_connect(c->ssl) == 1);
}

static RIG_UNUSED void
rig_close(struct rig_client *c)
{
	SSL_free(c->ssl);
	(void)close(c->fd);
	buf_clear(&c->in);
	c->ssl = NULL;
	c->fd = -1;
}

/* false where the server has gone. */
static RIG_UNUSED bool
rig_send(struct rig_client *c, const void *bytes, size_t len)
{
	if (len == 0)
		return true;
	if (c->ssl == NULL)
		return send(c->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
	ERR_clear_error();
	return SSL_write(c->ssl, bytes, (int)len) == (int)len;
}

static RIG_UNUSED bool
rig_send_text(struct rig_client *c, const char *text)
{
	return rig_send(c, text, strlen(text));
}

/* Receive something; false at the end of the connection. */
static bool
rig_receive(struct rig_client *c)
{
	uint8_t bytes[65536];
	ssize_t n;

	if (c->ssl == NULL) {
		n = recv(c->fd, bytes, sizeof(bytes), 0);
		assert(n != -1 || errno == ECONNRESET);
	} else {
		ERR_clear_error();
		n = SSL_read(c->ssl, bytes, sizeof(bytes));
		/* EAGAIN is the deadline: the server should have spoken. */
		assert(n > 0 || SSL_get_error(c->ssl, (int)n) != SSL_ERROR_WANT_READ);
	}
	if (n <= 0) {
		c->is_over = true;
		return false;
	}
	assert(buf_add(&c->in, bytes, (size_t)n, NULL) == 0);
	return true;
}

struct rig_reply {
	int status;	 /* 0: the connection ended without a whole head */
	struct buf head; /* with its empty line */
	struct buf body;
	bool is_whole; /* as many bytes as Content-Length said */
};

static RIG_UNUSED void
rig_reply_clear(struct rig_reply *r)
{
	buf_clear(&r->head);
	buf_clear(&r->body);
	memset(r, 0, sizeof(*r));
}

/* The value of a reply header, copied into out; false where absent. */
static bool
rig_header(const struct rig_reply *r, const char *name, char *out, size_t size)
{
	char needle[80];
	const char *at, *end;

	(void)snprintf(needle, sizeof(needle), "\r\n%s: ", name);
	at = strcasestr(buf_text(&r->head), needle);
	if (at == NULL)
		return false;
	at += strlen(needle);
	end = strstr(at, "\r\n");
	assert(end != NULL && (size_t)(end - at) < size);
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
	return true;
}

/* Receive one reply; has_body is false for HEAD. */
static RIG_UNUSED void
rig_reply(struct rig_client *c, bool has_body, struct rig_reply *r)
{
	const char *end;
	char value[64];
	size_t head_len, want = 0;

	memset(r, 0, sizeof(*r));
	while ((end = strstr(buf_text(&c->in), "\r\n\r\n")) == NULL)
		if (!rig_receive(c))
			return;
	head_len = (size_t)(end - buf_text(&c->in)) + 4;
	assert(buf_add(&r->head, buf_data(&c->in), head_len, NULL) == 0);
	buf_drop(&c->in, head_len);
	assert(sscanf(buf_text(&r->head), "HTTP/1.1 %d ", &r->status) == 1);
	if (r->status == 100 || !has_body)
		return;
	if (rig_header(r, "Content-Length", value, sizeof(value)))
		want = strtoul(value, NULL, 10);
	while (buf_len(&c->in) < want)
		if (!rig_receive(c))
			break;
	r->is_whole = buf_len(&c->in) >= want;
	if (!r->is_whole)
		want = buf_len(&c->in);
	assert(buf_add(&r->body, buf_data(&c->in), want, NULL) == 0);
	buf_drop(&c->in, want);
}

/* Whether the server ends the connection without a further byte. */
static RIG_UNUSED bool
rig_is_over(struct rig_client *c)
{
	return buf_len(&c->in) == 0 && !rig_receive(c);
}

#endif
