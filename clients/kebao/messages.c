/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/messages.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/base/utf8.h"

static const struct {
	const char *zh;
	const char *en;
} table[MSG_COUNT] = {
#define MESSAGE(id, zh, en) [MSG_##id] = { zh, en },
#include "clients/kebao/messages.def"
#undef MESSAGE
};

const char *
messages_text(enum language lang, enum message id)
{
	switch (lang) {
	case LANGUAGE_ZH:
		return table[id].zh;
	case LANGUAGE_EN:
		return table[id].en;
	}
	return "";
}

/* C0 except newline, DEL, C1, and the characters that turn the direction of writing. */
static bool
is_harmless(uint32_t c)
{
	if (c == '\n')
		return true;
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return false;
	return !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

static int
add_argument(struct buf *b, const char *arg, struct err *e)
{
	size_t left = strlen(arg);

	while (left > 0) {
		size_t n = utf8_char(arg, left);
		bool ok = n > 0 && is_harmless(utf8_decode(arg, n));

		if (buf_add(b, ok ? arg : "?", ok ? n : 1, e) == -1)
			return -1;
		n = n > 0 ? n : 1;
		arg += n;
		left -= n;
	}
	return 0;
}

int
messages_add(struct buf *b, enum language lang, enum message id, const char *const *args,
    struct err *e)
{
	const char *text = messages_text(lang, id);
	size_t n_args = 0;

	while (args != NULL && args[n_args] != NULL)
		n_args++;
	while (*text != '\0') {
		size_t plain = strcspn(text, "{");

		if (buf_add(b, text, plain, e) == -1)
			return -1;
		text += plain;
		if (*text == '\0')
			break;
		if (text[1] >= '1' && text[1] <= '9' && text[2] == '}') {
			size_t i = (size_t)(text[1] - '1');

			if (add_argument(b, i < n_args ? args[i] : "", e) == -1)
				return -1;
			text += 3;
		} else {
			if (buf_add(b, text++, 1, e) == -1)
				return -1;
		}
	}
	return 0;
}

void
messages_say(FILE *f, enum language lang, enum message id, const char *const *args)
{
	struct buf b = BUF_INIT;

	if (messages_add(&b, lang, id, args, NULL) == 0)
		(void)fprintf(f, "%s\n", buf_text(&b)); /* nowhere to report a broken terminal */
	buf_clear(&b);
}

int
messages_parse_language(const char *word, enum language *out)
{
	if (strncmp(word, "zh", 2) == 0)
		*out = LANGUAGE_ZH;
	else if (strncmp(word, "en", 2) == 0)
		*out = LANGUAGE_EN;
	else
		return -1;
	return 0;
}

enum language
messages_language(const char *word)
{
	static const char *const names[] = { "KEBAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG" };
	enum language lang = LANGUAGE_EN;

	for (size_t i = 0; word == NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		word = getenv(names[i]);
		if (word != NULL && *word == '\0')
			word = NULL;
	}
	if (word == NULL)
		return LANGUAGE_ZH;
	if (messages_parse_language(word, &lang) == -1)
		return LANGUAGE_EN;
	return lang;
}
