/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recalls mean for this home: releases held here that their publisher withdrew
 * are hidden, never deleted; those whose recall was undone come back.
 */
#ifndef KEBAO_CLIENTS_KEBAO_RECALLS_H
#define KEBAO_CLIENTS_KEBAO_RECALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/base/err.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/cli.h"
#include "clients/kebao/library.h"

struct recalls {
	bool is_aside;     /* wanted: on stderr, because the output is for programs */
	bool is_to_go;     /* wanted: what is hidden is deleted as soon as it is replaced */
	size_t n_recalled; /* visible here, and withdrawn */
	size_t n_undone;   /* hidden here, and live again */
};

/* Whether the hidden release is signed as live again; not being listed is not enough. */
bool recalls_is_undone(const struct catalogue *c, const struct library_name *hidden);

/* Count. */
void recalls_look(const struct catalogue *c, const struct library *held,
    const struct library *hidden, struct recalls *out);

/* Look, and say each of them; nothing is changed. */
void recalls_say(const struct cli *cli, const struct catalogue *c, const struct library *held,
    const struct library *hidden, struct recalls *out);

/*
 * Hide and bring back, and say so.  Afterwards the library is another one: load it
 * again.  The home is locked.
 */
int recalls_apply(const struct cli *cli, const struct home *home, const struct catalogue *c,
    struct recalls *out, struct err *e) __attribute__((warn_unused_result));

/*
 * Delete the hidden ones that are still withdrawn, but those of which another release is on offer
 * and not held yet: they are why it is fetched, and what it is made from.  *n how many.
 */
int recalls_delete(const struct home *home, const struct catalogue *c, size_t *n, struct err *e)
    __attribute__((warn_unused_result));

/* One line about a release that is withdrawn: reason, date, successor. */
void recalls_say_one(const struct cli *cli, const struct catalogue_recall *r, bool is_aside);

#endif
