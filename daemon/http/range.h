/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions and ranges of GET and HEAD (RFC 9110 13 and 14).  Pure: headers
 * and validators in, the answer out.
 *
 * In this order: If-Match (412), If-None-Match (304), then Range, if If-Range
 * agrees.  One range of bytes gives 206 or 416; several, another unit, a
 * malformed one, a Range on HEAD or on what has no ETag are ignored: the whole
 * is sent, 200.
 */
#ifndef KEBAO_DAEMON_HTTP_RANGE_H
#define KEBAO_DAEMON_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct range_question {
	bool is_head;
	const char *range;         /* request headers; NULL where absent */
	const char *if_range;
	const char *if_match;
	const char *if_none_match;
	/* strong, with quotes; NULL: conditions and ranges are ignored */
	const char *etag;
	bool is_seekable;          /* false: Range is ignored */
	uint64_t length;           /* of the whole */
};

struct range_answer {
	int status;   /* 200, 206, 304, 412, 416 */
	uint64_t off; /* 200, 206: the part to send */
	uint64_t len;
};

struct range_answer range_decide(const struct range_question *q);

#endif
