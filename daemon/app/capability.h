/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leave to read the files of one release for ten minutes, as a word that stands in a path: for
 * sandboxed previews, which send neither cookies nor certificates.  Sealed with a key that lives
 * as long as the process; who holds the word may do what the one it was given to may do, and
 * that is asked again at every request.  Pure but for the making of the key.
 */
#ifndef KEBAO_DAEMON_APP_CAPABILITY_H
#define KEBAO_DAEMON_APP_CAPABILITY_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/hub/ident.h"
#include "catalog/repo/ids.h"

#define CAPABILITY_S 600 /* a preview is looked at, not kept */

struct capability_key {
	uint8_t bytes[32];
};

struct capability {
	int64_t expires_at; /* UTC seconds */
	uint32_t release;
	char channel[IDS_SIZE], course[IDS_SIZE];
	char serial[IDENT_SERIAL_HEX_LEN + 1]; /* of the one it was given to; "": nobody */
};

int capability_key_make(struct capability_key *out, struct err *e);

/* Append "~" and the word. */
int capability_encode(const struct capability *c, const struct capability_key *key,
    struct buf *out, struct err *e) __attribute__((warn_unused_result));

/* -1 with ERR_NOT_FOUND where the word is not ours or has expired at now. */
int capability_parse(const char *word, const struct capability_key *key, int64_t now,
    struct capability *out, struct err *e) __attribute__((warn_unused_result));

#endif
