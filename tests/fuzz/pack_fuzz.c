/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a whole pack.  What opens encodes its table to the bytes at its
 * end and finds each of its rows; what passes the whole check gives, frame by
 * frame, content that has its hash, and no frame reaches into another.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_rows(const struct pack *p)
{
	struct pack_frame f;
	uint64_t end = 0;

	for (uint32_t i = 0; i < pack_n_frames(p); i++) {
		pack_frame_get(p, i, &f);
		assert(f.off == end && pack_find(p, &f.content) == i);
		end += f.stored_len;
	}
	assert(end == pack_frames_len(p));
}

/* Read all frames; whether all were good. */
static bool
read_all(const struct pack *p)
{
	struct frame_coder *coder = frame_coder_new(NULL);
	uint8_t *content = malloc(LIMIT_FRAME_BYTES);
	bool is_good = true;

	if (coder == NULL || content == NULL)
		abort();
	for (uint32_t i = 0; i < pack_n_frames(p); i++)
		is_good = pack_read(p, i, coder, content, NULL) == 0 && is_good;
	frame_coder_free(coder);
	free(content);
	return is_good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf table = BUF_INIT;
	struct err e = { 0 };
	struct pack *p;
	int fd = memfd_create("pack", MFD_CLOEXEC);

	if (fd == -1 || file_write_all(fd, data, len, NULL) == -1)
		abort();
	if (pack_open(fd, &p, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		assert(pack_verify(fd, NULL, NULL, NULL, NULL) == -1);
	} else {
		assert(pack_len(p) == len);
		if (pack_encode_table(p, &table, NULL) == -1)
			abort();
		assert(memcmp(buf_data(&table), data + pack_frames_len(p), buf_len(&table)) == 0);
		check_rows(p);
		assert(read_all(p) == (pack_verify(fd, NULL, NULL, NULL, NULL) == 0));
		pack_close(p);
	}
	buf_clear(&table);
	close(fd);
	return 0;
}
