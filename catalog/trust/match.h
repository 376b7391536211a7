/* SPDX-License-Identifier: Apache-2.0 */
/* Which target paths a delegation speaks for (TUF 1.0.31, section 4.5). */
#ifndef KEBAO_CATALOG_TRUST_MATCH_H
#define KEBAO_CATALOG_TRUST_MATCH_H

#include <stdbool.h>

/*
 * Whether path matches the pattern: as many segments between '/', and each one
 * matches as a shell pattern of characters (not bytes): '*' any, '?' one, "[a-z]" and
 * "[!a-z]" one of a set.  No segment matches a '/', nothing escapes, case counts.
 * Both are valid UTF-8.
 */
bool match_path(const char *pattern, const char *path);

/* Whether the SHA-256 of path, in lower-case hexadecimal, begins with prefix. */
bool match_hash_prefix(const char *prefix, const char *path);

#endif
