/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's own certificate: read for the engine, and issued anew by the signer in good time. */
#ifndef KEBAO_DAEMON_APP_SERVERCERT_H
#define KEBAO_DAEMON_APP_SERVERCERT_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/err.h"

struct config_list;
struct service_certs;
struct signer;

#define SERVERCERT_RENEW_S (30 * 86400) /* a third of the 90 days */

/* Read chain, key and CA below the state directory.  On -1 *out is empty. */
int servercert_load(int dirfd, struct service_certs *out, struct err *e);

/*
 * Where less than SERVERCERT_RENEW_S are left, the certificate is not valid yet (our clock
 * was ahead), or the names in it are not those of hostnames (an empty list accepts any): have
 * a new one signed for the same key and put it in place.  *renewed says whether that happened.
 */
int servercert_renew(int dirfd, struct signer *signer, const struct config_list *hostnames,
    int64_t now, bool *renewed, struct err *e);

#endif
