/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "catalog/base/hex.h"

int
file_write_all(int fd, const void *bytes, size_t len, struct err *e)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_errno(e, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_read_all(int fd, void *bytes, size_t len, struct err *e)
{
	uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_errno(e, "read");
		if (n == 0)
			return err_set(e, ERR_BAD_INPUT, "ends %zu bytes too early", len);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_pread_all(int fd, void *bytes, size_t len, uint64_t off, struct err *e)
{
	uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_errno(e, "read");
		if (n == 0)
			return err_set(e, ERR_BAD_INPUT, "ends %zu bytes too early", len);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_pwrite_all(int fd, const void *bytes, size_t len, uint64_t off, struct err *e)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_errno(e, "write");
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_load(int dirfd, const char *name, size_t max_bytes, struct buf *b, struct err *e)
{
	struct stat st;
	uint8_t *at;
	size_t old = buf_len(b);
	int fd, rc = -1;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1) {
		err_errno(e, "cannot open %s", name);
		if (e != NULL && (errno == ENOENT || errno == ENOTDIR))
			e->class = ERR_NOT_FOUND;
		return -1;
	}
	if (fstat(fd, &st) == -1) {
		err_errno(e, "cannot look at %s", name);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_BAD_INPUT, "%s is not a regular file", name);
		goto out;
	}
	if ((uint64_t)st.st_size > max_bytes) {
		err_set(e, ERR_BAD_INPUT, "%s has %lld bytes, the limit is %zu", name,
		    (long long)st.st_size, max_bytes);
		goto out;
	}
	at = buf_extend(b, (size_t)st.st_size, e);
	if (at == NULL)
		goto out;
	if (file_read_all(fd, at, (size_t)st.st_size, e) == -1) {
		err_within(e, "%s", name);
		buf_truncate(b, old);
		goto out;
	}
	rc = 0;
out:
	(void)close(fd); /* only read from */
	return rc;
}

#define TEMP_PREFIX ".tmp-"

/* out gets "<dir of name>/.tmp-<random>". */
static int
temp_beside(char *out, size_t size, const char *name, struct err *e)
{
	const char *slash = strrchr(name, '/');
	size_t dir_len = slash == NULL ? 0 : (size_t)(slash - name) + 1;
	uint8_t random[8];
	char hex[sizeof(random) * 2 + 1];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_errno(e, "random bytes");
	hex_encode(hex, random, sizeof(random));
	if (snprintf(out, size, "%.*s" TEMP_PREFIX "%s", (int)dir_len, name, hex) >= (int)size)
		return err_set(e, ERR_BAD_INPUT, "name too long: %.100s...", name);
	return 0;
}

int
file_sync_dir_of(int dirfd, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int fd, rc;

	if (slash == NULL)
		(void)snprintf(dir, sizeof(dir), ".");
	else if (snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + (slash == path)), path) >=
	    (int)sizeof(dir))
		return err_set(e, ERR_BAD_INPUT, "path too long: %.100s...", path);
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return err_errno(e, "cannot open directory of %s", path);
	rc = fsync(fd);
	if (rc == -1)
		err_errno(e, "cannot sync directory of %s", path);
	(void)close(fd); /* the sync above is what counts */
	return rc;
}

/* Write bytes to a new temporary file beside name, synced; its name goes to temp. */
static int
write_temp(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode, char *temp,
    size_t temp_size, struct err *e)
{
	int fd;

	if (temp_beside(temp, temp_size, name, e) == -1)
		return -1;
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd == -1)
		return err_errno(e, "cannot create %s", temp);
	if (file_write_all(fd, bytes, len, e) == -1)
		goto fail;
	if (fsync(fd) == -1) {
		err_errno(e, "fsync");
		goto fail;
	}
	if (close(fd) == -1) {
		fd = -1;
		err_errno(e, "close");
		goto fail;
	}
	return 0;
fail:
	err_within(e, "cannot write %s", name);
	if (fd != -1)
		(void)close(fd);
	(void)unlinkat(dirfd, temp, 0); /* best effort after a failure already reported */
	return -1;
}

int
file_save(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode, struct err *e)
{
	char temp[4096];

	if (write_temp(dirfd, name, bytes, len, mode, temp, sizeof(temp), e) == -1)
		return -1;
	if (renameat(dirfd, temp, dirfd, name) == -1) {
		err_errno(e, "cannot put %s in place", name);
		(void)unlinkat(dirfd, temp, 0);
		return -1;
	}
	return file_sync_dir_of(dirfd, name, e);
}

/* 1 where name holds exactly these bytes, 0 where not, -1 on failure. */
static int
same_bytes(int dirfd, const char *name, const void *bytes, size_t len, struct err *e)
{
	struct err why = { 0 };
	struct buf old = BUF_INIT;
	int rc = -1;

	if (file_load(dirfd, name, len, &old, &why) == 0)
		rc = buf_len(&old) == len && memcmp(buf_data(&old), bytes, len) == 0;
	else if (why.class == ERR_BAD_INPUT)
		rc = 0;
	else if (e != NULL)
		*e = why;
	buf_clear(&old);
	return rc;
}

int
file_create(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode, struct err *e)
{
	char temp[4096];
	int same;

	if (write_temp(dirfd, name, bytes, len, mode, temp, sizeof(temp), e) == -1)
		return -1;
	if (linkat(dirfd, temp, dirfd, name, 0) == -1) {
		int sys = errno;

		(void)unlinkat(dirfd, temp, 0);
		errno = sys;
		if (sys != EEXIST)
			return err_errno(e, "cannot create %s", name);
		same = same_bytes(dirfd, name, bytes, len, e);
		if (same == -1)
			return -1;
		if (!same)
			return err_set(e, ERR_CONFLICT, "%s exists with other content", name);
		/* the earlier writer may have died before */
		return file_sync_dir_of(dirfd, name, e);
	}
	(void)unlinkat(dirfd, temp, 0); /* a left-over name of a synced file does no harm */
	return file_sync_dir_of(dirfd, name, e);
}

int
file_make_dirs(int dirfd, const char *path, mode_t mode, struct err *e)
{
	char part[4096];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return err_set(e, ERR_BAD_INPUT, "path too long: %.100s...", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdirat(dirfd, part, mode) == 0) {
			if (file_sync_dir_of(dirfd, part, e) == -1)
				return -1;
		} else if (errno != EEXIST) {
			return err_errno(e, "cannot make directory %s", part);
		}
	}
	return 0;
}

int
file_make_parents(int dirfd, const char *path, mode_t mode, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char parent[4096];

	if (slash == NULL || slash == path)
		return 0;
	if (snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path) >=
	    (int)sizeof(parent))
		return err_set(e, ERR_BAD_INPUT, "path too long: %.100s...", path);
	return file_make_dirs(dirfd, parent, mode, e);
}

int
file_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, struct err *e)
{
	if (renameat(from_dirfd, from, to_dirfd, to) == -1)
		return err_errno(e, "cannot rename %s to %s", from, to);
	if (file_sync_dir_of(to_dirfd, to, e) == -1)
		return -1;
	return file_sync_dir_of(from_dirfd, from, e);
}

/* FAT and some network file systems cannot swap: for a moment b is not there. */
static int
exchange_slowly(int dirfd, const char *a, const char *b, struct err *e)
{
	char *third = NULL;
	int rc = -1;

	if (asprintf(&third, "%s.swap", a) == -1)
		return err_nomem(e);
	if (file_remove_tree(dirfd, third, e) == -1)
		goto out;
	if (renameat(dirfd, b, dirfd, third) == -1 || renameat(dirfd, a, dirfd, b) == -1 ||
	    renameat(dirfd, third, dirfd, a) == -1)
		(void)err_errno(e, "cannot swap %s and %s", a, b);
	else
		rc = 0;
out:
	free(third);
	return rc;
}

int
file_exchange(int dirfd, const char *a, const char *b, struct err *e)
{
	if (renameat2(dirfd, a, dirfd, b, RENAME_EXCHANGE) == -1) {
		if (errno != EINVAL && errno != ENOSYS)
			return err_errno(e, "cannot swap %s and %s", a, b);
		if (exchange_slowly(dirfd, a, b, e) == -1)
			return -1;
	}
	if (file_sync_dir_of(dirfd, b, e) == -1)
		return -1;
	return file_sync_dir_of(dirfd, a, e);
}

int
file_remove(int dirfd, const char *name, struct err *e)
{
	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return err_errno(e, "cannot remove %s", name);
	return 0;
}

void
file_tidy(int dirfd, const char *path, unsigned depth, int64_t before)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (dir == NULL && fd != -1)
		(void)close(fd); /* only a handle */
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0)
			file_tidy(fd, entry->d_name, depth - 1, before);
		else if (S_ISREG(st.st_mode) && (int64_t)st.st_mtim.tv_sec < before &&
		    strncmp(entry->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0)
			(void)unlinkat(fd, entry->d_name, 0); /* another day, then */
	}
	(void)closedir(dir); /* only read */
}

static int
remove_children(DIR *dir, struct err *e)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (file_remove_tree(dirfd(dir), entry->d_name, e) == -1)
			return -1;
	}
	return errno == 0 ? 0 : err_errno(e, "cannot read a directory");
}

int
file_remove_tree(int dirfd, const char *path, struct err *e)
{
	DIR *dir;
	int fd, rc;

	if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(e, "cannot remove %s", path);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return err_errno(e, "cannot open %s", path);
	dir = fdopendir(fd);
	if (dir == NULL) {
		err_errno(e, "cannot read %s", path);
		(void)close(fd);
		return -1;
	}
	rc = remove_children(dir, e);
	(void)closedir(dir); /* only read from */
	if (rc == 0 && unlinkat(dirfd, path, AT_REMOVEDIR) == -1 && errno != ENOENT)
		rc = err_errno(e, "cannot remove directory %s", path);
	return rc;
}

bool
file_exists(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
file_free_bytes(int dirfd, uint64_t *out, struct err *e)
{
	struct statvfs vfs;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return err_errno(e, "cannot open the directory");
	if (fstatvfs(fd, &vfs) == -1) {
		err_errno(e, "cannot measure free space");
		(void)close(fd);
		return -1;
	}
	(void)close(fd);
	*out = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}
