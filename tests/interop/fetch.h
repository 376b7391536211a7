/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET over plain HTTP, one attempt, with libcurl: the least that a program needs to
 * talk to a repository under test.  No redirect is followed, nothing is asked for
 * twice, no proxy and no configuration of the user is looked at.
 */
#ifndef KEBAO_TESTS_INTEROP_FETCH_H
#define KEBAO_TESTS_INTEROP_FETCH_H

#include <stddef.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

struct fetch; /* opaque; keeps its connection; one thread at a time */

int fetch_new(struct fetch **out, struct err *e) __attribute__((warn_unused_result));
void fetch_free(struct fetch *f);

/*
 * Append what is at url to out.  -1: ERR_NOT_FOUND for 404 and 403 (how some stores say
 * it), ERR_BAD_INPUT where the body is longer than max_bytes (it is read no further)
 * or url is none of http, ERR_NETWORK for every other answer and for none, or ERR_SYSTEM.
 */
int fetch_get(struct fetch *f, const char *url, size_t max_bytes, struct buf *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
