/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/regset.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"

void
regset_clear(struct regset *s)
{
	for (size_t i = 0; i < s->n_docs; i++)
		regdoc_release(s->docs[i]);
	free(s->docs);
	*s = (struct regset)REGSET_INIT;
}

static int
compare(const struct regdoc *d, enum regdoc_kind kind, const char *id)
{
	if (d->kind != kind)
		return d->kind < kind ? -1 : 1;
	return strcmp(d->id, id);
}

/* Where the document is (true) or would be (false). */
static bool
locate(const struct regset *s, enum regdoc_kind kind, const char *id, size_t *at)
{
	size_t lo = 0, hi = s->n_docs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = compare(s->docs[mid], kind, id);

		if (c == 0) {
			*at = mid;
			return true;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return false;
}

/* Room for one more; the array has room for a power of two, at least 8. */
static int
grow(struct regset *s, struct err *e)
{
	struct regdoc **bigger;
	size_t n = s->n_docs;

	if (n >= LIMIT_REGISTRY_DOCUMENTS)
		return err_set(e, ERR_BAD_INPUT, "the registry is full: %u documents",
		    LIMIT_REGISTRY_DOCUMENTS);
	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return 0;
	bigger = reallocarray(s->docs, n == 0 ? 8 : n * 2, sizeof(*bigger));
	if (bigger == NULL)
		return err_nomem(e);
	s->docs = bigger;
	return 0;
}

int
regset_put(struct regset *s, struct regdoc *d, struct err *e)
{
	size_t at;

	if (locate(s, d->kind, d->id, &at)) {
		struct regdoc *old = s->docs[at];

		s->docs[at] = regdoc_hold(d);
		regdoc_release(old);
		return 0;
	}
	if (grow(s, e) == -1)
		return -1;
	memmove(&s->docs[at + 1], &s->docs[at], (s->n_docs - at) * sizeof(*s->docs));
	s->docs[at] = regdoc_hold(d);
	s->n_docs++;
	return 0;
}

struct regdoc *
regset_find(const struct regset *s, enum regdoc_kind kind, const char *id)
{
	size_t at;

	return locate(s, kind, id, &at) ? s->docs[at] : NULL;
}

int
regset_copy(const struct regset *from, struct regset *out, struct err *e)
{
	struct regset copy = REGSET_INIT;

	for (size_t i = 0; i < from->n_docs; i++)
		if (regset_put(&copy, from->docs[i], e) == -1) {
			regset_clear(&copy);
			return -1;
		}
	*out = copy;
	return 0;
}

/* One list of the body into the new set; added knows what this body brought already. */
static int
apply_list(struct json_at list, enum regdoc_kind kind, struct regset *added, struct regset *set,
    struct err *e)
{
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		struct regdoc *d = NULL;
		int rc = -1;

		if (regdoc_from(kind, it, &d, e) == -1)
			return -1;
		if (regset_find(added, kind, d->id) != NULL)
			err_set(e, ERR_BAD_INPUT, "%s %s occurs twice in one change",
			    regdoc_kind_word(kind), d->id);
		else if (regset_put(added, d, e) == 0 && regset_put(set, d, e) == 0)
			rc = 0;
		regdoc_release(d);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
apply_body(struct json_at top, struct regset *set, struct err *e)
{
	static const char *const known[] = { "organisations", "pairings", "channels" };
	struct regset added = REGSET_INIT;
	int rc = -1;

	if (!json_is_object(top)) {
		err_set(e, ERR_BAD_INPUT, "a change of the registry is an object with lists");
		goto out;
	}
	if (json_only(top, known, sizeof(known) / sizeof(known[0]), e) == -1)
		goto out;
	for (int kind = 0; kind < REGDOC_N_KINDS; kind++) {
		struct json_at list;

		if (json_find_array(top, known[kind], &list, e) == -1)
			goto out;
		if (json_is(list) &&
		    apply_list(list, (enum regdoc_kind)kind, &added, set, e) == -1)
			goto out;
	}
	rc = 0;
out:
	regset_clear(&added);
	return rc;
}

int
regset_apply(const struct regset *old, const void *body, size_t len, struct regset *out,
    struct err *e)
{
	struct regset set = REGSET_INIT;
	struct json *doc = NULL;
	int rc = -1;

	if (len > LIMIT_REGISTRY_BYTES)
		return err_set(e, ERR_BAD_INPUT, "a change of the registry has at most %u bytes",
		    LIMIT_REGISTRY_BYTES);
	if (json_parse(body, len, GATE_SIGNED, &doc, e) == -1)
		goto out;
	if (regset_copy(old, &set, e) == -1 || apply_body(json_top(doc), &set, e) == -1)
		goto out;
	*out = set;
	set = (struct regset)REGSET_INIT;
	rc = 0;
out:
	json_free(doc);
	regset_clear(&set);
	return rc;
}

int
regset_without(const struct regset *old, enum regdoc_kind kind, const char *id,
    struct regset *out, struct err *e)
{
	struct regset set = REGSET_INIT;
	char quoted[80];
	size_t at;

	if (!locate(old, kind, id, &at))
		return err_set(e, ERR_NOT_FOUND, "there is no %s %s", regdoc_kind_word(kind),
		    err_quote(quoted, sizeof(quoted), id, strlen(id)));
	if (regset_copy(old, &set, e) == -1)
		return -1;
	regdoc_release(set.docs[at]);
	memmove(&set.docs[at], &set.docs[at + 1], (set.n_docs - at - 1) * sizeof(*set.docs));
	set.n_docs--;
	*out = set;
	return 0;
}

int
regset_encode(const struct regset *s, struct buf *out, struct err *e)
{
	/* Sorted keys, as canonical JSON wants them. */
	static const enum regdoc_kind order[] = {
		REGDOC_CHANNEL,
		REGDOC_ORGANISATION,
		REGDOC_PAIRING,
	};
	size_t was = buf_len(out);

	for (int k = 0; k < REGDOC_N_KINDS; k++) {
		bool is_first = true;

		if (buf_printf(out, e, "%c\"%s\":[", k == 0 ? '{' : ',',
		        regdoc_kind_name(order[k])) == -1)
			goto fail;
		for (size_t i = 0; i < s->n_docs; i++) {
			if (s->docs[i]->kind != order[k])
				continue;
			if ((!is_first && buf_add_text(out, ",", e) == -1) ||
			    buf_add(out, s->docs[i]->json, s->docs[i]->json_len, e) == -1)
				goto fail;
			is_first = false;
		}
		if (buf_add_text(out, "]", e) == -1)
			goto fail;
	}
	if (buf_add_text(out, "}", e) == 0)
		return 0;
fail:
	buf_truncate(out, was);
	return -1;
}

static int
note(struct buf *out, char sign, const struct regdoc *d, struct err *e)
{
	return buf_printf(out, e, "%s%c%s/%s", buf_len(out) == 0 ? "" : " ", sign,
	    regdoc_kind_name(d->kind), d->id);
}

bool
regset_is_same(const struct regdoc *a, const struct regdoc *b)
{
	return a == b ||
	    (a->json_len == b->json_len && memcmp(a->json, b->json, a->json_len) == 0);
}

int
regset_diff(const struct regset *old, const struct regset *new, struct buf *out, struct err *e)
{
	size_t i = 0, j = 0;
	int rc = 0;

	while (rc == 0 && (i < old->n_docs || j < new->n_docs)) {
		int c;

		if (i == old->n_docs)
			c = 1;
		else if (j == new->n_docs)
			c = -1;
		else
			c = compare(old->docs[i], new->docs[j]->kind, new->docs[j]->id);
		if (c < 0)
			rc = note(out, '-', old->docs[i++], e);
		else if (c > 0)
			rc = note(out, '+', new->docs[j++], e);
		else if (!regset_is_same(old->docs[i++], new->docs[j++]))
			rc = note(out, '~', new->docs[j - 1], e);
	}
	return rc;
}
