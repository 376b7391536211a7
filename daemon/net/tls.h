/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of one worker: its own OSSL_LIB_CTX and SSL_CTX, because threads that
 * share them wait for each other.  Only the ticket keys are shared, so that a
 * client may resume with any worker.
 */
#ifndef KEBAO_DAEMON_NET_TLS_H
#define KEBAO_DAEMON_NET_TLS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "daemon/http/exchange.h"

struct service_certs; /* http/route.h */
struct tls;           /* opaque */
struct tickets;       /* net/tickets.h */

/*
 * For the thread that will use it.  tickets outlives it.  NULL: ERR_BAD_INPUT (certs), ERR_SYSTEM.
 */
struct tls *tls_new(const struct service_certs *certs, struct tickets *tickets, struct err *e);

/* Use other certificates for connections from now on; on -1 the old ones stay. */
int tls_load(struct tls *tls, const struct service_certs *certs, struct err *e);

/* The thread that used it ends: free what OpenSSL keeps for it. */
void tls_end_thread(struct tls *tls);

void tls_free(struct tls *tls);

/* The server's side of a new connection; the caller gives it a BIO.  NULL with ERR_SYSTEM. */
SSL *tls_accept(struct tls *tls, struct err *e);

struct tls_peer {
	enum exchange_cert cert; /* NONE, FOREIGN, or VERIFIED: the dates are for tls_peer_at */
	/* lower-case hexadecimal, at least 32 digits; "" unless VERIFIED */
	char serial[65];
	int64_t from, until;     /* seconds of validity, both included */
};

/*
 * Judge the certificate that the client has proved to own, in this connection
 * or in the one it resumes: issued by our CA, for clients.
 */
void tls_judge_peer(const struct tls *tls, SSL *ssl, struct tls_peer *out);

/* The state at a moment: EXPIRED where now is outside the dates. */
enum exchange_cert tls_peer_at(const struct tls_peer *peer, int64_t now);

/* Whether the handshake that just failed met plain HTTP; ask before tls_reason. */
bool tls_saw_http(void);

/* One line about the newest error of OpenSSL in this thread, which it clears; out >= 80 bytes. */
const char *tls_reason(char *out, size_t size);

#endif
