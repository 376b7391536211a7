/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/json/gate.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/base/limits.h"
#include "catalog/base/utf8.h"

#define NUMBER_MAX_BYTES 60 /* cJSON copies a number into 63 bytes and forgets the rest */
#define EXACT_MAX_DIGITS 16 /* of 2^53 - 1 */

struct gate {
	const uint8_t *p;
	size_t len;
	size_t at;
	enum gate_mode mode;
	unsigned depth;
	struct buf names; /* unescaped keys of all objects that are open, each with a NUL */
	struct buf refs;  /* size_t offsets into names, one per key */
	struct err *e;
};

static int value(struct gate *g);

static int
refuse(struct gate *g, const char *what)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; i < g->at && i < g->len; i++)
		if (g->p[i] == '\n') {
			line++;
			start = i + 1;
		}
	if (line == 1)
		return err_set(g->e, ERR_BAD_INPUT, "not acceptable JSON: %s at byte %zu", what,
		    g->at);
	return err_set(g->e, ERR_BAD_INPUT,
	    "not acceptable JSON: %s at byte %zu (line %zu, byte %zu)", what, g->at, line,
	    g->at - start);
}

/* The byte here, or -1 at the end. */
static int
peek(const struct gate *g)
{
	return g->at < g->len ? g->p[g->at] : -1;
}

static void
skip_white(struct gate *g)
{
	int c;

	while ((c = peek(g)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		g->at++;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Four hexadecimal digits, or -1 without moving. */
static int32_t
hex4(struct gate *g)
{
	int32_t v = 0;

	if (g->len - g->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = g->p[g->at + (size_t)i];

		if (is_digit(c))
			v = v * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	g->at += 4;
	return v;
}

static int
keep(struct gate *g, struct buf *text, const void *bytes, size_t len)
{
	return text == NULL ? 0 : buf_add(text, bytes, len, g->e);
}

static int
keep_code_point(struct gate *g, struct buf *text, uint32_t c)
{
	uint8_t b[4];
	size_t n;

	if (c < 0x80) {
		b[0] = (uint8_t)c;
		n = 1;
	} else if (c < 0x800) {
		b[0] = (uint8_t)(0xc0 | c >> 6);
		b[1] = (uint8_t)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (uint8_t)(0xe0 | c >> 12);
		b[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		b[2] = (uint8_t)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		b[0] = (uint8_t)(0xf0 | c >> 18);
		b[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		b[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		b[3] = (uint8_t)(0x80 | (c & 0x3f));
		n = 4;
	}
	return keep(g, text, b, n);
}

/* After "\u". */
static int
unicode_escape(struct gate *g, struct buf *text)
{
	int32_t high = hex4(g), low;

	if (high == -1)
		return refuse(g, "\\u without four hexadecimal digits");
	if (high == 0)
		return refuse(g, "NUL");
	if (high < 0xd800 || high > 0xdfff)
		return keep_code_point(g, text, (uint32_t)high);
	if (high > 0xdbff || peek(g) != '\\' || g->at + 1 >= g->len || g->p[g->at + 1] != 'u')
		return refuse(g, "an unpaired surrogate");
	g->at += 2;
	low = hex4(g);
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(g, "an unpaired surrogate");
	return keep_code_point(g, text,
	    0x10000u + (((uint32_t)high - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u));
}

/* After "\". */
static int
escape(struct gate *g, struct buf *text)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(g);
	const char *found;

	if (c == 'u') {
		g->at++;
		return unicode_escape(g, text);
	}
	found = c > 0 ? strchr(from, c) : NULL;
	if (found == NULL)
		return refuse(g, "an unknown escape");
	g->at++;
	return keep(g, text, to + (found - from), 1);
}

/* A string from its quote on; its unescaped bytes are appended to text, if given. */
static int
string(struct gate *g, struct buf *text)
{
	g->at++;
	for (;;) {
		size_t start = g->at;
		int c;

		while ((c = peek(g)) >= 0x20 && c != '"' && c != '\\')
			g->at++;
		if (keep(g, text, g->p + start, g->at - start) == -1)
			return -1;
		if (c == '"') {
			g->at++;
			return 0;
		}
		if (c == -1)
			return refuse(g, "the end inside a text");
		if (c != '\\')
			return refuse(g, "a control character in a text");
		g->at++;
		if (escape(g, text) == -1)
			return -1;
	}
}

static bool
skip_digits(struct gate *g)
{
	size_t start = g->at;

	while (is_digit(peek(g)))
		g->at++;
	return g->at > start;
}

/* Integers with |n| < 2^53, the sign left out. */
static bool
is_exact(const uint8_t *text, size_t n)
{
	uint64_t v = 0;

	if (n > EXACT_MAX_DIGITS)
		return false;
	while (n-- > 0)
		v = v * 10 + (uint64_t)(*text++ - '0');
	return v < 1ull << 53;
}

static int
integer_only(struct gate *g, size_t start, size_t digits_at, size_t digits_end)
{
	bool negative = digits_at > start;

	if (g->at != digits_end)
		return refuse(g, "a fraction or an exponent where only integers are allowed");
	if (negative && g->p[digits_at] == '0')
		return refuse(g, "-0");
	if (!is_exact(g->p + digits_at, digits_end - digits_at))
		return refuse(g, "an integer beyond 2^53 - 1");
	return 0;
}

static int
number(struct gate *g)
{
	size_t start = g->at, digits_at, digits_end;
	char text[NUMBER_MAX_BYTES + 1];

	if (peek(g) == '-')
		g->at++;
	digits_at = g->at;
	if (!skip_digits(g))
		return refuse(g, "something that is no value");
	digits_end = g->at;
	if (g->p[digits_at] == '0' && digits_end - digits_at > 1)
		return refuse(g, "a number with a leading zero");
	if (peek(g) == '.') {
		g->at++;
		if (!skip_digits(g))
			return refuse(g, "a number that ends in a point");
	}
	if (peek(g) == 'e' || peek(g) == 'E') {
		g->at++;
		if (peek(g) == '+' || peek(g) == '-')
			g->at++;
		if (!skip_digits(g))
			return refuse(g, "an exponent without digits");
	}
	if (g->mode == GATE_SIGNED)
		return integer_only(g, start, digits_at, digits_end);
	if (g->at - start > NUMBER_MAX_BYTES)
		return refuse(g, "a number that is too long");
	memcpy(text, g->p + start, g->at - start);
	text[g->at - start] = '\0';
	if (!isfinite(strtod(text, NULL)))
		return refuse(g, "a number that is too large");
	return 0;
}

static int
word(struct gate *g, const char *w)
{
	size_t n = strlen(w);

	if (g->len - g->at < n || memcmp(g->p + g->at, w, n) != 0)
		return refuse(g, "something that is no value");
	g->at += n;
	return 0;
}

static int
by_name(const void *a, const void *b, void *names)
{
	const char *base = names;
	size_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return strcmp(base + x, base + y);
}

/* The keys from first_ref on belong to one object: are they all different? */
static int
check_names(struct gate *g, size_t first_ref)
{
	size_t n = (buf_len(&g->refs) - first_ref) / sizeof(size_t), a, b;
	uint8_t *refs;
	char *names;

	if (n < 2)
		return 0;
	refs = g->refs.data + first_ref;
	names = (char *)g->names.data;
	qsort_r(refs, n, sizeof(size_t), by_name, names);
	for (size_t i = 1; i < n; i++) {
		memcpy(&a, refs + (i - 1) * sizeof(a), sizeof(a));
		memcpy(&b, refs + i * sizeof(b), sizeof(b));
		if (strcmp(names + a, names + b) == 0) {
			char quoted[80];

			return err_set(g->e, ERR_BAD_INPUT,
			    "not acceptable JSON: the key \"%s\" twice in the object that ends at "
			    "byte %zu", err_quote(quoted, sizeof(quoted), names + a,
			    strlen(names + a)), g->at);
		}
	}
	return 0;
}

/* One "key": value of an object. */
static int
member(struct gate *g)
{
	size_t ref = buf_len(&g->names);

	skip_white(g);
	if (peek(g) != '"')
		return refuse(g, "no key where one is wanted");
	if (buf_add(&g->refs, &ref, sizeof(ref), g->e) == -1)
		return -1;
	if (string(g, &g->names) == -1 || buf_add(&g->names, "", 1, g->e) == -1)
		return -1;
	skip_white(g);
	if (peek(g) != ':')
		return refuse(g, "no ':' after a key");
	g->at++;
	return value(g);
}

/* The items of an object or an array, from its bracket on. */
static int
items(struct gate *g, int (*item)(struct gate *), int close)
{
	if (++g->depth > LIMIT_JSON_DEPTH)
		return refuse(g, "nesting too deep");
	g->at++;
	skip_white(g);
	if (peek(g) != close) {
		for (;;) {
			if (item(g) == -1)
				return -1;
			skip_white(g);
			if (peek(g) != ',')
				break;
			g->at++;
		}
	}
	if (peek(g) != close)
		return refuse(g, peek(g) == -1 ? "the end too early" : "no ',' between two values");
	g->at++;
	g->depth--;
	return 0;
}

static int
object(struct gate *g)
{
	size_t names = buf_len(&g->names), refs = buf_len(&g->refs);

	if (items(g, member, '}') == -1 || check_names(g, refs) == -1)
		return -1;
	buf_truncate(&g->names, names);
	buf_truncate(&g->refs, refs);
	return 0;
}

static int
value(struct gate *g)
{
	skip_white(g);
	switch (peek(g)) {
	case '{': return object(g);
	case '[': return items(g, value, ']');
	case '"': return string(g, NULL);
	case 't': return word(g, "true");
	case 'f': return word(g, "false");
	case 'n': return word(g, "null");
	case -1: return refuse(g, "the end where a value is wanted");
	}
	return number(g);
}

static int
check_encoding(struct gate *g)
{
	size_t n;

	if (g->len >= 3 && memcmp(g->p, "\xef\xbb\xbf", 3) == 0)
		return refuse(g, "a byte order mark");
	for (; g->at < g->len; g->at += n) {
		if (g->p[g->at] == '\0')
			return refuse(g, "NUL");
		n = utf8_char(g->p + g->at, g->len - g->at);
		if (n == 0)
			return refuse(g, "a byte that is not UTF-8");
	}
	g->at = 0;
	return 0;
}

int
gate_check(const void *bytes, size_t len, enum gate_mode mode, struct err *e)
{
	struct gate g = { .p = bytes, .len = len, .mode = mode, .e = e };
	int rc = -1;

	if (check_encoding(&g) == -1 || value(&g) == -1)
		goto out;
	skip_white(&g);
	if (g.at != g.len) {
		refuse(&g, "something after the value");
		goto out;
	}
	rc = 0;
out:
	buf_clear(&g.names);
	buf_clear(&g.refs);
	return rc;
}
