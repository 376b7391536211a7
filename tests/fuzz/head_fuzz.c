/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request gets the same verdict whole and in pieces (the first byte of the
 * input says how large); a refusal names a status and why (one that is wrong twice may get
 * the one or the other); of an accepted head every name is a lower-case token, every value and
 * the path are free of control characters.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/head.h"
#include "daemon/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum head_verdict
feed(struct head *h, char *bytes, const uint8_t *data, size_t len, size_t step,
    struct head_refusal *why)
{
	enum head_verdict v = HEAD_MORE;

	head_init(h, bytes);
	for (size_t n = 0; v == HEAD_MORE && n < len;) {
		size_t more = len - n < step ? len - n : step;

		memcpy(bytes + n, data + n, more);
		n += more;
		v = head_feed(h, n, why);
	}
	return v;
}

static void
check_text(const char *text, size_t len)
{
	assert(strlen(text) == len);
	for (size_t i = 0; i < len; i++)
		assert((unsigned char)text[i] >= 0x20 || text[i] == '\t');
}

static void
check_head(const struct head *h)
{
	assert(h->path[0] == '/');
	check_text(h->path, strlen(h->path));
	assert(strstr(h->path, "/../") == NULL);
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct head_field *f = &h->fields[i];
		const char *name = h->bytes + f->name;

		check_text(name, f->name_len);
		assert(f->name_len > 0 && strpbrk(name, " :\t") == NULL);
		for (size_t k = 0; k < f->name_len; k++)
			assert(name[k] < 'A' || name[k] > 'Z');
		check_text(h->bytes + f->value, f->value_len);
		assert(head_find(h, name) != NULL);
	}
	assert(head_find(h, "transfer-encoding") == NULL);
	assert(h->is_http10 || head_find(h, "host") != NULL);
}

static void
check_same(const struct head *a, const struct head *b)
{
	assert(a->method == b->method && a->len == b->len && a->n_fields == b->n_fields);
	assert(a->has_length == b->has_length && a->body_bytes == b->body_bytes);
	assert(a->keep_alive == b->keep_alive && strcmp(a->path, b->path) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *bytes = malloc(LIMIT_HEAD_BYTES), *pieces = malloc(LIMIT_HEAD_BYTES);
	struct head *whole = calloc(1, sizeof(*whole)), *parts = calloc(1, sizeof(*parts));
	struct head_refusal why = { 0 }, why_parts = { 0 };
	enum head_verdict v, v_parts;
	size_t step;

	if (bytes == NULL || pieces == NULL || whole == NULL || parts == NULL)
		abort();
	if (len < 2)
		goto out;
	step = data[0] == 0 ? 1 : data[0];
	data++;
	len = len - 1 > LIMIT_HEAD_BYTES ? LIMIT_HEAD_BYTES : len - 1;
	v = feed(whole, bytes, data, len, len, &why);
	v_parts = feed(parts, pieces, data, len, step, &why_parts);
	assert(v == v_parts);
	if (v == HEAD_BAD) {
		assert(why.status >= 400 && why.status < 600 && why.text[0] != '\0');
		assert(why_parts.status >= 400 && why_parts.text[0] != '\0');
	} else if (v == HEAD_DONE) {
		check_head(whole);
		check_same(whole, parts);
	}
out:
	free(bytes);
	free(pieces);
	free(whole);
	free(parts);
	return 0;
}
