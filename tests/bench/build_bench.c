/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What publishing costs, without network: build_bench SPOOL FROM [TO] builds FROM as a
 * first release and, of TO, what FROM lacks.  Prints `name value unit` lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/buf.h"
#include "catalog/repo/build.h"
#include "catalog/repo/index.h"

struct release {
	struct build *build;
	struct build_result result;
	struct build_packs packs;
	int dirfd;
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "build_bench: %s: %s\n", what, e != NULL ? e->text : strerror(errno));
	exit(1);
}

static int
by_digest(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

/* All contents of an index, sorted; the caller frees. */
static struct digest *
contents(const struct index *ix)
{
	uint32_t n = index_n_frames(ix);
	struct digest *all = calloc(n, sizeof(*all));

	if (all == NULL)
		die("memory", NULL);
	for (uint32_t i = 0; i < n; i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		all[i] = *f.sha256;
	}
	qsort(all, n, sizeof(*all), by_digest);
	return all;
}

/* One byte per frame of ix: 1 where held lacks it; the caller frees. */
static uint8_t *
missing_from(const struct index *ix, const struct index *held)
{
	uint32_t n = index_n_frames(ix);
	uint8_t *missing = malloc(n);
	struct digest *have = held != NULL ? contents(held) : NULL;

	if (missing == NULL)
		die("memory", NULL);
	memset(missing, 1, n);
	for (uint32_t i = 0; held != NULL && i < n; i++) {
		struct index_frame f;

		index_frame(ix, i, &f);
		missing[i] = bsearch(f.sha256, have, index_n_frames(held), sizeof(*have),
		    by_digest) == NULL;
	}
	free(have);
	return missing;
}

static void
build(struct release *r, const char *path, const struct index *held, int spool)
{
	const struct build_options options = { .n_threads = 0 };
	struct err e = { 0 };
	uint8_t *missing;

	r->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd == -1)
		die(path, NULL);
	if (build_scan(r->dirfd, &options, &r->build, &e) == -1 ||
	    build_index(r->build, &r->result, &e) == -1)
		die(path, &e);
	missing = missing_from(r->result.index, held);
	if (build_packs(r->build, r->result.index, missing, &(struct build_spool){ .dirfd = spool },
	    &r->packs, &e) == -1)
		die(path, &e);
	free(missing);
}

static void
clear(struct release *r)
{
	build_packs_clear(&r->packs);
	index_free(r->result.index);
	build_free(r->build);
	(void)close(r->dirfd); /* only read */
}

static size_t
index_len(const struct index *ix)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	size_t len;

	if (index_encode(ix, &b, &e) == -1)
		die("index", &e);
	len = buf_len(&b);
	buf_clear(&b);
	return len;
}

int
main(int argc, char **argv)
{
	struct release from = { 0 }, to = { 0 };
	struct rusage usage;
	double begin, seconds;
	int spool;

	if (argc < 3 || (spool = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		die("usage: build_bench SPOOL FROM [TO]", NULL);
	begin = now();
	build(&from, argv[2], NULL, spool);
	seconds = now() - begin;
	printf("publish.kebao.seconds %.2f s\n", seconds);
	printf("publish.kebao.rate %.1f MiB/s\n",
	    (double)build_bytes(from.build) / seconds / (1 << 20));
	printf("publish.kebao.bytes %llu B\n",
	    (unsigned long long)(from.packs.stored_bytes + index_len(from.result.index)));
	printf("publish.frames %u frames\n", index_n_frames(from.result.index));
	(void)getrusage(RUSAGE_SELF, &usage); /* cannot fail for oneself */
	printf("publish.kebao.peak_memory %ld KiB\n", usage.ru_maxrss);
	if (argc > 3) {
		build(&to, argv[3], from.result.index, spool);
		printf("update.kebao.bytes %llu B\n",
		    (unsigned long long)(to.packs.stored_bytes + index_len(to.result.index)));
		clear(&to);
	}
	clear(&from);
	(void)close(spool); /* only a directory */
	return 0;
}
