/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/reasons.h"

#include <stdbool.h>
#include <string.h>

struct reason {
	const char *en;
	const char *zh;
};

static const struct reason table[] = {
#define REASON(en, zh) { en, zh },
#include "clients/kebao/reasons.def"
#undef REASON
};
#define N_REASONS (sizeof(table) / sizeof(table[0]))

/* The longest piece that text begins with, or NULL. */
static const struct reason *
find(const char *text)
{
	const struct reason *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < N_REASONS; i++) {
		size_t len = strlen(table[i].en);

		if (len > best_len && strncmp(text, table[i].en, len) == 0) {
			best = &table[i];
			best_len = len;
		}
	}
	return best;
}

int
reasons_add(struct buf *b, enum language lang, const char *text, struct err *e)
{
	bool is_quoted = false;

	if (lang == LANGUAGE_EN)
		return buf_add(b, text, strlen(text), e);
	while (*text != '\0') {
		/* What stands in quotes is a name, whatever words are in it. */
		const struct reason *r = !is_quoted || *text == '"' ? find(text) : NULL;
		size_t used = r != NULL ? strlen(r->en) : 1;

		if (buf_add(b, r != NULL ? r->zh : text, r != NULL ? strlen(r->zh) : 1, e) == -1)
			return -1;
		for (; used > 0; used--)
			is_quoted = is_quoted != (*text++ == '"');
	}
	return 0;
}
