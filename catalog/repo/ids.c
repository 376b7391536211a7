/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/ids.h"

#include <stdbool.h>
#include <string.h>

static const char *const device_names[] = { "con", "prn", "aux", "nul" };
static const char *const role_names[] = { "root", "targets", "snapshot", "timestamp" };

const char *
ids_kind_name(enum ids_kind kind)
{
	switch (kind) {
	case IDS_CHANNEL:
		return "channel";
	case IDS_COURSE:
		return "course";
	case IDS_ORGANISATION:
		return "organisation";
	case IDS_PAIRING:
		return "pairing";
	}
	return "id";
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static bool
is_device(const char *part, size_t len)
{
	for (size_t i = 0; i < sizeof(device_names) / sizeof(device_names[0]); i++)
		if (is_word(part, len, device_names[i]))
			return true;
	return len == 4 && (memcmp(part, "com", 3) == 0 || memcmp(part, "lpt", 3) == 0) &&
	    part[3] >= '1' && part[3] <= '9';
}

static bool
is_role(const char *id, size_t len)
{
	for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++)
		if (is_word(id, len, role_names[i]))
			return true;
	return false;
}

/* The rule that the id breaks, or NULL. */
static const char *
broken_rule(enum ids_kind kind, const char *id, size_t len)
{
	size_t part = 0;

	if (len == 0)
		return "is empty";
	if (len > LIMIT_ID_BYTES)
		return "is longer than 48 characters";
	if (id[0] < 'a' || id[0] > 'z')
		return "must begin with a letter a-z";
	for (size_t i = 0; i <= len; i++) {
		if (i < len && ((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= '0' && id[i] <= '9')))
			continue;
		if (i < len && id[i] != '.' && id[i] != '-')
			return "may hold only a-z, 0-9, and single '.' or '-' between them";
		if (i == part)
			return "has a '.' or '-' without a letter or digit on both sides";
		if (is_device(id + part, i - part))
			return "has a part that is a device name on Windows";
		part = i + 1;
	}
	if (kind == IDS_CHANNEL && is_role(id, len))
		return "is the name of a top-level role";
	return NULL;
}

int
ids_check(enum ids_kind kind, const char *id, size_t len, struct err *e)
{
	const char *rule = broken_rule(kind, id, len);
	char quoted[80];

	if (rule == NULL)
		return 0;
	return err_set(e, ERR_BAD_INPUT, "%s id \"%s\" %s", ids_kind_name(kind),
	    err_quote(quoted, sizeof(quoted), id, len), rule);
}

int
ids_copy(enum ids_kind kind, char *out, const char *id, size_t len, struct err *e)
{
	if (ids_check(kind, id, len, e) == -1)
		return -1;
	memcpy(out, id, len);
	out[len] = '\0';
	return 0;
}

int
ids_parse_release(uint32_t *out, const char *text, size_t len, struct err *e)
{
	uint32_t n = 0;
	char quoted[40];
	bool is_number = len > 0 && len <= 7 && text[0] != '0';

	for (size_t i = 0; is_number && i < len; i++) {
		is_number = text[i] >= '0' && text[i] <= '9';
		n = n * 10 + (uint32_t)(text[i] - '0');
	}
	if (!is_number || n > LIMIT_RELEASE_NUMBER)
		return err_set(e, ERR_BAD_INPUT, "release number \"%s\" is not from 1 to %u",
		    err_quote(quoted, sizeof(quoted), text, len), LIMIT_RELEASE_NUMBER);
	*out = n;
	return 0;
}
