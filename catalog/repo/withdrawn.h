/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mark of a recalled release: custom.withdrawn on its record target, FORMATS.md 4.3.
 * Whether a release is withdrawn depends on the member being there, never on what
 * is in it: withdrawn_is().  What it says is for people.
 */
#ifndef KEBAO_CATALOG_REPO_WITHDRAWN_H
#define KEBAO_CATALOG_REPO_WITHDRAWN_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/json/json.h"

#define WITHDRAWN_REASON_BYTES 1000u

struct withdrawn {
	char reason[WITHDRAWN_REASON_BYTES + 1]; /* one line, UTF-8 */
	int64_t date;                            /* UTC seconds */
	uint32_t successor;                      /* number of a release of the course; 0: none */
};

/* custom: of a target, nowhere where it has none. */
bool withdrawn_is(struct json_at custom);

/* Strictly: ERR_BAD_INPUT where the mark is missing or not of this form. */
int withdrawn_parse(struct json_at custom, struct withdrawn *out, struct err *e)
    __attribute__((warn_unused_result));

/* For people: as withdrawn_parse(), and what cannot be read is left empty. */
void withdrawn_look(struct json_at custom, struct withdrawn *out);

/* 1 to WITHDRAWN_REASON_BYTES bytes of UTF-8 without control characters or blanks around. */
int withdrawn_set_reason(struct withdrawn *w, const char *text, struct err *e)
    __attribute__((warn_unused_result));

/* Put the mark into custom, an object. */
void withdrawn_put(struct json_at custom, const struct withdrawn *w);

#endif
