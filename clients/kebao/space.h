/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of the disk: what a release will take, what removing an older one gives back.
 * Files count in whole blocks (a quiz of 20,000 lines takes 80 MB), a file with several names (hard
 * links between releases) counts for nobody who only has one of them.
 */
#ifndef KEBAO_CLIENTS_KEBAO_SPACE_H
#define KEBAO_CLIENTS_KEBAO_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/index.h"

#define SPACE_BLOCK_BYTES 4096u

/*
 * Bytes for the files of ix; where known is not NULL without those whose content it has,
 * which will be linked.
 */
int space_needed_bytes(const struct index *ix, const struct index *known, uint64_t *out,
    struct err *e) __attribute__((warn_unused_result));

/* The same as near as can be told from a record. */
uint64_t space_guess_bytes(uint64_t file_bytes, uint64_t n_files);

/*
 * Bytes that removing the release ix in dirfd gives back once next is there as well (NULL: nothing
 * will be): files with one name whose content next does not have.
 */
int space_freed_bytes(int dirfd, const struct index *ix, const struct index *next, uint64_t *out,
    struct err *e) __attribute__((warn_unused_result));

/* Bytes that files with one name take below a directory; 0 where there is none. */
uint64_t space_used_bytes(int dirfd, const char *path);

/* What removing several directories together would give back; begin with SPACE_SUM_INIT. */
struct space_sum {
	struct space_file *files; /* owned */
	size_t n, size;
};
#define SPACE_SUM_INIT { NULL, 0, 0 }

int space_sum_add(struct space_sum *s, int dirfd, const char *path, struct err *e)
    __attribute__((warn_unused_result));
/* Of files all of whose names are below the directories that were added. */
uint64_t space_sum_bytes(struct space_sum *s);
void space_sum_clear(struct space_sum *s);

/* Bytes that the last blocks of all files leave unused. */
uint64_t space_lost_bytes(const struct index *ix);

#endif
