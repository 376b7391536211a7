/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index that parses encodes to the very bytes it came from, and its walk
 * over the whole tar is gapless, with structure and content where they belong.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Pieces follow each other, and the sizes of files are what the pieces sum up to. */
static void
check_walk(const struct index *ix)
{
	struct index_piece piece;
	struct index_walk walk;
	uint64_t next = 0, content = 0;

	index_walk_init(&walk, ix, 0, index_tar_len(ix));
	while (index_walk_next(&walk, &piece)) {
		assert(piece.off == next && piece.len > 0);
		next += piece.len;
		if (piece.bytes == NULL) {
			assert(piece.content_off == 0 && piece.is_file_end);
			content += piece.len;
		}
	}
	assert(next == index_tar_len(ix));
	assert(content == index_file_bytes(ix));
}

static void
check_lookups(const struct index *ix)
{
	struct index_entry entry;
	struct index_frame frame;
	uint64_t end = 0;

	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		uint32_t first, count;

		index_entry(ix, i, &entry);
		assert(index_find(ix, entry.tar.path, entry.tar.path_len) == i);
		assert(index_entry_at(ix, entry.off) == i);
		index_frames_of(ix, i, &first, &count);
		assert(first + count <= index_n_frames(ix));
	}
	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		index_frame(ix, i, &frame);
		assert(frame.off == end && index_frame_at(ix, frame.off) == i);
		end += frame.len;
	}
	assert(end == index_tar_len(ix));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT;
	struct err e = { 0 };
	struct index *ix;

	if (index_parse(data, len, &ix, &e) == -1) {
		assert(e.class != ERR_NONE && e.text[0] != '\0');
		return 0;
	}
	if (index_encode(ix, &again, NULL) == -1)
		abort();
	assert(buf_len(&again) == len && memcmp(buf_data(&again), data, len) == 0);
	check_walk(ix);
	check_lookups(ix);
	index_free(ix);
	buf_clear(&again);
	return 0;
}
