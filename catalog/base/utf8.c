/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/utf8.h"

#include <utf8proc.h>

size_t
utf8_char(const void *data, size_t len)
{
	const unsigned char *p = data;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2)
		return 0;
	if (p[0] < 0xe0)
		return len >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] < 0xf0) {
		if (len < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (p[0] > 0xf4 || len < 4)
		return 0;
	if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

bool
utf8_valid(const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len > 0) {
		size_t n = utf8_char(p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

uint32_t
utf8_decode(const void *data, size_t n)
{
	const unsigned char *p = data;

	switch (n) {
	case 1: return p[0];
	case 2: return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	case 3: return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	default:
		return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 |
		    (p[3] & 0x3fu);
	}
}

size_t
utf8_columns(const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t columns = 0;

	while (len > 0) {
		size_t n = utf8_char(p, len);
		int width;

		if (n == 0)
			break;
		width = utf8proc_charwidth((utf8proc_int32_t)utf8_decode(p, n));
		columns += width > 0 ? (size_t)width : 0;
		p += n;
		len -= n;
	}
	return columns;
}
