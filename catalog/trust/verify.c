/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/trust/verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/hex.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/trust/claim.h"

#define NAME_SIZE 80 /* a role's name inside a message */

static const char *
shown(char quoted[NAME_SIZE], const char *name)
{
	return err_quote(quoted, NAME_SIZE, name, strlen(name));
}

static int
verify_sha512(const uint8_t *want, const void *bytes, size_t len, struct err *e)
{
	struct digest_stream *s = digest_new(DIGEST_SHA512, e);
	uint8_t have[META_SHA512_LEN];

	if (s == NULL)
		return -1;
	digest_add(s, bytes, len);
	digest_finish(s, have);
	digest_free(s);
	if (memcmp(have, want, sizeof(have)) != 0)
		return err_set(e, ERR_UNTRUSTED, "the SHA-512 is not the one that was signed");
	return 0;
}

int
verify_bytes(const struct meta_bytes *want, const void *bytes, size_t len, struct err *e)
{
	char want_hex[DIGEST_HEX_LEN + 1], have_hex[DIGEST_HEX_LEN + 1];
	struct digest have;

	if (want->length >= 0 && (uint64_t)want->length != len)
		return err_set(e, ERR_UNTRUSTED,
		    "%zu bytes where %" PRId64 " are signed", len, want->length);
	if (want->has_other && !want->has_sha256 && !want->has_sha512)
		return err_set(e, ERR_UNTRUSTED, "only hashes of kinds that are not known here");
	if (want->has_sha256) {
		digest_of(&have, bytes, len);
		if (!digest_equal(&have, &want->sha256)) {
			digest_hex(want_hex, &want->sha256);
			digest_hex(have_hex, &have);
			return err_set(e, ERR_UNTRUSTED,
			    "the SHA-256 is %.16s..., signed is %.16s...", have_hex, want_hex);
		}
	}
	return want->has_sha512 ? verify_sha512(want->sha512, bytes, len, e) : 0;
}

/* Whether the key has been counted already, under whatever keyid. */
static bool
is_counted(const struct key *const *counted, size_t n, const struct key *k)
{
	for (size_t i = 0; i < n; i++) {
		if (key_is_same(counted[i], k))
			return true;
	}
	return false;
}

static bool
lists_keyid(const struct meta_role *role, const char *keyid)
{
	for (size_t i = 0; i < role->n_keyids; i++) {
		if (strcmp(role->keyids[i], keyid) == 0)
			return true;
	}
	return false;
}

/* Distinct keys of the role that have signed; -1 only for failures of this machine. */
static int
count_keys(const struct meta *delegator, const struct meta_role *role,
    const struct meta_claim *claim, struct err *e)
{
	const struct key *counted[LIMIT_SIGNATURES];
	size_t n = 0;

	for (size_t i = 0; i < claim->n_signatures; i++) {
		const struct claim_signature *s = &claim->signatures[i];
		const struct key *k;
		struct err why = { 0 };

		if (!lists_keyid(role, s->keyid))
			continue;
		k = meta_find_key(delegator, s->keyid);
		if (k == NULL || is_counted(counted, n, k))
			continue;
		if (key_verify(k, buf_data(&claim->covered), buf_len(&claim->covered),
		    &s->bytes, &why) == 0)
			counted[n++] = k;
		else if (why.class != ERR_UNTRUSTED)
			return err_set(e, why.class, "%s", why.text);
	}
	return (int)n;
}

static const struct meta_role *
delegation(const struct meta *delegator, const char *role, struct err *e)
{
	const struct meta_role *r = meta_find_role(delegator, role);
	char quoted[NAME_SIZE];

	if (r == NULL)
		err_set(e, ERR_UNTRUSTED, "%s: %s does not delegate to it", shown(quoted, role),
		    meta_type_name(delegator->type));
	return r;
}

int
verify_count(const struct meta *delegator, const char *role, const struct meta_claim *claim,
    struct err *e)
{
	const struct meta_role *r = delegation(delegator, role, e);

	return r == NULL ? -1 : count_keys(delegator, r, claim, e);
}

int
verify_has_signed(const struct meta *delegator, const char *keyid,
    const struct meta_claim *claim, struct err *e)
{
	const struct key *k = meta_find_key(delegator, keyid);

	for (size_t i = 0; k != NULL && i < claim->n_signatures; i++) {
		const struct claim_signature *s = &claim->signatures[i];
		struct err why = { 0 };

		if (strcmp(s->keyid, keyid) != 0)
			continue;
		if (key_verify(k, buf_data(&claim->covered), buf_len(&claim->covered),
		    &s->bytes, &why) == 0)
			return 1;
		if (why.class != ERR_UNTRUSTED)
			return err_set(e, why.class, "%s", why.text);
	}
	return 0;
}

int
verify_threshold(const struct meta *delegator, const char *role,
    const struct meta_claim *claim, struct err *e)
{
	const struct meta_role *r = delegation(delegator, role, e);
	char quoted[NAME_SIZE];
	int n;

	if (r == NULL)
		return -1;
	n = count_keys(delegator, r, claim, e);
	if (n == -1)
		return -1;
	if (n < r->threshold)
		return err_set(e, ERR_UNTRUSTED,
		    "%s version %" PRId64 ": signed by %d of the keys that may sign it, %" PRId64
		    " must", shown(quoted, role), claim->meta->version, n, r->threshold);
	return 0;
}

static int
verify_type(const struct meta_claim *claim, enum meta_type want, const char *role,
    struct err *e)
{
	char quoted[NAME_SIZE];

	if (claim->meta->type == want)
		return 0;
	return err_set(e, ERR_UNTRUSTED, "%s: a file of type %s, wanted is %s",
	    shown(quoted, role), meta_type_name(claim->meta->type), meta_type_name(want));
}

static void
believe(struct meta_claim **claim, struct meta **out)
{
	*out = (*claim)->meta;
	(*claim)->meta = NULL;
	meta_claim_free(*claim);
	*claim = NULL;
}

int
verify_root_first(struct meta_claim **claim, struct meta **out, struct err *e)
{
	if (verify_type(*claim, META_ROOT, "root", e) == -1 ||
	    verify_threshold((*claim)->meta, "root", *claim, e) == -1)
		return -1;
	believe(claim, out);
	return 0;
}

int
verify_root_next(const struct meta *trusted, struct meta_claim **claim, struct meta **out,
    struct err *e)
{
	int64_t found = (*claim)->meta->version;

	if (verify_type(*claim, META_ROOT, "root", e) == -1)
		return -1;
	if (verify_threshold(trusted, "root", *claim, e) == -1) {
		err_within(e, "by the keys of root version %" PRId64, trusted->version);
		return -1;
	}
	if (verify_threshold((*claim)->meta, "root", *claim, e) == -1) {
		err_within(e, "by its own keys");
		return -1;
	}
	if (found != trusted->version + 1)
		return err_set(e, ERR_UNTRUSTED,
		    "root: version %" PRId64 ", after %" PRId64 " only %" PRId64 " is accepted",
		    found, trusted->version, trusted->version + 1);
	believe(claim, out);
	return 0;
}

/* The type that a role must have: its own for the four, targets for delegated ones. */
static enum meta_type
type_of_role(const char *role)
{
	for (int i = 0; i < META_N_TYPES; i++) {
		if (strcmp(role, meta_type_name((enum meta_type)i)) == 0)
			return (enum meta_type)i;
	}
	return META_TARGETS;
}

int
verify_role(const struct verify_want *want, struct meta_claim **claim, struct meta **out,
    struct err *e)
{
	int64_t found = (*claim)->meta->version;
	char quoted[NAME_SIZE];

	if (verify_type(*claim, type_of_role(want->role), want->role, e) == -1 ||
	    verify_threshold(want->delegator, want->role, *claim, e) == -1)
		return -1;
	if (want->version != 0 && found != want->version)
		return err_set(e, ERR_UNTRUSTED,
		    "%s: version %" PRId64 ", wanted is %" PRId64, shown(quoted, want->role),
		    found, want->version);
	if (found < want->version_min)
		return err_set(e, ERR_UNTRUSTED,
		    "%s: version %" PRId64 " after version %" PRId64 " was seen: a rollback",
		    shown(quoted, want->role), found, want->version_min);
	believe(claim, out);
	return 0;
}

int
verify_expiry(const struct meta *m, const char *role, int64_t now, struct err *e)
{
	char quoted[NAME_SIZE], when[UTC_TEXT_SIZE], today[UTC_TEXT_SIZE];

	if (m->expires_at > now)
		return 0;
	return err_set(e, ERR_UNTRUSTED,
	    "%s version %" PRId64 " expired on %s; the clock says %s",
	    shown(quoted, role), m->version, utc_format(when, m->expires_at),
	    utc_format(today, now));
}

int
verify_snapshot_follows(const struct meta *old, const struct meta *fresh, struct err *e)
{
	char quoted[NAME_SIZE];

	for (size_t i = 0; i < old->n_files; i++) {
		const struct meta_file *was = &old->files[i];
		const struct meta_file *is = meta_find_file(fresh, was->name);

		if (is == NULL)
			return err_set(e, ERR_UNTRUSTED,
			    "snapshot version %" PRId64 " no longer lists %s", fresh->version,
			    shown(quoted, was->name));
		if (is->version < was->version)
			return err_set(e, ERR_UNTRUSTED,
			    "snapshot version %" PRId64 " lists %s version %" PRId64
			    " after version %" PRId64 " was seen: a rollback", fresh->version,
			    shown(quoted, was->name), is->version, was->version);
	}
	return 0;
}
