/* SPDX-License-Identifier: Apache-2.0 */
/* What a hub says when it refuses: a status and problem+json (RFC 9457).  PROTOCOL.md 1. */
#ifndef KEBAO_CLIENTS_KEBAO_PROBLEM_H
#define KEBAO_CLIENTS_KEBAO_PROBLEM_H

#include <stddef.h>

#include "catalog/base/err.h"

#define PROBLEM_BYTES 16384u /* of a complaint; the rest is not read */

/*
 * Turn a status that is no success and its body into *e: the class from the
 * body's "class", else from the status; the text from "detail", quoted, behind
 * what was asked for.  Always -1.
 */
int problem_judge(int status, const void *body, size_t len, const char *what, struct err *e);

#endif
