/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header Upload-Metadata of tus: pairs of a key and a value in base64, between commas.  Pure.
 */
#ifndef KEBAO_DAEMON_APP_TUSMETA_H
#define KEBAO_DAEMON_APP_TUSMETA_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

/*
 * The value of key into out (size bytes with the NUL).  -1 with ERR_BAD_INPUT: not there, there
 * twice, not base64, too long, or with a byte that is no printable ASCII.
 */
int tusmeta_get(const char *header, const char *key, char *out, size_t size, struct err *e)
    __attribute__((warn_unused_result));

/* A decimal number without sign, below 2^63. */
int tusmeta_number(const char *text, uint64_t *out) __attribute__((warn_unused_result));

#endif
