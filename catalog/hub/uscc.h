/* SPDX-License-Identifier: Apache-2.0 */
/* Unified social credit codes, GB 32100-2015: 18 characters, the last a check character. */
#ifndef KEBAO_CATALOG_HUB_USCC_H
#define KEBAO_CATALOG_HUB_USCC_H

#include "catalog/base/err.h"

#define USCC_LEN 18

/* 0, or -1 with ERR_BAD_INPUT and a text that says what is wrong. */
int uscc_check(const char *text, struct err *e) __attribute__((warn_unused_result));

#endif
