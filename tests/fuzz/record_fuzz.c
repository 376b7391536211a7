/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the strict reader takes, it encodes to the same bytes and the lenient
 * reader takes it, too.  What only the lenient one takes, and can be encoded, is a
 * record for the strict one.  A course.json never crashes anything and always says why not.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/repo/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Encode *r and read it strictly again: the same bytes. */
static void
check_encoding(const struct record *r)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct record *again;

	if (record_encode(r, &once, NULL) == 0) {
		const void *bytes = buf_data(&once);

		if (record_parse(bytes, buf_len(&once), RECORD_STRICT, &again, NULL) == -1 ||
		    record_encode(again, &twice, NULL) == -1)
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
	struct record *strict = NULL, *lenient = NULL, *course = NULL;
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };

	if (record_parse(data, len, RECORD_LENIENT, &lenient, &e) == -1)
		assert(e.class != ERR_NONE && e.text[0] != '\0');
	else
		check_encoding(lenient);
	if (record_parse(data, len, RECORD_STRICT, &strict, NULL) == 0) {
		assert(lenient != NULL);
		if (record_encode(strict, &bytes, NULL) == -1)
			abort();
		assert(buf_len(&bytes) == len && memcmp(buf_data(&bytes), data, len) == 0);
	}
	buf_truncate(&bytes, 0);
	if (record_parse_course(data, len, &course, &bytes, &e) == -1)
		assert(buf_len(&bytes) > 0 && e.text[0] != '\0');
	record_free(strict);
	record_free(lenient);
	record_free(course);
	buf_clear(&bytes);
	return 0;
}
