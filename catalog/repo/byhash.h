/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the frames or files of an index by their SHA-256: four bytes for each. */
#ifndef KEBAO_CATALOG_REPO_BYHASH_H
#define KEBAO_CATALOG_REPO_BYHASH_H

#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

struct index;

struct byhash {
	const struct index *index; /* borrowed, must outlive this */
	/* owned; of frames or entries, by hash and those of one hash ascending */
	uint32_t *numbers;
	uint32_t n;
	const struct digest *(*hash_of)(const struct index *index, uint32_t number);
};

/* All frames; or all files that are not empty.  byhash_clear() what they make. */
int byhash_frames(const struct index *index, struct byhash *out, struct err *e)
    __attribute__((warn_unused_result));
int byhash_files(const struct index *index, struct byhash *out, struct err *e)
    __attribute__((warn_unused_result));
void byhash_clear(struct byhash *b);

/* The numbers with this hash, ascending, lent; *n may be 0. */
const uint32_t *byhash_find(const struct byhash *b, const struct digest *sha256, uint32_t *n);

/* How many numbers from position at on have the hash of the one at at; at < b->n. */
uint32_t byhash_run(const struct byhash *b, uint32_t at);

#endif
