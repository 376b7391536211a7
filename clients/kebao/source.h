/* SPDX-License-Identifier: Apache-2.0 */
/* The trust_source (trust.h) that asks a hub. */
#ifndef KEBAO_CLIENTS_KEBAO_SOURCE_H
#define KEBAO_CLIENTS_KEBAO_SOURCE_H

#include "catalog/trust/trust.h"
#include "clients/kebao/transfer.h"

/* t is borrowed as long as the source is used. */
struct trust_source source_of(struct transfer *t);

#endif
