/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/cutter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/repo/chunk.h"
#include "catalog/repo/scan.h"
#include "catalog/repo/tar.h"

#define BLOCK_BYTES (128u << 10)

/* What comes next. */
enum place { AT_ENTRY, AT_HEAD, AT_SMALL, AT_DATA, AT_PADDING, AT_END, AT_CLOSE, AT_NOTHING };

struct cutter {
	const struct scan *scan; /* borrowed */
	int dirfd;               /* borrowed */
	struct chunk chunk;
	enum place place;
	uint32_t entry;
	unsigned cuts; /* around the present entry */
	int fd;        /* owned; of a large file's data, else -1 */
	uint64_t unread;  /* bytes of it behind the block */
	uint8_t *block;   /* owned; read, not yet in a frame */
	size_t block_pos;
	size_t block_len;
};

/* The frame in the making. */
struct frame {
	uint8_t *bytes;
	uint32_t len;
	bool is_over;
};

static void
add(struct frame *f, const void *bytes, size_t len)
{
	assert(len <= CHUNK_MAX - f->len);
	memcpy(f->bytes + f->len, bytes, len);
	f->len += (uint32_t)len;
}

/* A cut where the frame is still empty does nothing. */
static void
cut(struct frame *f)
{
	f->is_over = f->len > 0;
}

static const struct tar_entry *
tar_of(const struct cutter *c)
{
	return &c->scan->entries[c->entry].tar;
}

static int
read_some(struct cutter *c, int fd, uint8_t *out, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = read(fd, out, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_errno(e, "cannot read %.200s", tar_of(c)->path);
		if (n == 0)
			return scan_changed(c->scan, c->entry, e);
		out += n;
		len -= (size_t)n;
	}
	return 0;
}

static void
begin_entry(struct cutter *c, struct frame *f)
{
	if (c->entry == c->scan->n_entries) {
		c->place = AT_END;
		return;
	}
	c->cuts = chunk_entry(&c->chunk, tar_of(c));
	if ((c->cuts & CHUNK_CUT_BEFORE) != 0)
		cut(f);
	c->place = AT_HEAD;
}

static int
add_head(struct cutter *c, struct frame *f, struct err *e)
{
	uint8_t head[TAR_HEAD_MAX];

	add(f, head, tar_head(head, tar_of(c)));
	if ((c->cuts & CHUNK_CUT_DATA) == 0) {
		c->place = AT_SMALL;
		return 0;
	}
	c->fd = scan_open(c->scan, c->entry, c->dirfd, e);
	if (c->fd == -1)
		return -1;
	(void)posix_fadvise(c->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
	c->unread = tar_of(c)->size;
	c->block_pos = c->block_len = 0;
	c->place = AT_DATA;
	cut(f);
	return 0;
}

static int
add_small(struct cutter *c, struct frame *f, struct err *e)
{
	uint32_t size = (uint32_t)tar_of(c)->size;

	if (size > 0) {
		int fd = scan_open(c->scan, c->entry, c->dirfd, e);
		int rc;

		if (fd == -1)
			return -1;
		assert(size <= CHUNK_MAX - f->len);
		rc = read_some(c, fd, f->bytes + f->len, size, e);
		if (rc == 0)
			rc = scan_check_same(c->scan, c->entry, fd, e);
		(void)close(fd); /* only read from */
		if (rc == -1)
			return -1;
		f->len += size;
		add(f, tar_zeros, tar_padding(size));
	}
	if ((c->cuts & CHUNK_CUT_AFTER) != 0)
		cut(f);
	c->entry++;
	c->place = AT_ENTRY;
	return 0;
}

static int
fill_block(struct cutter *c, struct err *e)
{
	size_t len = c->unread < BLOCK_BYTES ? (size_t)c->unread : BLOCK_BYTES;

	if (read_some(c, c->fd, c->block, len, e) == -1)
		return -1;
	c->unread -= len;
	c->block_pos = 0;
	c->block_len = len;
	return 0;
}

static int
end_data(struct cutter *c, struct frame *f, struct err *e)
{
	if (scan_check_same(c->scan, c->entry, c->fd, e) == -1)
		return -1;
	(void)close(c->fd); /* only read from */
	c->fd = -1;
	c->place = AT_PADDING;
	cut(f);
	return 0;
}

static int
add_data(struct cutter *c, struct frame *f, struct err *e)
{
	bool is_cut;
	size_t n;

	if (c->block_pos == c->block_len && c->unread == 0)
		return end_data(c, f, e);
	if (c->block_pos == c->block_len && fill_block(c, e) == -1)
		return -1;
	n = chunk_data(&c->chunk, c->block + c->block_pos, c->block_len - c->block_pos, &is_cut);
	add(f, c->block + c->block_pos, n);
	c->block_pos += n;
	if (is_cut)
		cut(f);
	return 0;
}

static int
step(struct cutter *c, struct frame *f, struct err *e)
{
	switch (c->place) {
	case AT_ENTRY:
		begin_entry(c, f);
		return 0;
	case AT_HEAD:
		return add_head(c, f, e);
	case AT_SMALL:
		return add_small(c, f, e);
	case AT_DATA:
		return add_data(c, f, e);
	case AT_PADDING:
		add(f, tar_zeros, tar_padding(tar_of(c)->size));
		c->entry++;
		c->place = AT_ENTRY;
		return 0;
	case AT_END:
		if (chunk_end(&c->chunk))
			cut(f);
		c->place = AT_CLOSE;
		return 0;
	case AT_CLOSE:
		add(f, tar_zeros, TAR_END_BYTES);
		c->place = AT_NOTHING;
		return 0;
	case AT_NOTHING:
		f->is_over = true;
		return 0;
	}
	return 0;
}

int
cutter_next(struct cutter *c, uint8_t *out, uint32_t *len, struct err *e)
{
	struct frame f = { .bytes = out };

	while (!f.is_over)
		if (step(c, &f, e) == -1)
			return -1;
	*len = f.len;
	return 0;
}

struct cutter *
cutter_new(const struct scan *scan, int dirfd, struct err *e)
{
	struct cutter *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->block = malloc(BLOCK_BYTES);
	if (c == NULL || c->block == NULL) {
		free(c);
		(void)err_nomem(e); /* the NULL below is the report */
		return NULL;
	}
	c->scan = scan;
	c->dirfd = dirfd;
	c->fd = -1;
	chunk_init(&c->chunk);
	return c;
}

void
cutter_free(struct cutter *c)
{
	if (c == NULL)
		return;
	if (c->fd != -1)
		(void)close(c->fd); /* only read from */
	free(c->block);
	free(c);
}
