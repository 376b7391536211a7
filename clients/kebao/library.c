/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/library.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"

#define TRASH "work/.trash"
#define DOUBT "damaged"

int
library_compare(const struct library_name *a, const struct library_name *b)
{
	int order = strcmp(a->channel, b->channel);

	if (order == 0)
		order = strcmp(a->course, b->course);
	if (order == 0)
		order = (a->release < b->release) - (a->release > b->release);
	return order;
}

static int
compare(const void *a, const void *b)
{
	return library_compare(a, b);
}

void
library_path(char *out, enum library_place place, const struct library_name *name)
{
	static const char *const tops[] = {
		[LIBRARY_FILES] = "library", [LIBRARY_META] = "meta", [LIBRARY_WORK] = "work",
		[LIBRARY_HIDDEN] = ".withdrawn",
	};

	(void)snprintf(out, LIBRARY_PATH_SIZE, "%s/%s/%s/%u", tops[place], name->channel,
	    name->course, name->release); /* ids have a longest length */
}

/* --- what is there --- */

typedef int on_name(void *ctx, int dirfd, const char *name, struct err *e);

/* Call fn for each name in the directory below dirfd; one that is not there has none. */
static int
each_name(int dirfd, const char *path, on_name *fn, void *ctx, struct err *e)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *d;
	DIR *dir;
	int rc = 0;

	if (fd == -1) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return 0;
		return err_errno(e, "%s", path);
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = err_errno(e, "%s", path);
		(void)close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			rc = fn(ctx, fd, d->d_name, e);
	if (rc == 0 && errno != 0)
		rc = err_errno(e, "%s", path);
	(void)closedir(dir); /* only read */
	return rc;
}

struct scan {
	struct library *out;
	struct library_name name;
	size_t room;
};

static int
on_release(void *ctx, int dirfd, const char *name, struct err *e)
{
	struct scan *s = ctx;

	(void)dirfd;
	if (ids_parse_release(&s->name.release, name, strlen(name), NULL) == -1)
		return 0;
	if (s->out->n_held == s->room) {
		size_t room = s->room == 0 ? 16 : 2 * s->room;
		struct library_name *more = reallocarray(s->out->held, room, sizeof(*more));

		if (more == NULL)
			return err_nomem(e);
		s->out->held = more;
		s->room = room;
	}
	s->out->held[s->out->n_held++] = s->name;
	return 0;
}

static int
on_course(void *ctx, int dirfd, const char *name, struct err *e)
{
	struct scan *s = ctx;

	if (ids_copy(IDS_COURSE, s->name.course, name, strlen(name), NULL) == -1)
		return 0;
	return each_name(dirfd, name, on_release, s, e);
}

static int
on_channel(void *ctx, int dirfd, const char *name, struct err *e)
{
	struct scan *s = ctx;

	if (ids_copy(IDS_CHANNEL, s->name.channel, name, strlen(name), NULL) == -1)
		return 0;
	return each_name(dirfd, name, on_course, s, e);
}

static int
load(const struct home *h, const char *top, struct library *out, struct err *e)
{
	struct library found = { NULL, 0 };
	struct scan s = { .out = &found };

	if (each_name(home_dirfd(h), top, on_channel, &s, e) == -1) {
		err_within(e, "%s", home_path(h));
		library_clear(&found);
		return -1;
	}
	if (found.n_held > 0)
		qsort(found.held, found.n_held, sizeof(*found.held), compare);
	*out = found;
	return 0;
}

int
library_load_begun(const struct home *h, const struct library_name *course, struct library *out,
    struct err *e)
{
	struct library found = { NULL, 0 };
	struct scan s = { .out = &found, .name = *course };
	char path[LIBRARY_PATH_SIZE];

	library_path(path, LIBRARY_WORK, course);
	*strrchr(path, '/') = '\0';
	if (each_name(home_dirfd(h), path, on_release, &s, e) == -1) {
		err_within(e, "%s", home_path(h));
		library_clear(&found);
		return -1;
	}
	if (found.n_held > 0)
		qsort(found.held, found.n_held, sizeof(*found.held), compare);
	*out = found;
	return 0;
}

int
library_drop_begun(const struct home *h, const struct library_name *name, struct err *e)
{
	char path[LIBRARY_PATH_SIZE];

	library_path(path, LIBRARY_WORK, name);
	return file_remove_tree(home_dirfd(h), path, e);
}

int
library_load(const struct home *h, struct library *out, struct err *e)
{
	return load(h, "library", out, e);
}

int
library_load_hidden(const struct home *h, struct library *out, struct err *e)
{
	return load(h, ".withdrawn", out, e);
}

void
library_clear(struct library *l)
{
	free(l->held);
	l->held = NULL;
	l->n_held = 0;
}

const struct library_name *
library_newest(const struct library *l, const char *channel, const char *course)
{
	for (size_t i = 0; i < l->n_held; i++)
		if (strcmp(l->held[i].channel, channel) == 0 &&
		    strcmp(l->held[i].course, course) == 0)
			return &l->held[i];
	return NULL;
}

bool
library_has(const struct library *l, const struct library_name *name)
{
	for (size_t i = 0; i < l->n_held; i++)
		if (library_compare(&l->held[i], name) == 0)
			return true;
	return false;
}

bool
library_begins_channel(const struct library *l, size_t i)
{
	return i == 0 || strcmp(l->held[i].channel, l->held[i - 1].channel) != 0;
}

bool
library_has_channel(const struct library *l, const char *channel)
{
	for (size_t i = 0; i < l->n_held; i++)
		if (strcmp(l->held[i].channel, channel) == 0)
			return true;
	return false;
}

bool
library_matches(const char *word, const struct library_name *name)
{
	char full[LIBRARY_PATH_SIZE];
	const char *slash;

	if (strchr(word, '/') == NULL)
		return strcmp(word, name->course) == 0;
	library_path(full, LIBRARY_FILES, name);
	slash = strchr(full, '/') + 1;
	if (strcmp(word, slash) == 0)
		return true;
	*strrchr(full, '/') = '\0';
	return strcmp(word, slash) == 0;
}

/* --- what changes --- */

/* A file beside record and index. */
static void
doubt_path(char *out, size_t size, const struct library_name *name)
{
	char dir[LIBRARY_PATH_SIZE];

	library_path(dir, LIBRARY_META, name);
	(void)snprintf(out, size, "%s/" DOUBT, dir); /* fits */
}

int
library_doubt(const struct home *h, const struct library_name *name, struct err *e)
{
	char path[LIBRARY_PATH_SIZE + sizeof(DOUBT)];

	doubt_path(path, sizeof(path), name);
	if (file_make_parents(home_dirfd(h), path, 0755, e) == -1)
		return -1;
	return file_save(home_dirfd(h), path, "", 0, 0644, e);
}

bool
library_is_doubted(const struct home *h, const struct library_name *name)
{
	char path[LIBRARY_PATH_SIZE + sizeof(DOUBT)];

	doubt_path(path, sizeof(path), name);
	return file_exists(home_dirfd(h), path);
}

/* Out of sight at once: what lies at path goes into the trash. */
static int
discard(const struct home *h, const char *path, const struct library_name *name,
    char trash[LIBRARY_PATH_SIZE], struct err *e)
{
	(void)snprintf(trash, LIBRARY_PATH_SIZE, TRASH "/%s:%s:%u", name->channel, name->course,
	    name->release); /* fits */
	if (file_make_dirs(home_dirfd(h), TRASH, 0755, e) == -1 ||
	    file_remove_tree(home_dirfd(h), trash, e) == -1)
		return -1;
	return file_rename(home_dirfd(h), path, home_dirfd(h), trash, e);
}

/* Killed in between, the next run doubts the release still and makes it once more. */
static int
replace(const struct home *h, const char *from, const char *to, const struct library_name *name,
    struct err *e)
{
	char trash[LIBRARY_PATH_SIZE], doubt[LIBRARY_PATH_SIZE + sizeof(DOUBT)];

	doubt_path(doubt, sizeof(doubt), name);
	if (file_exchange(home_dirfd(h), from, to, e) == -1 ||
	    discard(h, from, name, trash, e) == -1 ||
	    file_remove(home_dirfd(h), doubt, e) == -1)
		return -1;
	return file_remove_tree(home_dirfd(h), trash, e);
}

static int
move(const struct home *h, const struct library_name *name, enum library_place from_place,
    enum library_place to_place, struct err *e)
{
	char from[LIBRARY_PATH_SIZE], to[LIBRARY_PATH_SIZE];

	library_path(from, from_place, name);
	library_path(to, to_place, name);
	if (file_make_parents(home_dirfd(h), to, 0755, e) == -1)
		return -1;
	if (file_exists(home_dirfd(h), to))
		return replace(h, from, to, name, e);
	return file_rename(home_dirfd(h), from, home_dirfd(h), to, e);
}

int
library_reveal(const struct home *h, const struct library_name *name, struct err *e)
{
	return move(h, name, LIBRARY_WORK, LIBRARY_FILES, e);
}

int
library_hide(const struct home *h, const struct library_name *name, struct err *e)
{
	char path[LIBRARY_PATH_SIZE];

	/* One hidden before, of the same bytes: two are never needed. */
	library_path(path, LIBRARY_HIDDEN, name);
	if (file_remove_tree(home_dirfd(h), path, e) == -1)
		return -1;
	return move(h, name, LIBRARY_FILES, LIBRARY_HIDDEN, e);
}

int
library_unhide(const struct home *h, const struct library_name *name, struct err *e)
{
	return move(h, name, LIBRARY_HIDDEN, LIBRARY_FILES, e);
}

static int
remove_from(const struct home *h, enum library_place place, const struct library_name *name,
    struct err *e)
{
	char from[LIBRARY_PATH_SIZE], trash[LIBRARY_PATH_SIZE];

	library_path(from, place, name);
	if (discard(h, from, name, trash, e) == -1)
		return -1;
	library_path(from, LIBRARY_META, name);
	if (file_remove_tree(home_dirfd(h), from, e) == -1)
		return -1;
	return file_remove_tree(home_dirfd(h), trash, e);
}

int
library_remove(const struct home *h, const struct library_name *name, struct err *e)
{
	return remove_from(h, LIBRARY_FILES, name, e);
}

int
library_remove_hidden(const struct home *h, const struct library_name *name, struct err *e)
{
	return remove_from(h, LIBRARY_HIDDEN, name, e);
}

int
library_tidy(const struct home *h, struct err *e)
{
	return file_remove_tree(home_dirfd(h), TRASH, e);
}
