/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/meta.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/base/hex.h"
#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "catalog/trust/claim.h"
#include "catalog/trust/match.h"

#define SIG_BYTES_MAX 1024 /* RSA with 8192 bits */

static const char *const type_names[META_N_TYPES] = {
	[META_ROOT] = "root",
	[META_TARGETS] = "targets",
	[META_SNAPSHOT] = "snapshot",
	[META_TIMESTAMP] = "timestamp",
};

const char *
meta_type_name(enum meta_type type)
{
	return type_names[type];
}

static int
type_of_name(const char *name, enum meta_type *out)
{
	for (int i = 0; i < META_N_TYPES; i++) {
		if (strcmp(name, type_names[i]) == 0) {
			*out = (enum meta_type)i;
			return 0;
		}
	}
	return -1;
}

/* An array of n zeroed things; NULL when out of memory, never because n is 0. */
static void *
array_of(size_t n, size_t size, struct err *e)
{
	void *p = calloc(n == 0 ? 1 : n, size);

	if (p == NULL)
		err_nomem(e);
	return p;
}

static int
compare_keys(const void *a, const void *b)
{
	const struct key *const *x = a, *const *y = b;

	return strcmp(key_id(*x), key_id(*y));
}

static int
compare_targets(const void *a, const void *b)
{
	const struct meta_target *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int
compare_files(const void *a, const void *b)
{
	const struct meta_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
parse_hashes(struct json_at at, struct meta_bytes *b, struct err *e)
{
	const char *hex;

	for (struct json_at it = json_first(at); json_is(it); it = json_next(it)) {
		if (json_text(it, &hex, e) == -1)
			return -1;
		if (strcmp(json_key(it), "sha256") == 0) {
			if (digest_parse(&b->sha256, hex) == -1)
				return json_wrong(it, e,
				    "64 lower-case hexadecimal digits are wanted");
			b->has_sha256 = true;
		} else if (strcmp(json_key(it), "sha512") == 0) {
			if (hex_decode(b->sha512, META_SHA512_LEN, hex, strlen(hex)) == -1)
				return json_wrong(it, e,
				    "128 lower-case hexadecimal digits are wanted");
			b->has_sha512 = true;
		} else {
			b->has_other = true;
		}
	}
	return 0;
}

/* length and hashes, both of which only targets must have. */
static int
parse_bytes(struct json_at at, bool required, struct meta_bytes *b, struct err *e)
{
	struct json_at hashes;

	if (required ? json_get_int(at, "length", &b->length, e) == -1 :
	    json_find_int(at, "length", -1, &b->length, e) == -1)
		return -1;
	if (b->length < 0 && json_is(json_member(at, "length")))
		return json_wrong(json_member(at, "length"), e, "a length is not negative");
	if (required ? json_get_object(at, "hashes", &hashes, e) == -1 :
	    json_find_object(at, "hashes", &hashes, e) == -1)
		return -1;
	if (json_is(hashes) && !json_is(json_first(hashes)))
		return json_wrong(hashes, e, "at least one hash is wanted");
	return parse_hashes(hashes, b, e);
}

static int
parse_files(struct json_at body, struct meta *m, struct err *e)
{
	struct json_at list;

	if (json_get_object(body, "meta", &list, e) == -1)
		return -1;
	m->files = array_of(json_count(list), sizeof(*m->files), e);
	if (m->files == NULL)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		struct meta_file *f = &m->files[m->n_files];

		f->name = json_key(it);
		if (json_get_int_in(it, "version", 1, JSON_INT_MAX, &f->version, e) == -1 ||
		    parse_bytes(it, false, &f->bytes, e) == -1)
			return -1;
		m->n_files++;
	}
	qsort(m->files, m->n_files, sizeof(*m->files), compare_files);
	if (m->type == META_TIMESTAMP && meta_find_file(m, "snapshot.json") == NULL)
		return json_wrong(list, e, "\"snapshot.json\" is missing");
	return 0;
}

static int
parse_targets_list(struct json_at body, struct meta *m, struct err *e)
{
	struct json_at list;

	if (json_get_object(body, "targets", &list, e) == -1)
		return -1;
	m->targets = array_of(json_count(list), sizeof(*m->targets), e);
	if (m->targets == NULL)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		struct meta_target *t = &m->targets[m->n_targets];

		t->path = json_key(it);
		if (parse_bytes(it, true, &t->bytes, e) == -1 ||
		    json_find_object(it, "custom", &t->custom, e) == -1)
			return -1;
		m->n_targets++;
	}
	qsort(m->targets, m->n_targets, sizeof(*m->targets), compare_targets);
	return 0;
}

static int
parse_keys(struct json_at body, struct meta *m, struct err *e)
{
	struct json_at list;
	size_t n;

	if (json_get_object(body, "keys", &list, e) == -1)
		return -1;
	n = json_count(list);
	if (n > LIMIT_KEYS)
		return json_wrong(list, e, "%zu keys, at most %u are allowed", n, LIMIT_KEYS);
	m->keys = array_of(n, sizeof(struct key *), e);
	if (m->keys == NULL)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		if (key_parse(it, json_key(it), &m->keys[m->n_keys], e) == -1)
			return -1;
		m->n_keys++;
	}
	qsort(m->keys, m->n_keys, sizeof(struct key *), compare_keys);
	return 0;
}

/* A list of texts, none twice where distinct is wanted. */
static int
parse_texts(struct json_at list, size_t max, bool distinct, const char ***out, size_t *n_out,
    struct err *e)
{
	size_t n = json_count(list);

	if (n > max)
		return json_wrong(list, e, "%zu items, at most %zu are allowed", n, max);
	*out = array_of(n, sizeof(char *), e);
	if (*out == NULL)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		const char *text;

		if (json_text(it, &text, e) == -1)
			return -1;
		for (size_t i = 0; distinct && i < *n_out; i++) {
			if (strcmp((*out)[i], text) == 0)
				return json_wrong(it, e, "the same keyid a second time");
		}
		(*out)[(*n_out)++] = text;
	}
	return 0;
}

/* What root and delegations say alike. */
static int
parse_role_keys(struct json_at at, struct meta_role *r, struct err *e)
{
	struct json_at list;

	if (json_get_int_in(at, "threshold", 1, JSON_INT_MAX, &r->threshold, e) == -1 ||
	    json_get_array(at, "keyids", &list, e) == -1)
		return -1;
	return parse_texts(list, LIMIT_ROLE_KEYS, true, &r->keyids, &r->n_keyids, e);
}

static int
parse_root(struct json_at body, struct meta *m, struct err *e)
{
	struct json_at list, role;

	if (json_find_bool(body, "consistent_snapshot", false, &m->consistent_snapshot, e) == -1 ||
	    parse_keys(body, m, e) == -1 || json_get_object(body, "roles", &list, e) == -1)
		return -1;
	m->roles = array_of(META_N_TYPES, sizeof(*m->roles), e);
	if (m->roles == NULL)
		return -1;
	m->n_roles = META_N_TYPES;
	for (size_t i = 0; i < META_N_TYPES; i++) {
		m->roles[i].name = type_names[i];
		if (json_get_object(list, type_names[i], &role, e) == -1 ||
		    parse_role_keys(role, &m->roles[i], e) == -1)
			return -1;
	}
	return 0;
}

static int
parse_matches(struct json_at at, struct meta_role *r, struct err *e)
{
	struct json_at paths, prefixes;

	if (json_find_array(at, "paths", &paths, e) == -1 ||
	    json_find_array(at, "path_hash_prefixes", &prefixes, e) == -1)
		return -1;
	if (json_is(paths) == json_is(prefixes))
		return json_wrong(at, e, "either \"paths\" or \"path_hash_prefixes\" is wanted");
	r->by_prefix = json_is(prefixes);
	return parse_texts(r->by_prefix ? prefixes : paths, SIZE_MAX, false, &r->matches,
	    &r->n_matches, e);
}

static int
parse_delegation(struct json_at at, struct meta_role *r, struct err *e)
{
	enum meta_type top;

	if (json_get_text(at, "name", &r->name, e) == -1)
		return -1;
	if (r->name[0] == '\0' || type_of_name(r->name, &top) == 0)
		return json_wrong(json_member(at, "name"), e,
		    "a delegated role cannot have this name");
	if (json_get_bool(at, "terminating", &r->is_terminating, e) == -1 ||
	    parse_role_keys(at, r, e) == -1)
		return -1;
	return parse_matches(at, r, e);
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int
check_distinct_roles(struct json_at list, const struct meta *m, struct err *e)
{
	const char **names = array_of(m->n_roles, sizeof(char *), e);
	int rc = 0;

	if (names == NULL)
		return -1;
	for (size_t i = 0; i < m->n_roles; i++)
		names[i] = m->roles[i].name;
	qsort(names, m->n_roles, sizeof(char *), compare_names);
	for (size_t i = 1; rc == 0 && i < m->n_roles; i++) {
		char quoted[80];

		if (strcmp(names[i - 1], names[i]) == 0)
			rc = json_wrong(list, e, "the role \"%s\" twice",
			    err_quote(quoted, sizeof(quoted), names[i], strlen(names[i])));
	}
	free(names);
	return rc;
}

static int
parse_delegations(struct json_at body, struct meta *m, struct err *e)
{
	struct json_at at, list;

	if (json_find_object(body, "delegations", &at, e) == -1)
		return -1;
	if (!json_is(at))
		return 0;
	if (parse_keys(at, m, e) == -1 || json_get_array(at, "roles", &list, e) == -1)
		return -1;
	m->roles = array_of(json_count(list), sizeof(*m->roles), e);
	if (m->roles == NULL)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		m->n_roles++; /* meta_free() looks at a half parsed one, too */
		if (parse_delegation(it, &m->roles[m->n_roles - 1], e) == -1)
			return -1;
	}
	return check_distinct_roles(list, m, e);
}

static int
parse_spec_version(struct json_at body, struct err *e)
{
	char quoted[32];
	const char *text;

	if (json_get_text(body, "spec_version", &text, e) == -1)
		return -1;
	if (strncmp(text, "1.", 2) != 0)
		return json_wrong(json_member(body, "spec_version"), e,
		    "version 1 of TUF is wanted, \"%s\" was found",
		    err_quote(quoted, sizeof(quoted), text, strlen(text)));
	return 0;
}

static int
parse_body(struct json_at body, struct meta *m, struct err *e)
{
	char quoted[40];
	const char *type;

	if (json_get_text(body, "_type", &type, e) == -1)
		return -1;
	if (type_of_name(type, &m->type) == -1)
		return json_wrong(json_member(body, "_type"), e, "\"%s\" is no role of TUF",
		    err_quote(quoted, sizeof(quoted), type, strlen(type)));
	if (parse_spec_version(body, e) == -1 ||
	    json_get_int_in(body, "version", 1, JSON_INT_MAX, &m->version, e) == -1 ||
	    json_get_utc(body, "expires", &m->expires_at, e) == -1)
		return -1;
	switch (m->type) {
	case META_ROOT:
		return parse_root(body, m, e);
	case META_TARGETS:
		return parse_targets_list(body, m, e) == -1 ? -1 : parse_delegations(body, m, e);
	case META_SNAPSHOT:
	case META_TIMESTAMP:
		return parse_files(body, m, e);
	}
	return -1;
}

/* Hexadecimal in either case; what is not stays empty and will verify nothing. */
static int
decode_signature(const char *hex, struct buf *out, struct err *e)
{
	char low[2 * SIG_BYTES_MAX + 1];
	size_t len = strlen(hex);
	uint8_t *room;

	if (len > 2 * SIG_BYTES_MAX || len % 2 != 0)
		return 0;
	for (size_t i = 0; i < len; i++)
		low[i] = hex[i] >= 'A' && hex[i] <= 'F' ? (char)(hex[i] | 0x20) : hex[i];
	room = buf_extend(out, len / 2, e);
	if (room == NULL)
		return -1;
	if (hex_decode(room, len / 2, low, len) == -1)
		buf_truncate(out, 0);
	return 0;
}

static int
parse_signatures(struct json_at top, struct meta_claim *c, struct err *e)
{
	struct json_at list;
	size_t n;

	if (json_get_array(top, "signatures", &list, e) == -1)
		return -1;
	n = json_count(list);
	if (n > LIMIT_SIGNATURES)
		return json_wrong(list, e, "%zu signatures, at most %u are allowed", n,
		    LIMIT_SIGNATURES);
	c->signatures = array_of(n, sizeof(*c->signatures), e);
	if (c->signatures == NULL)
		return -1;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		struct claim_signature *s = &c->signatures[c->n_signatures];
		const char *hex;

		if (json_get_text(it, "keyid", &s->keyid, e) == -1 ||
		    json_get_text(it, "sig", &hex, e) == -1)
			return -1;
		for (size_t i = 0; i < c->n_signatures; i++) {
			if (strcmp(c->signatures[i].keyid, s->keyid) == 0)
				return json_wrong(it, e, "a second signature of the same keyid");
		}
		c->n_signatures++;
		if (decode_signature(hex, &s->bytes, e) == -1)
			return -1;
	}
	return 0;
}

int
meta_parse(const void *bytes, size_t len, struct meta_claim **out, struct err *e)
{
	struct json_at top, body;
	struct meta_claim *c;
	int rc = -1;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_nomem(e);
	c->meta = calloc(1, sizeof(*c->meta));
	if (c->meta == NULL) {
		err_nomem(e);
		goto out;
	}
	if (json_parse(bytes, len, GATE_SIGNED, &c->meta->doc, e) == -1)
		goto out;
	top = json_top(c->meta->doc);
	if (json_get_object(top, "signed", &body, e) == -1 || parse_body(body, c->meta, e) == -1)
		goto out;
	if (parse_signatures(top, c, e) == -1 || canon_signed(body, &c->covered, e) == -1)
		goto out;
	*out = c;
	rc = 0;
out:
	if (rc == -1)
		meta_claim_free(c);
	return rc;
}

void
meta_claim_free(struct meta_claim *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_signatures; i++)
		buf_clear(&c->signatures[i].bytes);
	free(c->signatures);
	buf_clear(&c->covered);
	meta_free(c->meta);
	free(c);
}

void
meta_free(struct meta *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_keys; i++)
		key_free(m->keys[i]);
	for (size_t i = 0; i < m->n_roles; i++) {
		free(m->roles[i].keyids);
		free(m->roles[i].matches);
	}
	free(m->keys);
	free(m->roles);
	free(m->targets);
	free(m->files);
	json_free(m->doc);
	free(m);
}

enum meta_type
meta_claim_type(const struct meta_claim *c)
{
	return c->meta->type;
}

int64_t
meta_claim_version(const struct meta_claim *c)
{
	return c->meta->version;
}

const struct meta *
meta_claim_peek(const struct meta_claim *c)
{
	return c->meta;
}

size_t
meta_claim_n_signatures(const struct meta_claim *c)
{
	return c->n_signatures;
}

const char *
meta_claim_signature_keyid(const struct meta_claim *c, size_t i)
{
	return c->signatures[i].keyid;
}

static int
key_against_id(const void *keyid, const void *item)
{
	const struct key *const *k = item;

	return strcmp(keyid, key_id(*k));
}

const struct key *
meta_find_key(const struct meta *m, const char *keyid)
{
	struct key *const *found;

	if (m->n_keys == 0)
		return NULL;
	found = bsearch(keyid, m->keys, m->n_keys, sizeof(struct key *), key_against_id);
	return found == NULL ? NULL : *found;
}

const struct meta_target *
meta_find_target(const struct meta *m, const char *path)
{
	struct meta_target wanted = { .path = path };

	if (m->n_targets == 0)
		return NULL;
	return bsearch(&wanted, m->targets, m->n_targets, sizeof(wanted), compare_targets);
}

const struct meta_file *
meta_find_file(const struct meta *m, const char *name)
{
	struct meta_file wanted = { .name = name };

	if (m->n_files == 0)
		return NULL;
	return bsearch(&wanted, m->files, m->n_files, sizeof(wanted), compare_files);
}

const struct meta_role *
meta_find_role(const struct meta *m, const char *name)
{
	for (size_t i = 0; i < m->n_roles; i++) {
		if (strcmp(m->roles[i].name, name) == 0)
			return &m->roles[i];
	}
	return NULL;
}

bool
meta_role_matches(const struct meta_role *role, const char *target_path)
{
	for (size_t i = 0; i < role->n_matches; i++) {
		if (role->by_prefix ? match_hash_prefix(role->matches[i], target_path) :
		    match_path(role->matches[i], target_path))
			return true;
	}
	return false;
}

int
meta_quote_role(const char *role, struct buf *out, struct err *e)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_.-~";
	size_t before = buf_len(out);

	for (; *role != '\0'; role++) {
		int rc = strchr(plain, *role) != NULL ? buf_add(out, role, 1, e) :
		    buf_printf(out, e, "%%%02X", (uint8_t)*role);

		if (rc == -1) {
			buf_truncate(out, before);
			return -1;
		}
	}
	return 0;
}
