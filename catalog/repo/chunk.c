/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/chunk.h"

#include "catalog/base/digest.h"
#include "catalog/repo/chunk_gear.h"

#define WINDOW 64u          /* bytes the hash looks back on */
#define MIN_BYTES CHUNK_LARGE /* no cut before */
#define EASY_BYTES 65536u   /* from here on a cut is 16 times as likely */
#define GROUP_MIN 65536u    /* no cut by content in a group before */
#define MASK_HARD 0xffffc00000000000ull /* 18 bits */
#define MASK_EASY 0xfffc000000000000ull /* 14 bits */

void
chunk_init(struct chunk *c)
{
	c->hash = 0;
	c->data_bytes = 0;
	c->group_bytes = 0;
}

/* Whether the entry's name asks for a cut behind it; entry_len is below 2^18. */
static bool
name_cuts(const struct tar_entry *t, uint64_t entry_len)
{
	uint64_t rounded = (entry_len + 4095) / 4096 * 4096;
	struct digest d;
	uint32_t number;

	digest_of(&d, t->path, t->path_len);
	number = (uint32_t)d.bytes[0] << 24 | (uint32_t)d.bytes[1] << 16 |
	    (uint32_t)d.bytes[2] << 8 | d.bytes[3];
	return number < rounded * 16384;
}

/* Let len bytes join the group; whether a cut must come before them. */
static bool
join_group(struct chunk *c, uint32_t len)
{
	bool is_over = c->group_bytes + len > CHUNK_MAX;

	c->group_bytes = is_over ? len : c->group_bytes + len;
	return is_over;
}

unsigned
chunk_entry(struct chunk *c, const struct tar_entry *t)
{
	unsigned cuts = 0;

	if (t->size >= CHUNK_LARGE) {
		if (join_group(c, tar_head_len(t)))
			cuts |= CHUNK_CUT_BEFORE;
		c->group_bytes = tar_padding(t->size);
		c->data_bytes = 0;
		c->hash = 0;
		return cuts | CHUNK_CUT_DATA;
	}
	if (join_group(c, (uint32_t)tar_entry_len(t)))
		cuts |= CHUNK_CUT_BEFORE;
	if (c->group_bytes >= GROUP_MIN && name_cuts(t, tar_entry_len(t))) {
		cuts |= CHUNK_CUT_AFTER;
		c->group_bytes = 0;
	}
	return cuts;
}

bool
chunk_end(struct chunk *c)
{
	return join_group(c, TAR_END_BYTES);
}

/*
 * Roll the hash over bytes until one of them completes a cut or len is used
 * up; returns how many were rolled.  *cut says which.
 */
static size_t
roll(uint64_t *hash, const uint8_t *bytes, size_t len, uint64_t mask, bool *cut)
{
	uint64_t h = *hash;
	size_t i = 0;

	*cut = false;
	for (; i + 4 <= len; i += 4) {
		uint64_t h1 = (h << 1) + chunk_gear[bytes[i]];
		uint64_t h2 = (h1 << 1) + chunk_gear[bytes[i + 1]];
		uint64_t h3 = (h2 << 1) + chunk_gear[bytes[i + 2]];
		uint64_t h4 = (h3 << 1) + chunk_gear[bytes[i + 3]];

		if ((h1 & mask) == 0 || (h2 & mask) == 0 || (h3 & mask) == 0 || (h4 & mask) == 0)
			break;
		h = h4;
	}
	while (i < len && !*cut) {
		h = (h << 1) + chunk_gear[bytes[i++]];
		*cut = (h & mask) == 0;
	}
	*hash = h;
	return i;
}

static size_t
at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
chunk_data(struct chunk *c, const uint8_t *bytes, size_t len, bool *cut)
{
	size_t used = 0;

	*cut = false;
	while (used < len && !*cut) {
		size_t left = len - used, n;

		if (c->data_bytes < MIN_BYTES - WINDOW) {
			n = at_most(left, MIN_BYTES - WINDOW - c->data_bytes);
		} else if (c->data_bytes < MIN_BYTES - 1) {
			/* Fill the window. */
			n = at_most(left, MIN_BYTES - 1 - c->data_bytes);
			for (size_t i = 0; i < n; i++)
				c->hash = (c->hash << 1) + chunk_gear[bytes[used + i]];
		} else {
			bool is_easy = c->data_bytes >= EASY_BYTES - 1;
			uint32_t until = is_easy ? CHUNK_MAX : EASY_BYTES - 1;

			n = roll(&c->hash, bytes + used, at_most(left, until - c->data_bytes),
			    is_easy ? MASK_EASY : MASK_HARD, cut);
		}
		used += n;
		c->data_bytes += (uint32_t)n;
		if (c->data_bytes == CHUNK_MAX)
			*cut = true;
	}
	if (*cut) {
		c->data_bytes = 0;
		c->hash = 0;
	}
	return used;
}
