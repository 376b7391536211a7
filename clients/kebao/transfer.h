/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS to one hub, with libcurl: one connection kept alive, TLS 1.2 or later,
 * only the hub's own CA believed, the client certificate where there is one.
 * Whatever comes back is bounded and goes to the caller's sink piece by piece;
 * a redirect is never followed.
 *
 * Less than 128 bytes a second is silence, and a silence of 30 s (or as many as the
 * environment's KEBAO_PATIENCE says, 1 to 3600) is a broken connection.
 *
 * A failed request says why in classes: ERR_NETWORK when the hub could not be
 * reached or broke off, ERR_UNTRUSTED when its certificate is not of the CA or
 * not valid now (a wrong clock is named as such), else the class the hub gave
 * (PROTOCOL.md section 1) with the hub's sentence, quoted.
 */
#ifndef KEBAO_CLIENTS_KEBAO_TRANSFER_H
#define KEBAO_CLIENTS_KEBAO_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

struct transfer; /* opaque; one thread at a time */

struct transfer_identity {
	const struct buf *cert_pem;
	const struct buf *key_pem; /* encrypted PKCS#8 */
	const char *passphrase;
};

/* The hub's last words on who we are, from Kebao-Identity. */
enum transfer_standing {
	TRANSFER_UNSAID,  /* no such header: not a kebaod */
	TRANSFER_NONE,    /* no certificate was shown */
	TRANSFER_MEMBER,  /* enrolled; org and role are in identity */
	TRANSFER_REVOKED,
	TRANSFER_EXPIRED,
	TRANSFER_UNKNOWN, /* a certificate the hub does not know */
};

enum transfer_method {
	TRANSFER_GET,
	TRANSFER_HEAD,
	TRANSFER_POST,
	TRANSFER_PUT,
	TRANSFER_PATCH,
	TRANSFER_DELETE,
};

/* Receives the body of a successful answer; -1 ends the transfer with *e. */
typedef int transfer_sink(void *ctx, const void *bytes, size_t len, struct err *e);

struct transfer_request {
	enum transfer_method method;
	const char *path;                /* "/metadata/timestamp.json", already escaped */
	const char *const *headers;      /* "Name: value" ..., NULL-terminated; or NULL */
	const void *body;                /* lent; where body_fd is not used */
	size_t body_len;
	int body_fd;                     /* has_body_fd: body_len bytes from body_off on */
	uint64_t body_off;
	bool has_body_fd;
	bool has_range;                  /* ask for range_len bytes from range_off on ... */
	uint64_t range_off;
	uint64_t range_len;              /* ... and take nothing else for an answer */
	uint64_t max_bytes;              /* of the body of the answer */
	unsigned patience_s;             /* longest silence; 0: the usual */
	transfer_sink *sink;             /* NULL: a body is thrown away */
	void *sink_ctx;
	void (*on_sent)(void *ctx, uint64_t sent); /* progress of the request's body; or NULL */
	void *on_sent_ctx;
};

struct transfer_reply {
	int status;
	uint64_t body_bytes;   /* given to the sink */
	uint64_t length;       /* Content-Length; UINT64_MAX where there is none */
	uint64_t upload_offset; /* UINT64_MAX where there is none */
	uint64_t upload_length; /* UINT64_MAX where there is none */
	char location[256];    /* "" where there is none */
};

/* Set when the last failure was a certificate not valid yet or not valid any more. */
struct transfer_clock {
	bool is_wrong;
	int64_t now; /* what this machine believes */
	int64_t valid_from;
	int64_t valid_until;
};

/* What went over the wire since the beginning; bodies only. */
struct transfer_totals {
	uint64_t requests;
	uint64_t received_bytes;
	uint64_t sent_bytes;
	uint64_t busy_ms;       /* time spent in requests */
	uint64_t least_wait_us; /* shortest from a request to its answer: a round trip; 0: none */
};

/* How the line is to be used. */
struct transfer_line {
	uint64_t limit_bytes_per_second; /* of bodies; 0: none; before the first request */
	uint64_t slow_bytes_per_second;  /* less for the whole patience is silence; 0: usual */
	unsigned patience_s;             /* 0: the usual */
	const char *proxy;               /* "http://[name@]host:port"; NULL, "": environment */
	const char *proxy_password;      /* NULL: none */
	/*
	 * Before each request and while nothing comes (len 0), and for all that comes, headers
	 * too: -1 ends the request with *e.  From whichever thread runs the request; may be NULL.
	 */
	int (*on_received)(void *ctx, size_t len, struct err *e);
	void *ctx;
};

/*
 * base_url is "https://host[:port]" without a path.  ca_pem NULL: believe
 * nothing about the peer, only good for reading what is checked by other means
 * (the hub's CA by the fingerprint in a code).  identity may be NULL.
 */
int transfer_new(const char *base_url, const struct buf *ca_pem,
    const struct transfer_identity *identity, struct transfer **out, struct err *e)
    __attribute__((warn_unused_result));
void transfer_free(struct transfer *t);

/* As it holds now; lent. */
const struct transfer_line *transfer_line(const struct transfer *t);

/* Texts are copied.  Called again, the new one holds from the next request on. */
int transfer_use_line(struct transfer *t, const struct transfer_line *line, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Another one like t, to the same hub with the same identity and line, with a connection of
 * its own, for another thread.  transfer_join() frees it and adds what it did to t.
 */
int transfer_another(const struct transfer *t, struct transfer **out, struct err *e)
    __attribute__((warn_unused_result));
void transfer_join(struct transfer *t, struct transfer *another);

/* 0 when url has the form transfer_new() wants; else -1 with ERR_BAD_INPUT. */
int transfer_check_url(const char *url, struct err *e);

/* Called before each pause and retry with what went wrong; may be NULL. */
void transfer_on_retry(struct transfer *t,
    void (*on_retry)(void *ctx, const struct err *why, unsigned pause_ms), void *ctx);

/* What transfer_on_retry() set last. */
struct transfer_retry {
	void (*on_retry)(void *ctx, const struct err *why, unsigned pause_ms);
	void *ctx;
};
struct transfer_retry transfer_retry(const struct transfer *t);

/* One attempt.  *reply is filled as far as the answer came, whatever the result. */
int transfer_once(struct transfer *t, const struct transfer_request *r,
    struct transfer_reply *reply, struct err *e) __attribute__((warn_unused_result));

/*
 * Like transfer_once, repeated with growing, jittered pauses while the failure
 * is one of the network or the hub is busy.  Only for requests that may be
 * repeated, with no sink or transfer_to_buf, which is emptied before each try.
 */
int transfer_again(struct transfer *t, const struct transfer_request *r,
    struct transfer_reply *reply, struct err *e) __attribute__((warn_unused_result));

/*
 * For whoever repeats by himself: after failed try number n (from 1), pause and answer
 * 0 where another is worth it, else -1 and *e as it was (or: interrupted).
 */
int transfer_wait(struct transfer *t, unsigned n, struct err *e)
    __attribute__((warn_unused_result));

/* A small object as a whole, with retries; *out is emptied first. */
int transfer_load(struct transfer *t, const char *path, size_t max_bytes, struct buf *out,
    struct err *e) __attribute__((warn_unused_result));

/*
 * len bytes of an object from off on, to the sink in order; after an
 * interruption the rest is asked for, and only that.
 */
int transfer_range(struct transfer *t, const char *path, uint64_t off, uint64_t len,
    transfer_sink *sink, void *ctx, struct err *e) __attribute__((warn_unused_result));

enum transfer_standing transfer_standing(const struct transfer *t);
/*
 * 0 where the hub knows us, or has not said; else ERR_DENIED, the text saying what to do, and
 * status_must_enrol() is true of it.  A refusal (404, 403) of a request that showed a certificate
 * is turned into this, because who was revoked meanwhile is a stranger to the hub; but not one of
 * metadata, which is asked for until there is none.
 */
int transfer_check_standing(const struct transfer *t, struct err *e)
    __attribute__((warn_unused_result));
/* The text of Kebao-Identity and Kebao-View as last seen, "" where never; lent. */
const char *transfer_identity_text(const struct transfer *t);
const char *transfer_view(const struct transfer *t);

const struct transfer_clock *transfer_clock(const struct transfer *t);
const struct transfer_totals *transfer_totals(const struct transfer *t);

/* A transfer_sink that appends to a struct buf. */
int transfer_to_buf(void *buf, const void *bytes, size_t len, struct err *e);

#endif
