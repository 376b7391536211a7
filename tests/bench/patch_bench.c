/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a patch costs, without network: patch_bench LEVEL SPOOL FROM TO makes the patch between two
 * folders (FROM "-": from nothing) in the file SPOOL, applies it and checks every byte.
 * Prints `name value unit` lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/build.h"
#include "catalog/repo/index.h"
#include "catalog/repo/patch.h"
#include "catalog/repo/treedir.h"

struct side {
	struct index *index;
	struct digest hash;
	struct treedir dir;
	int dirfd;
};

struct sides {
	struct side from, to;
	size_t n_given;
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
	fprintf(stderr, "patch_bench: %s: %s\n", what, e != NULL ? e->text : strerror(errno));
	exit(1);
}

static void
open_side(struct side *s, const char *path)
{
	struct build_options opt = { .n_threads = 2 };
	struct build_result result;
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };
	struct build *b;

	s->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd == -1)
		die(path, NULL);
	if (build_scan(s->dirfd, &opt, &b, &e) == -1 || build_index(b, &result, &e) == -1)
		die(path, &e);
	build_free(b);
	s->index = result.index;
	if (index_encode(s->index, &bytes, &e) == -1)
		die(path, &e);
	digest_of(&s->hash, buf_data(&bytes), buf_len(&bytes));
	buf_clear(&bytes);
	treedir_init(&s->dir, s->dirfd, s->index);
}

static int
read_frame(void *ctx, bool is_from, uint32_t frame, uint8_t *out, struct err *e)
{
	struct sides *s = ctx;

	if (!treedir_read_frame(is_from ? &s->from.dir : &s->to.dir, frame, out))
		return err_set(e, ERR_SYSTEM, "frame %u cannot be read", (unsigned)frame);
	return 0;
}

static int
read_base(void *ctx, uint32_t entry, uint64_t off, void *out, size_t len, struct err *e)
{
	struct sides *s = ctx;
	int fd = treedir_file(&s->from.dir, entry);

	if (fd == -1)
		return err_errno(e, "open");
	return file_pread_all(fd, out, len, off, e);
}

static bool
wants(void *ctx, uint32_t frame)
{
	(void)ctx;
	(void)frame;
	return true;
}

static int
give(void *ctx, uint32_t frame, const void *content, size_t len, struct err *e)
{
	struct sides *s = ctx;
	struct index_frame f;
	struct digest sum;

	index_frame(s->to.index, frame, &f);
	digest_of(&sum, content, len);
	s->n_given++;
	return digest_equal(&sum, f.sha256) && f.len == len
	    ? 0 : err_set(e, ERR_UNTRUSTED, "frame %u is wrong", (unsigned)frame);
}

int
main(int argc, char **argv)
{
	struct sides s = { 0 };
	struct patch_input in = { .read_frame = read_frame, .ctx = &s, .max_bytes = UINT64_MAX };
	struct patch_base base = { .read = read_base, .ctx = &s };
	struct patch_sink sink = { .wants = wants, .give = give, .ctx = &s };
	struct patch_made made;
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };
	struct patch *p;
	struct rusage u;
	double t;
	int fd;

	if (argc != 5)
		die("patch_bench LEVEL SPOOL FROM TO", NULL);
	open_side(&s.to, argv[4]);
	if (strcmp(argv[3], "-") != 0)
		open_side(&s.from, argv[3]);
	in.level = (int)strtol(argv[1], NULL, 10);
	in.from = base.index = s.from.index;
	in.to = s.to.index;
	in.ends = (struct patch_ends){ s.from.hash, s.to.hash };
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		die(argv[2], NULL);
	t = now();
	if (patch_make(&in, fd, &made, &e) != 1)
		die("make", &e);
	(void)getrusage(RUSAGE_SELF, &u);
	printf("patch.bytes %llu B\n", (unsigned long long)made.len);
	printf("patch.content %llu B\n", (unsigned long long)made.content_bytes);
	printf("patch.make %.2f s\n", now() - t);
	printf("patch.peak %ld MiB\n", u.ru_maxrss >> 10);
	t = now();
	if (patch_open(fd, &base, &in.ends, &p, &e) == -1 ||
	    patch_index(p, &bytes, &e) == -1)
		die("index", &e);
	printf("patch.index %.2f s\n", now() - t);
	t = now();
	if (patch_frames(p, &sink, &e) == -1)
		die("frames", &e);
	printf("patch.frames %.2f s\n", now() - t);
	printf("patch.n_frames %zu frames\n", s.n_given);
	return 0;
}
