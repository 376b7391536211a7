/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/index.h"

/* APPNOTE 4.3.7, 4.3.12, 4.3.14 to 4.3.16, without names and extra fields. */
#define LOCAL_BYTES 30u
#define CENTRAL_BYTES 46u
#define END64_BYTES 56u
#define LOCATOR_BYTES 20u
#define END_BYTES 22u

/* Behind these a number stands in a ZIP64 field, and all ones in its old place. */
#define MAX32 0xffffffffu
#define MAX16 0xffffu

#define VERSION_STORED 20u
#define VERSION_64 45u
#define MADE_BY_UNIX (3u << 8)
#define FLAG_UTF8 (1u << 11)
/* 2023-07-01 00:00, the time of every entry of the tar, in local time as ZIP has it. */
#define DOS_DATE ((2023u - 1980u) << 9 | 7u << 5 | 1u)
#define DOS_TIME 0u

struct zip {
	const struct index *ix;
	uint32_t n;
	/* n + 1 each: where the local header of an entry begins, and its central header */
	uint64_t *local;   /* owned */
	uint64_t *central; /* owned */
	uint64_t len;
	bool is_64;        /* the end needs ZIP64 */
};

/* A growing structure; it is written into memory of ZIP_PIECE_MAX bytes, which all of them fit. */
struct pen {
	uint8_t *at;
};

static void
put(struct pen *p, uint64_t v, unsigned n_bytes)
{
	for (unsigned i = 0; i < n_bytes; i++)
		*p->at++ = (uint8_t)(v >> (8 * i));
}

static uint64_t
capped32(uint64_t v)
{
	return v < MAX32 ? v : MAX32;
}

static bool
is_large(const struct index_entry *en)
{
	return en->tar.size >= MAX32;
}

/* Bytes of the ZIP64 field, its own head included; local headers need both sizes or none. */
static uint32_t
local_extra(const struct index_entry *en)
{
	return is_large(en) ? 20 : 0;
}

static uint32_t
central_extra(const struct index_entry *en, uint64_t local)
{
	uint32_t n = (is_large(en) ? 16u : 0u) + (local >= MAX32 ? 8u : 0u);

	return n == 0 ? 0 : n + 4;
}

int
zip_new(const struct index *ix, struct zip **out, struct err *e)
{
	struct zip *z = calloc(1, sizeof(*z));
	struct index_entry en;
	uint64_t off = 0;

	if (z == NULL)
		return err_nomem(e);
	z->ix = ix;
	z->n = index_n_entries(ix);
	z->local = malloc(((size_t)z->n + 1) * sizeof(*z->local));
	z->central = malloc(((size_t)z->n + 1) * sizeof(*z->central));
	if (z->local == NULL || z->central == NULL) {
		zip_free(z);
		return err_nomem(e);
	}
	/* A tar has at most 2^40 bytes, so no sum overflows. */
	for (uint32_t i = 0; i < z->n; i++) {
		index_entry(ix, i, &en);
		z->local[i] = off;
		off += LOCAL_BYTES + en.tar.path_len + local_extra(&en) + en.tar.size;
	}
	z->local[z->n] = off;
	for (uint32_t i = 0; i < z->n; i++) {
		index_entry(ix, i, &en);
		z->central[i] = off;
		off += CENTRAL_BYTES + en.tar.path_len + central_extra(&en, z->local[i]);
	}
	z->central[z->n] = off;
	z->is_64 = z->n >= MAX16 || off - z->local[z->n] >= MAX32 || z->local[z->n] >= MAX32;
	z->len = off + (z->is_64 ? END64_BYTES + LOCATOR_BYTES : 0) + END_BYTES;
	*out = z;
	return 0;
}

void
zip_free(struct zip *z)
{
	if (z == NULL)
		return;
	free(z->local);
	free(z->central);
	free(z);
}

uint64_t
zip_len(const struct zip *z)
{
	return z->len;
}

/* The last i with starts[i] <= off. */
static uint32_t
find(const uint64_t *starts, uint32_t n, uint64_t off)
{
	uint32_t low = 0, high = n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (starts[middle] <= off)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* What local and central header share, from "version needed" to the length of the name. */
static void
put_common(struct pen *p, const struct index_entry *en, bool is_64)
{
	put(p, is_64 ? VERSION_64 : VERSION_STORED, 2);
	put(p, FLAG_UTF8, 2);
	put(p, 0, 2); /* stored */
	put(p, DOS_TIME, 2);
	put(p, DOS_DATE, 2);
	put(p, en->crc32, 4);
	put(p, capped32(en->tar.size), 4); /* compressed ... */
	put(p, capped32(en->tar.size), 4); /* ... is as long as not */
	put(p, en->tar.path_len, 2);
}

static void
put_bytes(struct pen *p, const void *bytes, size_t len)
{
	memcpy(p->at, bytes, len);
	p->at += len;
}

static size_t
local_header(uint8_t *out, const struct index_entry *en)
{
	struct pen p = { out };

	put(&p, 0x04034b50, 4);
	put_common(&p, en, is_large(en));
	put(&p, local_extra(en), 2);
	put_bytes(&p, en->tar.path, en->tar.path_len);
	if (is_large(en)) {
		put(&p, 1, 2);
		put(&p, 16, 2);
		put(&p, en->tar.size, 8);
		put(&p, en->tar.size, 8);
	}
	return (size_t)(p.at - out);
}

/* Mode as Unix has it in the upper half, as DOS has it in the lower. */
static uint32_t
attributes(enum tar_kind kind)
{
	switch (kind) {
	case TAR_DIRECTORY: return 040755u << 16 | 0x10u;
	case TAR_FILE: return 0100644u << 16;
	case TAR_EXECUTABLE: return 0100755u << 16;
	}
	return 0;
}

static size_t
central_header(uint8_t *out, const struct index_entry *en, uint64_t local)
{
	uint32_t extra = central_extra(en, local);
	struct pen p = { out };

	put(&p, 0x02014b50, 4);
	put(&p, MADE_BY_UNIX | VERSION_64, 2);
	put_common(&p, en, extra > 0);
	put(&p, extra, 2);
	put(&p, 0, 2); /* comment */
	put(&p, 0, 2); /* disk */
	put(&p, 0, 2); /* internal attributes */
	put(&p, attributes(en->tar.kind), 4);
	put(&p, capped32(local), 4);
	put_bytes(&p, en->tar.path, en->tar.path_len);
	if (extra > 0) {
		put(&p, 1, 2);
		put(&p, extra - 4, 2);
	}
	if (is_large(en)) {
		put(&p, en->tar.size, 8);
		put(&p, en->tar.size, 8);
	}
	if (local >= MAX32)
		put(&p, local, 8);
	return (size_t)(p.at - out);
}

static size_t
end_records(uint8_t *out, const struct zip *z)
{
	uint64_t begin = z->central[0], end = z->central[z->n];
	uint32_t n16 = z->n < MAX16 ? z->n : MAX16;
	struct pen p = { out };

	if (z->is_64) {
		put(&p, 0x06064b50, 4);
		put(&p, END64_BYTES - 12, 8);
		put(&p, MADE_BY_UNIX | VERSION_64, 2);
		put(&p, VERSION_64, 2);
		put(&p, 0, 4); /* this disk */
		put(&p, 0, 4); /* disk of the directory */
		put(&p, z->n, 8);
		put(&p, z->n, 8);
		put(&p, end - begin, 8);
		put(&p, begin, 8);
		put(&p, 0x07064b50, 4);
		put(&p, 0, 4);
		put(&p, end, 8);
		put(&p, 1, 4); /* disks */
	}
	put(&p, 0x06054b50, 4);
	put(&p, 0, 2);
	put(&p, 0, 2);
	put(&p, n16, 2);
	put(&p, n16, 2);
	put(&p, capped32(end - begin), 4);
	put(&p, capped32(begin), 4);
	put(&p, 0, 2); /* comment */
	return (size_t)(p.at - out);
}

/* The rest of a structure of len bytes in room, from skip on. */
static void
give_bytes(struct zip_piece *out, size_t len, uint64_t skip)
{
	out->bytes = out->room + skip;
	out->len = len - skip;
	out->tar_off = 0;
}

void
zip_piece(const struct zip *z, uint64_t off, struct zip_piece *out)
{
	struct index_entry en;
	uint64_t skip;
	uint32_t i;
	size_t len;

	if (off >= z->central[z->n]) {
		give_bytes(out, end_records(out->room, z), off - z->central[z->n]);
		return;
	}
	if (off >= z->local[z->n]) {
		i = find(z->central, z->n, off);
		index_entry(z->ix, i, &en);
		len = central_header(out->room, &en, z->local[i]);
		give_bytes(out, len, off - z->central[i]);
		return;
	}
	i = find(z->local, z->n, off);
	index_entry(z->ix, i, &en);
	skip = off - z->local[i];
	len = LOCAL_BYTES + en.tar.path_len + local_extra(&en);
	if (skip < len) {
		(void)local_header(out->room, &en); /* len bytes */
		give_bytes(out, len, skip);
		return;
	}
	out->bytes = NULL;
	out->tar_off = en.data_off + (skip - len);
	out->len = en.tar.size - (skip - len);
}
