/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict gate: JSON that passes means one thing to every reader.  RFC 8259
 * and more: valid UTF-8 without BOM, no NUL (neither raw nor \u0000), no
 * unpaired surrogate, no raw control character in a string, no duplicate key
 * (compared after unescaping), depth at most LIMIT_JSON_DEPTH, one value with
 * nothing but white space around it.  FORMATS.md section 4.
 */
#ifndef KEBAO_CATALOG_JSON_GATE_H
#define KEBAO_CATALOG_JSON_GATE_H

#include <stddef.h>

#include "catalog/base/err.h"

enum gate_mode {
	GATE_SIGNED, /* numbers are integers, |n| < 2^53, no fraction, exponent or "-0" */
	GATE_ANY,    /* numbers as in RFC 8259, at most 60 characters, finite as a double */
};

/*
 * 0, or -1 with ERR_BAD_INPUT (the text names what is wrong and at which byte,
 * counted from 0) or ERR_SYSTEM.  Bytes are only looked at; empty input is refused.
 */
int gate_check(const void *bytes, size_t len, enum gate_mode mode, struct err *e)
    __attribute__((warn_unused_result));

#endif
