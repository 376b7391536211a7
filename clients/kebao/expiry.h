/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the signers of a role in time that it expires, and what to do. */
#ifndef KEBAO_CLIENTS_KEBAO_EXPIRY_H
#define KEBAO_CLIENTS_KEBAO_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/trust/meta.h"
#include "clients/kebao/cli.h"

/* A warning where it is time for this role: "root", "targets", "snapshot", ..., a channel. */
bool expiry_warn(const struct cli *cli, const char *role, const struct meta *m, int64_t now);

#endif
