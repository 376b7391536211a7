/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/json/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/hex.h"
#include "catalog/base/utc.h"
#include "catalog/base/utf8.h"

#define PATH_MAX_DEPTH 64
#define PATH_SIZE 160

struct json {
	cJSON *root; /* owned */
	enum err_class failed; /* of the calls that make; ERR_NONE while all went well */
};

static const struct json_at nowhere = { NULL, NULL };

static int
new_document(cJSON *root, struct json **out, struct err *e)
{
	struct json *doc;

	if (root == NULL)
		return err_nomem(e);
	doc = calloc(1, sizeof(*doc));
	if (doc == NULL) {
		cJSON_Delete(root);
		return err_nomem(e);
	}
	doc->root = root;
	*out = doc;
	return 0;
}

int
json_parse(const void *bytes, size_t len, enum gate_mode mode, struct json **out, struct err *e)
{
	if (gate_check(bytes, len, mode, e) == -1)
		return -1;
	/* What passed the gate is JSON: cJSON can only fail for want of memory. */
	return new_document(cJSON_ParseWithLengthOpts(bytes, len, NULL, false), out, e);
}

struct json *
json_new(void)
{
	struct json *doc = NULL;

	return new_document(cJSON_CreateObject(), &doc, NULL) == 0 ? doc : NULL;
}

void
json_free(struct json *doc)
{
	if (doc == NULL)
		return;
	cJSON_Delete(doc->root);
	free(doc);
}

struct json_at
json_top(struct json *doc)
{
	return doc == NULL ? nowhere : (struct json_at){ doc, doc->root };
}

bool
json_is(struct json_at at)
{
	return at.node != NULL;
}

static bool
is_collection(struct json_at at)
{
	return json_is_object(at) || json_is_array(at);
}

struct json_at
json_first(struct json_at at)
{
	return is_collection(at) ? (struct json_at){ at.doc, at.node->child } : nowhere;
}

struct json_at
json_next(struct json_at at)
{
	return at.node == NULL ? nowhere : (struct json_at){ at.doc, at.node->next };
}

size_t
json_count(struct json_at at)
{
	size_t n = 0;

	for (struct json_at it = json_first(at); json_is(it); it = json_next(it))
		n++;
	return n;
}

const char *
json_key(struct json_at at)
{
	return at.node == NULL ? NULL : at.node->string;
}

struct json_at
json_member(struct json_at at, const char *key)
{
	if (!json_is_object(at))
		return nowhere;
	return (struct json_at){ at.doc, cJSON_GetObjectItemCaseSensitive(at.node, key) };
}

bool
json_is_object(struct json_at at)
{
	return cJSON_IsObject(at.node);
}

bool
json_is_array(struct json_at at)
{
	return cJSON_IsArray(at.node);
}

bool
json_is_text(struct json_at at)
{
	return cJSON_IsString(at.node);
}

bool
json_is_int(struct json_at at)
{
	double v;

	if (!cJSON_IsNumber(at.node))
		return false;
	v = at.node->valuedouble;
	return fabs(v) <= (double)JSON_INT_MAX && v == floor(v);
}

bool
json_is_null(struct json_at at)
{
	return cJSON_IsNull(at.node);
}

/* Append one step of a path; what does not fit is left away. */
static void
add_step(char *path, const cJSON *node, size_t index)
{
	size_t len = strlen(path);
	char quoted[64];

	if (node->string == NULL)
		(void)snprintf(path + len, PATH_SIZE - len, "[%zu]", index);
	else
		(void)snprintf(path + len, PATH_SIZE - len, "%s%s", len == 0 ? "" : ".",
		    err_quote(quoted, sizeof(quoted), node->string, strlen(node->string)));
}

/* cJSON knows no parents, so the place is searched for; only ever on the way to an error. */
static bool
find_path(const cJSON *here, const cJSON *wanted, char *path, unsigned depth)
{
	size_t index = 0;

	if (here == wanted)
		return true;
	if (depth > PATH_MAX_DEPTH)
		return false;
	for (const cJSON *it = here->child; it != NULL; it = it->next, index++) {
		size_t len = strlen(path);

		add_step(path, it, index);
		if (find_path(it, wanted, path, depth + 1))
			return true;
		path[len] = '\0';
	}
	return false;
}

static void
path_of(struct json_at at, char path[PATH_SIZE])
{
	path[0] = '\0';
	if (at.node != NULL && at.doc != NULL)
		(void)find_path(at.doc->root, at.node, path, 0);
}

int
(json_wrong)(struct json_at at, struct err *e, const char *fmt, ...)
{
	char path[PATH_SIZE], text[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is better than no report */
	va_end(ap);
	path_of(at, path);
	return err_set(e, ERR_BAD_INPUT, "%s: %s", path[0] == '\0' ? "the document" : path, text);
}

static const char *
type_name(const cJSON *node)
{
	if (cJSON_IsObject(node))
		return "an object";
	if (cJSON_IsArray(node))
		return "a list";
	if (cJSON_IsString(node))
		return "a text";
	if (cJSON_IsNumber(node))
		return "a number";
	if (cJSON_IsBool(node))
		return "true or false";
	if (cJSON_IsNull(node))
		return "null";
	return "nothing";
}

static int
wrong_type(struct json_at at, const char *wanted, struct err *e)
{
	return json_wrong(at, e, "%s is wanted, %s was found", wanted, type_name(at.node));
}

int
json_text(struct json_at at, const char **out, struct err *e)
{
	if (!json_is_text(at))
		return wrong_type(at, "a text", e);
	*out = at.node->valuestring;
	return 0;
}

int
json_int(struct json_at at, int64_t *out, struct err *e)
{
	if (!cJSON_IsNumber(at.node))
		return wrong_type(at, "an integer", e);
	if (!json_is_int(at))
		return json_wrong(at, e, "an integer up to 2^53 - 1 is wanted, %g was found",
		    at.node->valuedouble);
	*out = (int64_t)at.node->valuedouble;
	return 0;
}

int
json_bool(struct json_at at, bool *out, struct err *e)
{
	if (!cJSON_IsBool(at.node))
		return wrong_type(at, "true or false", e);
	*out = cJSON_IsTrue(at.node);
	return 0;
}

/* The member, or -1 with a report that names it. */
static int
must_have(struct json_at at, const char *key, struct json_at *out, struct err *e)
{
	char quoted[64];

	if (!json_is_object(at))
		return wrong_type(at, "an object", e);
	*out = json_member(at, key);
	if (json_is(*out))
		return 0;
	return json_wrong(at, e, "\"%s\" is missing", err_quote(quoted, sizeof(quoted), key,
	    strlen(key)));
}

int
json_get_text(struct json_at at, const char *key, const char **out, struct err *e)
{
	struct json_at m;

	return must_have(at, key, &m, e) == -1 ? -1 : json_text(m, out, e);
}

int
json_get_int(struct json_at at, const char *key, int64_t *out, struct err *e)
{
	struct json_at m;

	return must_have(at, key, &m, e) == -1 ? -1 : json_int(m, out, e);
}

int
json_get_int_in(struct json_at at, const char *key, int64_t lo, int64_t hi, int64_t *out,
    struct err *e)
{
	int64_t v;

	if (json_get_int(at, key, &v, e) == -1)
		return -1;
	if (v < lo || v > hi)
		return json_wrong(json_member(at, key), e,
		    "%lld to %lld is wanted, %lld was found", (long long)lo, (long long)hi,
		    (long long)v);
	*out = v;
	return 0;
}

int
json_get_bool(struct json_at at, const char *key, bool *out, struct err *e)
{
	struct json_at m;

	return must_have(at, key, &m, e) == -1 ? -1 : json_bool(m, out, e);
}

int
json_get_object(struct json_at at, const char *key, struct json_at *out, struct err *e)
{
	struct json_at m;

	if (must_have(at, key, &m, e) == -1)
		return -1;
	if (!json_is_object(m))
		return wrong_type(m, "an object", e);
	*out = m;
	return 0;
}

int
json_get_array(struct json_at at, const char *key, struct json_at *out, struct err *e)
{
	struct json_at m;

	if (must_have(at, key, &m, e) == -1)
		return -1;
	if (!json_is_array(m))
		return wrong_type(m, "a list", e);
	*out = m;
	return 0;
}

int
json_get_digest(struct json_at at, const char *key, struct digest *out, struct err *e)
{
	struct digest d;
	const char *hex = NULL;

	if (json_get_text(at, key, &hex, e) == -1)
		return -1;
	if (digest_parse(&d, hex) == -1)
		return json_wrong(json_member(at, key), e,
		    "64 lower-case hexadecimal digits are wanted");
	*out = d;
	return 0;
}

int
json_get_utc(struct json_at at, const char *key, int64_t *out, struct err *e)
{
	const char *text = NULL;
	struct err why;

	if (json_get_text(at, key, &text, e) == -1)
		return -1;
	if (utc_parse(text, out, &why) == -1)
		return json_wrong(json_member(at, key), e, "%s", why.text);
	return 0;
}

int
json_find_text(struct json_at at, const char *key, const char **out, struct err *e)
{
	struct json_at m = json_member(at, key);

	if (json_is(m))
		return json_text(m, out, e);
	*out = NULL;
	return 0;
}

int
json_find_int(struct json_at at, const char *key, int64_t absent, int64_t *out, struct err *e)
{
	struct json_at m = json_member(at, key);

	if (json_is(m))
		return json_int(m, out, e);
	*out = absent;
	return 0;
}

int
json_find_bool(struct json_at at, const char *key, bool absent, bool *out, struct err *e)
{
	struct json_at m = json_member(at, key);

	if (json_is(m))
		return json_bool(m, out, e);
	*out = absent;
	return 0;
}

int
json_find_object(struct json_at at, const char *key, struct json_at *out, struct err *e)
{
	if (json_is(json_member(at, key)))
		return json_get_object(at, key, out, e);
	*out = nowhere;
	return 0;
}

int
json_find_array(struct json_at at, const char *key, struct json_at *out, struct err *e)
{
	if (json_is(json_member(at, key)))
		return json_get_array(at, key, out, e);
	*out = nowhere;
	return 0;
}

int
json_only(struct json_at at, const char *const *names, size_t n, struct err *e)
{
	for (struct json_at it = json_first(at); json_is(it); it = json_next(it)) {
		size_t i = 0;

		while (i < n && strcmp(names[i], json_key(it)) != 0)
			i++;
		if (i == n)
			return json_wrong(it, e, "there is no such member here");
	}
	return 0;
}

/* Note the first failure; it stays until json_check(). */
static void
fail(struct json *doc, enum err_class class)
{
	if (doc != NULL && doc->failed == ERR_NONE)
		doc->failed = class;
}

int
json_check(const struct json *doc, struct err *e)
{
	if (doc == NULL || doc->failed == ERR_SYSTEM)
		return err_nomem(e);
	if (doc->failed != ERR_NONE)
		return err_set(e, doc->failed,
		    "a text is not UTF-8 or a number is beyond 2^53 - 1 in a document being made");
	return 0;
}

static cJSON *
text_item(struct json *doc, const char *text)
{
	if (!utf8_valid(text, strlen(text))) {
		fail(doc, ERR_BAD_INPUT);
		return NULL;
	}
	return cJSON_CreateString(text);
}

static cJSON *
int_item(struct json *doc, int64_t v)
{
	if (v > JSON_INT_MAX || v < -JSON_INT_MAX) {
		fail(doc, ERR_BAD_INPUT);
		return NULL;
	}
	return cJSON_CreateNumber((double)v);
}

static cJSON *
copy_item(struct json *doc, struct json_at from)
{
	cJSON *item;

	if (from.node == NULL) {
		fail(doc, from.doc == NULL ? ERR_SYSTEM : from.doc->failed);
		return NULL;
	}
	item = cJSON_Duplicate(from.node, true);
	if (item != NULL && item->string != NULL) {
		cJSON_free(item->string);
		item->string = NULL;
	}
	return item;
}

/* Takes item (NULL: could not be made). */
static struct json_at
give_member(struct json_at at, const char *key, cJSON *item)
{
	if (!json_is_object(at) || item == NULL)
		goto failed;
	if (!utf8_valid(key, strlen(key))) {
		fail(at.doc, ERR_BAD_INPUT);
		goto failed;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(at.node, key);
	if (!cJSON_AddItemToObject(at.node, key, item))
		goto failed;
	return (struct json_at){ at.doc, item };
failed:
	fail(at.doc, ERR_SYSTEM);
	cJSON_Delete(item);
	return nowhere;
}

static struct json_at
give_item(struct json_at at, cJSON *item)
{
	if (json_is_array(at) && item != NULL && cJSON_AddItemToArray(at.node, item))
		return (struct json_at){ at.doc, item };
	fail(at.doc, ERR_SYSTEM);
	cJSON_Delete(item);
	return nowhere;
}

void
json_put_text(struct json_at at, const char *key, const char *text)
{
	(void)give_member(at, key, text_item(at.doc, text)); /* failures stick */
}

void
json_put_int(struct json_at at, const char *key, int64_t v)
{
	(void)give_member(at, key, int_item(at.doc, v)); /* failures stick */
}

void
json_put_bool(struct json_at at, const char *key, bool v)
{
	(void)give_member(at, key, cJSON_CreateBool(v)); /* failures stick */
}

void
json_put_digest(struct json_at at, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(hex, d);
	json_put_text(at, key, hex);
}

void
json_put_utc(struct json_at at, const char *key, int64_t v)
{
	char text[UTC_TEXT_SIZE];

	json_put_text(at, key, utc_format(text, v));
}

struct json_at
json_put_object(struct json_at at, const char *key)
{
	return give_member(at, key, cJSON_CreateObject());
}

struct json_at
json_put_array(struct json_at at, const char *key)
{
	return give_member(at, key, cJSON_CreateArray());
}

struct json_at
json_put_copy(struct json_at at, const char *key, struct json_at from)
{
	return give_member(at, key, copy_item(at.doc, from));
}

void
json_add_text(struct json_at at, const char *text)
{
	(void)give_item(at, text_item(at.doc, text)); /* failures stick */
}

void
json_add_int(struct json_at at, int64_t v)
{
	(void)give_item(at, int_item(at.doc, v)); /* failures stick */
}

struct json_at
json_add_object(struct json_at at)
{
	return give_item(at, cJSON_CreateObject());
}

struct json_at
json_add_array(struct json_at at)
{
	return give_item(at, cJSON_CreateArray());
}

struct json_at
json_add_copy(struct json_at at, struct json_at from)
{
	return give_item(at, copy_item(at.doc, from));
}

void
json_drop(struct json_at at, const char *key)
{
	if (json_is_object(at))
		cJSON_DeleteItemFromObjectCaseSensitive(at.node, key);
}

void
json_drop_item(struct json_at at, struct json_at item)
{
	if (json_is_array(at) && json_is(item))
		cJSON_Delete(cJSON_DetachItemViaPointer(at.node, item.node));
}
