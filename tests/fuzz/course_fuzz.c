/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A course.json that is taken, completed by what the publisher's tool computes, is a record
 * which the strict reader takes and gives back byte for byte.  One that is not always says
 * why, and what a finding quotes never holds a raw control character.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
complete(struct record *r)
{
	(void)snprintf(r->channel, sizeof(r->channel), "gd.ip");
	r->release = 1;
	r->published_at = 1700000000;
	r->n_files = 1;
	r->file_bytes = 1;
	r->tar.len = 2048;
	r->index.len = 200;
}

static void
check_record(struct record *r)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct record *again;
	struct err e = { 0 };

	complete(r);
	if (record_encode(r, &once, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT); /* beyond LIMIT_RECORD_BYTES */
	} else {
		if (record_parse(buf_data(&once), buf_len(&once), RECORD_STRICT, &again, NULL) ==
		    -1 || record_encode(again, &twice, NULL) == -1)
			abort();
		assert(buf_len(&once) == buf_len(&twice));
		assert(memcmp(buf_data(&once), buf_data(&twice), buf_len(&once)) == 0);
		record_free(again);
	}
	buf_clear(&once);
	buf_clear(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf findings = BUF_INIT;
	struct record *r = NULL;
	struct err e = { 0 };

	if (record_parse_course(data, len, &r, &findings, &e) == 0) {
		assert(buf_len(&findings) == 0);
		check_record(r);
	} else {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0' && buf_len(&findings) > 0);
		for (size_t i = 0; i < buf_len(&findings); i++)
			assert(buf_data(&findings)[i] >= 0x20 || buf_data(&findings)[i] == '\n');
	}
	record_free(r);
	buf_clear(&findings);
	return 0;
}
