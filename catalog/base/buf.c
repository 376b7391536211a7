/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t *
buf_data(const struct buf *b)
{
	return b->data == NULL ? (const uint8_t *)"" : b->data;
}

const char *
buf_text(const struct buf *b)
{
	return (const char *)buf_data(b);
}

size_t
buf_len(const struct buf *b)
{
	return b->len;
}

int
buf_reserve(struct buf *b, size_t more, struct err *e)
{
	size_t need, room;
	uint8_t *data;

	if (__builtin_add_overflow(b->len, more, &need) || need > SIZE_MAX / 2)
		return err_nomem(e);
	if (b->data != NULL && need <= b->room)
		return 0;
	room = b->room < 64 ? 64 : b->room;
	while (room < need)
		room += room / 2;
	data = realloc(b->data, room + 1);
	if (data == NULL)
		return err_nomem(e);
	b->data = data;
	b->room = room;
	b->data[b->len] = '\0';
	return 0;
}

uint8_t *
buf_extend(struct buf *b, size_t len, struct err *e)
{
	uint8_t *at;

	if (buf_reserve(b, len, e) == -1)
		return NULL;
	at = b->data + b->len;
	b->len += len;
	b->data[b->len] = '\0';
	return at;
}

int
buf_add(struct buf *b, const void *bytes, size_t len, struct err *e)
{
	uint8_t *at = buf_extend(b, len, e);

	if (at == NULL)
		return -1;
	if (len > 0)
		memcpy(at, bytes, len);
	return 0;
}

int
buf_add_text(struct buf *b, const char *text, struct err *e)
{
	return buf_add(b, text, strlen(text), e);
}

int
buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
	va_list ap, again;
	uint8_t *at;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	at = n < 0 ? NULL : buf_extend(b, (size_t)n, e);
	if (at != NULL)
		(void)vsnprintf((char *)at, (size_t)n + 1, fmt, again); /* n was measured above */
	va_end(again);
	return at == NULL ? -1 : 0;
}

int
buf_add_number(struct buf *b, uint64_t v, struct err *e)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return buf_add(b, at, (size_t)(digits + sizeof(digits) - at), e);
}

int
buf_add_u8(struct buf *b, uint8_t v, struct err *e)
{
	return buf_add(b, &v, 1, e);
}

int
buf_add_u16le(struct buf *b, uint16_t v, struct err *e)
{
	uint8_t p[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	return buf_add(b, p, sizeof(p), e);
}

int
buf_add_u32le(struct buf *b, uint32_t v, struct err *e)
{
	uint8_t p[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	return buf_add(b, p, sizeof(p), e);
}

int
buf_add_u64le(struct buf *b, uint64_t v, struct err *e)
{
	if (buf_reserve(b, 8, e) == -1)
		return -1;
	(void)buf_add_u32le(b, (uint32_t)v, e); /* room is there */
	(void)buf_add_u32le(b, (uint32_t)(v >> 32), e);
	return 0;
}

void
buf_drop(struct buf *b, size_t len)
{
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (b->data == NULL)
		return;
	b->len = len;
	b->data[len] = '\0';
}

void *
buf_take(struct buf *b, size_t *len)
{
	void *data;

	if (b->data == NULL && buf_reserve(b, 0, NULL) == -1)
		return NULL;
	data = b->data;
	if (len != NULL)
		*len = b->len;
	*b = (struct buf)BUF_INIT;
	return data;
}

void
buf_clear(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->room);
	buf_clear(b);
}

uint16_t
buf_get_u16le(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
buf_get_u32le(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t
buf_get_u64le(const uint8_t *p)
{
	return (uint64_t)buf_get_u32le(p) | (uint64_t)buf_get_u32le(p + 4) << 32;
}
