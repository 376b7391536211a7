/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "catalog/base/utf8.h"

static int
hex_value(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

/* unreserved, sub-delims, ':' and '@' (RFC 3986 3.3). */
static bool
is_plain(char ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	    (ch != '\0' && strchr("-._~!$&'()*+,;=:@", ch) != NULL);
}

/* Decode text[0..len) in place; the new length, or -1. */
static long
decode_path(char *text, size_t len, struct err *e)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		char ch = text[i];

		if (ch == '%') {
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return err_set(e, ERR_BAD_INPUT, "the path has a broken %%-escape");
			ch = (char)(high * 16 + low);
			if (ch == '\0' || ch == '/')
				return err_set(e, ERR_BAD_INPUT, "the path has an encoded %s",
				    ch == '/' ? "slash" : "NUL");
			i += 2;
		} else if (ch != '/' && !is_plain(ch)) {
			return err_set(e, ERR_BAD_INPUT, "the path has a character to be encoded");
		}
		text[at++] = ch;
	}
	return (long)at;
}

static int
check_segments(const char *path, size_t len, struct err *e)
{
	size_t begin = 1;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f || path[i] == '\\')
			return err_set(e, ERR_BAD_INPUT, "the path has an illegal character");
	if (!utf8_valid(path, len))
		return err_set(e, ERR_BAD_INPUT, "the path is not UTF-8");
	for (size_t i = 1; i <= len; i++) {
		if (i < len && path[i] != '/')
			continue;
		if (i == begin && i < len)
			return err_set(e, ERR_BAD_INPUT, "the path has an empty segment");
		if ((i - begin == 1 && path[begin] == '.') ||
		    (i - begin == 2 && path[begin] == '.' && path[begin + 1] == '.'))
			return err_set(e, ERR_BAD_INPUT, "the path has a dot segment");
		begin = i + 1;
	}
	return 0;
}

static int
check_query(const char *query, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		if (query[i] == '%') {
			if (i + 2 >= len || hex_value(query[i + 1]) < 0 ||
			    hex_value(query[i + 2]) < 0)
				return err_set(e, ERR_BAD_INPUT,
				    "the query has a broken %%-escape");
			i += 2;
		} else if (!is_plain(query[i]) && query[i] != '/' && query[i] != '?') {
			return err_set(e, ERR_BAD_INPUT, "the query has a character to be encoded");
		}
	}
	return 0;
}

int
target_split(char *text, size_t len, const char **path, const char **query, struct err *e)
{
	char *mark = memchr(text, '?', len);
	size_t raw_len = mark == NULL ? len : (size_t)(mark - text);
	long path_len;

	if (len == 0 || text[0] != '/')
		return err_set(e, ERR_BAD_INPUT, "the target is not a path that begins with /");
	if (mark != NULL && check_query(mark + 1, len - raw_len - 1, e) == -1)
		return -1;
	path_len = decode_path(text, raw_len, e);
	if (path_len == -1 || check_segments(text, (size_t)path_len, e) == -1)
		return -1;
	text[len] = '\0';
	text[path_len] = '\0';
	*path = text;
	*query = mark == NULL ? "" : mark + 1;
	return 0;
}

/* Decode one value ("+" is a blank) of a checked query into out. */
static int
decode_value(const char *value, size_t len, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		char ch = value[i];

		if (ch == '%' && i + 2 < len) {
			ch = (char)(hex_value(value[i + 1]) * 16 + hex_value(value[i + 2]));
			i += 2;
		} else if (ch == '+') {
			ch = ' ';
		}
		if (ch == '\0' || at + 1 >= size)
			return -1;
		out[at++] = ch;
	}
	out[at] = '\0';
	return utf8_valid(out, at) ? 0 : -1;
}

int
target_query(const char *query, const char *name, char *out, size_t size, struct err *e)
{
	const char *p = query, *found = NULL;
	size_t name_len = strlen(name), found_len = 0;

	while (*p != '\0') {
		size_t len = strcspn(p, "&");

		if (len >= name_len && memcmp(p, name, name_len) == 0 &&
		    (len == name_len || p[name_len] == '=')) {
			if (found != NULL)
				return err_set(e, ERR_BAD_INPUT, "the query has %s twice", name);
			found_len = len == name_len ? 0 : len - name_len - 1;
			found = p + len - found_len;
		}
		p += len + (p[len] == '&');
	}
	if (found == NULL)
		return err_set(e, ERR_NOT_FOUND, "the query has no %s", name);
	if (decode_value(found, found_len, out, size) == -1)
		return err_set(e, ERR_BAD_INPUT, "%s in the query is badly encoded or too long",
		    name);
	return 0;
}
