/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to do for kebao fetch as far as this home knows, without asking anybody: by the
 * metadata believed last, and by what kebao verify has found.
 */
#ifndef KEBAO_CLIENTS_KEBAO_OUTLOOK_H
#define KEBAO_CLIENTS_KEBAO_OUTLOOK_H

#include <stddef.h>

#include "catalog/base/err.h"
#include "clients/kebao/home.h"
#include "clients/kebao/library.h"

struct outlook {
	size_t n_new;     /* courses of which nothing is held */
	size_t n_changed; /* held in an older release */
	size_t n_recalls; /* releases to be hidden, or to be brought back */
	size_t n_damaged; /* releases that can be repaired */
	struct library_name damaged; /* the first */
};

/* Where nothing was ever believed, only what is damaged; -1 where the library cannot be read. */
int outlook_look(struct home *h, struct outlook *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
