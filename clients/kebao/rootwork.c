/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/rootwork.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/digest.h"
#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/base/utc.h"
#include "catalog/json/canon.h"
#include "catalog/trust/role.h"
#include "catalog/trust/verify.h"

#define NAME_SIZE 40
#define FILE_END ".root.json"

static void
name_of(char out[NAME_SIZE], int64_t version)
{
	(void)snprintf(out, NAME_SIZE, "%" PRId64 FILE_END, version); /* always fits */
}

static int
believe_first(const struct buf *file, struct meta **out, struct err *e)
{
	struct meta_claim *claim = NULL;
	int rc = -1;

	if (meta_parse(buf_data(file), buf_len(file), &claim, e) == 0)
		rc = verify_root_first(&claim, out, e);
	meta_claim_free(claim);
	return rc;
}

/* --- the plan --- */

/* The keys of one role from now on; borrowed from the present root and the plan. */
struct keys {
	const struct key *list[LIMIT_ROLE_KEYS];
	size_t n;
};

static int
add_key(struct keys *k, const struct key *key, struct err *e)
{
	for (size_t i = 0; i < k->n; i++)
		if (key_is_same(k->list[i], key))
			return 0;
	if (k->n == LIMIT_ROLE_KEYS)
		return err_set(e, ERR_BAD_INPUT, "more than %u keys", LIMIT_ROLE_KEYS);
	k->list[k->n++] = key;
	return 0;
}

static int
remove_key(struct keys *k, const char *id, struct err *e)
{
	size_t len = strlen(id), kept = 0, n = 0;

	for (size_t i = 0; i < k->n; i++) {
		if (len >= ROOTWORK_ID_LEN && strncmp(key_id(k->list[i]), id, len) == 0)
			n++;
		else
			k->list[kept++] = k->list[i];
	}
	k->n = kept;
	return n == 1 ? 0 : err_set(e, ERR_NOT_FOUND,
	    "%s: %s of the keys is called so (%u digits at least)", id,
	    n == 0 ? "none" : "more than one", ROOTWORK_ID_LEN);
}

static int
edit(struct role *next, const struct meta *present, enum meta_type type,
    const struct rootwork_edit *edit, struct err *e)
{
	const struct meta_role *role = &present->roles[type];
	struct keys k = { .n = 0 };

	if (edit->n_add == 0 && edit->n_remove == 0 && edit->threshold == 0)
		return 0;
	for (size_t i = 0; i < role->n_keyids && !edit->replaces; i++) {
		const struct key *key = meta_find_key(present, role->keyids[i]);

		if (key != NULL && add_key(&k, key, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < edit->n_remove; i++)
		if (remove_key(&k, edit->remove[i], e) == -1)
			return -1;
	for (size_t i = 0; i < edit->n_add; i++)
		if (add_key(&k, edit->add[i], e) == -1)
			return -1;
	role_set_top(next, type, k.list, k.n,
	    edit->threshold != 0 ? edit->threshold : role->threshold);
	return 0;
}

static int
make(const struct meta *present, const struct rootwork_plan *plan, struct buf *out,
    struct err *e)
{
	struct role *next = NULL;
	int rc = -1;

	if (role_new(META_ROOT, present, plan->now, &next, e) == -1)
		return -1;
	if (plan->days != 0)
		role_set_expiry(next, plan->now + (int64_t)plan->days * UTC_DAY_S);
	for (int i = 0; i < META_N_TYPES; i++)
		if (edit(next, present, (enum meta_type)i, &plan->edits[i], e) == -1) {
			err_within(e, "%s", meta_type_name((enum meta_type)i));
			goto out;
		}
	rc = role_file(next, NULL, 0, out, e);
out:
	role_free(next);
	return rc;
}

static int
open_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		(void)err_errno(e, "%s", dir);
	return fd;
}

int
rootwork_begin(const char *dir, const struct rootwork_plan *plan, struct err *e)
{
	struct meta *present = NULL;
	struct buf next = BUF_INIT;
	char name[NAME_SIZE];
	int fd = -1, rc = -1;

	if (believe_first(plan->present, &present, e) == -1 ||
	    make(present, plan, &next, e) == -1 ||
	    file_make_dirs(AT_FDCWD, dir, 0755, e) == -1)
		goto out;
	fd = open_dir(dir, e);
	if (fd == -1)
		goto out;
	name_of(name, present->version);
	if (file_create(fd, name, buf_data(plan->present), buf_len(plan->present), 0644, e) == -1)
		goto out;
	name_of(name, present->version + 1);
	if (file_exists(fd, name))
		err_set(e, ERR_CONFLICT, "%s/%s is there already: sign that, or begin elsewhere",
		    dir, name);
	else
		rc = file_create(fd, name, buf_data(&next), buf_len(&next), 0644, e);
out:
	if (fd != -1)
		(void)close(fd); /* only a handle */
	meta_free(present);
	buf_clear(&next);
	return rc;
}

/* --- the pair --- */

/* The highest version that lies in the directory. */
static int
find_next(int fd, const char *dir, int64_t *version, struct err *e)
{
	DIR *list = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;

	*version = 0;
	if (list == NULL)
		return err_errno(e, "%s", dir);
	while ((entry = readdir(list)) != NULL) {
		char *end;
		long long v = strtoll(entry->d_name, &end, 10);

		if (end != entry->d_name && strcmp(end, FILE_END) == 0 && v > *version)
			*version = v;
	}
	(void)closedir(list); /* only read */
	return *version >= 2 ? 0 : err_set(e, ERR_NOT_FOUND,
	    "%s holds no next root: kebao hub root next %s makes one", dir, dir);
}

int
rootwork_open(const char *dir, struct rootwork *out, struct err *e)
{
	struct rootwork w = { .present = NULL };
	char name[NAME_SIZE];
	int64_t version;
	int fd = open_dir(dir, e), rc = -1;

	if (fd == -1)
		return -1;
	if (find_next(fd, dir, &version, e) == -1)
		goto out;
	name_of(name, version - 1);
	if (file_load(fd, name, LIMIT_ROOT_BYTES, &w.present_file, e) == -1 ||
	    believe_first(&w.present_file, &w.present, e) == -1)
		goto named;
	name_of(name, version);
	if (file_load(fd, name, LIMIT_ROOT_BYTES, &w.next_file, e) == -1 ||
	    meta_parse(buf_data(&w.next_file), buf_len(&w.next_file), &w.claim, e) == -1)
		goto named;
	w.next = meta_claim_peek(w.claim);
	if (w.next->type != META_ROOT || w.present->version != version - 1 ||
	    w.next->version != version) {
		err_set(e, ERR_BAD_INPUT, "the versions in the files are not those of their names");
		goto named;
	}
	*out = w;
	w = (struct rootwork){ .present = NULL };
	rc = 0;
named:
	if (rc == -1)
		err_within(e, "%s/%s", dir, name);
out:
	(void)close(fd); /* only a handle */
	rootwork_clear(&w);
	return rc;
}

void
rootwork_clear(struct rootwork *w)
{
	meta_free(w->present);
	meta_claim_free(w->claim);
	buf_clear(&w->present_file);
	buf_clear(&w->next_file);
	memset(w, 0, sizeof(*w));
}

static int
parse_again(struct rootwork *w, struct err *e)
{
	meta_claim_free(w->claim);
	w->claim = NULL;
	w->next = NULL;
	if (meta_parse(buf_data(&w->next_file), buf_len(&w->next_file), &w->claim, e) == -1)
		return -1;
	w->next = meta_claim_peek(w->claim);
	return 0;
}

int
rootwork_sign(const char *dir, struct rootwork *w, struct sign_key *const *keys, size_t n,
    struct err *e)
{
	char name[NAME_SIZE];
	int fd, rc = -1;

	for (size_t i = 0; i < n; i++) {
		const struct key *key = sign_public(keys[i]);
		const struct meta *by = collect_keyid(w->present, "root", key) != NULL ? w->present
		                                                                     : w->next;

		if (collect_keyid(by, "root", key) == NULL)
			return err_set(e, ERR_DENIED,
			    "key %s is a root key neither of version %" PRId64 " nor of the next",
			    key_id(key), w->present->version);
		if (collect_sign(by, "root", &keys[i], 1, &w->next_file, e) == -1)
			return -1;
	}
	fd = open_dir(dir, e);
	if (fd == -1)
		return -1;
	name_of(name, w->next->version);
	if (parse_again(w, e) == 0)
		rc = file_save(fd, name, buf_data(&w->next_file), buf_len(&w->next_file), 0644, e);
	(void)close(fd); /* only a handle */
	return rc;
}

int
rootwork_look(const struct rootwork *w, struct collect_state *by_present,
    struct collect_state *by_next, struct err *e)
{
	if (collect_look(w->present, "root", &w->next_file, by_present, e) == -1)
		return -1;
	if (collect_look(w->next, "root", &w->next_file, by_next, e) == 0)
		return 0;
	collect_state_clear(by_present);
	return -1;
}

int
rootwork_check(const struct rootwork *w, struct err *e)
{
	struct meta_claim *claim = NULL;
	struct meta *believed = NULL;
	int rc = -1;

	if (meta_parse(buf_data(&w->next_file), buf_len(&w->next_file), &claim, e) == 0)
		rc = verify_root_next(w->present, &claim, &believed, e);
	meta_claim_free(claim);
	meta_free(believed);
	return rc;
}

int
rootwork_digest(const struct rootwork *w, char out[65], struct err *e)
{
	struct buf covered = BUF_INIT;
	struct digest d;
	int rc = -1;

	if (canon_signed(json_member(json_top(w->next->doc), "signed"), &covered, e) == 0) {
		digest_of(&d, buf_data(&covered), buf_len(&covered));
		digest_hex(out, &d);
		rc = 0;
	}
	buf_clear(&covered);
	return rc;
}
