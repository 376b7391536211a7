/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/hex.h"

#include <stdint.h>
#include <string.h>

void
hex_encode(char *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
hex_decode(void *out, size_t len, const char *text, size_t text_len)
{
	uint8_t *p = out;

	if (text_len / 2 != len || text_len % 2 != 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int high = digit_value(text[2 * i]);
		int low = digit_value(text[2 * i + 1]);

		if (high == -1 || low == -1)
			return -1;
		p[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static const char base32_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

size_t
hex_base32_len(size_t len)
{
	return (len * 8 + 4) / 5;
}

void
hex_base32_encode(char *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t bits = 0;
	int n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | p[i];
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			*out++ = base32_digits[bits >> (n_bits - 5) & 31];
	}
	if (n_bits > 0)
		*out++ = base32_digits[bits << (5 - n_bits) & 31];
	*out = '\0';
}

static int
base32_value(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	at = c == '\0' ? NULL : strchr(base32_digits, c);
	return at == NULL ? -1 : (int)(at - base32_digits);
}

int
hex_base32_decode(void *out, size_t len, const char *text)
{
	uint8_t *p = out;
	size_t done = 0;
	uint32_t bits = 0;
	int n_bits = 0;

	for (; *text != '\0'; text++) {
		int value;

		if (*text == '-' || *text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
			continue;
		value = base32_value(*text);
		if (value == -1)
			return -1;
		if (done == len) /* more characters than len bytes need */
			return -1;
		bits = bits << 5 | (uint32_t)value;
		n_bits += 5;
		if (n_bits >= 8) {
			n_bits -= 8;
			p[done++] = (uint8_t)(bits >> n_bits);
		}
	}
	if (done != len || (bits & ((1u << n_bits) - 1)) != 0)
		return -1;
	return 0;
}
