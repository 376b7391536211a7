/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/expiries.h"

#include <stdio.h>
#include <string.h>

#include "catalog/base/buf.h"
#include "catalog/base/limits.h"
#include "catalog/json/json.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"

int64_t
expiries_early_s(const char *role)
{
	if (strcmp(role, "timestamp") == 0)
		return EXPIRIES_TIMESTAMP_S;
	if (strcmp(role, "snapshot") == 0)
		return EXPIRIES_SNAPSHOT_S;
	return EXPIRIES_EARLY_S;
}

/* The document and its date; the caller frees *out. */
static int
load(const struct store *store, const char *name, struct json **out, int64_t *expires_at,
    struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	struct json_at body;
	int rc = -1;

	if (store_load(store, name, LIMIT_TARGETS_BYTES, &bytes, e) == 0 &&
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_SIGNED, &doc, e) == 0 &&
	    json_get_object(json_top(doc), "signed", &body, e) == 0 &&
	    json_get_utc(body, "expires", expires_at, e) == 0) {
		*out = doc;
		doc = NULL;
		rc = 0;
	}
	if (rc == -1)
		err_within(e, "%s", name);
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

static struct json_at
listed(struct json *doc)
{
	return json_member(json_member(json_top(doc), "signed"), "meta");
}

static int
see_role(const struct store *store, const char *role, int64_t version, const struct expiries *x,
    struct err *e)
{
	char name[OBJPATH_SIZE];
	struct json *doc;
	int64_t expires_at;

	objpath_metadata(name, role, (uint64_t)version);
	if (load(store, name, &doc, &expires_at, e) == -1)
		return -1;
	json_free(doc);
	x->see(x->ctx, role, expires_at);
	return 0;
}

static int
see_root(const struct store *store, const struct expiries *x, struct err *e)
{
	char name[OBJPATH_SIZE];
	int64_t version = 0;

	do
		objpath_metadata(name, "root", (uint64_t)++version);
	while (store_has(store, name));
	return see_role(store, "root", version - 1, x, e);
}

/* An entry of the snapshot: "gd.ip.json". */
static int
see_entry(const struct store *store, struct json_at entry, const struct expiries *x,
    struct err *e)
{
	char role[LIMIT_ID_BYTES + 1];
	size_t len = strlen(json_key(entry)), end = strlen(".json");
	int64_t version;

	if (len <= end || len - end > LIMIT_ID_BYTES)
		return err_set(e, ERR_BAD_INPUT, "the snapshot lists a strange name");
	(void)snprintf(role, sizeof(role), "%.*s", (int)(len - end), json_key(entry));
	if (json_get_int_in(entry, "version", 1, JSON_INT_MAX, &version, e) == -1)
		return -1;
	return see_role(store, role, version, x, e);
}

static int
see_snapshot(const struct store *store, int64_t version, const struct expiries *x, struct err *e)
{
	char name[OBJPATH_SIZE];
	struct json *doc;
	int64_t expires_at;
	int rc = 0;

	objpath_metadata(name, "snapshot", (uint64_t)version);
	if (load(store, name, &doc, &expires_at, e) == -1)
		return -1;
	x->see(x->ctx, "snapshot", expires_at);
	for (struct json_at it = json_first(listed(doc)); json_is(it) && rc == 0;
	    it = json_next(it))
		rc = see_entry(store, it, x, e);
	json_free(doc);
	return rc;
}

int
expiries_walk(const struct store *store, const struct expiries *x, struct err *e)
{
	struct json *doc;
	int64_t expires_at, version;
	int rc;

	if (see_root(store, x, e) == -1 ||
	    load(store, "metadata/timestamp.json", &doc, &expires_at, e) == -1)
		return -1;
	x->see(x->ctx, "timestamp", expires_at);
	rc = json_get_int_in(json_member(listed(doc), "snapshot.json"), "version", 1, JSON_INT_MAX,
	    &version, e);
	json_free(doc);
	return rc == -1 ? -1 : see_snapshot(store, version, x, e);
}
