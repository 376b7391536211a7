/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/build.h"

#include <stdlib.h>

#include "catalog/base/limits.h"
#include "catalog/base/pool.h"
#include "catalog/repo/build_own.h"

unsigned
build_n_slots(const struct build *b)
{
	return 2 * b->opt.n_threads + 4;
}

int
build_scan(int dirfd, const struct build_options *opt, struct build **out, struct err *e)
{
	struct build *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_nomem(e);
	b->dirfd = dirfd;
	if (opt != NULL)
		b->opt = *opt;
	if (b->opt.n_threads == 0)
		b->opt.n_threads = pool_cpus();
	if (b->opt.n_threads > BUILD_MAX_THREADS)
		b->opt.n_threads = BUILD_MAX_THREADS;
	if (b->opt.pack_bytes == 0 || b->opt.pack_bytes > LIMIT_PACK_BYTES)
		b->opt.pack_bytes = LIMIT_PACK_BYTES;
	if (scan_folder(dirfd, b->opt.on_finding, b->opt.ctx, &b->scan, e) == -1) {
		build_free(b);
		return -1;
	}
	*out = b;
	return 0;
}

void
build_free(struct build *b)
{
	if (b == NULL)
		return;
	scan_clear(&b->scan);
	free(b);
}

uint32_t
build_n_files(const struct build *b)
{
	return b->scan.n_files;
}

uint64_t
build_bytes(const struct build *b)
{
	return b->scan.file_bytes;
}
