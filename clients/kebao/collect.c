/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/collect.h"

#include <inttypes.h>
#include <string.h>

#include "catalog/trust/role.h"
#include "catalog/trust/verify.h"

const char *
collect_keyid(const struct meta *delegator, const char *role, const struct key *key)
{
	const struct meta_role *r = meta_find_role(delegator, role);

	for (size_t i = 0; r != NULL && i < r->n_keyids; i++) {
		const struct key *k = meta_find_key(delegator, r->keyids[i]);

		if (k != NULL && key_is_same(k, key))
			return r->keyids[i];
	}
	return NULL;
}

int
collect_check_keys(const struct meta *delegator, const char *role, struct sign_key *const *keys,
    size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct key *key = sign_public(keys[i]);

		if (collect_keyid(delegator, role, key) == NULL)
			return err_set(e, ERR_DENIED, "key %s may not sign for %s", key_id(key),
			    role);
		for (size_t k = 0; k < i; k++)
			if (key_is_same(key, sign_public(keys[k])))
				return err_set(e, ERR_BAD_INPUT, "key %s was given twice",
				    key_id(key));
	}
	return 0;
}

int
collect_sign(const struct meta *delegator, const char *role, struct sign_key *const *keys,
    size_t n, struct buf *file, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct role_signer signer = sign_signer(keys[i]);
		const char *keyid = collect_keyid(delegator, role, sign_public(keys[i]));
		struct buf more = BUF_INIT;

		if (keyid != NULL)
			signer.keyid = keyid;
		if (role_cosign(buf_data(file), buf_len(file), &signer, &more, e) == -1) {
			buf_clear(&more);
			return -1;
		}
		buf_clear(file);
		*file = more;
	}
	return 0;
}

static int
note_keys(const struct meta *delegator, const struct meta_role *role,
    const struct meta_claim *claim, struct collect_state *out, struct err *e)
{
	for (size_t i = 0; i < role->n_keyids; i++) {
		int has = verify_has_signed(delegator, role->keyids[i], claim, e);

		if (has == -1 ||
		    buf_printf(has == 1 ? &out->signed_by : &out->unsigned_by, e, " %s",
			role->keyids[i]) == -1)
			return -1;
	}
	return 0;
}

int
collect_look(const struct meta *delegator, const char *role, const struct buf *file,
    struct collect_state *out, struct err *e)
{
	const struct meta_role *r = meta_find_role(delegator, role);
	struct meta_claim *claim = NULL;
	int n, rc = -1;

	memset(out, 0, sizeof(*out));
	if (r == NULL)
		return err_set(e, ERR_NOT_FOUND, "nobody delegates to %s", role);
	if (meta_parse(buf_data(file), buf_len(file), &claim, e) == -1)
		return -1;
	n = verify_count(delegator, role, claim, e);
	if (n == -1 || note_keys(delegator, r, claim, out, e) == -1)
		goto out;
	out->wanted = r->threshold;
	out->signatures = n;
	rc = 0;
out:
	if (rc == -1)
		collect_state_clear(out);
	meta_claim_free(claim);
	return rc;
}

void
collect_state_clear(struct collect_state *s)
{
	buf_clear(&s->signed_by);
	buf_clear(&s->unsigned_by);
}

bool
collect_is_complete(const struct collect_state *s)
{
	return s->signatures >= s->wanted;
}
