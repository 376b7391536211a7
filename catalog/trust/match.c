/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/match.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "catalog/base/digest.h"
#include "catalog/base/utf8.h"

/* The end of the segment that begins at p. */
static const char *
segment_end(const char *p)
{
	return p + strcspn(p, "/");
}

/* The character at p, which is before end; *p moves behind it. */
static uint32_t
next_char(const char **p, const char *end)
{
	size_t n = utf8_char(*p, (size_t)(end - *p));
	uint32_t c = n == 0 ? (uint8_t)**p : utf8_decode(*p, n);

	*p += n == 0 ? 1 : n;
	return c;
}

/* The ']' that closes the set whose '[' is before p, or NULL: then '[' stands for itself. */
static const char *
set_end(const char *p, const char *end)
{
	if (p < end && *p == '!')
		p++;
	if (p < end && *p == ']') /* first in the set it is a member */
		p++;
	while (p < end && *p != ']')
		p++;
	return p < end ? p : NULL;
}

static bool
in_set(const char *p, const char *end, uint32_t c)
{
	bool negated = p < end && *p == '!', found = false;

	if (negated)
		p++;
	while (p < end) {
		uint32_t low = next_char(&p, end), high = low;

		if (end - p >= 2 && *p == '-') {
			p++;
			high = next_char(&p, end);
		}
		if (c >= low && c <= high)
			found = true;
	}
	return found != negated;
}

/* Match one character of text against what the pattern has at *p, and move both. */
static bool
match_one(const char **p, const char *p_end, const char **t, const char *t_end)
{
	const char *close;
	uint32_t want, have;

	if (*p == p_end || *t == t_end)
		return false;
	have = next_char(t, t_end);
	want = next_char(p, p_end);
	if (want == '?')
		return true;
	if (want != '[' || (close = set_end(*p, p_end)) == NULL)
		return want == have;
	want = in_set(*p, close, have);
	*p = close + 1;
	return want != 0;
}

/*
 * One segment.  Only the last '*' ever needs another try: a later one can match
 * whatever an earlier one could, so this is at most pattern times text.
 */
static bool
match_segment(const char *p, const char *p_end, const char *t, const char *t_end)
{
	const char *star = NULL, *resume = NULL;

	while (t < t_end || p < p_end) {
		const char *p_next = p, *t_next = t;

		if (p < p_end && *p == '*') {
			star = ++p;
			resume = t;
			continue;
		}
		if (match_one(&p_next, p_end, &t_next, t_end)) {
			p = p_next;
			t = t_next;
			continue;
		}
		if (star == NULL || resume == t_end)
			return false;
		(void)next_char(&resume, t_end); /* the star takes one more */
		p = star;
		t = resume;
	}
	return true;
}

bool
match_path(const char *pattern, const char *path)
{
	for (;;) {
		const char *p_end = segment_end(pattern), *t_end = segment_end(path);

		if (!match_segment(pattern, p_end, path, t_end) || *p_end != *t_end)
			return false;
		if (*p_end == '\0')
			return true;
		pattern = p_end + 1;
		path = t_end + 1;
	}
}

bool
match_hash_prefix(const char *prefix, const char *path)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	digest_of(&d, path, strlen(path));
	digest_hex(hex, &d);
	return strncmp(hex, prefix, strlen(prefix)) == 0;
}
