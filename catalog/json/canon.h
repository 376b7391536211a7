/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer of JSON.  Canonical form: keys sorted by bytes, no white space,
 * integers in decimal, no fractions.  FORMATS.md section 4.  Members nobody here
 * knows are written like all others.
 */
#ifndef KEBAO_CATALOG_JSON_CANON_H
#define KEBAO_CATALOG_JSON_CANON_H

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/json/json.h"

/*
 * Append the bytes a signature covers: in texts only '"' and '\' are escaped, so a
 * line feed stands there raw and the result need not be JSON.  Never stored.
 * -1 with ERR_BAD_INPUT (a number is no integer below 2^53, or making the
 * document went wrong) or ERR_SYSTEM; *out is then as it was.
 */
int canon_signed(struct json_at at, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Append a file or message: the same, but control characters are written as \b \t
 * \n \f \r or \u00xx, so it is JSON again.  Every document we make goes through here.
 */
int canon_write(struct json_at at, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
