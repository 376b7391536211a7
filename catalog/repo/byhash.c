/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/byhash.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/repo/index.h"

static const struct digest *
frame_hash(const struct index *index, uint32_t number)
{
	struct index_frame f;

	index_frame(index, number, &f);
	return f.sha256;
}

static const struct digest *
file_hash(const struct index *index, uint32_t number)
{
	struct index_entry entry;

	index_entry(index, number, &entry);
	return entry.sha256;
}

static int
compare(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_LEN);
}

static int
by_hash(const void *a, const void *b, void *arg)
{
	const struct byhash *all = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = compare(all->hash_of(all->index, x), all->hash_of(all->index, y));

	return order != 0 ? order : x < y ? -1 : x > y;
}

static int
begin(struct byhash *b, const struct index *index, uint32_t room, struct err *e)
{
	*b = (struct byhash){ .index = index };
	b->numbers = calloc((size_t)room + 1, sizeof(*b->numbers));
	return b->numbers == NULL ? err_nomem(e) : 0;
}

static void
sort(struct byhash *b)
{
	qsort_r(b->numbers, b->n, sizeof(*b->numbers), by_hash, b);
}

int
byhash_frames(const struct index *index, struct byhash *out, struct err *e)
{
	struct byhash b;

	if (begin(&b, index, index_n_frames(index), e) == -1)
		return -1;
	b.hash_of = frame_hash;
	for (; b.n < index_n_frames(index); b.n++)
		b.numbers[b.n] = b.n;
	sort(&b);
	*out = b;
	return 0;
}

int
byhash_files(const struct index *index, struct byhash *out, struct err *e)
{
	struct byhash b;

	if (begin(&b, index, index_n_entries(index), e) == -1)
		return -1;
	b.hash_of = file_hash;
	for (uint32_t i = 0; i < index_n_entries(index); i++) {
		struct index_entry entry;

		index_entry(index, i, &entry);
		if (entry.tar.kind != TAR_DIRECTORY && entry.tar.size > 0)
			b.numbers[b.n++] = i;
	}
	sort(&b);
	*out = b;
	return 0;
}

void
byhash_clear(struct byhash *b)
{
	free(b->numbers);
	*b = (struct byhash){ 0 };
}

uint32_t
byhash_run(const struct byhash *b, uint32_t at)
{
	const struct digest *first = b->hash_of(b->index, b->numbers[at]);
	uint32_t end = at + 1;

	while (end < b->n && digest_equal(b->hash_of(b->index, b->numbers[end]), first))
		end++;
	return end - at;
}

const uint32_t *
byhash_find(const struct byhash *b, const struct digest *sha256, uint32_t *n)
{
	uint32_t low = 0, high = b->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(b->hash_of(b->index, b->numbers[middle]), sha256) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*n = 0;
	if (low < b->n && digest_equal(b->hash_of(b->index, b->numbers[low]), sha256))
		*n = byhash_run(b, low);
	return b->numbers + low;
}
