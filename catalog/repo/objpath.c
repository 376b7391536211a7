/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/objpath.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/hex.h"

#define MAX_PARTS 5
#define MAX_VERSION ((1ull << 53) - 1)

/* A piece of the name that is being taken apart. */
struct part {
	const char *text;
	size_t len;
};

static bool
is_text(const struct part *p, const char *text)
{
	return p->len == strlen(text) && memcmp(p->text, text, p->len) == 0;
}

/* Cut at each '/'; the number of parts, or 0 where there are too many. */
static size_t
split(const char *path, struct part *parts)
{
	size_t n = 0;

	for (;;) {
		size_t len = strcspn(path, "/");

		if (n == MAX_PARTS)
			return 0;
		parts[n].text = path;
		parts[n++].len = len;
		if (path[len] == '\0')
			return n;
		path += len + 1;
	}
}

/* Take the suffix off the end of *p. */
static bool
drop_suffix(struct part *p, const char *suffix)
{
	size_t len = strlen(suffix);

	if (p->len < len || memcmp(p->text + p->len - len, suffix, len) != 0)
		return false;
	p->len -= len;
	return true;
}

/* Take "N." off the front of *p. */
static bool
take_version(struct part *p, uint64_t *version)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < p->len && i < 17 && p->text[i] >= '0' && p->text[i] <= '9')
		v = v * 10 + (uint64_t)(p->text[i++] - '0');
	if (i == 0 || i == p->len || p->text[i] != '.' || p->text[0] == '0' || v > MAX_VERSION)
		return false;
	p->text += i + 1;
	p->len -= i + 1;
	*version = v;
	return true;
}

static bool
take_id(enum ids_kind kind, char *out, const struct part *p)
{
	return ids_copy(kind, out, p->text, p->len, NULL) == 0;
}

static bool
take_hash(struct digest *out, const struct part *p)
{
	return hex_decode(out->bytes, DIGEST_LEN, p->text, p->len) == 0;
}

static bool
parse_metadata(struct objpath *out, struct part *name)
{
	if (is_text(name, "timestamp.json")) {
		out->kind = OBJPATH_TIMESTAMP;
		return true;
	}
	if (!drop_suffix(name, ".json") || !take_version(name, &out->version))
		return false;
	if (is_text(name, "root"))
		out->kind = OBJPATH_ROOT;
	else if (is_text(name, "targets"))
		out->kind = OBJPATH_TARGETS;
	else if (is_text(name, "snapshot"))
		out->kind = OBJPATH_SNAPSHOT;
	else if (take_id(IDS_CHANNEL, out->channel, name))
		out->kind = OBJPATH_CHANNEL_ROLE;
	else
		return false;
	return true;
}

/* <channel>/<course>/<release> */
static bool
take_release(struct objpath *out, const struct part *parts)
{
	return take_id(IDS_CHANNEL, out->channel, &parts[0]) &&
	    take_id(IDS_COURSE, out->course, &parts[1]) &&
	    ids_parse_release(&out->release, parts[2].text, parts[2].len, NULL) == 0;
}

static bool
parse_target_file(struct objpath *out, struct part *name)
{
	if (drop_suffix(name, ".record.json"))
		out->kind = OBJPATH_RECORD;
	else if (drop_suffix(name, ".bundle.tar"))
		out->kind = OBJPATH_BUNDLE;
	else
		return false;
	return take_hash(&out->hash, name);
}

/* <channel>/<hh>/<hash><suffix> */
static bool
parse_hashed(struct objpath *out, enum objpath_kind kind, struct part *parts, const char *suffix)
{
	out->kind = kind;
	return take_id(IDS_CHANNEL, out->channel, &parts[0]) && drop_suffix(&parts[2], suffix) &&
	    take_hash(&out->hash, &parts[2]) && parts[1].len == 2 &&
	    memcmp(parts[1].text, parts[2].text, 2) == 0;
}

static bool
parse_parts(struct objpath *out, struct part *parts, size_t n)
{
	if (n == 2 && is_text(&parts[0], "metadata"))
		return parse_metadata(out, &parts[1]);
	if (n == 5 && is_text(&parts[0], "targets"))
		return take_release(out, parts + 1) && parse_target_file(out, &parts[4]);
	if (n == 4 && is_text(&parts[0], "indexes"))
		return parse_hashed(out, OBJPATH_INDEX, parts + 1, ".index");
	if (n == 4 && is_text(&parts[0], "packs"))
		return parse_hashed(out, OBJPATH_PACK, parts + 1, ".pack");
	if (n == 4 && is_text(&parts[0], "patches"))
		return parse_hashed(out, OBJPATH_PATCH, parts + 1, ".patch");
	if (n == 4 && is_text(&parts[0], "hints")) {
		out->kind = OBJPATH_HINT;
		return take_release(out, parts + 1);
	}
	return false;
}

int
objpath_parse(struct objpath *out, const char *path, struct err *e)
{
	struct objpath parsed = { .kind = OBJPATH_ROOT };
	struct part parts[MAX_PARTS];
	size_t n = split(path, parts);
	char quoted[120];

	if (n == 0 || !parse_parts(&parsed, parts, n))
		return err_set(e, ERR_NOT_FOUND, "\"%s\" is not the name of a repository object",
		    err_quote(quoted, sizeof(quoted), path, strlen(path)));
	*out = parsed;
	return 0;
}

static void print(char *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
print(char *out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out, OBJPATH_SIZE, fmt, ap);
	va_end(ap);
	assert(n > 0 && n < OBJPATH_SIZE);
}

void
objpath_build(char *out, const struct objpath *p)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, &p->hash);
	switch (p->kind) {
	case OBJPATH_ROOT:
		objpath_metadata(out, "root", p->version);
		break;
	case OBJPATH_TARGETS:
		objpath_metadata(out, "targets", p->version);
		break;
	case OBJPATH_SNAPSHOT:
		objpath_metadata(out, "snapshot", p->version);
		break;
	case OBJPATH_CHANNEL_ROLE:
		objpath_metadata(out, p->channel, p->version);
		break;
	case OBJPATH_TIMESTAMP:
		print(out, "metadata/timestamp.json");
		break;
	case OBJPATH_RECORD:
	case OBJPATH_BUNDLE:
		print(out, "targets/%s/%s/%" PRIu32 "/%s.%s", p->channel, p->course, p->release,
		    hex, p->kind == OBJPATH_RECORD ? "record.json" : "bundle.tar");
		break;
	case OBJPATH_INDEX:
		objpath_index(out, p->channel, &p->hash);
		break;
	case OBJPATH_PACK:
		objpath_pack(out, p->channel, &p->hash);
		break;
	case OBJPATH_PATCH:
		objpath_patch(out, p->channel, &p->hash);
		break;
	case OBJPATH_HINT:
		objpath_hint(out, p->channel, p->course, p->release);
		break;
	}
}

bool
objpath_is_mutable(enum objpath_kind kind)
{
	return kind == OBJPATH_TIMESTAMP || kind == OBJPATH_HINT;
}

void
objpath_index(char *out, const char *channel, const struct digest *hash)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, hash);
	print(out, "indexes/%s/%.2s/%s.index", channel, hex, hex);
}

void
objpath_pack(char *out, const char *channel, const struct digest *hash)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, hash);
	print(out, "packs/%s/%.2s/%s.pack", channel, hex, hex);
}

void
objpath_patch(char *out, const char *channel, const struct digest *hash)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, hash);
	print(out, "patches/%s/%.2s/%s.patch", channel, hex, hex);
}

void
objpath_hint(char *out, const char *channel, const char *course, uint32_t release)
{
	print(out, "hints/%s/%s/%" PRIu32, channel, course, release);
}

void
objpath_metadata(char *out, const char *role, uint64_t version)
{
	print(out, "metadata/%" PRIu64 ".%s.json", version, role);
}

int
objpath_parse_target(struct objpath *out, const char *target, struct err *e)
{
	struct objpath parsed = { .kind = OBJPATH_ROOT };
	struct part parts[MAX_PARTS];
	size_t n = split(target, parts);
	char quoted[120];
	bool is_known = n == 4 && take_release(&parsed, parts);

	if (is_known && is_text(&parts[3], "record.json"))
		parsed.kind = OBJPATH_RECORD;
	else if (is_known && is_text(&parts[3], "bundle.tar"))
		parsed.kind = OBJPATH_BUNDLE;
	else
		return err_set(e, ERR_BAD_INPUT, "\"%s\" is not the name of a target",
		    err_quote(quoted, sizeof(quoted), target, strlen(target)));
	*out = parsed;
	return 0;
}

void
objpath_build_target(char *out, const struct objpath *p)
{
	assert(p->kind == OBJPATH_RECORD || p->kind == OBJPATH_BUNDLE);
	print(out, "%s/%s/%" PRIu32 "/%s", p->channel, p->course, p->release,
	    p->kind == OBJPATH_RECORD ? "record.json" : "bundle.tar");
}
