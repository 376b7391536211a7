/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTPS request with libcurl; transfer.c repeats it where that helps.
 * Private to transfer.c.
 */
#ifndef KEBAO_CLIENTS_KEBAO_ATTEMPT_H
#define KEBAO_CLIENTS_KEBAO_ATTEMPT_H

#include <curl/curl.h>
#include <limits.h>

#include "clients/kebao/transfer.h"

/* No pause helps: it was our own side that ended the attempt. */
#define ATTEMPT_NEVER UINT_MAX

#define ATTEMPT_LONGEST_WAIT_S 60u /* however long the hub asks us to wait */

struct transfer {
	CURL *curl;                 /* owned; keeps the connection */
	char *base_url;             /* owned */
	struct buf ca;              /* PEM; empty: believe nothing about the peer */
	struct buf cert;            /* PEM; empty: no identity */
	struct buf key;
	char *passphrase;           /* owned, wiped */
	unsigned patience_s;        /* longest silence, where a request says nothing else */
	char curl_text[CURL_ERROR_SIZE];
	char identity[96];
	char view[32];
	struct transfer_clock clock;
	long verify_error;          /* X509_V_... of the last handshake that failed */
	struct transfer_totals totals;
	struct transfer_line line;  /* its texts are the two below */
	int64_t paid_until_us;      /* by ticks_ms(): until then nothing more is to be read */
	uint64_t best_bytes_per_second; /* of a longer answer so far; 0: none */
	char *proxy;                /* owned, or NULL */
	char *proxy_password;       /* owned, wiped */
	void (*on_retry)(void *ctx, const struct err *why, unsigned pause_ms);
	void *on_retry_ctx;
};

/*
 * One request and its answer.  *retry_s: how many seconds the hub asks us to
 * wait (usually 0), ATTEMPT_NEVER where repeating is useless.
 */
int attempt_once(struct transfer *t, const struct transfer_request *r,
    struct transfer_reply *reply, unsigned *retry_s, struct err *e)
    __attribute__((warn_unused_result));

#endif
