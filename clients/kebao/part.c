/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dirent.h>

#include "catalog/base/file.h"
#include "catalog/base/hex.h"
#include "catalog/base/settle.h"

#define PARTS "work/.parts"
#define SHORT_BYTES (64u << 10)   /* not worth a file */
#define KEEP_S (14 * 24 * 3600)
#define NAME_SIZE (2 * DIGEST_LEN + 8)

struct sink {
	const struct part *p;
	int fd;
	uint64_t have;
	struct settle settle;
};

/* Open (and make) the file, *have of its bytes being of use. */
static int
open_part(const struct part *p, uint64_t *have, struct err *e)
{
	int fd = openat(p->dirfd, p->name,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd == -1)
		return err_errno(e, "cannot open %s", p->name);
	if (fstat(fd, &st) == -1)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		errno = EEXIST;
		goto fail;
	}
	*have = (uint64_t)st.st_size;
	if (*have <= p->len)
		return fd;
	if (ftruncate(fd, 0) == -1) /* whatever it is, it is not this */
		goto fail;
	*have = 0;
	return fd;
fail:
	(void)err_errno(e, "cannot use %s", p->name); /* the -1 below is the report */
	(void)close(fd);
	return -1;
}

static int
on_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
	struct sink *s = ctx;

	if (file_write_all(s->fd, bytes, len, e) == -1) {
		err_within(e, "%s", s->p->name);
		return err_full_is_busy(e);
	}
	if (settle(&s->settle, s->fd, e) == -1)
		return err_full_is_busy(e);
	s->have += len;
	if (s->p->on_progress != NULL)
		s->p->on_progress(s->p->ctx, s->have, s->p->len);
	return 0;
}

int
part_fetch(struct transfer *t, const struct part *p, struct err *e)
{
	struct sink s = { .p = p };
	int rc = 0;

	s.fd = open_part(p, &s.have, e);
	if (s.fd == -1)
		return -1;
	if (p->on_progress != NULL)
		p->on_progress(p->ctx, s.have, p->len);
	if (s.have < p->len)
		rc = transfer_range(t, p->path, p->off + s.have, p->len - s.have, on_bytes, &s, e);
	if (close(s.fd) == -1 && rc == 0)
		rc = err_errno(e, "cannot write %s", p->name);
	return rc;
}

uint64_t
part_have(const struct part *p)
{
	struct stat st;

	if (fstatat(p->dirfd, p->name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > p->len)
		return 0;
	return (uint64_t)st.st_size;
}

int
part_remove(const struct part *p, struct err *e)
{
	return file_remove(p->dirfd, p->name, e);
}

int
part_open_dir(const struct home *h, struct err *e)
{
	return home_open_dir(h, PARTS, e);
}

void
part_tidy(const struct home *h, int64_t now)
{
	int fd = openat(home_dirfd(h), PARTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *d;
	struct stat st;

	if (dir == NULL && fd != -1)
		(void)close(fd); /* only a handle */
	if (dir == NULL)
		return;
	while ((d = readdir(dir)) != NULL)
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    now - (int64_t)st.st_mtim.tv_sec > KEEP_S)
			(void)unlinkat(fd, d->d_name, 0); /* another day, then */
	(void)closedir(dir); /* only read */
}

/* --- whole objects --- */

static int
check(const struct part_object *o, const struct buf *b, struct err *e)
{
	struct digest sum;

	if (buf_len(b) == o->len) {
		digest_of(&sum, buf_data(b), buf_len(b));
		if (digest_equal(&sum, o->sha256))
			return 0;
	}
	if (buf_len(b) == o->len)
		return err_set(e, ERR_UNTRUSTED, "%s: the SHA-256 is not the signed one", o->path);
	return err_set(e, ERR_UNTRUSTED, "%s: %zu bytes where %" PRIu64 " are signed", o->path,
	    buf_len(b), o->len);
}

/* Once, through a part. */
static int
load_part(struct transfer *t, const struct part *p, const struct part_object *o, struct buf *out,
    struct err *e)
{
	int rc;

	if (part_fetch(t, p, e) == -1 ||
	    file_load(p->dirfd, p->name, (size_t)p->len, out, e) == -1)
		return -1;
	rc = check(o, out, e);
	if (part_remove(p, rc == 0 ? e : NULL) == -1)
		return -1;
	return rc;
}

int
part_load(const struct home *h, struct transfer *t, const struct part_object *o, struct buf *out,
    struct err *e)
{
	char name[NAME_SIZE];
	struct part p = { .path = o->path, .len = o->len, .name = name };
	struct err mine = { 0 };
	int rc;

	buf_truncate(out, 0);
	if (o->len <= SHORT_BYTES)
		return transfer_load(t, o->path, (size_t)o->len, out, e) == -1 ? -1
		                                                               : check(o, out, e);
	p.dirfd = part_open_dir(h, e);
	if (p.dirfd == -1)
		return -1;
	hex_encode(name, o->sha256->bytes, DIGEST_LEN);
	rc = load_part(t, &p, o, out, &mine);
	if (rc == -1 && mine.class == ERR_UNTRUSTED) { /* the tail of an earlier day */
		buf_truncate(out, 0);
		rc = load_part(t, &p, o, out, &mine);
	}
	(void)close(p.dirfd); /* only a handle */
	if (rc == -1 && e != NULL)
		*e = mine;
	return rc;
}
