/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last kebao check came to: check.json in the home, for kebao status.  A fetch that
 * begins removes it, so what is there is younger than the last fetch.  Lost without harm.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CHECKED_H
#define KEBAO_CLIENTS_KEBAO_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "clients/kebao/home.h"
#include "clients/kebao/status.h"

struct checked {
	int64_t at;
	enum status status;
	bool must_enrol;
	char why[400]; /* one line; "": it went well */
};

/* why: class ERR_NONE where there is nothing to say. */
void checked_save(const struct home *h, enum status status, const struct err *why);
/* -1 where there is none or nobody can read it. */
int checked_load(const struct home *h, struct checked *out);
void checked_forget(const struct home *h);

/* Whether the hub has answered and nothing was amiss. */
bool checked_is_good(const struct checked *c);

#endif
