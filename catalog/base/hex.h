/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text: lower-case hexadecimal, and base32 for codes that people copy. */
#ifndef KEBAO_CATALOG_BASE_HEX_H
#define KEBAO_CATALOG_BASE_HEX_H

#include <stddef.h>

/* Write 2*len digits and a NUL into out. */
void hex_encode(char *out, const void *bytes, size_t len);

/*
 * Read exactly 2*len lower-case digits from text (text_len long) into out.
 * 0, or -1 where the length or a digit is wrong; out is then undefined.
 */
int hex_decode(void *out, size_t len, const char *text, size_t text_len)
    __attribute__((warn_unused_result));

/* Characters base32 needs for len bytes, without a NUL. */
size_t hex_base32_len(size_t len);

/* Crockford's base32 without check symbol: digits and upper case, no I L O U; with a NUL. */
void hex_base32_encode(char *out, const void *bytes, size_t len);

/*
 * The reverse, forgiving what people do: lower case, '-' and blanks anywhere,
 * O for 0, I and L for 1.  0 when text gave exactly len bytes and the unused
 * bits of the last character are zero, else -1.
 */
int hex_base32_decode(void *out, size_t len, const char *text)
    __attribute__((warn_unused_result));

#endif
