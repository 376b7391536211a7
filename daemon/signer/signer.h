/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kebaod's side of kebaod-signer, the child that holds the online keys and the CA.
 * Neither ever enters this process.  The child trusts us with nothing: it checks
 * what it signs itself, against the repository it reads.
 *
 * Calls wait for the child (milliseconds; a certificate or two signatures), one at
 * a time behind a mutex: use them from the pool.  A child that died is started
 * again, once per call, and the call is sent again: every operation may be repeated.
 */
#ifndef KEBAO_DAEMON_SIGNER_SIGNER_H
#define KEBAO_DAEMON_SIGNER_SIGNER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

struct signer; /* opaque */

/*
 * Start program (path of kebaod-signer) for the state directory and wait until it
 * has loaded its keys.  passphrase_file NULL: STATE/keys/online.pass.  ERR_DENIED (wrong
 * passphrase), ERR_UNTRUSTED (a key that root does not list), ERR_NOT_FOUND (a file is
 * missing), ERR_NETWORK (no such program, or it ended), ERR_SYSTEM.
 */
int signer_start(const char *program, const char *state_dir, const char *passphrase_file,
    struct signer **out, struct err *e) __attribute__((warn_unused_result));

/*
 * Where kebaod-signer is: beside the program that asks (/proc/self/exe).  Append to out.
 */
int signer_find_program(struct buf *out, struct err *e);

/* Close the socket, wait for the child, free.  NULL is fine. */
void signer_stop(struct signer *s);

/* The child's process id, for a supervisor that reaps by name; -1 while none runs. */
pid_t signer_pid(struct signer *s);

/* New bytes of snapshot and timestamp; clear with signer_switch_clear(). */
struct signer_switch {
	int64_t role_version;     /* of the new role; 0 in a re-signing */
	int64_t snapshot_version; /* 0: the snapshot stays as it is, and its bytes are empty */
	int64_t timestamp_version;
	struct buf snapshot;      /* write as N.snapshot.json, then ... */
	struct buf timestamp;     /* ... replace timestamp.json, last */
};
void signer_switch_clear(struct signer_switch *sw);

/*
 * Check bytes as the next version of role ("targets", a channel, or "root") and sign
 * the switch to it.  Nothing is written: the caller writes N.role.json,
 * N.snapshot.json and timestamp.json, in this order.  Only one such switch may be
 * under way.  For "root" both files are empty, unless it takes an online key out of use: then
 * both are signed by the old keys and the new, and are written before the root.
 *
 * ERR_BAD_INPUT, ERR_UNTRUSTED (signatures, expired), ERR_CONFLICT (not exactly the
 * version after the current one), ERR_NOT_FOUND (a role that targets does not delegate).
 */
int signer_advance(struct signer *s, const char *role, const void *bytes, size_t len,
    struct signer_switch *out, struct err *e);

/* Sign the timestamp anew, and the snapshot where it expires within 90 days. */
int signer_resign(struct signer *s, struct signer_switch *out, struct err *e);

/*
 * The repository was restored from an older copy: forget what was seen published, raise all
 * numbers to above, let roles go on at above + 1, and sign snapshot and timestamp there.
 * ERR_BAD_INPUT where above is out of range.
 */
int signer_recover(struct signer *s, int64_t above, struct signer_switch *out, struct err *e);

/*
 * Append {"snapshot":KEY,"timestamp":KEY}: the public halves of the keys that come into use
 * with the first root that lists them.  Made at the first call, the same until then.
 */
int signer_prepare_keys(struct signer *s, struct buf *out, struct err *e);

struct signer_certificate {
	struct buf pem;
	char serial[33]; /* lower-case hexadecimal, NUL */
	int64_t issued_at, expires_at;
};
void signer_certificate_clear(struct signer_certificate *c);

/* A client certificate, CN=org, for the key of the request (PEM).  ERR_BAD_INPUT. */
int signer_certify(struct signer *s, const void *csr, size_t csr_len, const char *org,
    struct signer_certificate *out, struct err *e);

/* A server certificate for names: host names and addresses, as text. */
int signer_certify_server(struct signer *s, const void *csr, size_t csr_len,
    const char *const *names, size_t n_names, struct signer_certificate *out, struct err *e);

#endif
