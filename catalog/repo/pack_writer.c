/* SPDX-License-Identifier: Apache-2.0 */
/* Writing packs: pack.h. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/repo/pack.h"
#include "catalog/repo/pack_table.h"

#define PENDING_BYTES (256u << 10) /* small frames go to the kernel together */
#define NO_ROW UINT32_MAX
#define FIRST_SLOTS 256u

struct pack_writer {
	int fd;                      /* borrowed */
	struct digest_stream *whole; /* owned */
	struct buf rows;
	struct buf pending; /* hashed, not yet written */
	uint64_t *offs;     /* owned; by row */
	uint32_t off_room;
	uint32_t *slots;    /* owned; rows by content hash, open addressing */
	size_t n_slots;     /* a power of two, at least twice n_frames */
	uint32_t n_frames;
	uint64_t len;
};

static uint32_t *
new_slots(size_t n)
{
	uint32_t *slots = malloc(n * sizeof(*slots));

	for (size_t i = 0; slots != NULL && i < n; i++)
		slots[i] = NO_ROW;
	return slots;
}

struct pack_writer *
pack_writer_new(int fd, struct err *e)
{
	struct pack_writer *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	w->fd = fd;
	w->n_slots = FIRST_SLOTS;
	if ((w->slots = new_slots(w->n_slots)) == NULL)
		(void)err_nomem(e);
	else
		w->whole = digest_new(DIGEST_SHA256, e);
	if (w->whole == NULL) {
		pack_writer_free(w);
		return NULL;
	}
	return w;
}

void
pack_writer_free(struct pack_writer *w)
{
	if (w == NULL)
		return;
	digest_free(w->whole);
	buf_clear(&w->rows);
	buf_clear(&w->pending);
	free(w->offs);
	free(w->slots);
	free(w);
}

static const uint8_t *
row_of(const struct pack_writer *w, uint32_t i)
{
	return buf_data(&w->rows) + (size_t)i * PACK_ROW_BYTES;
}

/* The slot of the content, or the free one where it would go. */
static size_t
slot_of(const struct pack_writer *w, const uint8_t *content)
{
	size_t i;

	memcpy(&i, content, sizeof(i));
	for (i &= w->n_slots - 1; w->slots[i] != NO_ROW; i = (i + 1) & (w->n_slots - 1))
		if (memcmp(row_of(w, w->slots[i]), content, DIGEST_LEN) == 0)
			break;
	return i;
}

static int
grow(struct pack_writer *w, struct err *e)
{
	if (w->n_frames == w->off_room) {
		uint32_t room = w->off_room == 0 ? 128 : w->off_room * 2;
		uint64_t *offs = reallocarray(w->offs, room, sizeof(*offs));

		if (offs == NULL)
			return err_nomem(e);
		w->offs = offs;
		w->off_room = room;
	}
	if ((size_t)w->n_frames * 2 >= w->n_slots) {
		uint32_t *slots = new_slots(w->n_slots * 2);

		if (slots == NULL)
			return err_nomem(e);
		free(w->slots);
		w->slots = slots;
		w->n_slots *= 2;
		for (uint32_t i = 0; i < w->n_frames; i++)
			w->slots[slot_of(w, row_of(w, i))] = i;
	}
	return 0;
}

static int
flush(struct pack_writer *w, struct err *e)
{
	if (file_write_all(w->fd, buf_data(&w->pending), buf_len(&w->pending), e) == -1) {
		err_within(e, "writing a pack");
		return -1;
	}
	buf_truncate(&w->pending, 0);
	return 0;
}

static int
append(struct pack_writer *w, const void *bytes, size_t len, struct err *e)
{
	digest_add(w->whole, bytes, len);
	if (buf_len(&w->pending) + len > PENDING_BYTES && flush(w, e) == -1)
		return -1;
	if (len < PENDING_BYTES)
		return buf_add(&w->pending, bytes, len, e);
	if (file_write_all(w->fd, bytes, len, e) == -1) {
		err_within(e, "writing a pack");
		return -1;
	}
	return 0;
}

bool
pack_writer_has_room(const struct pack_writer *w, uint32_t stored_len)
{
	return w->n_frames < LIMIT_PACK_FRAMES &&
	    w->len + stored_len + pack_table_len(w->n_frames + 1) <= LIMIT_PACK_BYTES;
}

int
pack_writer_add(struct pack_writer *w, const struct pack_frame *f, const void *stored,
    struct err *e)
{
	size_t slot = slot_of(w, f->content.bytes);
	uint8_t *row;

	if (w->slots[slot] != NO_ROW)
		return 1;
	if (f->content_len == 0 || f->content_len > LIMIT_FRAME_BYTES || f->stored_len == 0 ||
	    f->stored_len > LIMIT_FRAME_STORED_BYTES)
		return err_set(e, ERR_BAD_INPUT, "frame for a pack has impossible lengths");
	if (!pack_writer_has_room(w, f->stored_len))
		return err_set(e, ERR_BAD_INPUT,
		    "pack is full after %" PRIu32 " frames", w->n_frames);
	if (grow(w, e) == -1 || append(w, stored, f->stored_len, e) == -1)
		return -1;
	if ((row = buf_extend(&w->rows, PACK_ROW_BYTES, e)) == NULL)
		return -1;
	pack_table_put_row(row, f);
	w->offs[w->n_frames] = w->len;
	w->slots[slot_of(w, f->content.bytes)] = w->n_frames;
	w->n_frames++;
	w->len += f->stored_len;
	return 0;
}

uint32_t
pack_writer_n_frames(const struct pack_writer *w)
{
	return w->n_frames;
}

uint64_t
pack_writer_len(const struct pack_writer *w)
{
	return w->len;
}

void
pack_writer_frame(const struct pack_writer *w, uint32_t i, struct pack_frame *out)
{
	assert(i < w->n_frames);
	pack_table_get_row(row_of(w, i), out);
	out->off = w->offs[i];
}

int
pack_writer_finish(struct pack_writer *w, struct digest *name, uint64_t *len, struct err *e)
{
	struct buf table = BUF_INIT;
	size_t table_len;
	int rc = -1;

	assert(w->n_frames > 0);
	if (pack_table_put(&table, buf_data(&w->rows), w->n_frames, e) == -1)
		goto out;
	table_len = buf_len(&table);
	if (append(w, buf_data(&table), table_len, e) == -1 || flush(w, e) == -1)
		goto out;
	digest_finish(w->whole, name->bytes);
	*len = w->len + table_len;
	rc = 0;
out:
	buf_clear(&table);
	return rc;
}
