/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/online.h"

#include <stdio.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"

#define NAME_SIZE 32

static const char *const roles[ONLINE_KEYS] = { "snapshot", "timestamp" };

static void
name_of(char out[NAME_SIZE], int which, const char *end)
{
	(void)snprintf(out, NAME_SIZE, "%s%s", roles[which], end); /* always fits */
}

int
online_load(struct online *o, int keys_fd, const struct sign_passphrase *pass, struct err *e)
{
	char name[NAME_SIZE];

	for (int i = 0; i < ONLINE_KEYS; i++) {
		name_of(name, i, ".pem");
		if (sign_load(keys_fd, name, pass, &o->now[i], e) == -1)
			return -1;
		name_of(name, i, ".next.pem");
		if (file_exists(keys_fd, name) &&
		    sign_load(keys_fd, name, pass, &o->next[i], e) == -1)
			return -1;
	}
	return 0;
}

void
online_clear(struct online *o)
{
	for (int i = 0; i < ONLINE_KEYS; i++) {
		sign_free(o->now[i]);
		sign_free(o->next[i]);
	}
	memset(o, 0, sizeof(*o));
}

static int
make_next(struct online *o, int i, int keys_fd, const struct sign_passphrase *pass,
    struct err *e)
{
	struct sign_key *key = NULL;
	char name[NAME_SIZE];

	name_of(name, i, ".next.pem");
	if (sign_generate(SIGN_ED25519, &key, e) == -1)
		return -1;
	if (sign_save(key, keys_fd, name, pass, e) == -1) {
		sign_free(key);
		return -1;
	}
	o->next[i] = key;
	return 0;
}

int
online_prepare(struct online *o, int keys_fd, const struct sign_passphrase *pass,
    struct buf *out, struct err *e)
{
	struct json *doc = json_new();
	int rc = -1;

	for (int i = 0; i < ONLINE_KEYS; i++) {
		if (o->next[i] == NULL && make_next(o, i, keys_fd, pass, e) == -1)
			goto out;
		key_put(sign_public(o->next[i]), json_top(doc), roles[i]);
	}
	rc = canon_write(json_top(doc), out, e);
out:
	json_free(doc);
	return rc;
}

/* How root calls the key for the role, or NULL where it does not list it. */
static const char *
listed_as(const struct meta *root, const char *role, const struct sign_key *key)
{
	const struct meta_role *r = meta_find_role(root, role);

	for (size_t i = 0; key != NULL && r != NULL && i < r->n_keyids; i++) {
		const struct key *k = meta_find_key(root, r->keyids[i]);

		if (k != NULL && key_is_same(k, sign_public(key)))
			return r->keyids[i];
	}
	return NULL;
}

int
online_check(const struct online *o, const struct meta *root, bool *needs_next, struct err *e)
{
	bool needs = false;

	for (int i = 0; i < ONLINE_KEYS; i++) {
		if (listed_as(root, roles[i], o->now[i]) == NULL) {
			if (listed_as(root, roles[i], o->next[i]) == NULL)
				return err_set(e, ERR_UNTRUSTED,
				    "root version %lld does not list this hub's %s key",
				    (long long)root->version, roles[i]);
			needs = true;
		}
		if (meta_find_role(root, roles[i])->threshold != 1)
			return err_set(e, ERR_UNTRUSTED,
			    "root version %lld wants more than one signature on %s",
			    (long long)root->version, roles[i]);
	}
	if (needs_next != NULL)
		*needs_next = needs;
	return 0;
}

/* One of our keys by the word of the root, unless it signs already. */
static void
add_signer(const struct online *o, int i, const struct meta *root,
    struct role_signer out[ONLINE_SIGNERS], size_t *n)
{
	const char *keyid = listed_as(root, roles[i], o->now[i]);
	const struct sign_key *key = o->now[i];

	if (keyid == NULL) {
		key = o->next[i];
		keyid = listed_as(root, roles[i], key);
	}
	if (keyid == NULL || (*n == 1 && strcmp(out[0].keyid, keyid) == 0))
		return;
	out[*n] = sign_signer(key);
	out[(*n)++].keyid = keyid;
}

void
online_signers(const struct online *o, enum online_which which, const struct meta *root,
    const struct meta *next_root, struct role_signer out[ONLINE_SIGNERS], size_t *n)
{
	*n = 0;
	add_signer(o, (int)which, root, out, n);
	if (next_root != NULL)
		add_signer(o, (int)which, next_root, out, n);
}

int
online_follow(struct online *o, int keys_fd, const struct meta *root, struct err *e)
{
	for (int i = 0; i < ONLINE_KEYS; i++) {
		char now[NAME_SIZE], next[NAME_SIZE];

		if (listed_as(root, roles[i], o->now[i]) != NULL ||
		    listed_as(root, roles[i], o->next[i]) == NULL)
			continue;
		name_of(now, i, ".pem");
		name_of(next, i, ".next.pem");
		if (file_rename(keys_fd, next, keys_fd, now, e) == -1)
			return -1;
		sign_free(o->now[i]);
		o->now[i] = o->next[i];
		o->next[i] = NULL;
	}
	return 0;
}
