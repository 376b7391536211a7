/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scanned folder as its tar, cut into frames: reads the files in order, puts
 * the heads and padding around them and cuts where chunk.h says.
 */
#ifndef KEBAO_CATALOG_REPO_CUTTER_H
#define KEBAO_CATALOG_REPO_CUTTER_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

struct scan;
struct cutter; /* opaque */

/* scan and dirfd are borrowed until cutter_free().  The caller frees; NULL with ERR_SYSTEM. */
struct cutter *cutter_new(const struct scan *scan, int dirfd, struct err *e);
void cutter_free(struct cutter *c);

/*
 * The next frame into out (CHUNK_MAX bytes); *len is 0 after the last.  -1:
 * ERR_CONFLICT where a file is not as it was when scanned; ERR_SYSTEM.
 */
int cutter_next(struct cutter *c, uint8_t *out, uint32_t *len, struct err *e)
    __attribute__((warn_unused_result));

#endif
