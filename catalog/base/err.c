/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/utf8.h"

/* Cut a text that vsnprintf truncated back to a whole UTF-8 character. */
static void
trim_partial(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && !utf8_valid(text, len))
		len--;
	text[len] = '\0';
}

int
(err_set)(struct err *e, enum err_class class, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->class = class;
	e->sys = 0;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap); /* cut is better than no report */
	va_end(ap);
	trim_partial(e->text);
	return -1;
}

int
(err_errno)(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;
	size_t len;

	if (e == NULL)
		return -1;
	e->class = ERR_SYSTEM;
	e->sys = sys;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	(void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(sys));
	trim_partial(e->text);
	errno = sys;
	return -1;
}

int
(err_nomem)(struct err *e)
{
	return err_set(e, ERR_SYSTEM, "out of memory");
}

void
err_within(struct err *e, const char *fmt, ...)
{
	char inner[sizeof(e->text)];
	va_list ap;
	size_t len;

	if (e == NULL)
		return;
	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	(void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", inner);
	trim_partial(e->text);
}

int
err_full_is_busy(struct err *e)
{
	if (e != NULL && (e->sys == ENOSPC || e->sys == EDQUOT))
		e->class = ERR_BUSY;
	return -1;
}

const char *
err_class_name(enum err_class class)
{
	switch (class) {
	case ERR_NONE: return "none";
	case ERR_BAD_INPUT: return "bad-input";
	case ERR_UNTRUSTED: return "untrusted";
	case ERR_NOT_FOUND: return "not-found";
	case ERR_DENIED: return "denied";
	case ERR_CONFLICT: return "conflict";
	case ERR_BUSY: return "busy";
	case ERR_NETWORK: return "network";
	case ERR_WITHHELD: return "withheld";
	case ERR_WITHDRAWN: return "withdrawn";
	case ERR_SYSTEM: return "system";
	}
	return "unknown";
}

const char *
err_quote(char *out, unsigned long size, const void *bytes, unsigned long len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	size_t at = 0, i = 0;

	while (i < len) {
		size_t n = utf8_char(p + i, len - i);
		int plain = n > 1 || (n == 1 && p[i] >= 0x20 && p[i] != 0x7f);
		size_t need = plain ? n : 4;

		if (at + need + 4 > size) { /* room for "..." and NUL */
			memcpy(out + at, "...", 3);
			at += 3;
			break;
		}
		if (plain) {
			memcpy(out + at, p + i, n);
			i += n;
		} else {
			out[at] = '\\';
			out[at + 1] = 'x';
			out[at + 2] = digits[p[i] >> 4];
			out[at + 3] = digits[p[i] & 15];
			i++;
		}
		at += need;
	}
	out[at] = '\0';
	return out;
}
