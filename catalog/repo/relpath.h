/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names allowed in a release.  FORMATS.md 1.  The same rules hold when a
 * publisher reads a folder, when the hub checks a draft and when a client
 * parses an index; the texts are for the publisher, who has to rename.
 */
#ifndef KEBAO_CATALOG_REPO_RELPATH_H
#define KEBAO_CATALOG_REPO_RELPATH_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

/*
 * Check a path without a final '/'.  0, or -1 with ERR_BAD_INPUT: which path,
 * which rule, what to do.  ERR_SYSTEM when memory runs out.
 */
int relpath_check(const char *path, size_t len, struct err *e) __attribute__((warn_unused_result));

/*
 * Finds twins: paths that are the same name on a file system that folds case
 * or normalises.  Holds a 128-bit hash and a number per path, not the path.
 */
struct relpath_set;

/* The caller frees. */
struct relpath_set *relpath_set_new(struct err *e);
void relpath_set_free(struct relpath_set *s);

/*
 * Add a path (a final '/' is ignored) that relpath_check() accepted, known to
 * the caller by number.  0: new.  1: a twin of, or the same as, the path added
 * with *twin, and nothing was added.  -1: ERR_SYSTEM, or ERR_BAD_INPUT where
 * it is not valid UTF-8.
 */
int relpath_set_add(struct relpath_set *s, const char *path, size_t len, uint32_t number,
    uint32_t *twin, struct err *e) __attribute__((warn_unused_result));

/* Report a twin: fills *e (ERR_BAD_INPUT), naming both; returns -1. */
int relpath_twin_error(const char *a, size_t a_len, const char *b, size_t b_len, struct err *e);

#endif
