/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target of a request: origin-form only (RFC 9112 3.2.1).  Pure.
 *
 * The path is decoded exactly once and then has one spelling: it begins with
 * '/', is valid UTF-8, and has no empty segment (but the last may be), no "."
 * or "..", no control character and no backslash.  An encoded "/" or NUL is
 * refused, because whoever looks at the path later could not tell it from a
 * real one.
 */
#ifndef KEBAO_DAEMON_HTTP_TARGET_H
#define KEBAO_DAEMON_HTTP_TARGET_H

#include <stddef.h>

#include "catalog/base/err.h"

/*
 * Split and decode in place: text[0..len) is the raw target, text[len] is
 * writable, too.  *path and *query (raw, checked; "" where there is none) then
 * point into text, NUL-terminated.
 * 0, or -1 with ERR_BAD_INPUT; text is then undefined.
 */
int target_split(char *text, size_t len, const char **path, const char **query, struct err *e);

/* One parameter of a raw query, as exchange_query() promises. */
int target_query(const char *query, const char *name, char *out, size_t size, struct err *e);

#endif
