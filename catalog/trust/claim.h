/* SPDX-License-Identifier: Apache-2.0 */
/* What a claim is made of.  For meta.c, which makes claims, and verify.c, which judges them. */
#ifndef KEBAO_CATALOG_TRUST_CLAIM_H
#define KEBAO_CATALOG_TRUST_CLAIM_H

#include "catalog/base/buf.h"
#include "catalog/trust/meta.h"

struct claim_signature {
	const char *keyid; /* borrowed from the document */
	struct buf bytes;  /* owned; empty where it was not hexadecimal */
};

struct meta_claim {
	struct meta *meta;                  /* owned until verify.c believes it */
	struct claim_signature *signatures; /* owned; keyids are distinct */
	size_t n_signatures;
	struct buf covered;                 /* owned; what the signatures are over */
};

#endif
