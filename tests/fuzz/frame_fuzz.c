/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taken as stored bytes: the length found from the headers does not depend on
 * how they arrive and is zstd's own; unpacking never goes beyond the length it
 * promised.  Taken as content: it comes back from its frame.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "catalog/repo/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Scan in pieces; 1, 0 or -1 as frame_stored_len(). */
static int
scan_in_pieces(const uint8_t *data, size_t len, size_t piece, struct frame_scan *s)
{
	size_t off = 0, used;

	frame_scan_init(s);
	while (off < len && !s->is_done) {
		if (frame_scan_feed(s, data + off, len - off < piece ? len - off : piece, &used,
		    NULL) == -1)
			return -1;
		off += used;
	}
	return s->is_done ? 1 : 0;
}

static void
as_stored(struct frame_coder *coder, const uint8_t *data, size_t len)
{
	struct frame_scan s;
	size_t stored_len = 0;
	int rc = frame_stored_len(data, len, &stored_len, NULL);
	uint8_t *content;

	for (size_t piece = 1; piece < 20; piece += 6) {
		assert(scan_in_pieces(data, len, piece, &s) == rc);
		assert(rc != 1 || s.stored_len == stored_len);
	}
	if (rc != 1)
		return;
	assert(stored_len <= len && stored_len <= LIMIT_FRAME_STORED_BYTES);
	assert(ZSTD_findFrameCompressedSize(data, len) == stored_len);
	content = malloc(s.content_len); /* exactly, so that a byte too many is noticed */
	if (content == NULL)
		abort();
	if (frame_unpack(coder, data, stored_len, content, s.content_len, NULL) == 0)
		assert(ZSTD_getFrameContentSize(data, len) == s.content_len);
	free(content);
}

static void
as_content(struct frame_coder *coder, const uint8_t *data, size_t len)
{
	uint8_t *stored = malloc(frame_bound(len)), *back = malloc(len);
	size_t stored_len, found = 0;

	if (stored == NULL || back == NULL ||
	    frame_pack(coder, data, len, stored, &stored_len, NULL) == -1)
		abort();
	assert(frame_stored_len(stored, stored_len, &found, NULL) == 1 && found == stored_len);
	if (frame_unpack(coder, stored, stored_len, back, len, NULL) == -1)
		abort();
	assert(memcmp(back, data, len) == 0);
	free(stored);
	free(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame_coder *coder = frame_coder_new(NULL);

	if (coder == NULL)
		abort();
	as_stored(coder, data, len);
	if (len > 0 && len <= LIMIT_FRAME_BYTES)
		as_content(coder, data, len);
	frame_coder_free(coder);
	return 0;
}
