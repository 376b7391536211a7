/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/collect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/json/canon.h"
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
	memset(s, 0, sizeof(*s));
}

bool
collect_is_complete(const struct collect_state *s)
{
	return s->signatures >= s->wanted;
}

/* Whether what the file's signatures cover is what we would have made ourselves. */
static int
check_file(const struct collect_job *job, const struct buf *file, struct err *e)
{
	struct buf theirs = BUF_INIT, ours = BUF_INIT;
	struct role *role = NULL;
	struct json *doc = NULL;
	struct json_at body;
	int64_t expires_at;
	int rc = -1;

	if (json_parse(buf_data(file), buf_len(file), GATE_SIGNED, &doc, e) == -1 ||
	    json_get_object(json_top(doc), "signed", &body, e) == -1 ||
	    json_get_utc(body, "expires", &expires_at, e) == -1 ||
	    canon_signed(body, &theirs, e) == -1 ||
	    job->make(job->ctx, expires_at, &role, e) == -1 || role_signed(role, &ours, e) == -1)
		goto out;
	if (expires_at <= job->now ||
	    expires_at > job->now + (int64_t)(ROLE_TARGETS_DAYS + 1) * UTC_DAY_S)
		err_set(e, ERR_CONFLICT, "it expires too early or too late: begin a new one");
	else if (buf_len(&theirs) != buf_len(&ours) ||
	    memcmp(buf_data(&theirs), buf_data(&ours), buf_len(&ours)) != 0)
		err_set(e, ERR_CONFLICT,
		    "it is not the version of %s that would be made now: begin a new one",
		    job->role);
	else
		rc = 0;
out:
	if (rc == -1)
		err_within(e, "%s", job->file);
	role_free(role);
	json_free(doc);
	buf_clear(&theirs);
	buf_clear(&ours);
	return rc;
}

/* The file as it came, or a new one without signatures. */
static int
begin(const struct collect_job *job, struct buf *bytes, struct err *e)
{
	struct role *role = NULL;
	int rc = -1;

	if (job->file != NULL && file_exists(AT_FDCWD, job->file)) {
		if (file_load(AT_FDCWD, job->file, LIMIT_TARGETS_BYTES, bytes, e) == -1)
			return -1;
		return check_file(job, bytes, e);
	}
	if (job->make(job->ctx, 0, &role, e) == 0)
		rc = role_file(role, NULL, 0, bytes, e);
	role_free(role);
	return rc;
}

int
collect_run(const struct collect_job *job, struct buf *bytes, struct collect_state *out,
    struct err *e)
{
	if (begin(job, bytes, e) == -1 ||
	    collect_sign(job->delegator, job->role, job->keys, job->n_keys, bytes, e) == -1 ||
	    collect_sign(job->delegator, job->role, job->heirs, job->n_heirs, bytes, e) == -1 ||
	    collect_look(job->delegator, job->role, bytes, out, e) == -1)
		return -1;
	if (collect_is_complete(out))
		return 0;
	if (job->file != NULL)
		return file_save(AT_FDCWD, job->file, buf_data(bytes), buf_len(bytes), 0644, e);
	err_set(e, ERR_DENIED,
	    "%s wants the signatures of %" PRId64 " keys, %" PRId64
	    " were given: collect them with --file", job->role, out->wanted, out->signatures);
	collect_state_clear(out);
	return -1;
}
