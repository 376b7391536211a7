/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/treedir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "catalog/base/digest.h"
#include "catalog/base/file.h"
#include "catalog/repo/index.h"

static int
open_beneath(int dirfd, const char *name, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

void
treedir_init(struct treedir *d, int dirfd, const struct index *index)
{
	d->dirfd = dirfd;
	d->index = index;
	d->parent_fd = -1;
	d->parent_len = 0;
	d->parent[0] = '\0';
	d->file_fd = -1;
	d->file = 0;
}

void
treedir_forget(struct treedir *d)
{
	if (d->file_fd != -1)
		(void)close(d->file_fd); /* only read from */
	d->file_fd = -1;
}

void
treedir_clear(struct treedir *d)
{
	treedir_forget(d);
	if (d->parent_fd != -1)
		(void)close(d->parent_fd); /* only a handle */
	d->parent_fd = -1;
}

/* Length of the directory part with its '/'; 0 where there is none. */
static size_t
parent_len_of(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len;
}

int
treedir_parent(struct treedir *d, const char *path, size_t len, const char **base)
{
	size_t parent_len = parent_len_of(path, len);
	int fd;

	if (parent_len >= sizeof(d->parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	*base = path + parent_len;
	if (d->parent_fd != -1 && d->parent_len == parent_len &&
	    memcmp(d->parent, path, parent_len) == 0)
		return d->parent_fd;
	if (d->parent_fd != -1)
		(void)close(d->parent_fd); /* only a handle */
	d->parent_fd = -1;
	memcpy(d->parent, path, parent_len);
	d->parent[parent_len] = '\0';
	d->parent_len = parent_len;
	fd = open_beneath(d->dirfd, parent_len == 0 ? "." : d->parent, O_RDONLY | O_DIRECTORY);
	d->parent_fd = fd;
	return fd;
}

int
treedir_open(struct treedir *d, const char *path, size_t len, int flags)
{
	const char *base;
	struct stat st;
	int fd, dirfd = treedir_parent(d, path, len, &base);

	if (dirfd == -1)
		return -1;
	fd = openat(dirfd, base, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)close(fd); /* not what was asked for */
	errno = EISDIR;
	return -1;
}

int
treedir_file(struct treedir *d, uint32_t i)
{
	struct index_entry entry;

	if (d->file_fd != -1 && d->file == i)
		return d->file_fd;
	treedir_forget(d);
	index_entry(d->index, i, &entry);
	d->file_fd = treedir_open(d, entry.tar.path, entry.tar.path_len, O_RDONLY);
	d->file = i;
	return d->file_fd;
}

bool
treedir_read_frame(struct treedir *d, uint32_t frame, uint8_t *out)
{
	struct index_piece piece;
	struct index_frame f;
	struct index_walk walk;
	struct digest sum;

	index_frame(d->index, frame, &f);
	index_walk_init(&walk, d->index, f.off, f.len);
	while (index_walk_next(&walk, &piece)) {
		uint8_t *at = out + (piece.off - f.off);

		if (piece.bytes != NULL)
			memcpy(at, piece.bytes, (size_t)piece.len);
		else if (treedir_file(d, piece.entry) == -1 ||
		    file_pread_all(d->file_fd, at, (size_t)piece.len, piece.content_off,
		    NULL) == -1)
			return false;
	}
	digest_of(&sum, out, f.len);
	return digest_equal(&sum, f.sha256);
}
