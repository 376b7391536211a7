/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/delegate.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/trust/role.h"
#include "catalog/trust/trust.h"
#include "clients/kebao/source.h"

#define ROUNDS 4        /* other admins at the same time */
#define SIGNERS_MOST 16u

static int
open_trust(const struct home *home, struct trust **out, struct err *e)
{
	int fd = home_open_dir(home, "trust", e);
	int rc;

	if (fd == -1)
		return -1;
	rc = trust_open(fd, NULL, out, e);
	(void)close(fd); /* trust_open() made its own */
	return rc;
}

static bool
has_key(const struct meta *targets, const struct meta_role *role, const struct key *key)
{
	for (size_t i = 0; i < role->n_keyids; i++) {
		const struct key *k = meta_find_key(targets, role->keyids[i]);

		if (k != NULL && key_is_same(k, key))
			return true;
	}
	return false;
}

static bool
says_so(const struct meta *targets, const struct delegate *d)
{
	const struct meta_role *role = meta_find_role(targets, d->channel);

	if (role == NULL || role->threshold != d->threshold || role->n_keyids != d->n_keys)
		return false;
	for (size_t i = 0; i < d->n_keys; i++)
		if (!has_key(targets, role, d->keys[i]))
			return false;
	return true;
}

/* Whoever signs must be one of those the root names: better said here than by the hub. */
static int
check_signers(const struct trust *trust, const struct delegate *d, struct err *e)
{
	const struct meta *root = trust_root(trust);
	const struct meta_role *role = meta_find_role(root, "targets");

	if (d->n_signers > SIGNERS_MOST)
		return err_set(e, ERR_BAD_INPUT, "more than %u keys", SIGNERS_MOST);
	for (size_t i = 0; i < d->n_signers; i++)
		if (role == NULL || !has_key(root, role, sign_public(d->signers[i])))
			return err_set(e, ERR_DENIED, "key %s is none of those that sign targets",
			    key_id(sign_public(d->signers[i])));
	if (role != NULL && (int64_t)d->n_signers < role->threshold)
		return err_set(e, ERR_DENIED,
		    "targets wants the signatures of %" PRId64 " keys, %zu were given",
		    role->threshold, d->n_signers);
	return 0;
}

static int
send(struct hub *hub, const struct trust *trust, const struct delegate *d, struct err *e)
{
	struct hub_message m = { .method = TRANSFER_PUT, .path = "/api/v1/metadata/targets" };
	struct role_signer signers[SIGNERS_MOST];
	struct role *next = NULL;
	struct buf file = BUF_INIT;
	int rc = -1;

	if (role_new(META_TARGETS, trust_targets(trust), (int64_t)time(NULL), &next, e) == -1)
		return -1;
	role_set_channel(next, d->channel, d->keys, d->n_keys, d->threshold);
	for (size_t i = 0; i < d->n_signers; i++)
		signers[i] = sign_signer(d->signers[i]);
	if (role_file(next, signers, d->n_signers, &file, e) == 0) {
		m.body = buf_data(&file);
		m.body_len = buf_len(&file);
		rc = hub_send_again(hub, &m, NULL, e);
	}
	role_free(next);
	buf_clear(&file);
	return rc;
}

int
delegate_channel(struct home *home, struct hub *hub, const struct delegate *d,
    bool *is_unchanged, struct err *e)
{
	struct trust_source source = source_of(hub_transfer(hub));
	struct trust *trust = NULL;
	struct err mine = { 0 };
	int rc = -1;

	*is_unchanged = false;
	if (open_trust(home, &trust, e) == -1)
		return -1;
	for (int round = 0; round < ROUNDS && rc == -1; round++) {
		mine = (struct err){ 0 };
		if (trust_refresh(trust, &source, (int64_t)time(NULL), &mine) == -1)
			break;
		if (says_so(trust_targets(trust), d)) {
			*is_unchanged = true;
			rc = 0;
			break;
		}
		if (check_signers(trust, d, &mine) == -1)
			break;
		rc = send(hub, trust, d, &mine);
		if (rc == -1 && mine.class != ERR_CONFLICT)
			break;
	}
	if (rc == -1 && e != NULL)
		*e = mine;
	trust_close(trust);
	return rc;
}
