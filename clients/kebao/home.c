/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"

#define CONFIG_BYTES 65536u
#define STATE_BYTES 65536u
#define IDENTITY_BYTES 65536u
#define TEMP_S (24 * 3600) /* nobody takes so long to write a file */

struct home {
	char *path; /* owned */
	int dirfd;
	int lockfd; /* -1: not locked */
};

/* The caller frees. */
static char *
usual_path(struct err *e)
{
	const char *kebao = getenv("KEBAO_HOME");
	const char *xdg = getenv("XDG_DATA_HOME");
	const char *user = getenv("HOME");
	char *path = NULL;
	int rc = -1;

	if (kebao != NULL && *kebao != '\0')
		rc = asprintf(&path, "%s", kebao);
	else if (xdg != NULL && *xdg == '/')
		rc = asprintf(&path, "%s/kebao", xdg);
	else if (user != NULL && *user == '/')
		rc = asprintf(&path, "%s/.local/share/kebao", user);
	else {
		(void)err_set(e, ERR_BAD_INPUT, "no home: give --home DIR or set KEBAO_HOME");
		return NULL;
	}
	if (rc == -1) {
		(void)err_nomem(e);
		return NULL;
	}
	return path;
}

int
home_open(const char *path, enum home_mode mode, struct home **out, struct err *e)
{
	struct home *h = calloc(1, sizeof(*h));
	int rc = -1;

	if (h == NULL)
		return err_nomem(e);
	h->dirfd = h->lockfd = -1;
	h->path = path != NULL ? strdup(path) : usual_path(e);
	if (h->path == NULL) {
		if (path != NULL)
			(void)err_nomem(e);
		goto out;
	}
	if (mode == HOME_CREATE && file_make_dirs(AT_FDCWD, h->path, 0700, e) == -1)
		goto out;
	h->dirfd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dirfd == -1) {
		int sys = errno;

		(void)err_errno(e, "home %s", h->path);
		if (sys == ENOENT && e != NULL)
			e->class = ERR_NOT_FOUND;
		goto out;
	}
	*out = h;
	h = NULL;
	rc = 0;
out:
	home_close(h);
	return rc;
}

void
home_close(struct home *h)
{
	if (h == NULL)
		return;
	if (h->lockfd != -1)
		(void)close(h->lockfd); /* gives the lock back */
	if (h->dirfd != -1)
		(void)close(h->dirfd);
	free(h->path);
	free(h);
}

int
home_dirfd(const struct home *h)
{
	return h->dirfd;
}

const char *
home_path(const struct home *h)
{
	return h->path;
}

/* The process id in the lock file is for people; the lock itself is the kernel's. */
static void
read_owner(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);
	size_t digits;

	out[n > 0 ? n : 0] = '\0';
	digits = strspn(out, "0123456789");
	out[digits] = '\0';
	if (digits == 0)
		(void)snprintf(out, size, "?");
}

/*
 * Of the whole file, held by the open file as flock(2) has it; unlike that it can be asked for
 * without being taken, so that who only looks never stands in the way of a run that begins.
 */
static int
ask_lock(int fd, int how, struct flock *lock)
{
	*lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	return fcntl(fd, how, lock);
}

int
home_lock(struct home *h, struct err *e)
{
	int fd = openat(h->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lock;
	char owner[24];
	int len;

	if (fd == -1)
		return err_errno(e, "%s/lock", h->path);
	if (ask_lock(fd, F_OFD_SETLK, &lock) == -1) {
		if (errno == EAGAIN || errno == EACCES) {
			read_owner(fd, owner, sizeof(owner));
			(void)err_set(e, ERR_BUSY,
			    "another kebao (process %s) is at work in %s; kebao status says what"
			    " it does",
			    owner, h->path);
		} else {
			(void)err_errno(e, "%s/lock", h->path);
		}
		(void)close(fd);
		return -1;
	}
	len = snprintf(owner, sizeof(owner), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == -1 || pwrite(fd, owner, (size_t)len, 0) != len) {
		(void)err_errno(e, "%s/lock", h->path);
		(void)close(fd);
		return -1;
	}
	h->lockfd = fd;
	return 0;
}

bool
home_is_locked(const struct home *h, long *owner)
{
	int fd = openat(h->dirfd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock lock;
	char digits[24];
	bool is_locked;

	*owner = 0;
	if (fd == -1)
		return false;
	read_owner(fd, digits, sizeof(digits));
	*owner = strtol(digits, NULL, 10);
	is_locked = ask_lock(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	(void)close(fd);
	return is_locked;
}

/* Copy a text of a document into a field of fixed size. */
static int
copy_text(char *out, size_t size, const char *text, const char *what, struct err *e)
{
	if (strlen(text) >= size)
		return err_set(e, ERR_BAD_INPUT, "%s: longer than %zu bytes", what, size - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int
read_config(struct json *doc, struct home_config *out, struct err *e)
{
	static const char *const names[] = { "hub", "org", "role", "passphrase_file" };
	struct json_at top = json_top(doc);
	const char *hub, *org, *role, *file;

	if (json_only(top, names, 4, e) == -1 || json_get_text(top, "hub", &hub, e) == -1 ||
	    json_get_text(top, "org", &org, e) == -1 ||
	    json_get_text(top, "role", &role, e) == -1 ||
	    json_find_text(top, "passphrase_file", &file, e) == -1)
		return -1;
	if (copy_text(out->hub, sizeof(out->hub), hub, "hub", e) == -1 ||
	    copy_text(out->org, sizeof(out->org), org, "org", e) == -1 ||
	    copy_text(out->role, sizeof(out->role), role, "role", e) == -1)
		return -1;
	return copy_text(out->passphrase_file, sizeof(out->passphrase_file),
	    file != NULL ? file : "", "passphrase_file", e);
}

int
home_load_config(const struct home *h, struct home_config *out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	struct err mine = { 0 };
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (file_load(h->dirfd, "config.json", CONFIG_BYTES, &bytes, &mine) == -1) {
		if (mine.class == ERR_NOT_FOUND)
			(void)err_set(&mine, ERR_NOT_FOUND,
			    "%s is not enrolled at a hub: kebao enroll URL CODE", h->path);
		goto out;
	}
	if (json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, &mine) == -1 ||
	    read_config(doc, out, &mine) == -1) {
		err_within(&mine, "%s/config.json", h->path);
		goto out;
	}
	rc = 0;
out:
	if (rc == -1 && e != NULL)
		*e = mine;
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

static int
save_json(const struct home *h, const char *name, struct json *doc, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (canon_write(json_top(doc), &bytes, e) == 0 && buf_add_text(&bytes, "\n", e) == 0)
		rc = file_save(h->dirfd, name, buf_data(&bytes), buf_len(&bytes), 0600, e);
	if (rc == -1)
		err_within(e, "%s", h->path);
	buf_clear(&bytes);
	return rc;
}

int
home_save_config(const struct home *h, const struct home_config *c, struct err *e)
{
	struct json *doc = json_new();
	int rc;

	json_put_text(json_top(doc), "hub", c->hub);
	json_put_text(json_top(doc), "org", c->org);
	json_put_text(json_top(doc), "role", c->role);
	if (c->passphrase_file[0] != '\0')
		json_put_text(json_top(doc), "passphrase_file", c->passphrase_file);
	rc = save_json(h, "config.json", doc, e);
	json_free(doc);
	return rc;
}

void
home_load_state(const struct home *h, struct home_state *out)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	const char *view = NULL;
	int64_t speed = 0;

	memset(out, 0, sizeof(*out));
	if (file_load(h->dirfd, "state.json", STATE_BYTES, &bytes, NULL) == 0 &&
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, NULL) == 0) {
		struct json_at top = json_top(doc);

		if (json_find_text(top, "view", &view, NULL) == 0 && view != NULL)
			(void)copy_text(out->view, sizeof(out->view), view, "view", NULL);
		if (json_find_int(top, "bytes_per_second", 0, &speed, NULL) == 0 && speed > 0)
			out->bytes_per_second = (uint64_t)speed;
		if (json_find_int(top, "contact_at", 0, &out->contact_at, NULL) == -1)
			out->contact_at = 0;
	}
	json_free(doc);
	buf_clear(&bytes);
}

int
home_save_state(const struct home *h, const struct home_state *s, struct err *e)
{
	struct json *doc = json_new();
	int rc;

	json_put_text(json_top(doc), "view", s->view);
	json_put_int(json_top(doc), "bytes_per_second", (int64_t)s->bytes_per_second);
	json_put_int(json_top(doc), "contact_at", s->contact_at);
	rc = save_json(h, "state.json", doc, e);
	json_free(doc);
	return rc;
}

int
home_load_identity(const struct home *h, const char *name, struct buf *out, struct err *e)
{
	char path[64];
	int rc;

	(void)snprintf(path, sizeof(path), "identity/%s", name); /* our own short names */
	rc = file_load(h->dirfd, path, IDENTITY_BYTES, out, e);
	if (rc == -1)
		err_within(e, "%s", h->path);
	return rc;
}

int
home_save_identity(const struct home *h, const char *name, const struct buf *bytes,
    struct err *e)
{
	char path[64];
	int rc = -1;

	(void)snprintf(path, sizeof(path), "identity/%s", name);
	if (file_make_dirs(h->dirfd, "identity", 0700, e) == 0)
		rc = file_save(h->dirfd, path, buf_data(bytes), buf_len(bytes), 0600, e);
	if (rc == -1)
		err_within(e, "%s", h->path);
	return rc;
}

int
home_remove_identity(const struct home *h, const char *name, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "identity/%s", name);
	return file_remove(h->dirfd, path, e);
}

void
home_tidy(const struct home *h, int64_t now)
{
	static const struct {
		const char *path;
		unsigned depth;
	} places[] = { { ".", 0 }, { "identity", 0 }, { "trust", 0 }, { "meta", 3 } };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		file_tidy(h->dirfd, places[i].path, places[i].depth, now - TEMP_S);
}

int
home_open_dir(const struct home *h, const char *path, struct err *e)
{
	int fd;

	if (file_make_dirs(h->dirfd, path, 0755, e) == -1) {
		err_within(e, "%s", h->path);
		return -1;
	}
	fd = openat(h->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return err_errno(e, "%s/%s", h->path, path);
	return fd;
}
