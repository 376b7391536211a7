/* SPDX-License-Identifier: Apache-2.0 */
/* The table of contents of a pack as bytes: what writer and reader share.  FORMATS.md 3.3. */
#ifndef KEBAO_CATALOG_REPO_PACK_TABLE_H
#define KEBAO_CATALOG_REPO_PACK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/pack.h"

#define PACK_SKIPPABLE 0x184D2A5Bu /* magic of the skippable frame */
#define PACK_MAGIC "KBPACK\0"      /* with its own NUL: 8 bytes */
#define PACK_VERSION 1u
#define PACK_FRONT_BYTES 8u
#define PACK_ROW_BYTES 72u
#define PACK_TAIL_BYTES 16u

/* Bytes of a table with n rows; n at most LIMIT_PACK_FRAMES. */
size_t pack_table_len(uint32_t n);

/* A row to its bytes and back; the offset is not part of it. */
void pack_table_put_row(uint8_t *out, const struct pack_frame *f);
void pack_table_get_row(const uint8_t *row, struct pack_frame *out);

/* Append the whole table made of n rows. */
int pack_table_put(struct buf *b, const uint8_t *rows, uint32_t n, struct err *e)
    __attribute__((warn_unused_result));

#endif
