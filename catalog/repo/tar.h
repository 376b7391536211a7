/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of our tar around the content of files, and the arithmetic of its
 * layout.  FORMATS.md 3.1.  Pure: no I/O, nothing can fail on checked input.
 */
#ifndef KEBAO_CATALOG_REPO_TAR_H
#define KEBAO_CATALOG_REPO_TAR_H

#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512u
#define TAR_END_BYTES 1024u /* two blocks of NUL behind the last entry */
#define TAR_MTIME 1688140800 /* 2023-07-01 00:00 in China; the time of every entry */

/* The longest bytes before an entry's content: pax header, two records, header. */
#define TAR_HEAD_MAX 2560u

/* The numbers are those of the index. */
enum tar_kind { TAR_DIRECTORY = 0, TAR_FILE = 1, TAR_EXECUTABLE = 2 };

/* What an entry's bytes in the tar depend on, but for the content. */
struct tar_entry {
	enum tar_kind kind;
	const char *path; /* lent; a directory's ends in '/' */
	size_t path_len;  /* at most LIMIT_PATH_BYTES + 1 */
	uint64_t size;    /* 0 for directories; at most LIMIT_TAR_BYTES */
};

/* Bytes before the content: 512, or more where a pax header is needed. */
uint32_t tar_head_len(const struct tar_entry *t);

/* Write them into out (TAR_HEAD_MAX bytes); returns tar_head_len(). */
uint32_t tar_head(uint8_t *out, const struct tar_entry *t);

/* NUL bytes behind content of this size. */
uint32_t tar_padding(uint64_t size);

/* Head, content and padding together. */
uint64_t tar_entry_len(const struct tar_entry *t);

/* Order of entries in the tar: bytes of the path, final '/' included.  <0, 0, >0. */
int tar_path_compare(const char *a, size_t a_len, const char *b, size_t b_len);

/* TAR_BLOCK * 2 bytes of NUL that live forever: padding and end point into them. */
extern const uint8_t tar_zeros[TAR_END_BYTES];

#endif
