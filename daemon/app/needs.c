/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/needs.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/base/limits.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"

#define FIRST_SLOTS 1024u /* a power of two */

/* Hashes are uniform: their first bytes are as good as any. */
static struct needs_item *
slot_of(const struct needs *n, const struct digest *hash)
{
	size_t i;

	memcpy(&i, hash->bytes, sizeof(i));
	i &= n->n_slots - 1;
	while (n->slots[i].until != NEEDS_NEVER && !digest_equal(&n->slots[i].hash, hash))
		i = (i + 1) & (n->n_slots - 1);
	return &n->slots[i];
}

static int
grow(struct needs *n, struct err *e)
{
	struct needs bigger = { NULL, n->n_slots == 0 ? FIRST_SLOTS : 2 * n->n_slots, n->n };

	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < bigger.n_slots; i++)
		bigger.slots[i].until = NEEDS_NEVER;
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i].until != NEEDS_NEVER)
			*slot_of(&bigger, &n->slots[i].hash) = n->slots[i];
	free(n->slots);
	*n = bigger;
	return 0;
}

int
needs_add(struct needs *n, const struct digest *hash, int64_t until, struct err *e)
{
	struct needs_item *at;

	if (2 * (n->n + 1) > n->n_slots && grow(n, e) == -1)
		return -1;
	at = slot_of(n, hash);
	if (at->until == NEEDS_NEVER) {
		at->hash = *hash;
		n->n++;
	}
	if (until > at->until)
		at->until = until;
	return 0;
}

int64_t
needs_until(const struct needs *n, const struct digest *hash)
{
	return n->n_slots == 0 ? NEEDS_NEVER : slot_of(n, hash)->until;
}

void
needs_clear(struct needs *n)
{
	free(n->slots);
	*n = (struct needs)NEEDS_INIT;
}

int
needs_add_index(struct needs *n, const struct store *store, const char *channel,
    const struct digest *index, int64_t until, struct err *e)
{
	char name[OBJPATH_SIZE];
	struct buf bytes = BUF_INIT;
	struct index *ix = NULL;
	struct err mine = { 0 };
	int rc = -1;

	objpath_index(name, channel, index);
	if (store_load(store, name, LIMIT_INDEX_BYTES, &bytes, &mine) == -1) {
		/* Purged before, or a draft's that has not come: it holds nothing. */
		rc = mine.class == ERR_NOT_FOUND && until != NEEDS_ALWAYS
		    ? 0 : err_set(e, mine.class, "%s", mine.text);
		goto out;
	}
	if (index_parse(buf_data(&bytes), buf_len(&bytes), &ix, e) == -1)
		goto out;
	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		if (needs_add(n, f.sha256, until, e) == -1)
			goto out;
	}
	rc = 0;
out:
	index_free(ix);
	buf_clear(&bytes);
	return rc;
}
