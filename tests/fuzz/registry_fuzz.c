/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of the registry that is taken gives a set whose encoding, applied to nothing, is
 * the same set; nothing differs between the two.  So for one document of each kind.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/registry.h"
#include "catalog/hub/regset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_document(enum regdoc_kind kind, const uint8_t *data, size_t len)
{
	struct regdoc *doc, *again;
	struct err e = { 0 };

	if (regdoc_parse(kind, data, len, &doc, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
		return;
	}
	if (regdoc_parse(kind, doc->json, doc->json_len, &again, NULL) == -1)
		abort();
	assert(regset_is_same(doc, again));
	assert(doc->json_len == again->json_len &&
	    memcmp(doc->json, again->json, doc->json_len) == 0);
	regdoc_release(doc);
	regdoc_release(again);
}

static void
check_set(const struct regset *set)
{
	struct regset none = REGSET_INIT, again = REGSET_INIT;
	struct buf bytes = BUF_INIT, difference = BUF_INIT;

	if (regset_encode(set, &bytes, NULL) == -1 ||
	    regset_apply(&none, buf_data(&bytes), buf_len(&bytes), &again, NULL) == -1 ||
	    regset_diff(set, &again, &difference, NULL) == -1)
		abort();
	assert(again.n_docs == set->n_docs && buf_len(&difference) == 0);
	regset_clear(&again);
	buf_clear(&bytes);
	buf_clear(&difference);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct regset none = REGSET_INIT, set = REGSET_INIT;
	struct registry *table = NULL;
	struct err e = { 0 };

	for (int kind = 0; kind < REGDOC_N_KINDS; kind++)
		check_document((enum regdoc_kind)kind, data, len);
	if (regset_apply(&none, data, len, &set, &e) == -1) {
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0' && set.n_docs == 0);
		return 0;
	}
	check_set(&set);
	if (registry_new(&set, &table, &e) == -1) /* references, cycles: a set may be no table */
		assert(e.class == ERR_BAD_INPUT && e.text[0] != '\0');
	registry_release(table);
	regset_clear(&set);
	return 0;
}
