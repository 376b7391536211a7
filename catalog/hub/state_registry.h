/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's documents in the state. */
#ifndef KEBAO_CATALOG_HUB_STATE_REGISTRY_H
#define KEBAO_CATALOG_HUB_STATE_REGISTRY_H

#include "catalog/base/err.h"
#include "catalog/hub/audit.h"
#include "catalog/hub/regset.h"

struct state;

/* *out (empty before) is the caller's to clear. */
int state_registry_load(struct state *s, struct regset *out, struct err *e);

/* Make the stored documents equal to docs; only what differs is written. */
int state_registry_replace(struct state *s, const struct regset *docs,
    const struct audit_note *note, struct err *e);

#endif
