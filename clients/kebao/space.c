/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/space.h"

#include <dirent.h>
#include <fcntl.h>
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
space_used_bytes(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *d;
	uint64_t sum = 0;
	struct stat st;

	if (dir == NULL && fd != -1)
		(void)close(fd); /* only a handle */
	if (dir == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (S_ISDIR(st.st_mode))
			sum += space_used_bytes(fd, d->d_name);
		else if (st.st_nlink == 1)
			sum += (uint64_t)st.st_blocks * 512;
	}
	(void)closedir(dir); /* only read */
	return sum;
}
