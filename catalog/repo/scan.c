/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utf8proc.h>

#include "catalog/base/limits.h"
#include "catalog/base/utf8.h"
#include "catalog/repo/relpath.h"

#define SHOWN_BYTES 300u

struct scanner {
	int dirfd;
	scan_finding_fn *on_finding;
	void *ctx;
	struct scan *scan; /* directories are entries, too, and looked at in turn */
	uint32_t room;     /* of scan->entries */
	uint32_t n_refused;
	struct err first; /* what was refused first */
};

static int
open_beneath(int dirfd, const char *name, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

/* --- findings --- */

static void
report(struct scanner *s, enum scan_finding kind, const char *path, const char *text)
{
	char shown[SHOWN_BYTES];

	if (kind == SCAN_REFUSED && s->n_refused++ == 0)
		err_set(&s->first, ERR_BAD_INPUT, "%s", text);
	if (s->on_finding != NULL)
		s->on_finding(s->ctx, kind, err_quote(shown, sizeof(shown), path, strlen(path)),
		    text);
}

static void
report_what(struct scanner *s, enum scan_finding kind, const char *path, const char *what)
{
	char shown[SHOWN_BYTES], text[SHOWN_BYTES + 100];

	(void)snprintf(text, sizeof(text), "%s %s",
	    err_quote(shown, sizeof(shown), path, strlen(path)), what);
	report(s, kind, path, text);
}

static bool
is_litter(const char *name)
{
	static const char *const litter[] = { ".DS_Store", "Thumbs.db", "desktop.ini" };

	for (size_t i = 0; i < sizeof(litter) / sizeof(litter[0]); i++)
		if (strcasecmp(name, litter[i]) == 0)
			return true;
	return strncmp(name, "._", 2) == 0;
}

/* --- names --- */

/* parent and name joined, with a '/' where it is a directory; NULL when out of memory. */
static char *
join(const char *parent, const char *name, bool is_dir)
{
	char *out = NULL;

	return asprintf(&out, "%s%s%s", parent, name, is_dir ? "/" : "") == -1 ? NULL : out;
}

/* The name in form NFC, owned by the caller; as it is where it is not UTF-8; NULL: no memory. */
static char *
composed(const char *name)
{
	utf8proc_uint8_t *out = NULL;

	if (!utf8_valid(name, strlen(name)))
		return strdup(name);
	if (utf8proc_map((const utf8proc_uint8_t *)name, 0, &out,
	        UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE) == UTF8PROC_ERROR_NOMEM)
		return NULL;
	return out != NULL ? (char *)out : strdup(name);
}

static int
make_paths(const struct scan_entry *parent, const char *name, struct scan_entry *out,
    struct err *e)
{
	bool is_dir = out->tar.kind == TAR_DIRECTORY;
	const char *above = parent != NULL ? parent->tar.path : "";
	char *nfc = composed(name);

	if (nfc == NULL)
		return err_nomem(e);
	out->tar.path = join(above, nfc, is_dir);
	if (out->tar.path == NULL) {
		free(nfc);
		return err_nomem(e);
	}
	out->tar.path_len = strlen(out->tar.path);
	out->disk = out->tar.path;
	if (strcmp(nfc, name) != 0 || (parent != NULL && parent->disk != parent->tar.path))
		out->disk = join(parent != NULL ? parent->disk : "", name, is_dir);
	free(nfc);
	if (out->disk == NULL) {
		free((char *)out->tar.path);
		return err_nomem(e);
	}
	return 0;
}

static void
free_paths(struct scan_entry *entry)
{
	if (entry->disk != entry->tar.path)
		free((char *)entry->disk);
	free((char *)entry->tar.path);
}

/* --- one entry --- */

/* NULL, or why it cannot be published. */
static const char *
what_is_wrong(int dirfd, const char *name, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return "is a symbolic link: put the file itself in its place";
	if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
		return "is neither a file nor a folder";
	if (S_ISREG(st->st_mode) && (uint64_t)st->st_size > LIMIT_TAR_BYTES)
		return "is too large";
	if (faccessat(dirfd, name, S_ISDIR(st->st_mode) ? R_OK | X_OK : R_OK, AT_EACCESS) == -1)
		return "cannot be read: permission denied";
	return NULL;
}

static int
give_entry(struct scanner *s, struct scan_entry *entry, struct err *e)
{
	struct scan *scan = s->scan;

	if (scan->n_entries == LIMIT_ENTRIES)
		return err_set(e, ERR_BAD_INPUT, "the folder has more than %u files and folders",
		    LIMIT_ENTRIES);
	if (scan->n_entries == s->room) {
		uint32_t room = s->room == 0 ? 256 : s->room * 2;
		struct scan_entry *more = realloc(scan->entries, room * sizeof(*more));

		if (more == NULL)
			return err_nomem(e);
		scan->entries = more;
		s->room = room;
	}
	scan->entries[scan->n_entries++] = *entry;
	return 0;
}

static int
look_at(struct scanner *s, int dirfd, const struct scan_entry *parent, const char *name,
    struct err *e)
{
	struct scan_entry entry = { .tar = { .kind = TAR_FILE } };
	struct err why = { 0 };
	const char *wrong;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_errno(e, "cannot look at %.100s", name);
	if (S_ISDIR(st.st_mode))
		entry.tar.kind = TAR_DIRECTORY;
	else if ((st.st_mode & S_IXUSR) != 0)
		entry.tar.kind = TAR_EXECUTABLE;
	if (make_paths(parent, name, &entry, e) == -1)
		return -1;
	if (is_litter(name)) {
		report_what(s, SCAN_LEFT_OUT, entry.tar.path,
		    "is left out: the operating system made it, not you");
		goto drop;
	}
	wrong = what_is_wrong(dirfd, name, &st);
	if (wrong != NULL) {
		report_what(s, SCAN_REFUSED, entry.tar.path, wrong);
		goto drop;
	}
	if (relpath_check(entry.tar.path,
	        entry.tar.path_len - (entry.tar.kind == TAR_DIRECTORY), &why) == -1) {
		if (why.class == ERR_SYSTEM)
			goto fail;
		report(s, SCAN_REFUSED, entry.tar.path, why.text);
		goto drop;
	}
	entry.tar.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	entry.mtime = st.st_mtim;
	entry.ino = st.st_ino;
	if (give_entry(s, &entry, &why) == 0)
		return 0;
fail:
	free_paths(&entry);
	if (e != NULL)
		*e = why;
	return -1;
drop:
	free_paths(&entry);
	return 0;
}

/* --- the folder --- */

static int
is_of_interest(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* parent is NULL for the folder itself, else a copy: the entries may move. */
static int
look_into(struct scanner *s, const struct scan_entry *parent, struct err *e)
{
	struct dirent **names = NULL;
	int n, rc = 0, fd;

	fd = open_beneath(s->dirfd, parent != NULL ? parent->disk : ".", O_RDONLY | O_DIRECTORY);
	if (fd == -1)
		return err_errno(e, "cannot open folder %.200s",
		    parent != NULL ? parent->tar.path : ".");
	n = scandirat(fd, ".", &names, is_of_interest, by_name);
	if (n == -1)
		rc = err_errno(e, "cannot read folder %.200s",
		    parent != NULL ? parent->tar.path : ".");
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = look_at(s, fd, parent, names[i]->d_name, e);
		free(names[i]);
	}
	free(names);
	(void)close(fd); /* only a handle */
	return rc;
}

static int
by_tar_order(const void *a, const void *b)
{
	const struct scan_entry *x = a, *y = b;

	return tar_path_compare(x->tar.path, x->tar.path_len, y->tar.path, y->tar.path_len);
}

static int
find_twins(struct scanner *s, struct err *e)
{
	struct scan *scan = s->scan;
	struct relpath_set *set = relpath_set_new(e);
	int rc = -1;

	if (set == NULL)
		return -1;
	for (uint32_t i = 0; i < scan->n_entries; i++) {
		const struct tar_entry *a, *b = &scan->entries[i].tar;
		struct err why = { 0 };
		uint32_t twin;

		switch (relpath_set_add(set, b->path, b->path_len, i, &twin, e)) {
		case 0:
			continue;
		case 1:
			a = &scan->entries[twin].tar;
			(void)relpath_twin_error(a->path, a->path_len, b->path, b->path_len, &why);
			report(s, SCAN_REFUSED, b->path, why.text);
			continue;
		}
		goto out;
	}
	rc = 0;
out:
	relpath_set_free(set);
	return rc;
}

static int
sum_up(struct scanner *s, struct err *e)
{
	struct scan *scan = s->scan;

	for (uint32_t i = 0; i < scan->n_entries; i++) {
		const struct tar_entry *t = &scan->entries[i].tar;

		if (t->kind == TAR_DIRECTORY)
			continue;
		scan->n_files++;
		scan->file_bytes += t->size; /* each at most 2^40, at most 200,000 of them */
	}
	if (s->n_refused > 1)
		return err_set(e, ERR_BAD_INPUT,
		    "%" PRIu32 " names or files are refused; the first: %s",
		    s->n_refused, s->first.text);
	if (s->n_refused == 1)
		return err_set(e, ERR_BAD_INPUT, "%s", s->first.text);
	if (scan->n_files == 0)
		return err_set(e, ERR_BAD_INPUT, "the folder holds no file to publish");
	if (scan->file_bytes > LIMIT_TAR_BYTES)
		return err_set(e, ERR_BAD_INPUT, "the folder holds more than %" PRIu64 " bytes",
		    (uint64_t)LIMIT_TAR_BYTES);
	return 0;
}

int
scan_folder(int dirfd, scan_finding_fn *on_finding, void *ctx, struct scan *out, struct err *e)
{
	struct scan scan = { 0 };
	struct scanner s = { .dirfd = dirfd, .on_finding = on_finding, .ctx = ctx, .scan = &scan };

	if (look_into(&s, NULL, e) == -1)
		goto fail;
	for (uint32_t i = 0; i < scan.n_entries; i++) {
		struct scan_entry dir = scan.entries[i];

		if (dir.tar.kind == TAR_DIRECTORY && look_into(&s, &dir, e) == -1)
			goto fail;
	}
	if (scan.n_entries > 0)
		qsort(scan.entries, scan.n_entries, sizeof(*scan.entries), by_tar_order);
	if (find_twins(&s, e) == -1)
		goto fail;
	if (sum_up(&s, e) == -1)
		goto fail;
	*out = scan;
	return 0;
fail:
	scan_clear(&scan);
	return -1;
}

void
scan_clear(struct scan *s)
{
	for (uint32_t i = 0; i < s->n_entries; i++)
		free_paths(&s->entries[i]);
	free(s->entries);
	*s = (struct scan){ 0 };
}

/* --- files of the folder --- */

int
scan_changed(const struct scan *s, uint32_t i, struct err *e)
{
	char shown[SHOWN_BYTES];

	return err_set(e, ERR_CONFLICT, "%s changed while it was being published: publish again",
	    err_quote(shown, sizeof(shown), s->entries[i].tar.path, s->entries[i].tar.path_len));
}

int
scan_check_same(const struct scan *s, uint32_t i, int fd, struct err *e)
{
	const struct scan_entry *was = &s->entries[i];
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_errno(e, "cannot look at %.200s", was->tar.path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != was->tar.size ||
	    st.st_ino != was->ino || st.st_mtim.tv_sec != was->mtime.tv_sec ||
	    st.st_mtim.tv_nsec != was->mtime.tv_nsec)
		return scan_changed(s, i, e);
	return 0;
}

int
scan_open(const struct scan *s, uint32_t i, int dirfd, struct err *e)
{
	int fd = open_beneath(dirfd, s->entries[i].disk, O_RDONLY | O_NOCTTY | O_NONBLOCK);

	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return scan_changed(s, i, e);
	if (fd == -1)
		return err_errno(e, "cannot open %.200s", s->entries[i].tar.path);
	if (scan_check_same(s, i, fd, e) == -1) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
