/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role file that parses, parses again from its canonical form: the same type, version,
 * signatures and, above all, the same bytes under the signatures.  The version after it, where
 * one can be made of it, is a role file as well.  Nothing here is believed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "catalog/trust/claim.h"
#include "catalog/trust/role.h"
#include "catalog/trust/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_same(const struct meta_claim *a, const struct meta_claim *b)
{
	assert(meta_claim_type(a) == meta_claim_type(b));
	assert(meta_claim_version(a) == meta_claim_version(b));
	assert(meta_claim_n_signatures(a) == meta_claim_n_signatures(b));
	assert(buf_len(&a->covered) == buf_len(&b->covered));
	assert(memcmp(buf_data(&a->covered), buf_data(&b->covered), buf_len(&a->covered)) == 0);
}

static void
check_canonical(const uint8_t *data, size_t len, const struct meta_claim *claim)
{
	struct meta_claim *again;
	struct buf bytes = BUF_INIT;
	struct json *doc;

	if (json_parse(data, len, GATE_SIGNED, &doc, NULL) == -1 ||
	    canon_write(json_top(doc), &bytes, NULL) == -1 ||
	    meta_parse(buf_data(&bytes), buf_len(&bytes), &again, NULL) == -1)
		abort();
	check_same(claim, again);
	meta_claim_free(again);
	json_free(doc);
	buf_clear(&bytes);
}

static void
check_next(const struct meta *m)
{
	struct meta_claim *next;
	struct buf bytes = BUF_INIT;
	struct role *role;

	if (role_new(m->type, m, 1700000000, &role, NULL) == -1)
		return;
	if (role_file(role, NULL, 0, &bytes, NULL) == 0) {
		if (meta_parse(buf_data(&bytes), buf_len(&bytes), &next, NULL) == -1)
			abort();
		assert(meta_claim_type(next) == m->type);
		assert(meta_claim_version(next) == m->version + 1);
		meta_claim_free(next);
	}
	role_free(role);
	buf_clear(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meta_claim *claim = NULL;
	struct meta *believed = NULL;
	struct err e = { 0 };

	if (meta_parse(data, len, &claim, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		return 0;
	}
	check_canonical(data, len, claim);
	check_next(meta_claim_peek(claim));
	if (verify_root_first(&claim, &believed, &e) == -1)
		assert(e.class == ERR_UNTRUSTED && e.text[0] != '\0');
	meta_free(believed);
	meta_claim_free(claim);
	return 0;
}
