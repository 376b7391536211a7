/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reply.c has decided and conn.c sends: the reply as data, and its head
 * as bytes.  Private to daemon/http.
 */
#ifndef KEBAO_DAEMON_HTTP_ANSWER_H
#define KEBAO_DAEMON_HTTP_ANSWER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "daemon/http/exchange.h"
#include "daemon/http/reply.h"
#include "daemon/http/route.h"
#include "daemon/net/budget.h"

enum reply_kind {
	REPLY_NONE,   /* nothing was decided yet */
	REPLY_BYTES,  /* body */
	REPLY_FILE,   /* fd, from off */
	REPLY_SOURCE, /* source, from off */
};

struct reply {
	enum reply_kind kind;
	int status;
	uint64_t length;     /* Content-Length: of the body or, for HEAD, of what GET would send */
	bool has_length;     /* false: neither body nor Content-Length (204, 304) */
	bool is_bodyless;    /* HEAD: the length is told, the bytes are not sent */
	uint64_t off;
	int fd;              /* -1: none; owned, unless lease.release is set */
	struct reply_lease lease; /* of fd */
	struct buf body;
	struct budget *budget;     /* where claim counts; NULL while it does not */
	struct budget_claim claim; /* of body */
	struct buf headers;  /* lines, each with its CR LF */
	size_t kept_headers; /* bytes of headers that before() added */
	struct reply_source source; /* owned where source.close is set */
	struct err cause;    /* class ERR_SYSTEM: what the peer is not told, for the log */
};

/* Where the engine keeps what an exchange borrows. */
struct exchange_hold {
	struct route_match match;
	atomic_bool *is_aborted; /* borrowed from the connection */
	struct budget *budget;   /* borrowed; NULL: nothing is counted */
	uint64_t address;        /* census_key() of the peer */
	uint64_t holder;         /* of its certificate, as service.holder says; else 0 */
};

void answer_init(struct reply *r);

/*
 * Count memory held whole for who asks, an answer or a body; ERR_BUSY where there is too much.
 * What came by the local listener is not counted: it is the operator's.
 */
int answer_claim(const struct exchange *x, bool is_answer, uint64_t bytes,
    struct budget_claim *claim, struct err *e);

/* Close and free everything but the headers' memory, so that another reply can be made. */
void answer_drop(struct reply *r);

/* answer_drop, and the headers, too. */
void answer_clear(struct reply *r);

/* Remember the headers so far as those that stay. */
void answer_keep_headers(struct reply *r);

/* Append status line and headers to out.  date is the value of Date. */
int answer_head(const struct reply *r, bool is_http10, bool keep_alive, const char *date,
    struct buf *out, struct err *e);

/* "Not Found"; "Unknown" for a status that this program does not use. */
const char *answer_reason(int status);

/* now as an IMF-fixdate (RFC 9110 5.6.7); out needs 30 bytes. */
void answer_date(char *out, int64_t now);

#endif
