/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A public key that parses is written in a form that parses to the same key under the same
 * keyid, whatever else stood there; and it takes nonsense for nobody's signature.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/trust/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf once = BUF_INIT, twice = BUF_INIT, sig = BUF_INIT;
	struct key *k, *again;
	struct err e = { 0 };

	if (key_parse_bytes(data, len, &k, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		return 0;
	}
	if (key_encode(k, &once, NULL) == -1 ||
	    key_parse_bytes(buf_data(&once), buf_len(&once), &again, NULL) == -1 ||
	    key_encode(again, &twice, NULL) == -1)
		abort();
	assert(buf_len(&once) == buf_len(&twice));
	assert(memcmp(buf_data(&once), buf_data(&twice), buf_len(&once)) == 0);
	assert(key_is_same(k, again) && key_is_usable(k) == key_is_usable(again));
	assert(strcmp(key_id(k), key_id(again)) == 0);
	if (buf_add(&sig, data, len < 64 ? len : 64, NULL) == -1)
		abort();
	assert(key_verify(k, "x", 1, &sig, &e) == -1 && e.class == ERR_UNTRUSTED);
	key_free(k);
	key_free(again);
	buf_clear(&once);
	buf_clear(&twice);
	buf_clear(&sig);
	return 0;
}
