/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering a request.  Called by the functions of a route; the engine sends
 * the reply after they have returned.  A second reply to the same request is a
 * mistake of ours (assert).  The engine adds Date, Content-Length, Connection and
 * X-Content-Type-Options itself, and sends no body where HEAD, 204 or 304 forbid it.
 */
#ifndef KEBAO_DAEMON_HTTP_REPLY_H
#define KEBAO_DAEMON_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "daemon/http/exchange.h"

bool reply_is_made(const struct exchange *x);

/*
 * Add a header to the reply, before or after the reply itself is made.  The
 * value is printable ASCII (anything else is ERR_BAD_INPUT: encode it first).
 * A header added in before() stays on every answer; one added later falls away
 * when the request ends as a problem.
 */
int reply_header(struct exchange *x, const char *name, const char *value, struct err *e);
int reply_headerf(struct exchange *x, struct err *e, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Status and a body in memory.  *body is taken, whatever is returned.  Where who asks has too much
 * of it unread (net/budget.h), the reply is 503 instead: a request that changed something is then
 * one whose answer was lost, as on a line that breaks.
 */
int reply_bytes(struct exchange *x, int status, const char *content_type, struct buf *body,
    struct err *e);

/*
 * For a body whose ETag (strong, with its quotes) is known before it is made: add ETag and
 * Cache-Control, and answer If-Match and If-None-Match (412, 304).  0: where a reply is made, it is
 * that; otherwise reply_bytes(200) is to follow.
 */
int reply_conditions(struct exchange *x, const char *etag, const char *cache_control,
    struct err *e);

/* Status alone: 204, 201, ...  Content-Length: 0 where the status may have a body. */
int reply_empty(struct exchange *x, int status, struct err *e);

/* application/problem+json as in PROTOCOL.md 1; status by the class (ERR_DENIED: 401 where
 * x->cert is not CERT_VERIFIED, else 403).  The detail is why->text, except for ERR_SYSTEM, whose
 * text goes to the log only.  Never fails: without memory the connection ends. */
void reply_problem(struct exchange *x, const struct err *why);

/* The same with a status that the class alone does not say: 405, 410, 413, 507, ... */
void reply_problem_status(struct exchange *x, int status, const struct err *why);

/* A reply with a known length and validators: conditions and ranges are answered from these. */
struct reply_entity {
	const char *content_type;
	uint64_t length;           /* bytes of the whole */
	const char *etag;          /* strong, with its quotes; NULL: no ETag, no ranges */
	const char *cache_control; /* NULL: no such header */
};

/*
 * A file: HEAD, If-Match, If-None-Match, If-Range and single ranges are
 * answered as RFC 9110 says (200, 206, 304, 412, 416; several ranges: the
 * whole, 200).  Bytes off..off+length of fd are the entity (off 0 for a whole
 * file).  fd is taken, whatever is returned.
 */
int reply_object(struct exchange *x, int fd, uint64_t off, const struct reply_entity *what,
    struct err *e);

/*
 * The same with the file as a whole, which stays somebody else's: release(ctx) runs exactly once,
 * in any thread, when the reply has no more use for fd; at once where no body is to be sent.
 */
struct reply_lease {
	void *ctx;
	void (*release)(void *ctx);
};
int reply_lent(struct exchange *x, int fd, const struct reply_lease *lease,
    const struct reply_entity *what, struct err *e);

/*
 * A body that is computed.  read() runs in a pool thread: fill out with up to
 * room bytes of the entity from offset off, *n > 0 (0 is treated as a
 * failure).  Offsets only grow by what was given, and begin anywhere when
 * is_seekable, else at 0 (then Range is not served).  A failure after the head
 * has been sent ends the connection, so the client sees a short body.  close()
 * runs exactly once: in a pool thread when the reply has ended or could not be
 * sent, or at once in reply_stream where that fails or no body is to be sent.
 */
struct reply_source {
	void *ctx; /* taken: released by close */
	bool is_seekable;
	bool is_long; /* reads are work, not waiting: run them in the long pool */
	int (*read)(void *ctx, uint64_t off, uint8_t *out, size_t room, size_t *n, struct err *e);
	void (*close)(void *ctx);
};

int reply_stream(struct exchange *x, const struct reply_source *source,
    const struct reply_entity *what, struct err *e);

/* 400, 401, 403, 404, 409, ... by class; PROTOCOL.md 1. */
int reply_status_of(enum err_class class, bool has_identity);

#endif
