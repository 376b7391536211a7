/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/withdrawn.h"

#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/base/utf8.h"

#define MEMBER "withdrawn"

bool
withdrawn_is(struct json_at custom)
{
	return json_is(json_member(custom, MEMBER));
}

/* A line as records have them: what breaks a terminal or a list is no text for people. */
static bool
is_line(const char *text, size_t len)
{
	if (!utf8_valid(text, len) || text[0] == ' ' || text[len - 1] == ' ')
		return false;
	for (size_t at = 0; at < len;) {
		size_t n = utf8_char(text + at, len - at);
		uint32_t c = utf8_decode(text + at, n);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069))
			return false;
		at += n;
	}
	return true;
}

int
withdrawn_set_reason(struct withdrawn *w, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len == 0 || len > WITHDRAWN_REASON_BYTES)
		return err_set(e, ERR_BAD_INPUT,
		    "a reason has 1 to %u bytes of text, this one has %zu", WITHDRAWN_REASON_BYTES,
		    len);
	if (!is_line(text, len))
		return err_set(e, ERR_BAD_INPUT, "a reason is one line of UTF-8 without control "
		    "characters, and without blanks around it");
	memcpy(w->reason, text, len + 1);
	return 0;
}

int
withdrawn_parse(struct json_at custom, struct withdrawn *out, struct err *e)
{
	static const char *const names[] = { "date", "reason", "successor" };
	struct withdrawn w = { .date = 0 };
	struct json_at at;
	const char *reason;
	int64_t successor = 0;

	if (json_get_object(custom, MEMBER, &at, e) == -1 ||
	    json_only(at, names, sizeof(names) / sizeof(names[0]), e) == -1 ||
	    json_get_text(at, "reason", &reason, e) == -1 ||
	    json_get_utc(at, "date", &w.date, e) == -1 ||
	    json_find_int(at, "successor", 0, &successor, e) == -1 ||
	    withdrawn_set_reason(&w, reason, e) == -1)
		return -1;
	if (json_is(json_member(at, "successor")) &&
	    (successor < 1 || successor > (int64_t)LIMIT_RELEASE_NUMBER))
		return json_wrong(json_member(at, "successor"), e, "no release number");
	w.successor = (uint32_t)successor;
	*out = w;
	return 0;
}

void
withdrawn_look(struct json_at custom, struct withdrawn *out)
{
	if (withdrawn_parse(custom, out, NULL) == -1)
		*out = (struct withdrawn){ .date = 0 };
}

void
withdrawn_put(struct json_at custom, const struct withdrawn *w)
{
	struct json_at at = json_put_object(custom, MEMBER);

	json_put_text(at, "reason", w->reason);
	json_put_utc(at, "date", w->date);
	if (w->successor != 0)
		json_put_int(at, "successor", w->successor);
}
