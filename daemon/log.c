/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/utf8.h"

/* What must always still fit: the cut mark, a quote, a brace, a line feed. */
#define TAIL_ROOM 8

static _Atomic int max_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void
log_set_level(enum log_level level)
{
	atomic_store(&max_level, (int)level);
}

bool
log_is_on(enum log_level level)
{
	return (int)level <= atomic_load(&max_level);
}

int
log_parse_level(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

/* Append if all of it fits; true when it did. */
static bool
put(struct log_line *l, const char *bytes, size_t len)
{
	if (l->len + len + TAIL_ROOM > sizeof(l->text))
		return false;
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
	return true;
}

/* The inside of a JSON string: control characters and what is not UTF-8 are escaped. */
static void
put_escaped(struct log_line *l, const char *text)
{
	size_t len = strlen(text);
	char escape[12];

	for (size_t i = 0, n; i < len; i += n) {
		unsigned char ch = (unsigned char)text[i];
		bool fits;

		n = utf8_char(text + i, len - i);
		if (n == 0) {
			n = 1;
			(void)snprintf(escape, sizeof(escape), "\\\\x%02x", ch);
			fits = put(l, escape, 5);
		} else if (ch == '"' || ch == '\\') {
			escape[0] = '\\';
			escape[1] = (char)ch;
			fits = put(l, escape, 2);
		} else if (ch < 0x20 || ch == 0x7f) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x", ch);
			fits = put(l, escape, 6);
		} else {
			fits = put(l, text + i, n);
		}
		if (!fits) {
			memcpy(l->text + l->len, "...", 3); /* TAIL_ROOM holds it */
			l->len += 3;
			return;
		}
	}
}

/* ,"key": and true, or nothing and false where a value would hardly fit. */
static bool
put_key(struct log_line *l, const char *key)
{
	size_t len = strlen(key);

	if (l->is_off || l->len + len + 48 > sizeof(l->text))
		return false;
	(void)put(l, ",\"", 2); /* measured above */
	(void)put(l, key, len);
	(void)put(l, "\":", 2);
	return true;
}

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	struct timespec ts;
	struct tm tm;
	int n;

	l->len = 0;
	l->is_off = !log_is_on(level);
	if (l->is_off)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail with this clock */
	if (gmtime_r(&ts.tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	n = snprintf(l->text, sizeof(l->text),
	    "{\"at\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"level\":\"%s\",\"event\":\"%s\"",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    ts.tv_nsec / 1000000, level_names[level], event);
	l->len = n < 0 ? 0 : (size_t)n;
}

void
log_text(struct log_line *l, const char *key, const char *value)
{
	if (!put_key(l, key))
		return;
	if (value == NULL) {
		(void)put(l, "null", 4); /* put_key left room */
		return;
	}
	(void)put(l, "\"", 1);
	put_escaped(l, value);
	l->text[l->len++] = '"';
}

void
log_number(struct log_line *l, const char *key, int64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%lld", (long long)value);

	if (n > 0 && put_key(l, key))
		(void)put(l, digits, (size_t)n); /* put_key left room */
}

void
log_err(struct log_line *l, const struct err *e)
{
	log_text(l, "class", err_class_name(e->class));
	log_text(l, "error", e->text);
}

void
log_end(struct log_line *l)
{
	if (l->is_off)
		return;
	l->text[l->len++] = '}';
	l->text[l->len++] = '\n';
	/* One write is one line; a log that cannot be written has nowhere to complain. */
	if (write(STDERR_FILENO, l->text, l->len) == -1)
		return;
}

void
log_note(enum log_level level, const char *event, const char *fmt, ...)
{
	struct log_line l;
	char text[1024];
	va_list ap;

	log_begin(&l, level, event);
	if (l.is_off)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is better than no report */
	va_end(ap);
	log_text(&l, "text", text);
	log_end(&l);
}

void
log_failure(enum log_level level, const char *event, const struct err *e)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_err(&l, e);
	log_end(&l);
}
