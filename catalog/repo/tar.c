/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/tar.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/limits.h"

#define NAME_BYTES 100u
#define BIG_SIZE (8ull << 30) /* what eleven octal digits cannot say */

const uint8_t tar_zeros[TAR_END_BYTES];

static uint32_t
decimal_digits(uint64_t n)
{
	uint32_t digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

/* Length of "<len> <key>=<value>\n", which counts its own digits. */
static uint32_t
record_len(size_t key_len, size_t value_len)
{
	uint32_t rest = (uint32_t)(key_len + value_len + 3); /* blank, '=', newline */
	uint32_t len = rest + decimal_digits(rest);

	while (rest + decimal_digits(len) != len)
		len = rest + decimal_digits(len);
	return len;
}

static bool
needs_path(const struct tar_entry *t)
{
	if (t->path_len > NAME_BYTES)
		return true;
	for (size_t i = 0; i < t->path_len; i++)
		if ((uint8_t)t->path[i] > 127)
			return true;
	return false;
}

static bool
needs_size(const struct tar_entry *t)
{
	return t->size >= BIG_SIZE;
}

/* Bytes of pax records, without padding; 0 where no pax header is needed. */
static uint32_t
records_len(const struct tar_entry *t)
{
	uint32_t len = 0;

	if (needs_path(t))
		len += record_len(4, t->path_len);
	if (needs_size(t))
		len += record_len(4, decimal_digits(t->size));
	return len;
}

static uint32_t
round_up(uint32_t len)
{
	return (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

uint32_t
tar_head_len(const struct tar_entry *t)
{
	uint32_t records = records_len(t);

	return records == 0 ? TAR_BLOCK : TAR_BLOCK + round_up(records) + TAR_BLOCK;
}

static void
put_octal(uint8_t *out, unsigned digits, uint64_t n)
{
	while (digits > 0) {
		out[--digits] = (uint8_t)('0' + (n & 7));
		n >>= 3;
	}
}

/* What the two kinds of header blocks differ in. */
struct header {
	const char *name; /* cut to its field */
	size_t name_len;
	bool is_runnable; /* mode 0755 instead of 0644 */
	char typeflag;
	uint64_t size;
};

static void
put_header(uint8_t *out, const struct header *h)
{
	unsigned sum = 0;

	memset(out, 0, TAR_BLOCK);
	memcpy(out, h->name, h->name_len < NAME_BYTES ? h->name_len : NAME_BYTES);
	memcpy(out + 100, h->is_runnable ? "0000755" : "0000644", 7);
	memcpy(out + 108, "0000000", 7);
	memcpy(out + 116, "0000000", 7);
	put_octal(out + 124, 11, h->size);
	put_octal(out + 136, 11, TAR_MTIME);
	memset(out + 148, ' ', 8);
	out[156] = (uint8_t)h->typeflag;
	memcpy(out + 257, "ustar", 5);
	memcpy(out + 263, "00", 2);
	memcpy(out + 329, "0000000", 7);
	memcpy(out + 337, "0000000", 7);
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		sum += out[i];
	put_octal(out + 148, 6, sum);
	out[154] = 0;
}

/* "<len> <key>=<value>\n"; returns the end. */
static uint8_t *
put_record(uint8_t *out, const char *key, const char *value, size_t value_len)
{
	uint32_t len = record_len(strlen(key), value_len);
	char front[24];
	int n = snprintf(front, sizeof(front), "%" PRIu32 " %s=", len, key);

	assert(n > 0 && (size_t)n + value_len + 1 == len);
	memcpy(out, front, (size_t)n);
	memcpy(out + n, value, value_len);
	out[len - 1] = '\n';
	return out + len;
}

/* The pax header with its padded records; returns the end. */
static uint8_t *
put_pax(uint8_t *out, const struct tar_entry *t, uint32_t records)
{
	struct header h = { "././@PaxHeader", 14, false, 'x', records };
	uint8_t *p = out + TAR_BLOCK;
	char digits[24];

	put_header(out, &h);
	memset(p, 0, round_up(records));
	if (needs_path(t))
		p = put_record(p, "path", t->path, t->path_len);
	if (needs_size(t)) {
		int n = snprintf(digits, sizeof(digits), "%" PRIu64, t->size);

		(void)put_record(p, "size", digits, (size_t)n);
	}
	return out + TAR_BLOCK + round_up(records);
}

uint32_t
tar_head(uint8_t *out, const struct tar_entry *t)
{
	uint32_t records = records_len(t);
	struct header h = { t->path, t->path_len, t->kind != TAR_FILE,
		t->kind == TAR_DIRECTORY ? '5' : '0', needs_size(t) ? 0 : t->size };
	uint8_t *p = out;

	assert(t->path_len <= LIMIT_PATH_BYTES + 1 && t->size <= LIMIT_TAR_BYTES);
	if (records > 0)
		p = put_pax(p, t, records);
	put_header(p, &h);
	return (uint32_t)(p + TAR_BLOCK - out);
}

uint32_t
tar_padding(uint64_t size)
{
	return (TAR_BLOCK - (uint32_t)(size % TAR_BLOCK)) % TAR_BLOCK;
}

uint64_t
tar_entry_len(const struct tar_entry *t)
{
	return tar_head_len(t) + t->size + tar_padding(t->size);
}

int
tar_path_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}
