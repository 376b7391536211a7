/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/found.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/trust/role.h"
#include "daemon/signer/certify.h"
#include "daemon/signer/csr.h"
#include "daemon/signer/numbers.h"

/* Everything made on the way. */
struct founding {
	const struct found_options *o;  /* borrowed */
	int keys_fd, metadata_fd, offline_fd; /* owned; -1 while not open */
	struct sign_key *root[FOUND_ROOT_KEYS]; /* owned */
	struct sign_key *targets, *snapshot, *timestamp, *ca; /* owned */
	struct buf ca_pem, ca_der, files[META_N_TYPES]; /* by type */
};

/* ---- keys ---- */

static int
open_dir(const char *above, const char *below, int *out, struct err *e)
{
	int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return err_errno(e, "cannot open %s", above);
	*out = openat(fd, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out == -1)
		err_errno(e, "cannot open %s/%s", above, below);
	(void)close(fd); /* it was only read */
	return *out == -1 ? -1 : 0;
}

static int
new_key(enum sign_kind kind, int dirfd, const char *name, const struct sign_passphrase *pass,
    struct sign_key **out, struct err *e)
{
	if (sign_generate(kind, out, e) == -1)
		return -1;
	return sign_save(*out, dirfd, name, pass, e);
}

static int
make_keys(struct founding *f, struct err *e)
{
	const struct sign_passphrase *offline = &f->o->offline, *online = &f->o->online;

	for (unsigned i = 0; i < f->o->n_root_keys; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "root-%u.pem", i + 1);
		if (new_key(SIGN_ED25519, f->offline_fd, name, offline, &f->root[i], e) == -1)
			return -1;
	}
	if (new_key(SIGN_ED25519, f->offline_fd, "targets.pem", offline, &f->targets, e) == -1 ||
	    new_key(SIGN_ED25519, f->keys_fd, "snapshot.pem", online, &f->snapshot, e) == -1 ||
	    new_key(SIGN_ED25519, f->keys_fd, "timestamp.pem", online, &f->timestamp, e) == -1 ||
	    new_key(SIGN_P256, f->keys_fd, "ca.key", online, &f->ca, e) == -1)
		return -1;
	if (certify_new_ca(f->ca, f->o->organisation, f->o->now, &f->ca_pem, &f->ca_der, e) == -1)
		return -1;
	return file_create(f->keys_fd, "ca.pem", buf_data(&f->ca_pem), buf_len(&f->ca_pem), 0644,
	    e);
}

static int
make_server_certificate(struct founding *f, struct err *e)
{
	struct certify_out cert = { .pem = BUF_INIT };
	struct buf pem = BUF_INIT, csr = BUF_INIT;
	struct certify_ca *ca = NULL;
	EVP_PKEY *key = NULL;
	int rc = -1;

	if (csr_new_key(&key, e) == -1 || csr_write_key(key, &pem, e) == -1 ||
	    csr_write(key, &csr, e) == -1)
		goto out;
	if (certify_ca_new(f->ca, buf_data(&f->ca_pem), buf_len(&f->ca_pem), &ca, e) == -1 ||
	    certify_server(ca, buf_data(&csr), buf_len(&csr), f->o->hostnames, f->o->n_hostnames,
	        f->o->now, &cert, e) == -1)
		goto out;
	if (file_create(f->keys_fd, "server.key", buf_data(&pem), buf_len(&pem), 0600, e) == -1 ||
	    file_create(f->keys_fd, "server.pem", buf_data(&cert.pem), buf_len(&cert.pem), 0644,
	        e) == -1)
		goto out;
	rc = 0;
out:
	certify_ca_free(ca);
	certify_out_clear(&cert);
	EVP_PKEY_free(key);
	buf_wipe(&pem);
	buf_clear(&csr);
	return rc;
}

/* ---- metadata ---- */

static int
write_role(struct founding *f, enum meta_type type, struct role *r,
    struct sign_key *const *keys, size_t n, struct err *e)
{
	struct role_signer signers[FOUND_ROOT_KEYS];
	struct buf path = BUF_INIT;
	struct buf *bytes = &f->files[type];
	const char *name;
	int rc = -1;

	for (size_t i = 0; i < n; i++)
		signers[i] = sign_signer(keys[i]);
	if (role_file(r, signers, n, bytes, e) == -1 ||
	    role_path(meta_type_name(type), 1, &path, e) == -1)
		goto out;
	name = strrchr(buf_text(&path), '/'); /* "metadata/1.root.json" */
	rc = file_create(f->metadata_fd, name + 1, buf_data(bytes), buf_len(bytes), 0644, e);
out:
	buf_clear(&path);
	return rc;
}

static int
write_root(struct founding *f, struct err *e)
{
	const struct key *keys[FOUND_ROOT_KEYS];
	const struct {
		enum meta_type type;
		const struct sign_key *key;
	} others[] = {
		{ META_TARGETS, f->targets },
		{ META_SNAPSHOT, f->snapshot },
		{ META_TIMESTAMP, f->timestamp },
	};
	struct role *r = NULL;
	int rc;

	if (role_new(META_ROOT, NULL, f->o->now, &r, e) == -1)
		return -1;
	for (unsigned i = 0; i < f->o->n_root_keys; i++)
		keys[i] = sign_public(f->root[i]);
	role_set_top(r, META_ROOT, keys, f->o->n_root_keys, f->o->root_threshold);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct key *key = sign_public(others[i].key);

		role_set_top(r, others[i].type, &key, 1, 1);
	}
	rc = write_role(f, META_ROOT, r, f->root, f->o->n_root_keys, e);
	role_free(r);
	return rc;
}

/* A role that lists the one below it; below is META_ROOT where there is none. */
static int
write_top(struct founding *f, enum meta_type type, struct sign_key *key, enum meta_type below,
    struct err *e)
{
	struct role *r = NULL;
	int rc;

	if (role_new(type, NULL, f->o->now, &r, e) == -1)
		return -1;
	if (below != META_ROOT)
		role_set_file(r, meta_type_name(below), 1, buf_data(&f->files[below]),
		    buf_len(&f->files[below]));
	rc = write_role(f, type, r, &key, 1, e);
	role_free(r);
	return rc;
}

static int
write_metadata(struct founding *f, struct err *e)
{
	const struct numbers first = { 1, 1, 1, 0 };
	const struct buf *root = &f->files[META_ROOT];

	if (write_root(f, e) == -1 ||
	    write_top(f, META_TARGETS, f->targets, META_ROOT, e) == -1 ||
	    write_top(f, META_SNAPSHOT, f->snapshot, META_TARGETS, e) == -1 ||
	    write_top(f, META_TIMESTAMP, f->timestamp, META_SNAPSHOT, e) == -1)
		return -1;
	if (file_create(f->keys_fd, "root.json", buf_data(root), buf_len(root), 0644, e) == -1)
		return -1;
	return numbers_save(f->keys_fd, &first, e);
}

/* ---- the whole ---- */

static int
check_options(const struct found_options *o, struct err *e)
{
	if (o->n_root_keys < 1 || o->n_root_keys > FOUND_ROOT_KEYS)
		return err_set(e, ERR_BAD_INPUT, "%u root keys; 1 to %d are possible",
		    o->n_root_keys, FOUND_ROOT_KEYS);
	if (o->root_threshold < 1 || o->root_threshold > o->n_root_keys)
		return err_set(e, ERR_BAD_INPUT, "%u signatures cannot come from %u root keys",
		    o->root_threshold, o->n_root_keys);
	return 0;
}

static void
clear(struct founding *f)
{
	for (unsigned i = 0; i < FOUND_ROOT_KEYS; i++)
		sign_free(f->root[i]);
	sign_free(f->targets);
	sign_free(f->snapshot);
	sign_free(f->timestamp);
	sign_free(f->ca);
	buf_clear(&f->ca_pem);
	buf_clear(&f->ca_der);
	for (int i = 0; i < META_N_TYPES; i++)
		buf_clear(&f->files[i]);
	if (f->keys_fd != -1)
		(void)close(f->keys_fd); /* directories: nothing is written through them */
	if (f->metadata_fd != -1)
		(void)close(f->metadata_fd);
	if (f->offline_fd != -1)
		(void)close(f->offline_fd);
}

int
found_hub(const struct found_options *o, struct buf *ca_der, struct buf *root, struct err *e)
{
	struct founding f = { .o = o, .keys_fd = -1, .metadata_fd = -1, .offline_fd = -1 };
	int rc = -1;

	if (check_options(o, e) == -1)
		return -1;
	if (open_dir(o->state_dir, "keys", &f.keys_fd, e) == -1 ||
	    open_dir(o->state_dir, "repo/metadata", &f.metadata_fd, e) == -1 ||
	    open_dir(o->offline_dir, ".", &f.offline_fd, e) == -1)
		goto out;
	if (make_keys(&f, e) == -1 || make_server_certificate(&f, e) == -1 ||
	    write_metadata(&f, e) == -1)
		goto out;
	*ca_der = f.ca_der;
	*root = f.files[META_ROOT];
	f.ca_der = f.files[META_ROOT] = (struct buf)BUF_INIT;
	rc = 0;
out:
	clear(&f);
	return rc;
}
