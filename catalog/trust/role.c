/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/role.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/hex.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/json/canon.h"

struct role {
	enum meta_type type;
	struct json *doc;  /* owned; the `signed` under work */
	struct err failed; /* the first change that could not be made */
};

static int
days_of(enum meta_type type)
{
	switch (type) {
	case META_ROOT: return ROLE_ROOT_DAYS;
	case META_TARGETS: return ROLE_TARGETS_DAYS;
	case META_SNAPSHOT: return ROLE_SNAPSHOT_DAYS;
	case META_TIMESTAMP: return ROLE_TIMESTAMP_DAYS;
	}
	return 0;
}

static void
fill_new(struct json_at top, enum meta_type type)
{
	json_put_text(top, "_type", meta_type_name(type));
	switch (type) {
	case META_ROOT:
		json_put_bool(top, "consistent_snapshot", true);
		(void)json_put_object(top, "keys");
		(void)json_put_object(top, "roles");
		break;
	case META_TARGETS:
		(void)json_put_object(top, "targets");
		break;
	case META_SNAPSHOT:
	case META_TIMESTAMP:
		(void)json_put_object(top, "meta");
		break;
	}
}

static void
fill_from(struct json_at top, const struct meta *previous)
{
	struct json_at it = json_first(json_member(json_top(previous->doc), "signed"));

	for (; json_is(it); it = json_next(it))
		(void)json_put_copy(top, json_key(it), it);
}

int
role_new(enum meta_type type, const struct meta *previous, int64_t now, struct role **out,
    struct err *e)
{
	struct role *r = calloc(1, sizeof(*r));
	struct json_at top;

	assert(previous == NULL || previous->type == type);
	if (r == NULL)
		return err_nomem(e);
	r->type = type;
	r->doc = json_new();
	top = json_top(r->doc);
	if (previous == NULL)
		fill_new(top, type);
	else
		fill_from(top, previous);
	json_put_text(top, "spec_version", META_SPEC_VERSION);
	json_put_int(top, "version", previous == NULL ? 1 : previous->version + 1);
	json_put_utc(top, "expires", now + (int64_t)days_of(type) * UTC_DAY_S);
	if (json_check(r->doc, e) == -1) {
		role_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
role_free(struct role *r)
{
	if (r == NULL)
		return;
	json_free(r->doc);
	free(r);
}

/* Where a failure goes: the first one stays. */
static struct err *
sticky(struct role *r)
{
	return r->failed.class == ERR_NONE ? &r->failed : NULL;
}

void
role_set_version(struct role *r, int64_t version)
{
	json_put_int(json_top(r->doc), "version", version);
}

void
role_set_expiry(struct role *r, int64_t expires_at)
{
	json_put_utc(json_top(r->doc), "expires", expires_at);
}

static bool
has_same_before(const struct key *const *keys, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (key_is_same(keys[j], keys[i]))
			return true;
	}
	return false;
}

/* Whether a threshold can be reached by keys that are different and can verify. */
static int
check_keys(const char *role, const struct key *const *keys, size_t n, int64_t threshold,
    struct err *e)
{
	if (n > LIMIT_ROLE_KEYS)
		return err_set(e, ERR_BAD_INPUT, "%s: %zu keys, at most %u are allowed", role, n,
		    LIMIT_ROLE_KEYS);
	if (threshold < 1 || (uint64_t)threshold > n)
		return err_set(e, ERR_BAD_INPUT,
		    "%s: %" PRId64 " signatures cannot come from %zu keys", role, threshold, n);
	for (size_t i = 0; i < n; i++) {
		if (!key_is_usable(keys[i]))
			return err_set(e, ERR_BAD_INPUT, "%s: key %zu of the list cannot verify",
			    role, i + 1);
		if (has_same_before(keys, i))
			return err_set(e, ERR_BAD_INPUT, "%s: key %.16s is listed twice", role,
			    key_id(keys[i]));
	}
	return 0;
}

/* keys into the list of all, their ids and the threshold into the role. */
static void
put_keys(struct json_at list, struct json_at role, const struct key *const *keys, size_t n,
    int64_t threshold)
{
	struct json_at ids = json_put_array(role, "keyids");

	for (size_t i = 0; i < n; i++) {
		key_put(keys[i], list, key_id(keys[i]));
		json_add_text(ids, key_id(keys[i]));
	}
	json_put_int(role, "threshold", threshold);
}

static bool
lists_keyid(struct json_at role, const char *keyid)
{
	const char *text;

	for (struct json_at it = json_first(json_member(role, "keyids")); json_is(it);
	    it = json_next(it)) {
		if (json_text(it, &text, NULL) == 0 && strcmp(text, keyid) == 0)
			return true;
	}
	return false;
}

static bool
is_used(struct json_at roles, const char *keyid)
{
	for (struct json_at it = json_first(roles); json_is(it); it = json_next(it)) {
		if (lists_keyid(it, keyid))
			return true;
	}
	return false;
}

/* Drop the keys that no role lists.  roles: an object (root) or an array (delegations). */
static void
drop_unused(struct json_at keys, struct json_at roles)
{
	struct json_at it = json_first(keys), next;

	for (; json_is(it); it = next) {
		next = json_next(it);
		if (!is_used(roles, json_key(it)))
			json_drop(keys, json_key(it));
	}
}

void
role_set_top(struct role *r, enum meta_type top, const struct key *const *keys, size_t n_keys,
    int64_t threshold)
{
	struct json_at list = json_member(json_top(r->doc), "keys");
	struct json_at roles = json_member(json_top(r->doc), "roles");

	if (check_keys(meta_type_name(top), keys, n_keys, threshold, sticky(r)) == -1)
		return;
	put_keys(list, json_put_object(roles, meta_type_name(top)), keys, n_keys, threshold);
	drop_unused(list, roles);
}

static struct json_at
find_channel(struct json_at roles, const char *channel)
{
	struct json_at it = json_first(roles);
	const char *name;

	while (json_is(it) &&
	    (json_get_text(it, "name", &name, NULL) == -1 || strcmp(name, channel) != 0))
		it = json_next(it);
	return it;
}

static struct json_at
delegations(struct role *r)
{
	struct json_at at = json_member(json_top(r->doc), "delegations");

	if (!json_is(at)) {
		at = json_put_object(json_top(r->doc), "delegations");
		(void)json_put_object(at, "keys");
		(void)json_put_array(at, "roles");
	}
	return at;
}

void
role_set_channel(struct role *r, const char *channel, const struct key *const *keys,
    size_t n_keys, int64_t threshold)
{
	struct json_at at, roles, role;
	char pattern[LIMIT_ID_BYTES + sizeof("/*/*/*")];

	if (check_keys(channel, keys, n_keys, threshold, sticky(r)) == -1)
		return;
	if (strlen(channel) > LIMIT_ID_BYTES) {
		err_set(sticky(r), ERR_BAD_INPUT, "the id of a channel is longer than %u bytes",
		    LIMIT_ID_BYTES);
		return;
	}
	(void)snprintf(pattern, sizeof(pattern), "%s/*/*/*", channel); /* fits, see above */
	at = delegations(r);
	roles = json_member(at, "roles");
	role = find_channel(roles, channel);
	if (!json_is(role)) {
		role = json_add_object(roles);
		json_put_text(role, "name", channel);
		json_put_bool(role, "terminating", true);
	}
	json_add_text(json_put_array(role, "paths"), pattern);
	put_keys(json_member(at, "keys"), role, keys, n_keys, threshold);
	drop_unused(json_member(at, "keys"), roles);
}

void
role_drop_channel(struct role *r, const char *channel)
{
	struct json_at at = json_member(json_top(r->doc), "delegations");
	struct json_at roles = json_member(at, "roles");

	json_drop_item(roles, find_channel(roles, channel));
	drop_unused(json_member(at, "keys"), roles);
}

static void
put_bytes(struct json_at at, uint64_t length, const struct digest *d)
{
	json_put_int(at, "length", length > (uint64_t)JSON_INT_MAX ? -1 : (int64_t)length);
	json_put_digest(json_put_object(at, "hashes"), "sha256", d);
}

void
role_set_target(struct role *r, const char *path, uint64_t length, const struct digest *d,
    struct json_at custom)
{
	struct json_at at = json_put_object(json_member(json_top(r->doc), "targets"), path);

	put_bytes(at, length, d);
	if (json_is(custom))
		(void)json_put_copy(at, "custom", custom);
}

void
role_set_custom(struct role *r, const char *path, struct json_at custom)
{
	struct json_at at = json_member(json_member(json_top(r->doc), "targets"), path);

	if (!json_is(at))
		err_set(sticky(r), ERR_BAD_INPUT, "there is no target %s", path);
	else if (json_is(custom))
		(void)json_put_copy(at, "custom", custom);
	else
		json_drop(at, "custom");
}

void
role_drop_target(struct role *r, const char *path)
{
	json_drop(json_member(json_top(r->doc), "targets"), path);
}

void
role_set_file(struct role *r, const char *role, int64_t version, const void *bytes, size_t len)
{
	struct buf name = BUF_INIT;
	struct json_at at;
	struct digest d;

	if (buf_printf(&name, sticky(r), "%s.json", role) == -1)
		return;
	digest_of(&d, bytes, len);
	at = json_put_object(json_member(json_top(r->doc), "meta"), buf_text(&name));
	json_put_int(at, "version", version);
	put_bytes(at, len, &d);
	buf_clear(&name);
}

static int
check(const struct role *r, struct err *e)
{
	if (r->failed.class != ERR_NONE)
		return err_set(e, r->failed.class, "%s", r->failed.text);
	return json_check(r->doc, e);
}

int
role_signed(const struct role *r, struct buf *out, struct err *e)
{
	return check(r, e) == -1 ? -1 : canon_signed(json_top(r->doc), out, e);
}

/* Add, or put in place of an older one, the signer's signature. */
static int
add_signature(struct json_at list, const struct role_signer *signer, const struct buf *covered,
    struct err *e)
{
	struct buf sig = BUF_INIT, hex = BUF_INIT;
	struct json_at it, next, at;
	const char *keyid;
	uint8_t *room;
	int rc = -1;

	if (signer->sign(signer->ctx, buf_data(covered), buf_len(covered), &sig, e) == -1)
		goto out;
	room = buf_extend(&hex, 2 * buf_len(&sig) + 1, e); /* hex_encode() ends with a NUL */
	if (room == NULL)
		goto out;
	hex_encode((char *)room, buf_data(&sig), buf_len(&sig));
	for (it = json_first(list); json_is(it); it = next) {
		next = json_next(it);
		if (json_get_text(it, "keyid", &keyid, NULL) == 0 &&
		    strcmp(keyid, signer->keyid) == 0)
			json_drop_item(list, it);
	}
	at = json_add_object(list);
	json_put_text(at, "keyid", signer->keyid);
	json_put_text(at, "sig", buf_text(&hex));
	rc = 0;
out:
	buf_clear(&hex);
	buf_clear(&sig);
	return rc;
}

static size_t
limit_of(enum meta_type type)
{
	switch (type) {
	case META_ROOT: return LIMIT_ROOT_BYTES;
	case META_TARGETS: return LIMIT_TARGETS_BYTES;
	case META_SNAPSHOT: return LIMIT_SNAPSHOT_BYTES;
	case META_TIMESTAMP: return LIMIT_TIMESTAMP_BYTES;
	}
	return 0;
}

/* Write the file, and make sure that any reader will accept its shape and size. */
static int
write_file(struct json *doc, struct buf *out, struct err *e)
{
	size_t before = buf_len(out), len;
	struct meta_claim *claim = NULL;
	int rc = -1;

	if (canon_write(json_top(doc), out, e) == -1)
		return -1;
	len = buf_len(out) - before;
	if (meta_parse(buf_data(out) + before, len, &claim, e) == -1) {
		err_within(e, "a role that was made here");
		goto out;
	}
	if (len > limit_of(meta_claim_type(claim))) {
		err_set(e, ERR_BAD_INPUT, "the %s role would have %zu bytes, at most %zu are "
		    "allowed", meta_type_name(meta_claim_type(claim)), len,
		    limit_of(meta_claim_type(claim)));
		goto out;
	}
	rc = 0;
out:
	if (rc == -1)
		buf_truncate(out, before);
	meta_claim_free(claim);
	return rc;
}

int
role_file(const struct role *r, const struct role_signer *signers, size_t n, struct buf *out,
    struct err *e)
{
	struct buf covered = BUF_INIT;
	struct json *doc = NULL;
	struct json_at list;
	int rc = -1;

	if (role_signed(r, &covered, e) == -1)
		goto out;
	doc = json_new();
	(void)json_put_copy(json_top(doc), "signed", json_top(r->doc));
	list = json_put_array(json_top(doc), "signatures");
	for (size_t i = 0; i < n; i++) {
		if (add_signature(list, &signers[i], &covered, e) == -1)
			goto out;
	}
	rc = write_file(doc, out, e);
out:
	json_free(doc);
	buf_clear(&covered);
	return rc;
}

int
role_cosign(const void *file, size_t len, const struct role_signer *signer, struct buf *out,
    struct err *e)
{
	struct buf covered = BUF_INIT;
	struct json *doc = NULL;
	struct json_at body, list;
	int rc = -1;

	if (json_parse(file, len, GATE_SIGNED, &doc, e) == -1 ||
	    json_get_object(json_top(doc), "signed", &body, e) == -1 ||
	    json_get_array(json_top(doc), "signatures", &list, e) == -1 ||
	    canon_signed(body, &covered, e) == -1 ||
	    add_signature(list, signer, &covered, e) == -1)
		goto out;
	rc = write_file(doc, out, e);
out:
	json_free(doc);
	buf_clear(&covered);
	return rc;
}

int
role_covered(const void *file, size_t len, struct digest *out, struct err *e)
{
	struct buf covered = BUF_INIT;
	struct json *doc = NULL;
	struct json_at body;
	int rc = -1;

	if (json_parse(file, len, GATE_SIGNED, &doc, e) == 0 &&
	    json_get_object(json_top(doc), "signed", &body, e) == 0 &&
	    canon_signed(body, &covered, e) == 0) {
		digest_of(out, buf_data(&covered), buf_len(&covered));
		rc = 0;
	}
	json_free(doc);
	buf_clear(&covered);
	return rc;
}

static bool
is_among(const char *keyid, const char *const *keyids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(keyids[i], keyid) == 0)
			return true;
	return false;
}

/* Copy the signatures of these keys (or, wanted false, of all others) from the file. */
static int
copy_signatures(struct json_at list, const struct role_bytes *file, const char *const *keyids,
    size_t n, bool wanted, struct err *e)
{
	struct json *doc = NULL;
	struct json_at from;
	const char *keyid;
	int rc = -1;

	if (json_parse(file->bytes, file->len, GATE_SIGNED, &doc, e) == 0 &&
	    json_get_array(json_top(doc), "signatures", &from, e) == 0) {
		for (struct json_at it = json_first(from); json_is(it); it = json_next(it))
			if (json_get_text(it, "keyid", &keyid, NULL) == 0 &&
			    is_among(keyid, keyids, n) == wanted)
				(void)json_add_copy(list, it);
		rc = 0;
	}
	json_free(doc);
	return rc;
}

int
role_merge(const struct role_bytes *file, const struct role_bytes *more,
    const char *const *keyids, size_t n, struct buf *out, struct err *e)
{
	struct json *doc = json_new(), *from = NULL;
	struct json_at body, list;
	struct digest one, other;
	int rc = -1;

	if (role_covered(more->bytes, more->len, &one, e) == -1 ||
	    (file != NULL && role_covered(file->bytes, file->len, &other, e) == -1))
		goto out;
	if (file != NULL && !digest_equal(&one, &other)) {
		(void)err_set(e, ERR_CONFLICT, "these signatures are for another version");
		goto out;
	}
	if (json_parse(more->bytes, more->len, GATE_SIGNED, &from, e) == -1 ||
	    json_get_object(json_top(from), "signed", &body, e) == -1)
		goto out;
	(void)json_put_copy(json_top(doc), "signed", body);
	list = json_put_array(json_top(doc), "signatures");
	if ((file != NULL && copy_signatures(list, file, keyids, n, false, e) == -1) ||
	    copy_signatures(list, more, keyids, n, true, e) == -1)
		goto out;
	rc = write_file(doc, out, e);
out:
	json_free(from);
	json_free(doc);
	return rc;
}

int
role_path(const char *role, int64_t version, struct buf *out, struct err *e)
{
	size_t before = buf_len(out);

	if (buf_add_text(out, "metadata/", e) == -1)
		goto failed;
	if (strcmp(role, meta_type_name(META_TIMESTAMP)) != 0 &&
	    buf_printf(out, e, "%" PRId64 ".", version) == -1)
		goto failed;
	if (meta_quote_role(role, out, e) == -1 || buf_add_text(out, ".json", e) == -1)
		goto failed;
	return 0;
failed:
	buf_truncate(out, before);
	return -1;
}
