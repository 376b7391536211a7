/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hint that parses puts every frame within a pack, and its encoding is the
 * front of the bytes it came from (sections of later versions are dropped).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/repo/hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT;
	struct err e = { 0 };
	struct hint_place place;
	struct hint *h;

	if (hint_parse(data, len, &h, &e) == -1) {
		assert(e.class != ERR_NONE && e.text[0] != '\0');
		return 0;
	}
	for (uint32_t i = 0; i < hint_n_frames(h); i++) {
		hint_place(h, i, &place);
		assert(place.pack < hint_n_packs(h) && hint_pack(h, place.pack) != NULL);
		assert(place.stored_len > 0 && place.stored_len <= LIMIT_FRAME_STORED_BYTES);
		assert(place.off <= LIMIT_PACK_BYTES - place.stored_len);
	}
	if (hint_encode(h, &again, NULL) == -1)
		abort();
	assert(buf_len(&again) <= len && memcmp(buf_data(&again), data, buf_len(&again)) == 0);
	hint_free(h);
	buf_clear(&again);
	return 0;
}
