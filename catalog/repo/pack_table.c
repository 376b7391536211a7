/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/pack_table.h"

#include <string.h>

size_t
pack_table_len(uint32_t n)
{
	return PACK_FRONT_BYTES + (size_t)n * PACK_ROW_BYTES + PACK_TAIL_BYTES;
}

static void
put_u32(uint8_t *out, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

void
pack_table_put_row(uint8_t *out, const struct pack_frame *f)
{
	memcpy(out, f->content.bytes, DIGEST_LEN);
	memcpy(out + DIGEST_LEN, f->stored.bytes, DIGEST_LEN);
	put_u32(out + 64, f->content_len);
	put_u32(out + 68, f->stored_len);
}

void
pack_table_get_row(const uint8_t *row, struct pack_frame *out)
{
	memcpy(out->content.bytes, row, DIGEST_LEN);
	memcpy(out->stored.bytes, row + DIGEST_LEN, DIGEST_LEN);
	out->content_len = buf_get_u32le(row + 64);
	out->stored_len = buf_get_u32le(row + 68);
	out->off = 0;
}

int
pack_table_put(struct buf *b, const uint8_t *rows, uint32_t n, struct err *e)
{
	uint8_t *p = buf_extend(b, pack_table_len(n), e);

	if (p == NULL)
		return -1;
	put_u32(p, PACK_SKIPPABLE);
	put_u32(p + 4, (uint32_t)(pack_table_len(n) - PACK_FRONT_BYTES));
	memcpy(p + PACK_FRONT_BYTES, rows, (size_t)n * PACK_ROW_BYTES);
	p += PACK_FRONT_BYTES + (size_t)n * PACK_ROW_BYTES;
	put_u32(p, n);
	put_u32(p + 4, PACK_VERSION);
	memcpy(p + 8, PACK_MAGIC, 8);
	return 0;
}
