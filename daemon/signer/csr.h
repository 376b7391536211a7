/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's own key and certificate request.  This key is no secret of the CA's: it
 * lives in kebaod, stored as PKCS#8 readable by its owner only.
 */
#ifndef KEBAO_DAEMON_SIGNER_CSR_H
#define KEBAO_DAEMON_SIGNER_CSR_H

#include <openssl/types.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

/* A new P-256 key; the caller frees with EVP_PKEY_free(). */
int csr_new_key(EVP_PKEY **out, struct err *e) __attribute__((warn_unused_result));
/* Append it as PEM, not encrypted; the caller wipes. */
int csr_write_key(EVP_PKEY *key, struct buf *out, struct err *e);

/* Append a PEM request for the key: it says nothing else, since nothing else would be taken. */
int csr_write(EVP_PKEY *key, struct buf *out, struct err *e);

#endif
