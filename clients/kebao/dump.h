/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is inside a file of the repository, in the words of FORMATS.md.  For looking:
 * nothing here is verified against a signature.
 */
#ifndef KEBAO_CLIENTS_KEBAO_DUMP_H
#define KEBAO_CLIENTS_KEBAO_DUMP_H

#include <stdio.h>

#include "catalog/base/err.h"

/* Tell by the first or last bytes what the file is, check its form, print it. */
int dump_file(const char *path, FILE *out, struct err *e) __attribute__((warn_unused_result));

#endif
