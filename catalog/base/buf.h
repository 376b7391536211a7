/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a ceiling.  The memory is the buffer's; what buf_data()
 * lends is good until the next call that changes the buffer.  The bytes are
 * always followed by a NUL that buf_len() does not count, so text can be
 * handed to C.  A buffer that held a secret is wiped by buf_wipe().
 */
#ifndef KEBAO_CATALOG_BASE_BUF_H
#define KEBAO_CATALOG_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

struct buf {
	uint8_t *data; /* owned; NULL while nothing was ever added */
	size_t len;
	size_t room; /* allocated, without the byte for the NUL */
};

#define BUF_INIT { NULL, 0, 0 }

/* Lent; "" where the buffer is empty. */
const uint8_t *buf_data(const struct buf *b);
const char *buf_text(const struct buf *b);
size_t buf_len(const struct buf *b);

/* Append.  0, or -1 with ERR_SYSTEM and the buffer as it was. */
int buf_add(struct buf *b, const void *bytes, size_t len, struct err *e);
int buf_add_text(struct buf *b, const char *text, struct err *e);
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int buf_add_number(struct buf *b, uint64_t v, struct err *e); /* decimal digits */
int buf_add_u8(struct buf *b, uint8_t v, struct err *e);
int buf_add_u16le(struct buf *b, uint16_t v, struct err *e);
int buf_add_u32le(struct buf *b, uint32_t v, struct err *e);
int buf_add_u64le(struct buf *b, uint64_t v, struct err *e);

/* Lend len writable bytes at the end (then counted in buf_len), or NULL. */
uint8_t *buf_extend(struct buf *b, size_t len, struct err *e);

/* Make room for more bytes without adding them. */
int buf_reserve(struct buf *b, size_t more, struct err *e);

/* Drop the first or keep only the first len bytes; len <= buf_len. */
void buf_drop(struct buf *b, size_t len);
void buf_truncate(struct buf *b, size_t len);

/* Give the memory away: *b is empty, the caller frees the result; NULL when out of memory. */
void *buf_take(struct buf *b, size_t *len);

void buf_clear(struct buf *b);
void buf_wipe(struct buf *b);

/* Little-endian readers of fixed fields. */
uint16_t buf_get_u16le(const uint8_t *p);
uint32_t buf_get_u32le(const uint8_t *p);
uint64_t buf_get_u64le(const uint8_t *p);

#endif
