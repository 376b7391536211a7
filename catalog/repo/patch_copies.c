/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/patch_copies.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 32u      /* bytes of the prefix noted at once; longer runs are sure to be found */
#define PROBES 4u      /* places looked at for one block */
#define EVEN_BYTES 4u   /* see even_out() */
#define LEAST_BYTES 64u /* shorter copies cost more than they save */

struct finding {
	const struct patch_match *m;
	uint32_t *slots; /* owned; where a block begins, plus 1 */
	unsigned bits;   /* there are 2^this slots */
	struct patch_copy *copies; /* owned */
	uint32_t n, room;
	uint32_t gap;    /* the last there was */
	uint32_t even;   /* the same where the one before it was as long, else 0 */
	uint32_t done;   /* content before it is settled */
	uint32_t source; /* where the last copy ended in the prefix */
};

/* --- blocks of the prefix --- */

static uint32_t
slot_of(const struct finding *f, const uint8_t *block)
{
	uint64_t words[BLOCK / 8], h = 0;

	memcpy(words, block, sizeof(words));
	for (size_t i = 0; i < BLOCK / 8; i++)
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	return (uint32_t)(h * 0xbf58476d1ce4e5b9ull >> (64 - f->bits));
}

static uint32_t
slot_after(const struct finding *f, uint32_t slot)
{
	return (slot + 1) & ((1u << f->bits) - 1);
}

static int
note_prefix(struct finding *f, struct err *e)
{
	uint32_t n = f->m->prefix_len / BLOCK;

	for (f->bits = 8; (1u << f->bits) < 2 * n; f->bits++)
		;
	f->slots = calloc(1u << f->bits, sizeof(*f->slots));
	if (f->slots == NULL)
		return err_nomem(e);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = slot_of(f, f->m->prefix + i * BLOCK);

		for (unsigned k = 0; k < PROBES && f->slots[slot] != 0; k++)
			slot = slot_after(f, slot);
		if (f->slots[slot] == 0)
			f->slots[slot] = i * BLOCK + 1;
	}
	return 0;
}

/* --- copies --- */

/* The longest run through prefix byte from and content byte at; nothing settled is taken back. */
static struct patch_copy
extend(const struct finding *f, uint32_t from, uint32_t at)
{
	const struct patch_match *m = f->m;
	uint32_t back = 0, on = 0;

	while (from + on < m->prefix_len && at + on < m->len &&
	    m->prefix[from + on] == m->content[at + on])
		on++;
	while (back < from && back < at - f->done &&
	    m->prefix[from - back - 1] == m->content[at - back - 1])
		back++;
	return (struct patch_copy){ .gap = at - back - f->done, .from = from - back,
		.len = back + on };
}

/* The best copy through content byte at, or one of length 0. */
static struct patch_copy
best_at(const struct finding *f, uint32_t at)
{
	const uint8_t *block = f->m->content + at;
	uint32_t slot = slot_of(f, block), straight = f->source + (at - f->done);
	struct patch_copy best = { 0 };

	/* Where a few bytes were replaced the old content goes on in step. */
	if (straight <= f->m->prefix_len && f->m->prefix_len - straight >= BLOCK &&
	    memcmp(f->m->prefix + straight, block, BLOCK) == 0)
		return extend(f, straight, at);
	for (unsigned k = 0; k <= PROBES && f->slots[slot] != 0; k++) {
		uint32_t from = f->slots[slot] - 1;

		if (memcmp(f->m->prefix + from, block, BLOCK) == 0) {
			struct patch_copy c = extend(f, from, at);

			if (c.len > best.len)
				best = c;
		}
		slot = slot_after(f, slot);
	}
	return best;
}

/*
 * What containers put between pieces is often of one length.  A byte or two of it that go on
 * like the old content by accident are left out of the copy: what is regular packs better.
 */
static void
even_out(struct finding *f, struct patch_copy *c)
{
	struct patch_copy *last = f->n > 0 ? &f->copies[f->n - 1] : NULL;
	uint32_t more = f->even - c->gap;

	if (last == NULL || c->gap >= f->even || more > EVEN_BYTES)
		return;
	last->len -= more;
	c->gap += more;
	f->done -= more;
	f->source -= more;
}

static int
add(struct finding *f, struct patch_copy *c, struct err *e)
{
	even_out(f, c);
	if (f->n == f->room) {
		uint32_t room = f->room == 0 ? 64 : f->room * 2;
		struct patch_copy *wider = reallocarray(f->copies, room, sizeof(*wider));

		if (wider == NULL)
			return err_nomem(e);
		f->copies = wider;
		f->room = room;
	}
	f->copies[f->n++] = *c;
	if (c->gap > 0) {
		f->even = c->gap == f->gap ? c->gap : 0;
		f->gap = c->gap;
	}
	f->done += c->gap + c->len;
	f->source = c->from + c->len;
	return 0;
}

int
patch_copies_find(const struct patch_match *m, struct patch_copy **out, uint32_t *n,
    struct err *e)
{
	struct finding f = { .m = m };
	uint32_t at = 0;
	int rc = -1;

	if (note_prefix(&f, e) == -1)
		goto out;
	while (m->len - at >= BLOCK && f.n < PATCH_COPIES) {
		struct patch_copy c = best_at(&f, at);

		if (c.len < LEAST_BYTES) {
			at++;
			continue;
		}
		if (add(&f, &c, e) == -1)
			goto out;
		at = f.done;
	}
	*out = f.copies;
	*n = f.n;
	f.copies = NULL;
	rc = 0;
out:
	free(f.slots);
	free(f.copies);
	return rc;
}

uint32_t
patch_copies_rest(const struct patch_match *m, const struct patch_copy *copies, uint32_t n,
    uint8_t *out)
{
	uint32_t at = 0, len = 0;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(out + len, m->content + at, copies[i].gap);
		len += copies[i].gap;
		at += copies[i].gap + copies[i].len;
	}
	memcpy(out + len, m->content + at, m->len - at);
	return len + (m->len - at);
}
