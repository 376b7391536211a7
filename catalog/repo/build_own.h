/* SPDX-License-Identifier: Apache-2.0 */
/* What build.c, build_index.c and build_packs.c share, and nobody else. */
#ifndef KEBAO_CATALOG_REPO_BUILD_OWN_H
#define KEBAO_CATALOG_REPO_BUILD_OWN_H

#include <stdint.h>

#include "catalog/repo/build.h"
#include "catalog/repo/scan.h"

/* Packing takes up to 7 MB of each thread: more would pass 128 MiB. */
#define BUILD_MAX_THREADS 10u

struct build {
	int dirfd; /* borrowed */
	struct build_options opt; /* n_threads and pack_bytes filled in */
	struct scan scan;
};

/* Frames in flight: enough that no thread waits for another's slow frame. */
unsigned build_n_slots(const struct build *b);

#endif
