/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of routes: what PROTOCOL.md lists, and what the local listener answers. */
#ifndef KEBAO_DAEMON_APP_ROUTES_H
#define KEBAO_DAEMON_APP_ROUTES_H

#include <stddef.h>

struct route;

/* Constants; lent for ever. */
const struct route *routes_public(size_t *n);
const struct route *routes_local(size_t *n);

#endif
