/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of channels, courses and organisations, and release numbers.  FORMATS.md 1. */
#ifndef KEBAO_CATALOG_REPO_IDS_H
#define KEBAO_CATALOG_REPO_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"

/* Room for an id and its NUL. */
#define IDS_SIZE (LIMIT_ID_BYTES + 1)

enum ids_kind { IDS_CHANNEL, IDS_COURSE, IDS_ORGANISATION, IDS_PAIRING };

/*
 * Check the len bytes at id.  0, or -1 with ERR_BAD_INPUT and a text that
 * names the kind, the id (quoted) and the rule it breaks.
 */
int ids_check(enum ids_kind kind, const char *id, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/* The same, and copy it with a NUL to out (IDS_SIZE bytes), which stays untouched on failure. */
int ids_copy(enum ids_kind kind, char *out, const char *id, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/* "channel", "course", "organisation", "pairing". */
const char *ids_kind_name(enum ids_kind kind);

/* Decimal, 1 to LIMIT_RELEASE_NUMBER, no sign, no leading zero. */
int ids_parse_release(uint32_t *out, const char *text, size_t len, struct err *e)
    __attribute__((warn_unused_result));

#endif
