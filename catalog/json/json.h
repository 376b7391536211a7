/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents: read with types, or made.  A struct json owns a whole tree; a
 * struct json_at is a place in it, passed by value, good as long as the document
 * lives and the place is not dropped.  Texts lent by getters live as long, too.
 *
 * Reading:
 *	struct json *doc;
 *	const char *id;
 *
 *	if (json_parse(bytes, len, GATE_ANY, &doc, e) == -1)
 *		return -1;
 *	if (json_get_text(json_top(doc), "channel", &id, e) == -1)
 *		goto out;      "channel: a text is wanted, a number was found"
 *
 * Making (no call needs a check: the first failure sticks, and canon_write() or
 * json_check() reports it):
 *	struct json *doc = json_new();
 *
 *	json_put_text(json_top(doc), "channel", id);
 *	json_add_int(json_put_array(json_top(doc), "runs"), 7);
 *	rc = canon_write(json_top(doc), &bytes, e);
 *	json_free(doc);
 */
#ifndef KEBAO_CATALOG_JSON_JSON_H
#define KEBAO_CATALOG_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/json/gate.h"

struct cJSON; /* only json.c and canon.c look inside */
struct json;  /* opaque */

struct json_at {
	struct json *doc;   /* borrowed */
	struct cJSON *node; /* borrowed from doc; NULL is nowhere */
};

#define JSON_INT_MAX ((1ll << 53) - 1) /* integers beyond +-this have no exact meaning */

/*
 * Pass the gate and build the tree.  The caller frees *out with json_free().
 * -1: ERR_BAD_INPUT or ERR_SYSTEM.
 */
int json_parse(const void *bytes, size_t len, enum gate_mode mode, struct json **out,
    struct err *e) __attribute__((warn_unused_result));
void json_free(struct json *doc);

/* The outermost value.  A document that could not be made (NULL) has nowhere as its top. */
struct json_at json_top(struct json *doc);

/* Whether the place exists: the loop of arrays and objects ends at nowhere. */
bool json_is(struct json_at at);

/*
 * Walk the items of an array or the members of an object, in document order:
 *	for (struct json_at it = json_first(list); json_is(it); it = json_next(it))
 */
struct json_at json_first(struct json_at at);
struct json_at json_next(struct json_at at);
size_t json_count(struct json_at at);
/* The name of a member; NULL for items of an array and for the top. */
const char *json_key(struct json_at at);

/* The member of an object, or nowhere; names are compared byte for byte. */
struct json_at json_member(struct json_at at, const char *key);

bool json_is_object(struct json_at at);
bool json_is_array(struct json_at at);
bool json_is_text(struct json_at at);
bool json_is_int(struct json_at at); /* integral and within +-JSON_INT_MAX */
bool json_is_null(struct json_at at);

/*
 * The value at this place, of one type, else ERR_BAD_INPUT whose text begins
 * with the path of the place ("signed.roles.root.threshold: ...").  A text has no
 * NUL inside (the gate saw to it).
 */
int json_text(struct json_at at, const char **out, struct err *e);
int json_int(struct json_at at, int64_t *out, struct err *e);
int json_bool(struct json_at at, bool *out, struct err *e);

/* The same for a member that must be there. */
int json_get_text(struct json_at at, const char *key, const char **out, struct err *e);
int json_get_int(struct json_at at, const char *key, int64_t *out, struct err *e);
/* Within lo..hi, both inclusive. */
int json_get_int_in(struct json_at at, const char *key, int64_t lo, int64_t hi, int64_t *out,
    struct err *e);
int json_get_bool(struct json_at at, const char *key, bool *out, struct err *e);
int json_get_object(struct json_at at, const char *key, struct json_at *out, struct err *e);
int json_get_array(struct json_at at, const char *key, struct json_at *out, struct err *e);
/* 64 lower-case hexadecimal digits. */
int json_get_digest(struct json_at at, const char *key, struct digest *out, struct err *e);
/* "YYYY-MM-DDTHH:MM:SSZ" to UTC seconds. */
int json_get_utc(struct json_at at, const char *key, int64_t *out, struct err *e);

/*
 * The same for a member that may be absent: then 0 and *out is NULL, absent, or
 * nowhere.  A member of the wrong type is an error; null is a wrong type.
 */
int json_find_text(struct json_at at, const char *key, const char **out, struct err *e);
int json_find_int(struct json_at at, const char *key, int64_t absent, int64_t *out,
    struct err *e);
int json_find_bool(struct json_at at, const char *key, bool absent, bool *out, struct err *e);
int json_find_object(struct json_at at, const char *key, struct json_at *out, struct err *e);
int json_find_array(struct json_at at, const char *key, struct json_at *out, struct err *e);

/* ERR_BAD_INPUT when the object has a member that is not among the n names. */
int json_only(struct json_at at, const char *const *names, size_t n, struct err *e);

/* Write ERR_BAD_INPUT "path: <your text>" for a value whose meaning is wrong.  Returns -1. */
int json_wrong(struct json_at at, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define json_wrong(...) ({ (void)json_wrong(__VA_ARGS__); -1; }) /* as in err.h */

/* An empty object; NULL when out of memory, which every call below accepts. */
struct json *json_new(void);

/* Set a member of an object (replacing one of the same name) or add an item to an array. */
void json_put_text(struct json_at at, const char *key, const char *text);
void json_put_int(struct json_at at, const char *key, int64_t v);
void json_put_bool(struct json_at at, const char *key, bool v);
void json_put_digest(struct json_at at, const char *key, const struct digest *d);
void json_put_utc(struct json_at at, const char *key, int64_t v);
struct json_at json_put_object(struct json_at at, const char *key);
struct json_at json_put_array(struct json_at at, const char *key);
/* A deep copy of a place in this or another document. */
struct json_at json_put_copy(struct json_at at, const char *key, struct json_at from);

void json_add_text(struct json_at at, const char *text);
void json_add_int(struct json_at at, int64_t v);
struct json_at json_add_object(struct json_at at);
struct json_at json_add_array(struct json_at at);
struct json_at json_add_copy(struct json_at at, struct json_at from);

/* Remove a member; one that is not there is fine.  Places below it are gone. */
void json_drop(struct json_at at, const char *key);
/* Remove an item of this array. */
void json_drop_item(struct json_at at, struct json_at item);

/*
 * 0 when everything put so far is in the tree.  -1: ERR_SYSTEM when memory ran out,
 * ERR_BAD_INPUT when a text was not UTF-8 or an integer beyond +-JSON_INT_MAX.
 */
int json_check(const struct json *doc, struct err *e);

#endif
