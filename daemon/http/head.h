/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request: llhttp with everything lenient off, and our own rules
 * on top (RFC 9110, 9112).  Pure, and incremental: bytes may come in any pieces
 * with the same verdict.
 *
 * Refused are: other versions than 1.0 and 1.1; methods that are not ours; a
 * target that is not origin-form (target.h); on 1.1 anything but exactly one
 * Host; names that are not tokens; folded lines; bare CR or LF; control
 * characters; two Content-Length; Transfer-Encoding; a body on GET or HEAD; an
 * expectation but 100-continue; and twice any header that carries one value
 * (host content-* range if-* authorization expect user-agent referer origin
 * upload-* tus-* kebao-* x-kebao-*), so that what one of us checks is what
 * another of us uses.
 */
#ifndef KEBAO_DAEMON_HTTP_HEAD_H
#define KEBAO_DAEMON_HTTP_HEAD_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/http/exchange.h"
#include "daemon/limits.h"

struct head_field {
	uint16_t name, name_len;   /* offsets in bytes[] */
	uint16_t value, value_len;
};

struct head {
	/* Good after HEAD_DONE, as long as bytes stays as it is. */
	enum exchange_method method;
	bool is_http10;
	bool keep_alive;
	bool expects_continue;
	bool has_length;
	uint64_t body_bytes;
	const char *path, *query;  /* target.h */
	size_t len;                /* bytes of the head, its empty line included */
	size_t n_fields;
	struct head_field fields[LIMIT_HEADERS];

	/* Private. */
	char *bytes;               /* borrowed */
	size_t fed;
	size_t target, target_len;
	bool is_in_name;
	int stop_status;           /* why a callback stopped llhttp */
	const char *stop_text;
	llhttp_t parser;
};

enum head_verdict { HEAD_MORE, HEAD_DONE, HEAD_BAD };

/* What to tell the peer; text is constant. */
struct head_refusal {
	int status;
	const char *text;
};

/* A new head will stand at bytes, which does not move but by head_move. */
void head_init(struct head *h, char *bytes);

/* Before HEAD_DONE: what was fed stands at bytes now. */
void head_move(struct head *h, char *bytes);

/*
 * bytes[0..len) are there now: len only grows, up to LIMIT_HEAD_BYTES, where
 * HEAD_MORE is no answer any more (431 or 414).  After HEAD_DONE names are lower
 * case and names, values, path and query are NUL-terminated within bytes.
 */
enum head_verdict head_feed(struct head *h, size_t len, struct head_refusal *why);

/* Value of a lower-case name, the first one; NULL where absent. */
const char *head_find(const struct head *h, const char *name);

#endif
