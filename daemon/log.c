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
static _Atomic int log_fd = STDERR_FILENO;
static _Thread_local struct log_gathering *gathering;

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

void
log_set_fd(int fd)
{
	atomic_store(&log_fd, fd);
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

/* What stands for itself in a JSON string, of ASCII. */
static bool
is_plain(unsigned char ch)
{
	return ch >= 0x20 && ch < 0x7f && ch != '"' && ch != '\\';
}

/* How many such bytes text begins with; at most 64, so that a cut is near the end. */
static size_t
plain_run(const char *text)
{
	size_t n = 0;

	while (n < 64 && is_plain((unsigned char)text[n]))
		n++;
	return n;
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

		n = plain_run(text + i);
		if (n == 0)
			n = utf8_char(text + i, len - i);
		if (n > 0 && is_plain(ch)) {
			fits = put(l, text + i, n);
		} else if (n == 0) {
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

/* "2026-11-25T08:00:00" of this second; kept per thread: most lines share it with the last. */
static const char *
second_text(time_t s)
{
	static _Thread_local time_t at = -1;
	static _Thread_local char text[20];
	struct tm tm;

	if (s == at)
		return text;
	if (gmtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		memcpy(text, "1970-01-01T00:00:00", sizeof(text));
	at = s;
	return text;
}

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	struct timespec ts;
	char ms[5];
	long n;

	l->len = 0;
	l->is_off = !log_is_on(level);
	if (l->is_off)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail with this clock */
	n = ts.tv_nsec / 1000000;
	ms[0] = '.';
	ms[1] = (char)('0' + n / 100);
	ms[2] = (char)('0' + n / 10 % 10);
	ms[3] = (char)('0' + n % 10);
	ms[4] = 'Z';
	/* The line is empty: all of this fits. */
	(void)put(l, "{\"at\":\"", 7);
	(void)put(l, second_text(ts.tv_sec), 19);
	(void)put(l, ms, sizeof(ms));
	(void)put(l, "\",\"level\":\"", 11);
	(void)put(l, level_names[level], strlen(level_names[level]));
	(void)put(l, "\",\"event\":\"", 11);
	(void)put(l, event, strlen(event));
	(void)put(l, "\"", 1);
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
	char digits[24], *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (value < 0)
		*--at = '-';
	if (put_key(l, key))
		(void)put(l, at, (size_t)(digits + sizeof(digits) - at)); /* put_key left room */
}

void
log_err(struct log_line *l, const struct err *e)
{
	log_text(l, "class", err_class_name(e->class));
	log_text(l, "error", e->text);
}

/* Whole lines; a log that cannot be written has nowhere to complain. */
static void
write_lines(const char *text, size_t len)
{
	if (write(atomic_load(&log_fd), text, len) == -1)
		return;
}

void
log_flush(void)
{
	struct log_gathering *g = gathering;

	if (g == NULL || g->len == 0)
		return;
	write_lines(g->text, g->len);
	g->len = 0;
}

void
log_gather(struct log_gathering *g)
{
	log_flush();
	gathering = g;
}

void
log_end(struct log_line *l)
{
	struct log_gathering *g = gathering;

	if (l->is_off)
		return;
	l->text[l->len++] = '}';
	l->text[l->len++] = '\n';
	if (g == NULL) {
		write_lines(l->text, l->len);
		return;
	}
	if (l->len > sizeof(g->text) - g->len)
		log_flush();
	memcpy(g->text + g->len, l->text, l->len); /* a line is shorter than all of it */
	g->len += l->len;
	if (g->len == l->len)
		g->on_first(g->ctx);
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
