/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of this folder connect with: TLS to a port of the loopback, as somebody or
 * nobody, as fast or as badly as they like.  They end with a message where the world is not as
 * they need it; what a server does to them is their result.
 */
#ifndef KEBAO_TESTS_ABUSE_PEER_H
#define KEBAO_TESTS_ABUSE_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PEER_UNUSED __attribute__((unused))

static PEER_UNUSED void
die(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
	exit(2);
}

static PEER_UNUSED uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A socket connected from an address of the loopback to the port; -1 where that is refused. */
static PEER_UNUSED int
dial(in_addr_t from, unsigned port, int receive_bytes)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		die("socket");
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (receive_bytes != 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
	        sizeof(receive_bytes)) == -1)
		die("SO_RCVBUF");
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == -1)
		die("bind");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		(void)close(fd);
		return -1;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* where it still stands */
	return fd;
}

/* Closing resets the connection. */
static PEER_UNUSED void
reset(int fd)
{
	const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	(void)close(fd);
}

static PEER_UNUSED void
set_blocking(int fd, bool is_blocking)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 ||
	    fcntl(fd, F_SETFL, is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == -1)
		die("fcntl");
}

/* Whoever is on the other side is believed: this is not what is tested. */
static PEER_UNUSED SSL_CTX *
tls_context(const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		die("TLS");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (cert != NULL && (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1))
		die(cert);
	return ctx;
}

/* A handshake on a blocking socket; NULL where it fails, and the socket is closed. */
static PEER_UNUSED SSL *
shake_hands(SSL_CTX *ctx, int fd, SSL_SESSION *session)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 ||
	    (session != NULL && SSL_set_session(ssl, session) != 1))
		die("TLS");
	if (SSL_connect(ssl) != 1) {
		SSL_free(ssl);
		(void)close(fd);
		return NULL;
	}
	return ssl;
}

#endif
