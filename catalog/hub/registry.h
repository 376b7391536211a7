/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may see what: an immutable, reference-counted table over the registry's
 * documents, for any thread.  Pure: the day (day.h) is an argument.
 *
 * An organisation is in force from its first to its last day inclusive, a pairing
 * too.  One that is not in force sees what the public sees.  Otherwise:
 *
 *   public        everyone, without a certificate too
 *   members       every enrolled organisation
 *   paired        recipients of a pairing in force whose donor is the publisher,
 *                 and all organisations below such a recipient
 *   paired:self   the recipients themselves
 *   org:a,b       a and b, not those below them
 *
 * The publisher's own people see all its channels, in any state and whatever the
 * audience.  A closed channel is seen by nobody else.
 */
#ifndef KEBAO_CATALOG_HUB_REGISTRY_H
#define KEBAO_CATALOG_HUB_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/hub/ident.h"
#include "catalog/hub/regdoc.h"
#include "catalog/hub/regset.h"

#define REGISTRY_VIEW_HEX_LEN 16

struct registry; /* opaque */

/*
 * Build the table; the set's documents are shared, the set stays the caller's.
 * -1 with ERR_BAD_INPUT naming the document: a parent, donor, recipient,
 * publisher or audience that does not exist, a circle in the tree, an
 * organisation paired with itself.
 */
int registry_new(const struct regset *docs, struct registry **out, struct err *e)
    __attribute__((warn_unused_result));
struct registry *registry_hold(struct registry *reg);
void registry_release(struct registry *reg); /* NULL is fine */

/* The documents the table was built from; lent for the table's life. */
const struct regset *registry_docs(const struct registry *reg);

/* Lent for the table's life, or NULL. */
const struct regdoc *registry_find_organisation(const struct registry *reg, const char *id);
const struct regdoc *registry_find_channel(const struct registry *reg, const char *id);

/* Whether the organisation exists and is in force on day. */
bool registry_is_in_force(const struct registry *reg, const char *org, int32_t day);

/* False for a channel that does not exist, so that both look alike. */
bool registry_may_see(const struct registry *reg, const struct ident *who, const char *channel,
    int32_t day);

/* An identity of role publisher of the channel's own organisation, open or not ... */
bool registry_is_publisher(const struct registry *reg, const struct ident *who,
    const char *channel, int32_t day);

/* ... and the channel is open. */
bool registry_may_publish(const struct registry *reg, const struct ident *who,
    const char *channel, int32_t day);

/* Whether everyone may see the channel: decides "public" or "private" caching. */
bool registry_is_public(const struct registry *reg, const char *channel);

/*
 * Walk the channels who may see, sorted by id: *pos is 0 before the first call;
 * NULL at the end.
 */
const struct regdoc *registry_next_visible(const struct registry *reg, const struct ident *who,
    int32_t day, size_t *pos);

/* Where that walk is to begin for the channels at or behind this id, by bytes. */
size_t registry_seek(const struct registry *reg, const char *id);

/*
 * The header Kebao-View: a 64-bit hash of ids and states of the channels who may see,
 * as 16 digits and a NUL.
 */
void registry_view(const struct registry *reg, const struct ident *who, int32_t day,
    char out[REGISTRY_VIEW_HEX_LEN + 1]);

#endif
