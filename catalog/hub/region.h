/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Region codes, GB/T 2260: six digits.  The first two must be a province of the
 * list in REGISTRY.md; 660000 stands for the Xinjiang Production and Construction
 * Corps, which has no code of its own in GB/T 2260.
 */
#ifndef KEBAO_CATALOG_HUB_REGION_H
#define KEBAO_CATALOG_HUB_REGION_H

#include "catalog/base/err.h"

#define REGION_LEN 6

/* 0, or -1 with ERR_BAD_INPUT. */
int region_check(const char *code, struct err *e) __attribute__((warn_unused_result));

/* Name of the province a valid code lies in, in Chinese; a constant. */
const char *region_province_zh(const char *code);

#endif
