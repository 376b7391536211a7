/* SPDX-License-Identifier: Apache-2.0 */
/* The encoding of an index: index.h.  FORMATS.md 3.4. */
#include <inttypes.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/repo/index.h"

#define MAGIC "KBINDEX1"
#define HEADER_BYTES 32u
#define ENTRY_BYTES 47u /* of the columns, without the path */
#define FRAME_BYTES 36u

/* Where each column of an encoded index begins. */
struct columns {
	const uint8_t *kinds, *path_lens, *sizes, *crcs, *hashes, *paths;
	const uint8_t *frame_lens, *frame_hashes;
};

struct header {
	uint32_t n_entries, n_frames, paths_len;
	uint64_t tar_len;
};

static int
parse_header(const uint8_t *p, size_t len, struct header *h, struct columns *c, struct err *e)
{
	uint64_t want;

	if (len > LIMIT_INDEX_BYTES)
		return err_set(e, ERR_BAD_INPUT,
		    "index is longer than %u bytes", LIMIT_INDEX_BYTES);
	if (len < HEADER_BYTES || memcmp(p, MAGIC, 8) != 0)
		return err_set(e, ERR_BAD_INPUT, "not an index of format 1");
	h->n_entries = buf_get_u32le(p + 8);
	h->n_frames = buf_get_u32le(p + 12);
	h->paths_len = buf_get_u32le(p + 16);
	h->tar_len = buf_get_u64le(p + 24);
	if (buf_get_u32le(p + 20) != 0)
		return err_set(e, ERR_BAD_INPUT, "index has bytes set that are to be zero");
	want = HEADER_BYTES + (uint64_t)h->n_entries * ENTRY_BYTES + h->paths_len +
	    (uint64_t)h->n_frames * FRAME_BYTES;
	if (want != len)
		return err_set(e, ERR_BAD_INPUT,
		    "index has %zu bytes, its counts say %" PRIu64, len, want);
	if (h->n_entries > LIMIT_ENTRIES || h->n_frames > LIMIT_FRAMES)
		return err_set(e, ERR_BAD_INPUT, "index has too many entries or frames");
	c->kinds = p + HEADER_BYTES;
	c->path_lens = c->kinds + h->n_entries;
	c->sizes = c->path_lens + 2 * (size_t)h->n_entries;
	c->crcs = c->sizes + 8 * (size_t)h->n_entries;
	c->hashes = c->crcs + 4 * (size_t)h->n_entries;
	c->paths = c->hashes + DIGEST_LEN * (size_t)h->n_entries;
	c->frame_lens = c->paths + h->paths_len;
	c->frame_hashes = c->frame_lens + 4 * (size_t)h->n_frames;
	return 0;
}

static int
refuse_directory(const struct tar_entry *t, struct err *e)
{
	char quoted[200];

	return err_set(e, ERR_BAD_INPUT, "entry \"%s\" is a directory and has a checksum",
	    err_quote(quoted, sizeof(quoted), t->path, t->path_len));
}

static int
parse_entries(struct index *ix, const struct header *h, const struct columns *c, struct err *e)
{
	struct digest zero = { { 0 } }, hash;
	size_t path_off = 0;

	for (uint32_t i = 0; i < h->n_entries; i++) {
		struct tar_entry t = { c->kinds[i], (const char *)c->paths + path_off,
			buf_get_u16le(c->path_lens + 2 * (size_t)i),
			buf_get_u64le(c->sizes + 8 * (size_t)i) };
		uint32_t crc = buf_get_u32le(c->crcs + 4 * (size_t)i);

		if (t.path_len > h->paths_len - path_off)
			return err_set(e, ERR_BAD_INPUT,
			    "paths of the index end within entry %" PRIu32, i);
		path_off += t.path_len;
		if (index_add_entry(ix, &t, e) == -1)
			return -1;
		memcpy(hash.bytes, c->hashes + DIGEST_LEN * (size_t)i, DIGEST_LEN);
		if (t.kind != TAR_DIRECTORY)
			index_set_content(ix, i, crc, &hash);
		else if (crc != 0 || !digest_equal(&hash, &zero))
			return refuse_directory(&t, e);
	}
	if (path_off != h->paths_len)
		return err_set(e, ERR_BAD_INPUT, "index has paths that belong to no entry");
	return 0;
}

static int
parse_frames(struct index *ix, const struct header *h, const struct columns *c, struct err *e)
{
	struct digest hash;

	for (uint32_t i = 0; i < h->n_frames; i++) {
		uint32_t len = buf_get_u32le(c->frame_lens + 4 * (size_t)i);

		memcpy(hash.bytes, c->frame_hashes + DIGEST_LEN * (size_t)i, DIGEST_LEN);
		if (index_add_frame(ix, len, &hash, e) == -1)
			return -1;
	}
	return 0;
}

int
index_parse(const void *bytes, size_t len, struct index **out, struct err *e)
{
	struct header h;
	struct columns c;
	struct index *ix = NULL;
	int rc = -1;

	if (parse_header(bytes, len, &h, &c, e) == -1 || (ix = index_new(e)) == NULL)
		goto out;
	if (index_reserve(ix, h.n_entries, h.n_frames, h.paths_len, e) == -1)
		goto out;
	if (parse_entries(ix, &h, &c, e) == -1 || parse_frames(ix, &h, &c, e) == -1 ||
	    index_finish(ix, e) == -1)
		goto out;
	if (h.tar_len != index_tar_len(ix)) {
		(void)err_set(e, ERR_BAD_INPUT, "index says its tar has %" PRIu64
		    " bytes, its entries make %" PRIu64, h.tar_len, index_tar_len(ix));
		goto out;
	}
	*out = ix;
	ix = NULL;
	rc = 0;
out:
	index_free(ix);
	return rc;
}

static uint8_t *
put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (; bytes > 0; bytes--) {
		*p++ = (uint8_t)v;
		v >>= 8;
	}
	return p;
}

static uint8_t *
put_entries(uint8_t *p, const struct index *ix)
{
	uint32_t n = index_n_entries(ix);
	uint8_t *kinds = p, *path_lens = kinds + n, *sizes = path_lens + 2 * (size_t)n;
	uint8_t *crcs = sizes + 8 * (size_t)n, *hashes = crcs + 4 * (size_t)n;
	uint8_t *paths = hashes + DIGEST_LEN * (size_t)n;
	struct index_entry entry;

	for (uint32_t i = 0; i < n; i++) {
		index_entry(ix, i, &entry);
		kinds = put_le(kinds, entry.tar.kind, 1);
		path_lens = put_le(path_lens, entry.tar.path_len, 2);
		sizes = put_le(sizes, entry.tar.size, 8);
		crcs = put_le(crcs, entry.crc32, 4);
		memcpy(hashes, entry.sha256->bytes, DIGEST_LEN);
		hashes += DIGEST_LEN;
		memcpy(paths, entry.tar.path, entry.tar.path_len);
		paths += entry.tar.path_len;
	}
	return paths;
}

static void
put_frames(uint8_t *p, const struct index *ix)
{
	uint32_t n = index_n_frames(ix);
	uint8_t *lens = p, *hashes = p + 4 * (size_t)n;
	struct index_frame frame;

	for (uint32_t i = 0; i < n; i++) {
		index_frame(ix, i, &frame);
		lens = put_le(lens, frame.len, 4);
		memcpy(hashes, frame.sha256->bytes, DIGEST_LEN);
		hashes += DIGEST_LEN;
	}
}

uint64_t
index_encoded_len(const struct index *ix)
{
	return HEADER_BYTES + (uint64_t)index_n_entries(ix) * ENTRY_BYTES + index_path_bytes(ix) +
	    (uint64_t)index_n_frames(ix) * FRAME_BYTES;
}

int
index_encode(const struct index *ix, struct buf *b, struct err *e)
{
	uint8_t *p = buf_extend(b, (size_t)index_encoded_len(ix), e);

	if (p == NULL)
		return -1;
	memcpy(p, MAGIC, 8);
	p = put_le(p + 8, index_n_entries(ix), 4);
	p = put_le(p, index_n_frames(ix), 4);
	p = put_le(p, index_path_bytes(ix), 4);
	p = put_le(p, 0, 4);
	p = put_le(p, index_tar_len(ix), 8);
	put_frames(put_entries(p, ix), ix);
	return 0;
}
