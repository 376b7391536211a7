/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/*
 * Whether a list of entity tags ("a", W/"b" or *) names etag.  Weak tags count
 * only in the weak comparison.  A malformed list names nothing from there on.
 */
static bool
list_has(const char *list, const char *etag, bool is_weak_fine)
{
	size_t etag_len = strlen(etag);
	const char *p = list;

	if (strcmp(list, "*") == 0)
		return true;
	for (;;) {
		bool is_weak;
		const char *end;

		p += strspn(p, " \t,");
		is_weak = strncmp(p, "W/", 2) == 0;
		if (is_weak)
			p += 2;
		if (*p != '"')
			return false;
		end = strchr(p + 1, '"');
		if (end == NULL)
			return false;
		end++;
		if ((size_t)(end - p) == etag_len && memcmp(p, etag, etag_len) == 0 &&
		    (is_weak_fine || !is_weak))
			return true;
		p = end;
		if (*p != '\0' && *p != ',' && *p != ' ' && *p != '\t')
			return false;
	}
}

/* Digits at *p, moving it; false where there is none.  Too large numbers stay at the maximum. */
static bool
read_number(const char **p, uint64_t *out)
{
	const char *start = *p;
	uint64_t n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
			n = UINT64_MAX;
	*out = n;
	return *p > start;
}

enum parsed { PARSED_ONE, PARSED_NONE, PARSED_OUTSIDE };

/* "bytes=A-B", "bytes=A-" or "bytes=-N" within length. */
static enum parsed
parse_range(const char *text, uint64_t length, uint64_t *off, uint64_t *len)
{
	uint64_t first = 0, last = UINT64_MAX;
	bool has_first, has_last;
	const char *p = text;

	if (strncasecmp(p, "bytes=", 6) != 0)
		return PARSED_NONE;
	p += 6;
	p += strspn(p, " \t");
	has_first = read_number(&p, &first);
	if (*p++ != '-')
		return PARSED_NONE;
	has_last = read_number(&p, &last);
	p += strspn(p, " \t");
	if (*p != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
		return PARSED_NONE;
	if (!has_first) { /* the last N bytes */
		if (last == 0 || length == 0)
			return PARSED_OUTSIDE;
		*len = last < length ? last : length;
		*off = length - *len;
		return PARSED_ONE;
	}
	if (first >= length)
		return PARSED_OUTSIDE;
	*off = first;
	*len = has_last && last < length - 1 ? last - first + 1 : length - first;
	return PARSED_ONE;
}

struct range_answer
range_decide(const struct range_question *q)
{
	struct range_answer a = { .status = 200, .off = 0, .len = q->length };

	if (q->etag == NULL)
		return a;
	if (q->if_match != NULL && !list_has(q->if_match, q->etag, false))
		return (struct range_answer){ .status = 412 };
	if (q->if_none_match != NULL && list_has(q->if_none_match, q->etag, true))
		return (struct range_answer){ .status = 304 };
	if (q->range == NULL || q->is_head || !q->is_seekable)
		return a;
	if (q->if_range != NULL && strcmp(q->if_range, q->etag) != 0)
		return a;
	switch (parse_range(q->range, q->length, &a.off, &a.len)) {
	case PARSED_ONE:
		a.status = 206;
		break;
	case PARSED_OUTSIDE:
		return (struct range_answer){ .status = 416 };
	case PARSED_NONE:
		break;
	}
	return a;
}
