/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/tusmeta.h"

#include <string.h>

static int
digit_of(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* RFC 4648 section 4, with padding, no bits left over. */
static int
decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0, data = len;
	uint32_t bits = 0;
	unsigned n_bits = 0;

	if (len == 0 || len % 4 != 0)
		return -1;
	while (data > len - 2 && text[data - 1] == '=')
		data--;
	for (size_t i = 0; i < data; i++) {
		int d = digit_of(text[i]);

		if (d == -1)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			if (n + 1 >= size)
				return -1;
			out[n++] = (char)(bits >> n_bits & 0xff);
			bits &= (1u << n_bits) - 1;
		}
	}
	out[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (out[i] < 0x20 || out[i] > 0x7e)
			return -1;
	return bits == 0 ? 0 : -1;
}

int
tusmeta_get(const char *header, const char *key, char *out, size_t size, struct err *e)
{
	size_t key_len = strlen(key);
	const char *found = NULL;
	size_t found_len = 0;

	while (*header != '\0') {
		size_t len = strcspn(header, ",");

		if (len > key_len && memcmp(header, key, key_len) == 0 && header[key_len] == ' ') {
			if (found != NULL)
				return err_set(e, ERR_BAD_INPUT,
				    "Upload-Metadata: %s is there twice",
				    key);
			found = header + key_len + 1;
			found_len = len - key_len - 1;
		}
		header += len;
		if (*header == ',')
			header++;
		while (*header == ' ')
			header++;
	}
	if (found == NULL)
		return err_set(e, ERR_BAD_INPUT, "Upload-Metadata: %s is missing", key);
	if (decode(found, found_len, out, size) == -1)
		return err_set(e, ERR_BAD_INPUT,
		    "Upload-Metadata: %s is not base64 of a short text",
		    key);
	return 0;
}

int
tusmeta_number(const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (*text == '\0' || strlen(text) > 19)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	if (v > INT64_MAX)
		return -1;
	*out = v;
	return 0;
}
