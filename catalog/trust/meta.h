/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TUF metadata as C structs; parse and encode, no judgement.  Bytes from outside
 * become a struct meta_claim, which shows nothing but what is needed to talk about
 * it; verify.c alone turns a claim into a struct meta, and whatever acts on
 * metadata takes const struct meta *.  FORMATS.md section 4.
 */
#ifndef KEBAO_CATALOG_TRUST_META_H
#define KEBAO_CATALOG_TRUST_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "catalog/trust/key.h"

#define META_SHA512_LEN 64
#define META_SPEC_VERSION "1.0.31"

enum meta_type { META_ROOT, META_TARGETS, META_SNAPSHOT, META_TIMESTAMP };
#define META_N_TYPES 4

/* What other metadata says about the bytes of a file. */
struct meta_bytes {
	int64_t length; /* bytes; -1: not said */
	bool has_sha256, has_sha512;
	bool has_other; /* of a kind we cannot compute */
	struct digest sha256;
	uint8_t sha512[META_SHA512_LEN];
};

/* An entry of snapshot or timestamp. */
struct meta_file {
	const char *name; /* borrowed from the document: "gd.ip.json" */
	int64_t version;  /* at least 1 */
	struct meta_bytes bytes;
};

/* Who may sign a role, and how many of them must. */
struct meta_role {
	const char *name;     /* borrowed: "root", or of a delegation "gd.ip" */
	const char **keyids;  /* owned array of borrowed texts, distinct */
	size_t n_keyids;
	int64_t threshold;    /* at least 1 */
	/* Delegations only: */
	bool is_terminating;
	bool by_prefix;       /* matches are hash prefixes, else path patterns */
	const char **matches; /* owned array of borrowed texts */
	size_t n_matches;
};

/* An entry of a targets role. */
struct meta_target {
	const char *path; /* borrowed: "gd.ip/trademark/2/record.json" */
	struct meta_bytes bytes; /* length is always said */
	struct json_at custom;   /* nowhere where there is none */
};

/*
 * Metadata that is believed.  Read-only for everybody; free with meta_free().
 * Sorted arrays are for the finders; delegations keep the order of the document.
 */
struct meta {
	enum meta_type type;
	int64_t version;
	int64_t expires_at;
	bool consistent_snapshot; /* root */
	struct key **keys;        /* root, targets: every key listed, sorted by keyid; owned */
	size_t n_keys;
	struct meta_role *roles;  /* root: the four, by enum meta_type; targets: delegations */
	size_t n_roles;
	struct meta_target *targets; /* targets: sorted by path */
	size_t n_targets;
	struct meta_file *files;  /* snapshot, timestamp: sorted by name */
	size_t n_files;
	struct json *doc;         /* owned; the whole file, members we do not know included */
};

struct meta_claim; /* opaque: a struct meta and its signatures, unbelieved */

/*
 * Parse the bytes of a role file.  The gate's rules, LIMIT_KEYS, LIMIT_ROLE_KEYS,
 * LIMIT_SIGNATURES and the shapes of TUF 1.0.31 hold; a keyid that occurs twice
 * among the signatures is refused, a signature that is not hexadecimal counts for
 * nothing.  A threshold nobody can reach is not refused here: it is never reached.
 * -1: ERR_BAD_INPUT (the text names the member) or ERR_SYSTEM.
 */
int meta_parse(const void *bytes, size_t len, struct meta_claim **out, struct err *e)
    __attribute__((warn_unused_result));
void meta_claim_free(struct meta_claim *c);

/* Unbelieved, for messages and for choosing what to check against. */
enum meta_type meta_claim_type(const struct meta_claim *c);
int64_t meta_claim_version(const struct meta_claim *c);

/*
 * An unbelieved look inside, for people only: `kebao dump`, and a role that still collects
 * signatures.  Nothing that acts on metadata may call it.
 */
const struct meta *meta_claim_peek(const struct meta_claim *c);
size_t meta_claim_n_signatures(const struct meta_claim *c);
const char *meta_claim_signature_keyid(const struct meta_claim *c, size_t i);

void meta_free(struct meta *m);

/* "root", "targets", "snapshot", "timestamp". */
const char *meta_type_name(enum meta_type type);

/* NULL where absent. */
const struct key *meta_find_key(const struct meta *m, const char *keyid);
const struct meta_target *meta_find_target(const struct meta *m, const char *path);
const struct meta_file *meta_find_file(const struct meta *m, const char *name);
/* Root: one of the four by name.  Targets: the delegation of that name. */
const struct meta_role *meta_find_role(const struct meta *m, const char *name);

/* Whether the delegation speaks for the target: a glob per path segment, or the path's hash. */
bool meta_role_matches(const struct meta_role *role, const char *target_path);

/*
 * How a role is spelt in file names and URLs: every byte but letters, digits and
 * "_.-~" as %XX in capitals.  Append to out.
 */
int meta_quote_role(const char *role, struct buf *out, struct err *e);

#endif
