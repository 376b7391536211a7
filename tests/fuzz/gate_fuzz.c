/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate takes, the parser behind it takes; what it takes as signed, it takes as any.
 * Signed JSON has a canonical form, which the gate takes, too, and which is its own
 * canonical form; a refusal always says why.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "catalog/json/gate.h"
#include "catalog/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The canonical form of *doc, written and read again. */
static void
check_canonical(struct json *doc)
{
	struct buf once = BUF_INIT, twice = BUF_INIT, covered = BUF_INIT, again = BUF_INIT;
	struct json *copy;

	if (canon_write(json_top(doc), &once, NULL) == -1 ||
	    canon_signed(json_top(doc), &covered, NULL) == -1)
		abort();
	if (json_parse(buf_data(&once), buf_len(&once), GATE_SIGNED, &copy, NULL) == -1 ||
	    canon_write(json_top(copy), &twice, NULL) == -1 ||
	    canon_signed(json_top(copy), &again, NULL) == -1)
		abort();
	assert(buf_len(&once) == buf_len(&twice));
	assert(memcmp(buf_data(&once), buf_data(&twice), buf_len(&once)) == 0);
	assert(buf_len(&covered) == buf_len(&again));
	assert(memcmp(buf_data(&covered), buf_data(&again), buf_len(&covered)) == 0);
	json_free(copy);
	buf_clear(&once);
	buf_clear(&twice);
	buf_clear(&covered);
	buf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err e = { 0 };
	struct json *doc;

	if (gate_check(data, len, GATE_ANY, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		assert(gate_check(data, len, GATE_SIGNED, NULL) == -1);
		return 0;
	}
	if (json_parse(data, len, GATE_ANY, &doc, NULL) == -1)
		abort();
	json_free(doc);
	if (gate_check(data, len, GATE_SIGNED, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		return 0;
	}
	if (json_parse(data, len, GATE_SIGNED, &doc, NULL) == -1)
		abort();
	check_canonical(doc);
	json_free(doc);
	return 0;
}
