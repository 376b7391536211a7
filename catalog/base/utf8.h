/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef KEBAO_CATALOG_BASE_UTF8_H
#define KEBAO_CATALOG_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes (1-4) of the valid character that p begins with, or 0. */
size_t utf8_char(const void *p, size_t len);

/* Whether all len bytes are valid UTF-8; NUL counts as a valid character. */
bool utf8_valid(const void *p, size_t len);

/* The code point of a character that utf8_char() found valid with n bytes. */
uint32_t utf8_decode(const void *p, size_t n);

/* Columns a terminal uses for len valid bytes: East Asian wide counts two, combining none. */
size_t utf8_columns(const void *p, size_t len);

#endif
