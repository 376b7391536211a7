/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/relpath.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "catalog/base/digest.h"
#include "catalog/base/limits.h"
#include "catalog/base/utf8.h"

/* Report the rule that a path breaks; what is to be done stands in the rule's text. */
static int
refuse(const char *path, size_t len, const char *rule, struct err *e)
{
	char quoted[200];

	return err_set(e, ERR_BAD_INPUT, "name \"%s\": %s",
	    err_quote(quoted, sizeof(quoted), path, len), rule);
}

/* Lower case for the ASCII letters, all else as it is. */
static char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
has_prefix(const char *text, size_t len, const char *lower)
{
	for (; *lower != '\0'; lower++, text++, len--)
		if (len == 0 || ascii_lower(*text) != *lower)
			return false;
	return true;
}

/* What follows "com" or "lpt": a digit but 0, or a superscript 1, 2 or 3. */
static bool
is_port_number(const char *text, size_t len)
{
	if (len == 1)
		return *text >= '1' && *text <= '9';
	return len == 2 && (memcmp(text, "\xc2\xb9", 2) == 0 || memcmp(text, "\xc2\xb2", 2) == 0 ||
	    memcmp(text, "\xc2\xb3", 2) == 0);
}

static bool
is_device(const char *part, size_t len)
{
	static const char *const names[] = { "con", "prn", "aux", "nul", "conin$", "conout$" };
	const char *dot = memchr(part, '.', len);

	if (dot != NULL)
		len = (size_t)(dot - part);
	while (len > 0 && part[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (len == strlen(names[i]) && has_prefix(part, len, names[i]))
			return true;
	return (has_prefix(part, len, "com") || has_prefix(part, len, "lpt")) &&
	    is_port_number(part + 3, len - 3);
}

/* The rule a component breaks, or NULL. */
static const char *
broken_part_rule(const char *part, size_t len)
{
	if (len == 0)
		return "it begins or ends with '/' or has two in a row; every folder needs a name";
	if (len > LIMIT_PATH_PART_BYTES)
		return "a part of it is longer than 255 bytes (85 Chinese characters); "
		       "give it a shorter name";
	if (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.')))
		return "\".\" and \"..\" are not names; use a real name";
	if (part[len - 1] == '.' || part[len - 1] == ' ')
		return "a part of it ends with '.' or a blank, which Windows drops; remove it";
	if (part[0] == ' ')
		return "a part of it begins with a blank, which people overlook; remove it";
	if (is_device(part, len))
		return "a part of it is a device name on Windows (con, prn, aux, nul, com1, lpt1, "
		       "...); "
		       "choose another name";
	return NULL;
}

/* The rule a character breaks, or NULL. */
static const char *
broken_char_rule(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return "it holds a control character; remove it";
	if (c < 0x80 && strchr("<>:\"|?*\\", (int)c) != NULL)
		return "it holds one of < > : \" | ? * \\, which Windows cannot store; "
		       "use another character";
	if (c == 0x2028 || c == 0x2029)
		return "it holds a line or paragraph separator; remove it";
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return "it holds a character that turns the direction of writing and can disguise "
		       "a name; remove it";
	if (c == 0xfeff)
		return "it holds a byte order mark (U+FEFF), which nobody sees; remove it";
	return NULL;
}

static const char *
broken_rule(const char *path, size_t len)
{
	const char *rule = NULL;
	size_t part = 0;

	if (len == 0)
		return "it is empty";
	if (len > LIMIT_PATH_BYTES)
		return "it is longer than 1,024 bytes; use shorter or fewer folder names";
	if (!utf8_valid(path, len))
		return "it is not UTF-8; rename it (it may come from a disk with GBK names)";
	for (size_t i = 0; i <= len && rule == NULL; i++) {
		if (i < len && path[i] != '/')
			continue;
		rule = broken_part_rule(path + part, i - part);
		part = i + 1;
	}
	for (size_t i = 0, n; i < len && rule == NULL; i += n) {
		n = utf8_char(path + i, len - i);
		rule = broken_char_rule(utf8_decode(path + i, n));
	}
	return rule;
}

/*
 * ASCII and unified ideographs only: such a text is in NFC, and only its ASCII
 * letters have case.  Most names are so, and need no tables.
 */
static bool
is_plain(const char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c;

		if ((n = utf8_char(text + i, len - i)) == 0)
			return false;
		c = utf8_decode(text + i, n);
		if (c > 0x7f && (c < 0x4e00 || c > 0x9fff) && (c < 0x3400 || c > 0x4dbf))
			return false;
	}
	return true;
}

/* The normalised text, which the caller frees; NULL with *e. */
static uint8_t *
normalise(const char *text, size_t len, bool is_folding, size_t *out_len, struct err *e)
{
	utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
	utf8proc_uint8_t *out = NULL;
	utf8proc_ssize_t n;

	if (is_folding)
		how |= UTF8PROC_CASEFOLD;
	n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &out, how);
	if (n == UTF8PROC_ERROR_NOMEM) {
		(void)err_nomem(e);
		return NULL;
	}
	if (n < 0) {
		(void)refuse(text, len, "it is not UTF-8; rename it", e);
		return NULL;
	}
	*out_len = (size_t)n;
	return out;
}

int
relpath_check(const char *path, size_t len, struct err *e)
{
	const char *rule = broken_rule(path, len);
	size_t nfc_len;
	uint8_t *nfc;
	bool is_nfc;

	if (rule != NULL)
		return refuse(path, len, rule, e);
	if (is_plain(path, len))
		return 0;
	if ((nfc = normalise(path, len, false, &nfc_len, e)) == NULL)
		return -1;
	is_nfc = nfc_len == len && memcmp(nfc, path, len) == 0;
	free(nfc);
	if (!is_nfc)
		return refuse(path, len,
		    "its accents or syllables are written apart (not Unicode NFC, "
		    "as from a Mac); rename it", e);
	return 0;
}

/* A set by open addressing; a slot is free where its number is NO_NUMBER. */
#define NO_NUMBER UINT32_MAX
#define FIRST_SLOTS 64u

struct relpath_set {
	uint64_t (*keys)[2]; /* owned: 128 bits of SHA-256 of the folded path */
	uint32_t *numbers;   /* owned */
	size_t n_slots;      /* a power of two */
	size_t n_used;
};

static int
set_allocate(struct relpath_set *s, size_t n_slots, struct err *e)
{
	s->keys = calloc(n_slots, sizeof(*s->keys));
	s->numbers = malloc(n_slots * sizeof(*s->numbers));
	if (s->keys == NULL || s->numbers == NULL) {
		free(s->keys);
		free(s->numbers);
		return err_nomem(e);
	}
	for (size_t i = 0; i < n_slots; i++)
		s->numbers[i] = NO_NUMBER;
	s->n_slots = n_slots;
	s->n_used = 0;
	return 0;
}

struct relpath_set *
relpath_set_new(struct err *e)
{
	struct relpath_set *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	if (set_allocate(s, FIRST_SLOTS, e) == -1) {
		free(s);
		return NULL;
	}
	return s;
}

void
relpath_set_free(struct relpath_set *s)
{
	if (s == NULL)
		return;
	free(s->keys);
	free(s->numbers);
	free(s);
}

/* The slot of the key, or the free one where it would go. */
static size_t
slot_of(const struct relpath_set *s, const uint64_t *key)
{
	size_t i = key[0] & (s->n_slots - 1);

	while (s->numbers[i] != NO_NUMBER &&
	    (s->keys[i][0] != key[0] || s->keys[i][1] != key[1]))
		i = (i + 1) & (s->n_slots - 1);
	return i;
}

static void
put(struct relpath_set *s, size_t slot, const uint64_t *key, uint32_t number)
{
	s->keys[slot][0] = key[0];
	s->keys[slot][1] = key[1];
	s->numbers[slot] = number;
	s->n_used++;
}

static int
grow(struct relpath_set *s, struct err *e)
{
	struct relpath_set bigger = { NULL, NULL, 0, 0 };

	if (set_allocate(&bigger, s->n_slots * 2, e) == -1)
		return -1;
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->numbers[i] != NO_NUMBER)
			put(&bigger, slot_of(&bigger, s->keys[i]), s->keys[i], s->numbers[i]);
	free(s->keys);
	free(s->numbers);
	*s = bigger;
	return 0;
}

/* The key of a path without final '/'. */
static int
key_of(const char *path, size_t len, uint64_t *key, struct err *e)
{
	char lower[LIMIT_PATH_BYTES];
	struct digest d;

	if (len <= sizeof(lower) && is_plain(path, len)) {
		for (size_t i = 0; i < len; i++)
			lower[i] = ascii_lower(path[i]);
		digest_of(&d, lower, len);
	} else {
		size_t folded_len;
		uint8_t *folded = normalise(path, len, true, &folded_len, e);

		if (folded == NULL)
			return -1;
		digest_of(&d, folded, folded_len);
		free(folded);
	}
	memcpy(key, d.bytes, 2 * sizeof(*key));
	return 0;
}

int
relpath_set_add(struct relpath_set *s, const char *path, size_t len, uint32_t number,
    uint32_t *twin, struct err *e)
{
	uint64_t key[2];
	size_t slot;

	if (len > 0 && path[len - 1] == '/')
		len--;
	if (key_of(path, len, key, e) == -1)
		return -1;
	slot = slot_of(s, key);
	if (s->numbers[slot] != NO_NUMBER) {
		*twin = s->numbers[slot];
		return 1;
	}
	if (s->n_used + 1 > s->n_slots / 8 * 7) {
		if (grow(s, e) == -1)
			return -1;
		slot = slot_of(s, key);
	}
	put(s, slot, key, number);
	return 0;
}

int
relpath_twin_error(const char *a, size_t a_len, const char *b, size_t b_len, struct err *e)
{
	char quoted_a[120], quoted_b[120];

	if (a_len == b_len && memcmp(a, b, a_len) == 0) /* they were composed to one */
		return err_set(e, ERR_BAD_INPUT,
		    "two names are \"%s\", one written with accents or syllables apart (not Unicode"
		    " NFC, as from a Mac); rename or remove one",
		    err_quote(quoted_a, sizeof(quoted_a), a, a_len));
	return err_set(e, ERR_BAD_INPUT,
	    "names \"%s\" and \"%s\" are the same to Windows and Mac, "
	    "which do not tell capitals apart; rename one",
	    err_quote(quoted_a, sizeof(quoted_a), a, a_len),
	    err_quote(quoted_b, sizeof(quoted_b), b, b_len));
}
