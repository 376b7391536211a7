/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory that holds, or is to hold, the files of an index: opening what is below
 * it, never through a link, and reading frames back out of the files.  Keeps the
 * last directory and the last file open, for neighbours are asked for together.
 */
#ifndef KEBAO_CATALOG_REPO_TREEDIR_H
#define KEBAO_CATALOG_REPO_TREEDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"

struct index;

/* One thread at a time. */
struct treedir {
	int dirfd;                 /* borrowed */
	const struct index *index; /* borrowed */
	int parent_fd;             /* owned, or -1 */
	size_t parent_len;         /* of its path, with the '/'; 0: the directory itself */
	char parent[LIMIT_PATH_BYTES + 2];
	int file_fd; /* owned, or -1; for reading */
	uint32_t file; /* the entry it belongs to */
};

/* Nothing is opened yet. */
void treedir_init(struct treedir *d, int dirfd, const struct index *index);
void treedir_clear(struct treedir *d);

/*
 * The directory that holds path, lent until the next call; *base points at the last
 * component (a directory's with its '/').  -1 with errno where it cannot be opened.
 */
int treedir_parent(struct treedir *d, const char *path, size_t len, const char **base);

/* Open the regular file path; -1 with errno (EISDIR where it is not one).  The caller closes. */
int treedir_open(struct treedir *d, const char *path, size_t len, int flags);

/* The same for reading entry i, lent until the next call that opens another. */
int treedir_file(struct treedir *d, uint32_t i);

/* Forget the open file: it was replaced. */
void treedir_forget(struct treedir *d);

/*
 * Put the content of the frame together from the files (out has room for
 * its length) and compare its hash.  Whatever stands against it, a missing file as well as a
 * broken disk, makes it false: the frame can be had elsewhere.
 */
bool treedir_read_frame(struct treedir *d, uint32_t frame, uint8_t *out);

#endif
