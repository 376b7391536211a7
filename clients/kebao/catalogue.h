/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hub offers to this home, believed: the newest release of each course
 * in each channel we may see, as the channels' roles sign them; and which
 * channels we held before and are not given any more.
 */
#ifndef KEBAO_CLIENTS_KEBAO_CATALOGUE_H
#define KEBAO_CLIENTS_KEBAO_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/withdrawn.h"
#include "catalog/trust/trust.h"
#include "clients/kebao/home.h"
#include "clients/kebao/hub.h"
#include "clients/kebao/library.h"

struct catalogue; /* opaque */

struct catalogue_offer {
	struct library_name name;          /* of the newest release */
	const struct meta_target *record;  /* lent by the trust store */
};

/*
 * With a hub: refresh (two requests where nothing is new), ask for the list of
 * channels where the hub's Kebao-View says that it changed, and get roles that are
 * new.  Without (NULL): what was believed last.  The home is locked where there is a hub.
 * ERR_DENIED where the hub says that our certificate is revoked, expired or unknown.
 * A channel that is withheld, or that may not be believed, is no failure here: see below.
 */
int catalogue_open(struct home *home, struct hub *hub, int64_t now, struct catalogue **out,
    struct err *e) __attribute__((warn_unused_result));
void catalogue_close(struct catalogue *c);

/* Sorted by channel and course; lent. */
size_t catalogue_n_offers(const struct catalogue *c);
const struct catalogue_offer *catalogue_offer(const struct catalogue *c, size_t i);

/* Releases that were recalled, in channels given to us; lent; in no order. */
struct catalogue_recall {
	struct library_name name;
	struct withdrawn what;
};
size_t catalogue_n_recalls(const struct catalogue *c);
const struct catalogue_recall *catalogue_recall(const struct catalogue *c, size_t i);
/* NULL: this release is not recalled, as far as is known here. */
const struct catalogue_recall *catalogue_find_recall(const struct catalogue *c,
    const struct library_name *name);

/* The bundle target of offer i; NULL where its channel lists none. */
const struct meta_target *catalogue_bundle(const struct catalogue *c, size_t i);

/* Channels held before, listed by the snapshot, and not given now. */
size_t catalogue_n_withheld(const struct catalogue *c);
const char *catalogue_withheld(const struct catalogue *c, size_t i);

/*
 * Channels whose role is there and may not be believed, with the reason.  They stand apart, so
 * that one of them does not keep the others from their readers.
 */
struct catalogue_refused {
	char channel[IDS_SIZE];
	struct err why; /* ERR_UNTRUSTED */
};
size_t catalogue_n_refused(const struct catalogue *c);
const struct catalogue_refused *catalogue_refused(const struct catalogue *c, size_t i);

/* Channels that are given to us, with their roles; lent. */
size_t catalogue_n_channels(const struct catalogue *c);
const char *catalogue_channel(const struct catalogue *c, size_t i, const struct meta **role);
/* Whether it is among those that the hub, when it was asked last, said this home may see. */
bool catalogue_is_listed(const struct catalogue *c, const char *channel);
/* Whether the hub says that this organisation publishes the channel. */
bool catalogue_is_publisher(const struct catalogue *c, const char *channel, const char *org);
/* Whether the channel is given to us, and its role says that it holds nothing any more. */
bool catalogue_has_ended(const struct catalogue *c, const char *channel);

/*
 * Whether we hold a newer release than this offer, and the channel does not know it (any more):
 * its hub was restored, and going back would be no update.
 */
bool catalogue_is_behind(const struct catalogue *c, const struct library *l,
    const struct library_name *offer);

struct trust *catalogue_trust(const struct catalogue *c); /* lent */

/*
 * The record target of any live release, held or not; NULL where its channel does
 * not list it (any more).
 */
const struct meta_target *catalogue_find(const struct catalogue *c,
    const struct library_name *name);

#endif
