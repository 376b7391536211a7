/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/current.h"

#include <stdio.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/ids.h"
#include "catalog/trust/verify.h"

#define NAME_SIZE (IDS_SIZE + 40)

/* Load and verify one role file; named only where want.version is 0. */
static int
load_role(int metadata_fd, const struct verify_want *want, const struct meta_bytes *bytes,
    size_t max_bytes, struct meta **out, struct err *e)
{
	struct meta_claim *claim = NULL;
	struct buf b = BUF_INIT;
	char name[NAME_SIZE];
	int rc = -1;

	if (want->version == 0)
		(void)snprintf(name, sizeof(name), "%s.json", want->role);
	else
		(void)snprintf(name, sizeof(name), "%lld.%s.json", (long long)want->version,
		    want->role);
	if (file_load(metadata_fd, name, max_bytes, &b, e) == -1)
		goto out;
	if (bytes != NULL && verify_bytes(bytes, buf_data(&b), buf_len(&b), e) == -1)
		goto out;
	if (meta_parse(buf_data(&b), buf_len(&b), &claim, e) == -1)
		goto out;
	rc = verify_role(want, &claim, out, e);
out:
	if (rc == -1)
		err_within(e, "metadata/%s", name);
	meta_claim_free(claim);
	buf_clear(&b);
	return rc;
}

static int
follow_one(int metadata_fd, const char *name, struct meta **root, struct buf *newest,
    struct err *e)
{
	struct meta_claim *claim = NULL;
	struct buf b = BUF_INIT;
	struct meta *next = NULL;
	int rc = -1;

	if (file_load(metadata_fd, name, LIMIT_ROOT_BYTES, &b, e) == -1 ||
	    meta_parse(buf_data(&b), buf_len(&b), &claim, e) == -1 ||
	    verify_root_next(*root, &claim, &next, e) == -1)
		goto out;
	if (newest != NULL) {
		buf_clear(newest);
		*newest = b;
		b = (struct buf)BUF_INIT;
	}
	meta_free(*root);
	*root = next;
	rc = 0;
out:
	if (rc == -1)
		err_within(e, "metadata/%s", name);
	meta_claim_free(claim);
	buf_clear(&b);
	return rc;
}

int
current_follow_root(int metadata_fd, struct meta **root, struct buf *newest, struct err *e)
{
	for (unsigned i = 0; i < LIMIT_ROOT_ROTATIONS; i++) {
		char name[NAME_SIZE];

		(void)snprintf(name, sizeof(name), "%lld.root.json",
		    (long long)(*root)->version + 1);
		if (!file_exists(metadata_fd, name))
			return 0;
		if (follow_one(metadata_fd, name, root, newest, e) == -1)
			return -1;
	}
	return err_set(e, ERR_BAD_INPUT, "more than %u new roots at once", LIMIT_ROOT_ROTATIONS);
}

static int
load_named(int metadata_fd, const struct meta *above, const struct meta *root, const char *role,
    size_t max_bytes, struct meta **out, struct err *e)
{
	const struct meta_file *file;
	struct verify_want want = { root, role, 0, 0 };
	char name[NAME_SIZE];

	(void)snprintf(name, sizeof(name), "%s.json", role);
	file = meta_find_file(above, name);
	if (file == NULL)
		return err_set(e, ERR_UNTRUSTED, "the role above %s does not list it", role);
	want.version = file->version;
	return load_role(metadata_fd, &want, &file->bytes, max_bytes, out, e);
}

int
current_load(int metadata_fd, const struct meta *root, struct current *out, struct err *e)
{
	struct verify_want want = { root, "timestamp", 0, 0 };
	struct current c = { NULL, NULL, NULL };

	if (load_role(metadata_fd, &want, NULL, LIMIT_TIMESTAMP_BYTES, &c.timestamp, e) == -1 ||
	    load_named(metadata_fd, c.timestamp, root, "snapshot", LIMIT_SNAPSHOT_BYTES,
	    &c.snapshot,
	        e) == -1 ||
	    load_named(metadata_fd, c.snapshot, root, "targets", LIMIT_TARGETS_BYTES, &c.targets,
	        e) == -1) {
		current_clear(&c);
		return -1;
	}
	*out = c;
	return 0;
}

int
current_check_targets(int metadata_fd, const struct current *c, const struct meta *root,
    struct err *e)
{
	struct meta *targets = NULL;
	int rc = load_named(metadata_fd, c->snapshot, root, "targets", LIMIT_TARGETS_BYTES,
	    &targets, e);

	meta_free(targets);
	return rc;
}

void
current_clear(struct current *c)
{
	meta_free(c->timestamp);
	meta_free(c->snapshot);
	meta_free(c->targets);
	memset(c, 0, sizeof(*c));
}

int64_t
current_version(const struct current *c, const char *role)
{
	const struct meta_file *file;
	char name[NAME_SIZE];

	(void)snprintf(name, sizeof(name), "%s.json", role);
	file = meta_find_file(c->snapshot, name);
	return file != NULL ? file->version : 0;
}
