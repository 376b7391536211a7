/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/anchors.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"
#include "daemon/app/context.h"

#define CA_BYTES 65536u /* a certificate is 1 KB */

static int
load_ca(struct app *app, struct anchors *out, struct err *e)
{
	uint8_t *der = NULL;
	X509 *cert;
	BIO *in;
	int len, rc;

	if (file_load(app->dirfd, CONTEXT_CA_FILE, CA_BYTES, &out->ca_pem, e) == -1)
		return -1;
	in = BIO_new_mem_buf(buf_data(&out->ca_pem), (int)buf_len(&out->ca_pem));
	cert = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
	len = cert == NULL ? -1 : i2d_X509(cert, &der);
	if (len > 0) {
		digest_of(&out->ca_sha256, der, (size_t)len);
		rc = buf_add(&out->ca_der, der, (size_t)len, e);
	} else {
		ERR_clear_error();
		rc = err_set(e, ERR_SYSTEM, "%s is not a certificate", CONTEXT_CA_FILE);
	}
	OPENSSL_free(der);
	X509_free(cert);
	BIO_free(in);
	return rc;
}

static int64_t
newest_root(const struct app *app)
{
	char name[OBJPATH_SIZE];
	int64_t version = 1;

	for (;; version++) {
		objpath_metadata(name, "root", (uint64_t)version + 1);
		if (!store_has(app->store, name))
			return version;
	}
}

int
anchors_load(struct app *app, int64_t version, struct anchors *out, struct err *e)
{
	char name[OBJPATH_SIZE];

	out->root_version = version == 0 ? newest_root(app) : version;
	objpath_metadata(name, "root", (uint64_t)out->root_version);
	if (load_ca(app, out, e) == 0 &&
	    store_load(app->store, name, LIMIT_ROOT_BYTES, &out->root, e) == 0)
		return 0;
	if (e->class == ERR_NOT_FOUND)
		(void)access_absent(e);
	anchors_clear(out);
	return -1;
}

void
anchors_clear(struct anchors *a)
{
	buf_clear(&a->ca_pem);
	buf_clear(&a->ca_der);
	buf_clear(&a->root);
}
