/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer's part of `kebaod init`: all keys, the CA, the first metadata.  It writes
 * STATE/keys, STATE/repo/metadata and the offline directory, which exist and are
 * empty; whoever asked removes them where this fails.
 */
#ifndef KEBAO_DAEMON_SIGNER_FOUND_H
#define KEBAO_DAEMON_SIGNER_FOUND_H

#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/trust/sign.h"

#define FOUND_ROOT_KEYS 20 /* at most */

struct found_options {
	const char *state_dir, *offline_dir;
	const char *organisation;       /* in the CA's name, for people */
	const char *const *hostnames;   /* of the server certificate */
	size_t n_hostnames;
	unsigned n_root_keys, root_threshold;
	struct sign_passphrase offline, online;
	int64_t now;
};

/*
 * Make everything; *ca_der and *root get what an enrolment code's fingerprint is over.
 * ERR_BAD_INPUT, ERR_CONFLICT (a file is there already), ERR_SYSTEM.
 */
int found_hub(const struct found_options *o, struct buf *ca_der, struct buf *root,
    struct err *e);

#endif
