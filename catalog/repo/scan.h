/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a publisher's folder and what is wrong with it: the names, kinds and
 * sizes of a release in tar order, without reading any file.  Names are taken in Unicode
 * form NFC, whatever form the folder has them in.  Empty folders belong to the release: a course
 * may want a place for what its readers write.
 */
#ifndef KEBAO_CATALOG_REPO_SCAN_H
#define KEBAO_CATALOG_REPO_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "catalog/base/err.h"
#include "catalog/repo/tar.h"

enum scan_finding {
	SCAN_LEFT_OUT, /* not in the release: litter of an operating system */
	/* cannot be published as it is: an illegal name, a link, a twin, no access */
	SCAN_REFUSED,
};

/* May be NULL.  path is printable; text is one line for a person and names it, too. */
typedef void scan_finding_fn(void *ctx, enum scan_finding kind, const char *path,
    const char *text);

struct scan_entry {
	struct tar_entry tar; /* path owned by the scan, followed by a NUL */
	/* owned by the scan: the path in the folder, other than NFC perhaps */
	const char *disk;
	struct timespec mtime; /* as it was: a file that has another size, time or number changed */
	ino_t ino;
};

struct scan {
	struct scan_entry *entries; /* owned; sorted as in the tar, parents present */
	uint32_t n_entries;
	uint32_t n_files;
	uint64_t file_bytes;
};

/*
 * Look at everything below dirfd and report every finding.  -1: ERR_BAD_INPUT where
 * something was refused, there is too much or nothing of it; ERR_SYSTEM.
 */
int scan_folder(int dirfd, scan_finding_fn *on_finding, void *ctx, struct scan *out,
    struct err *e) __attribute__((warn_unused_result));
void scan_clear(struct scan *s);

/*
 * Open file i for reading, never through a link.  -1 with ERR_CONFLICT where
 * it is not as it was when scanned.  The caller closes.
 */
int scan_open(const struct scan *s, uint32_t i, int dirfd, struct err *e)
    __attribute__((warn_unused_result));

/* 0 where the open file is still as it was, else -1 with ERR_CONFLICT. */
int scan_check_same(const struct scan *s, uint32_t i, int fd, struct err *e)
    __attribute__((warn_unused_result));

/* "PATH changed while it was being published": ERR_CONFLICT. */
int scan_changed(const struct scan *s, uint32_t i, struct err *e);

#endif
