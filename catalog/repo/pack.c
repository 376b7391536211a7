/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/pack_table.h"

struct pack {
	int fd; /* borrowed, or -1 where there is only a table */
	uint8_t *rows;   /* owned; as in the file */
	uint64_t *offs;  /* owned; of the frames */
	uint32_t *order; /* owned; rows by content hash */
	uint32_t n_frames;
	uint64_t frames_len;
};

void
pack_close(struct pack *p)
{
	if (p == NULL)
		return;
	free(p->rows);
	free(p->offs);
	free(p->order);
	free(p);
}

static const uint8_t *
row_of(const struct pack *p, uint32_t i)
{
	return p->rows + (size_t)i * PACK_ROW_BYTES;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const struct pack *p = arg;
	uint32_t i, j;

	memcpy(&i, a, sizeof(i));
	memcpy(&j, b, sizeof(j));
	return memcmp(row_of(p, i), row_of(p, j), DIGEST_LEN);
}

/* Offsets, order, and every rule about the rows. */
static int
check_rows(struct pack *p, struct err *e)
{
	uint64_t off = 0;

	for (uint32_t i = 0; i < p->n_frames; i++) {
		uint32_t content_len = buf_get_u32le(row_of(p, i) + 64);
		uint32_t stored_len = buf_get_u32le(row_of(p, i) + 68);

		if (content_len == 0 || content_len > LIMIT_FRAME_BYTES || stored_len == 0 ||
		    stored_len > LIMIT_FRAME_STORED_BYTES)
			return err_set(e, ERR_BAD_INPUT, "frame %" PRIu32
			    " of the pack has impossible lengths", i);
		p->offs[i] = off;
		p->order[i] = i;
		off += stored_len;
	}
	if (off != p->frames_len)
		return err_set(e, ERR_BAD_INPUT, "frames of the pack take %" PRIu64
		    " bytes, its table says %" PRIu64, p->frames_len, off);
	qsort_r(p->order, p->n_frames, sizeof(*p->order), compare_rows, p);
	for (uint32_t i = 1; i < p->n_frames; i++)
		if (compare_rows(&p->order[i - 1], &p->order[i], p) == 0)
			return err_set(e, ERR_BAD_INPUT, "pack holds the content of frame %" PRIu32
			    " twice", p->order[i]);
	return 0;
}

/* What stands before and behind the rows. */
static int
check_ends(const uint8_t *table, size_t len, uint64_t all_len, struct err *e)
{
	const uint8_t *tail = table + len - PACK_TAIL_BYTES;
	uint32_t n_frames = buf_get_u32le(tail);

	if (memcmp(tail + 8, PACK_MAGIC, 8) != 0)
		return err_set(e, ERR_BAD_INPUT, "not a pack, or one that is cut short");
	if (buf_get_u32le(tail + 4) != PACK_VERSION)
		return err_set(e, ERR_BAD_INPUT, "pack of unknown version %" PRIu32,
		    buf_get_u32le(tail + 4));
	if (n_frames == 0 || n_frames > LIMIT_PACK_FRAMES)
		return err_set(e, ERR_BAD_INPUT, "pack with %" PRIu32 " frames, not 1 to %u",
		    n_frames, LIMIT_PACK_FRAMES);
	if (len != pack_table_len(n_frames) || len > all_len)
		return err_set(e, ERR_BAD_INPUT, "table of the pack has not the length of %" PRIu32
		    " frames", n_frames);
	if (buf_get_u32le(table) != PACK_SKIPPABLE ||
	    buf_get_u32le(table + 4) != len - PACK_FRONT_BYTES)
		return err_set(e, ERR_BAD_INPUT, "table of the pack does not begin as it must");
	return 0;
}

int
pack_parse_table(const void *bytes, size_t len, uint64_t all_len, struct pack **out, struct err *e)
{
	struct pack *p = NULL;
	uint32_t n;
	int rc = -1;

	if (len < pack_table_len(1) || all_len > LIMIT_PACK_BYTES)
		return err_set(e, ERR_BAD_INPUT, "pack is too short or longer than %u bytes",
		    LIMIT_PACK_BYTES);
	if (check_ends(bytes, len, all_len, e) == -1)
		return -1;
	n = (uint32_t)((len - pack_table_len(0)) / PACK_ROW_BYTES);
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	p->fd = -1;
	p->n_frames = n;
	p->frames_len = all_len - len;
	p->rows = malloc((size_t)n * PACK_ROW_BYTES);
	p->offs = calloc(n, sizeof(*p->offs));
	p->order = calloc(n, sizeof(*p->order));
	if (p->rows == NULL || p->offs == NULL || p->order == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	memcpy(p->rows, (const uint8_t *)bytes + PACK_FRONT_BYTES, (size_t)n * PACK_ROW_BYTES);
	if (check_rows(p, e) == -1)
		goto out;
	*out = p;
	p = NULL;
	rc = 0;
out:
	pack_close(p);
	return rc;
}

/* The last bytes of the file say how long the table is. */
static int
find_table(int fd, uint64_t *all_len, size_t *table_len, struct err *e)
{
	uint8_t tail[PACK_TAIL_BYTES];
	struct stat st;
	uint32_t n;

	if (fstat(fd, &st) == -1)
		return err_errno(e, "looking at a pack");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_BAD_INPUT, "pack is not a regular file");
	*all_len = (uint64_t)st.st_size;
	if (*all_len < pack_table_len(1) || *all_len > LIMIT_PACK_BYTES)
		return err_set(e, ERR_BAD_INPUT, "pack of %" PRIu64
		    " bytes is too short or longer than %u", *all_len, LIMIT_PACK_BYTES);
	if (file_pread_all(fd, tail, sizeof(tail), *all_len - sizeof(tail), e) == -1)
		return -1;
	n = buf_get_u32le(tail);
	if (memcmp(tail + 8, PACK_MAGIC, 8) != 0)
		return err_set(e, ERR_BAD_INPUT, "not a pack, or one that is cut short");
	if (n == 0 || n > LIMIT_PACK_FRAMES || pack_table_len(n) > *all_len)
		return err_set(e, ERR_BAD_INPUT, "pack of %" PRIu64 " bytes cannot have %" PRIu32
		    " frames", *all_len, n);
	*table_len = pack_table_len(n);
	return 0;
}

int
pack_open(int fd, struct pack **out, struct err *e)
{
	uint8_t *table = NULL;
	uint64_t all_len;
	size_t len;
	int rc = -1;

	if (find_table(fd, &all_len, &len, e) == -1)
		goto out;
	if ((table = malloc(len)) == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	if (file_pread_all(fd, table, len, all_len - len, e) == -1)
		goto out;
	if (pack_parse_table(table, len, all_len, out, e) == -1)
		goto out;
	(*out)->fd = fd;
	rc = 0;
out:
	free(table);
	return rc;
}

int
pack_encode_table(const struct pack *p, struct buf *b, struct err *e)
{
	return pack_table_put(b, p->rows, p->n_frames, e);
}

uint32_t
pack_n_frames(const struct pack *p)
{
	return p->n_frames;
}

uint64_t
pack_len(const struct pack *p)
{
	return p->frames_len + pack_table_len(p->n_frames);
}

uint64_t
pack_frames_len(const struct pack *p)
{
	return p->frames_len;
}

void
pack_frame_get(const struct pack *p, uint32_t i, struct pack_frame *out)
{
	assert(i < p->n_frames);
	pack_table_get_row(row_of(p, i), out);
	out->off = p->offs[i];
}

int64_t
pack_find(const struct pack *p, const struct digest *content)
{
	uint32_t low = 0, high = p->n_frames;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = memcmp(row_of(p, p->order[mid]), content->bytes, DIGEST_LEN);

		if (order == 0)
			return p->order[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

/* Name the frame that is not what it should be. */
static int
within_frame(const struct pack *p, uint32_t i, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct pack_frame f;

	pack_frame_get(p, i, &f);
	digest_hex(hex, &f.content);
	err_within(e, "frame %" PRIu32 " (%.16s...) of the pack", i, hex);
	return -1;
}

static int
check_stored(const struct pack_frame *f, const uint8_t *stored, struct err *e)
{
	struct digest found;

	digest_of(&found, stored, f->stored_len);
	if (!digest_equal(&found, &f->stored))
		return err_set(e, ERR_UNTRUSTED,
		    "stored bytes differ from their hash in the table");
	return 0;
}

int
pack_read_stored(const struct pack *p, uint32_t i, uint8_t *out, struct err *e)
{
	struct pack_frame f;

	assert(p->fd != -1);
	pack_frame_get(p, i, &f);
	if (file_pread_all(p->fd, out, f.stored_len, f.off, e) == -1 ||
	    check_stored(&f, out, e) == -1)
		return within_frame(p, i, e);
	return 0;
}

int
pack_read(const struct pack *p, uint32_t i, struct frame_coder *c, uint8_t *out, struct err *e)
{
	struct frame_want want;
	struct pack_frame f;
	uint8_t *stored;
	int rc = -1;

	pack_frame_get(p, i, &f);
	want.sha256 = &f.content;
	want.len = f.content_len;
	if ((stored = malloc(f.stored_len)) == NULL)
		return err_nomem(e);
	if (pack_read_stored(p, i, stored, e) == 0) {
		rc = frame_unpack_checked(c, stored, f.stored_len, out, &want, e);
		if (rc == -1)
			(void)within_frame(p, i, e);
	}
	free(stored);
	return rc;
}

/* What a check carries from frame to frame. */
struct check {
	const struct pack *pack;     /* borrowed */
	struct digest_stream *whole; /* owned */
	struct frame_coder *coder;   /* owned */
	uint8_t *stored;             /* owned; room for the longest frame */
	uint8_t *content;            /* owned; likewise */
};

static int
check_frame(struct check *c, uint32_t i, struct err *e)
{
	struct frame_want want;
	struct pack_frame f;

	pack_frame_get(c->pack, i, &f);
	want.sha256 = &f.content;
	want.len = f.content_len;
	if (file_pread_all(c->pack->fd, c->stored, f.stored_len, f.off, e) == -1)
		return within_frame(c->pack, i, e);
	digest_add(c->whole, c->stored, f.stored_len);
	if (check_stored(&f, c->stored, e) == -1 ||
	    frame_unpack_checked(c->coder, c->stored, f.stored_len, c->content, &want, e) == -1)
		return within_frame(c->pack, i, e);
	return 0;
}

static int
check_name(struct check *c, const struct digest *name, struct err *e)
{
	struct buf table = BUF_INIT;
	struct digest found;

	if (name == NULL)
		return 0;
	if (pack_encode_table(c->pack, &table, e) == -1) {
		buf_clear(&table);
		return -1;
	}
	digest_add(c->whole, buf_data(&table), buf_len(&table));
	buf_clear(&table);
	digest_finish(c->whole, found.bytes);
	if (!digest_equal(&found, name))
		return err_set(e, ERR_UNTRUSTED, "pack has not the hash that is its name");
	return 0;
}

int
pack_verify(int fd, const struct digest *name, pack_progress *progress, void *arg, struct err *e)
{
	struct check c = { NULL, NULL, NULL, NULL, NULL };
	struct pack *pack = NULL;
	int rc = -1;

	if (pack_open(fd, &pack, e) == -1)
		goto out;
	c.pack = pack;
	c.whole = digest_new(DIGEST_SHA256, e);
	c.coder = frame_coder_new(e);
	if (c.whole == NULL || c.coder == NULL)
		goto out;
	c.stored = malloc(LIMIT_FRAME_STORED_BYTES);
	c.content = malloc(LIMIT_FRAME_BYTES);
	if (c.stored == NULL || c.content == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	for (uint32_t i = 0; i < pack->n_frames; i++) {
		if (progress != NULL && !progress(arg, pack->offs[i], pack_len(pack))) {
			(void)err_set(e, ERR_BUSY, "check of the pack was stopped");
			goto out;
		}
		if (check_frame(&c, i, e) == -1)
			goto out;
	}
	if (check_name(&c, name, e) == -1)
		goto out;
	rc = 0;
out:
	digest_free(c.whole);
	frame_coder_free(c.coder);
	free(c.stored);
	free(c.content);
	pack_close(pack);
	return rc;
}
