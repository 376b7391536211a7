/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records, indexes and packs come into the repository before their release does.  Until the
 * switch they are for those who may publish in the channel, who have to look at
 * what they sign, and for nobody else, even who knows the name.
 */
#ifndef KEBAO_DAEMON_APP_EMBARGO_H
#define KEBAO_DAEMON_APP_EMBARGO_H

#include <stdbool.h>

#include "catalog/base/err.h"
#include "catalog/repo/objpath.h"
#include "daemon/http/exchange.h"

/*
 * For who may see the channel.  *is_draft: only drafts use it, and this one may have it.
 * -1: access_absent(), or ERR_SYSTEM.  Other kinds are never a draft's.
 */
int embargo_check(struct exchange *x, const struct objpath *p, bool *is_draft, struct err *e);

#endif
