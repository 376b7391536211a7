/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/json/canon.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64 /* what passed the gate has half of it; ours have less */

struct canon {
	struct buf *out;
	struct err *e;
	bool raw_controls;
};

static int write_value(struct canon *c, struct json_at at, unsigned depth);

static int
write_escape(struct canon *c, uint8_t byte)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	const char *found = byte == 0 ? NULL : strchr(from, byte);

	if (found != NULL)
		return buf_printf(c->out, c->e, "\\%c", to[found - from]);
	return buf_printf(c->out, c->e, "\\u%04x", byte);
}

static int
write_text(struct canon *c, const char *text)
{
	if (buf_add_u8(c->out, '"', c->e) == -1)
		return -1;
	for (;;) {
		size_t plain = 0;
		uint8_t b;

		while ((b = (uint8_t)text[plain]) != '\0' && b != '"' && b != '\\' &&
		    (b >= 0x20 || c->raw_controls))
			plain++;
		if (buf_add(c->out, text, plain, c->e) == -1)
			return -1;
		if (b == '\0')
			return buf_add_u8(c->out, '"', c->e);
		if (write_escape(c, b) == -1)
			return -1;
		text += plain + 1;
	}
}

static int
by_key(const void *a, const void *b)
{
	const struct json_at *x = a, *y = b;

	return strcmp(json_key(*x), json_key(*y)); /* as unsigned bytes */
}

static int
write_members(struct canon *c, const struct json_at *members, size_t n, unsigned depth)
{
	if (buf_add_u8(c->out, '{', c->e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && buf_add_u8(c->out, ',', c->e) == -1)
			return -1;
		if (write_text(c, json_key(members[i])) == -1 ||
		    buf_add_u8(c->out, ':', c->e) == -1 ||
		    write_value(c, members[i], depth + 1) == -1)
			return -1;
	}
	return buf_add_u8(c->out, '}', c->e);
}

static int
write_object(struct canon *c, struct json_at at, unsigned depth)
{
	size_t n = json_count(at), i = 0;
	struct json_at *members;
	int rc;

	members = calloc(n + 1, sizeof(*members));
	if (members == NULL)
		return err_nomem(c->e);
	for (struct json_at it = json_first(at); json_is(it); it = json_next(it))
		members[i++] = it;
	qsort(members, n, sizeof(*members), by_key);
	rc = write_members(c, members, n, depth);
	free(members);
	return rc;
}

static int
write_array(struct canon *c, struct json_at at, unsigned depth)
{
	const char *comma = "";

	if (buf_add_u8(c->out, '[', c->e) == -1)
		return -1;
	for (struct json_at it = json_first(at); json_is(it); it = json_next(it)) {
		if (buf_add_text(c->out, comma, c->e) == -1 || write_value(c, it, depth + 1) == -1)
			return -1;
		comma = ",";
	}
	return buf_add_u8(c->out, ']', c->e);
}

static int
write_value(struct canon *c, struct json_at at, unsigned depth)
{
	int64_t v;

	if (depth > MAX_DEPTH)
		return json_wrong(at, c->e, "nested too deep to be written");
	if (json_is_object(at))
		return write_object(c, at, depth);
	if (json_is_array(at))
		return write_array(c, at, depth);
	if (json_is_text(at))
		return write_text(c, at.node->valuestring);
	if (json_is_null(at))
		return buf_add_text(c->out, "null", c->e);
	if (cJSON_IsBool(at.node))
		return buf_add_text(c->out, cJSON_IsTrue(at.node) ? "true" : "false", c->e);
	if (json_int(at, &v, c->e) == -1)
		return -1;
	return buf_printf(c->out, c->e, "%" PRId64, v);
}

static int
write_top(struct json_at at, bool raw_controls, struct buf *out, struct err *e)
{
	struct canon c = { .out = out, .e = e, .raw_controls = raw_controls };
	size_t before = buf_len(out);

	if (json_check(at.doc, e) == -1)
		return -1;
	if (write_value(&c, at, 0) == -1) {
		buf_truncate(out, before);
		return -1;
	}
	return 0;
}

int
canon_signed(struct json_at at, struct buf *out, struct err *e)
{
	return write_top(at, true, out, e);
}

int
canon_write(struct json_at at, struct buf *out, struct err *e)
{
	return write_top(at, false, out, e);
}
