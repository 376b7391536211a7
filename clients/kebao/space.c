/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/space.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/repo/byhash.h"
#include "catalog/repo/treedir.h"

static uint64_t
in_blocks(uint64_t bytes)
{
	return (bytes + SPACE_BLOCK_BYTES - 1) / SPACE_BLOCK_BYTES * SPACE_BLOCK_BYTES;
}

static bool
has(const struct byhash *files, const struct digest *d)
{
	uint32_t n;

	(void)byhash_find(files, d, &n);
	return n > 0;
}

int
space_needed_bytes(const struct index *ix, const struct index *known, uint64_t *out,
    struct err *e)
{
	struct byhash files;
	uint64_t sum = 0;

	if (known != NULL && byhash_files(known, &files, e) == -1)
		return -1;
	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		struct index_entry entry;

		index_entry(ix, i, &entry);
		if (entry.tar.kind == TAR_DIRECTORY)
			sum += SPACE_BLOCK_BYTES;
		else if (known == NULL || !has(&files, entry.sha256))
			sum += in_blocks(entry.tar.size);
	}
	if (known != NULL)
		byhash_clear(&files);
	*out = sum;
	return 0;
}

uint64_t
space_guess_bytes(uint64_t file_bytes, uint64_t n_files)
{
	return file_bytes + n_files * SPACE_BLOCK_BYTES; /* half a block each would be the mean */
}

int
space_freed_bytes(int dirfd, const struct index *ix, const struct index *next, uint64_t *out,
    struct err *e)
{
	struct byhash files;
	struct treedir dir;
	uint64_t sum = 0;

	if (next != NULL && byhash_files(next, &files, e) == -1)
		return -1;
	treedir_init(&dir, dirfd, ix);
	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		struct index_entry entry;
		struct stat st;
		const char *base;
		int parent;

		index_entry(ix, i, &entry);
		if (entry.tar.kind == TAR_DIRECTORY ||
		    (next != NULL && has(&files, entry.sha256)))
			continue;
		parent = treedir_parent(&dir, entry.tar.path, entry.tar.path_len, &base);
		if (parent != -1 && fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_nlink == 1)
			sum += (uint64_t)st.st_blocks * 512;
	}
	treedir_clear(&dir);
	if (next != NULL)
		byhash_clear(&files);
	*out = sum;
	return 0;
}

uint64_t
space_lost_bytes(const struct index *ix)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		struct index_entry entry;

		index_entry(ix, i, &entry);
		if (entry.tar.kind != TAR_DIRECTORY)
			sum += in_blocks(entry.tar.size) - entry.tar.size;
	}
	return sum;
}

/* --- what lies below a directory --- */

typedef int visit_fn(void *ctx, const struct stat *st, struct err *e);

/* Every regular file; what cannot be read counts for nothing. */
static int
walk(int dirfd, const char *path, visit_fn *visit, void *ctx, struct err *e)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *d;
	struct stat st;
	int rc = 0;

	if (dir == NULL && fd != -1)
		(void)close(fd); /* only a handle */
	if (dir == NULL)
		return 0;
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (S_ISDIR(st.st_mode))
			rc = walk(fd, d->d_name, visit, ctx, e);
		else if (S_ISREG(st.st_mode))
			rc = visit(ctx, &st, e);
	}
	(void)closedir(dir); /* only read */
	return rc;
}

static int
count_single(void *ctx, const struct stat *st, struct err *e)
{
	uint64_t *sum = ctx;

	(void)e;
	if (st->st_nlink == 1)
		*sum += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t
space_used_bytes(int dirfd, const char *path)
{
	uint64_t sum = 0;

	return walk(dirfd, path, count_single, &sum, NULL) == 0 ? sum : 0;
}

struct space_file {
	dev_t device;
	ino_t number;
	uint64_t n_names;
	uint64_t bytes;
};

static int
add_file(void *ctx, const struct stat *st, struct err *e)
{
	struct space_sum *s = ctx;

	if (s->n == s->size) {
		size_t size = s->size > 0 ? 2 * s->size : 64;
		struct space_file *more = reallocarray(s->files, size, sizeof(*more));

		if (more == NULL)
			return err_nomem(e);
		s->files = more;
		s->size = size;
	}
	s->files[s->n++] = (struct space_file){
		.device = st->st_dev, .number = st->st_ino, .n_names = st->st_nlink,
		.bytes = (uint64_t)st->st_blocks * 512,
	};
	return 0;
}

int
space_sum_add(struct space_sum *s, int dirfd, const char *path, struct err *e)
{
	return walk(dirfd, path, add_file, s, e);
}

static int
by_number(const void *a, const void *b)
{
	const struct space_file *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

uint64_t
space_sum_bytes(struct space_sum *s)
{
	uint64_t sum = 0;

	if (s->n > 1)
		qsort(s->files, s->n, sizeof(*s->files), by_number);
	for (size_t i = 0, n; i < s->n; i += n) {
		n = 1;
		while (i + n < s->n && by_number(&s->files[i], &s->files[i + n]) == 0)
			n++;
		if (n == s->files[i].n_names)
			sum += s->files[i].bytes;
	}
	return sum;
}

void
space_sum_clear(struct space_sum *s)
{
	free(s->files);
	*s = (struct space_sum)SPACE_SUM_INIT;
}
