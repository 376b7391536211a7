/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle somebody downloaded with other means: .tar or .tar.zst.  FORMATS.md 5. */
#ifndef KEBAO_CLIENTS_KEBAO_BUNDLE_H
#define KEBAO_CLIENTS_KEBAO_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

/* Whether a word on the command line means a bundle file and no course. */
bool bundle_is_name(const char *word);

/*
 * Hash the tar in the file: as it is, or decompressed where it begins like zstd.
 * A few MB of memory; ERR_BAD_INPUT where it is cut short or no zstd we make,
 * ERR_NOT_FOUND where there is no such file.
 */
int bundle_hash(const char *path, void (*on_progress)(void *ctx, uint64_t done_bytes,
    uint64_t total_bytes), void *ctx, struct digest *sha256, uint64_t *tar_len, struct err *e)
    __attribute__((warn_unused_result));

#endif
