/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/storedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WALK_DEPTH 16u /* our names have five components */

int
storedir_check_name(const char *name, bool is_prefix, struct err *e)
{
	size_t len = strlen(name);
	char shown[128];

	if (len == 0 && is_prefix)
		return 0;
	if (len == 0 || len >= STOREDIR_NAME_SIZE || name[len - 1] == '/')
		goto bad;
	for (size_t i = 0; i < len; i++) {
		bool is_first = i == 0 || name[i - 1] == '/';

		if (is_first && (name[i] == '.' || name[i] == '/'))
			goto bad;
	}
	return 0;
bad:
	return err_set(e, ERR_NOT_FOUND, "%s is no name of an object",
	    err_quote(shown, sizeof(shown), name, len));
}

int
storedir_open(int dirfd, const char *name, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

bool
storedir_is_absence(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == ELOOP || sys == EXDEV ||
	    sys == ENAMETOOLONG;
}

struct walk {
	store_walk_fn *fn;
	void *ctx;
	char name[STOREDIR_NAME_SIZE]; /* the whole name of what is looked at */
	bool is_sweep;             /* remove temporary files instead of calling fn */
};

static int
is_of_interest(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk_dir(struct walk *w, int dirfd, size_t len, unsigned depth, struct err *e);

/* 1: the caller of the walk wants no more. */
static int
walk_entry(struct walk *w, int dirfd, const char *base, size_t len, unsigned depth, struct err *e)
{
	struct store_item item = { .name = w->name };
	struct stat st;

	if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_errno(e, "cannot look at %s", w->name);
	if (S_ISDIR(st.st_mode)) {
		int fd = base[0] == '.' ? -1 : storedir_open(dirfd, base, O_RDONLY | O_DIRECTORY);
		int rc;

		if (base[0] == '.' || (fd == -1 && errno == ENOENT))
			return 0;
		if (fd == -1)
			return err_errno(e, "cannot open %s", w->name);
		rc = walk_dir(w, fd, len, depth + 1, e);
		(void)close(fd); /* only a handle */
		return rc;
	}
	if (w->is_sweep) {
		if (strncmp(base, STOREDIR_TEMP_PREFIX, sizeof(STOREDIR_TEMP_PREFIX) - 1) == 0 &&
		    unlinkat(dirfd, base, 0) == -1 && errno != ENOENT)
			return err_errno(e, "cannot remove %s", w->name);
		return 0;
	}
	if (base[0] == '.' || !S_ISREG(st.st_mode))
		return 0;
	item.size = (uint64_t)st.st_size;
	item.changed_at = st.st_mtime;
	return w->fn(w->ctx, &item, e);
}

static int
walk_dir(struct walk *w, int dirfd, size_t len, unsigned depth, struct err *e)
{
	struct dirent **entries = NULL;
	int n, rc = 0;

	if (depth > WALK_DEPTH)
		return err_set(e, ERR_BAD_INPUT, "%s: directories too deep", w->name);
	n = scandirat(dirfd, ".", &entries, is_of_interest, by_bytes);
	if (n == -1)
		return err_errno(e, "cannot read directory %s", w->name);
	for (int i = 0; i < n; i++) {
		const char *base = entries[i]->d_name;
		int m = snprintf(w->name + len, sizeof(w->name) - len, "%s%s",
		    len == 0 ? "" : "/", base);

		if (rc == 0 && m < (int)(sizeof(w->name) - len))
			rc = walk_entry(w, dirfd, base, len + (size_t)m, depth, e);
		w->name[len] = '\0';
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int
storedir_walk(int dirfd, const char *prefix, store_walk_fn *fn, void *ctx, struct err *e)
{
	struct walk w = { .fn = fn, .ctx = ctx };
	int fd, rc;

	(void)snprintf(w.name, sizeof(w.name), "%s", prefix);
	fd = storedir_open(dirfd, prefix[0] == '\0' ? "." : prefix, O_RDONLY | O_DIRECTORY);
	if (fd == -1 && storedir_is_absence(errno))
		return 0;
	if (fd == -1)
		return err_errno(e, "cannot open %s", prefix);
	rc = walk_dir(&w, fd, strlen(prefix), 0, e);
	(void)close(fd); /* only a handle */
	return rc == -1 ? -1 : 0;
}

int
storedir_sweep(int dirfd, struct err *e)
{
	struct walk w = { .is_sweep = true };

	return walk_dir(&w, dirfd, 0, 0, e);
}
