/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#define LEVEL 12
#define PROBE_LEVEL 1
#define PROBE_MIN 2048u     /* below, the probe costs more than it saves */
#define PROBE_BYTES 16384u  /* looked at, of each of PROBE_PLACES places */
#define PROBE_PLACES 3u
#define RAW_BLOCK (128u << 10) /* the longest block of RFC 8878 */

struct frame_coder {
	ZSTD_CCtx *packing;   /* owned, or NULL until needed */
	ZSTD_CCtx *probing;   /* owned, or NULL until needed */
	ZSTD_DCtx *unpacking; /* owned, or NULL until needed */
	uint8_t *probe;       /* owned, or NULL until needed: where probes go */
};

struct frame_coder *
frame_coder_new(struct err *e)
{
	struct frame_coder *c = calloc(1, sizeof(*c));

	if (c == NULL)
		(void)err_nomem(e);
	return c;
}

void
frame_coder_free(struct frame_coder *c)
{
	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->packing);
	ZSTD_freeCCtx(c->probing);
	ZSTD_freeDCtx(c->unpacking);
	free(c->probe);
	free(c);
}

static size_t
raw_len(size_t len)
{
	return 9 + len + (len + RAW_BLOCK - 1) / RAW_BLOCK * 3;
}

size_t
frame_bound(size_t len)
{
	size_t zstd = ZSTD_compressBound(len), raw = raw_len(len);

	return zstd > raw ? zstd : raw;
}

static uint8_t *
put_le(uint8_t *out, uint32_t v, unsigned bytes)
{
	for (; bytes > 0; bytes--) {
		*out++ = (uint8_t)v;
		v >>= 8;
	}
	return out;
}

/* A zstd frame of raw blocks: single segment, content size given. */
static size_t
pack_raw(const uint8_t *content, size_t len, uint8_t *out)
{
	uint8_t *p = put_le(out, ZSTD_MAGICNUMBER, 4);

	if (len < 256) {
		*p++ = 0x20;
		p = put_le(p, (uint32_t)len, 1);
	} else if (len < 65536 + 256) {
		*p++ = 0x60;
		p = put_le(p, (uint32_t)len - 256, 2);
	} else {
		*p++ = 0xa0;
		p = put_le(p, (uint32_t)len, 4);
	}
	for (size_t off = 0; off < len;) {
		size_t n = len - off < RAW_BLOCK ? len - off : RAW_BLOCK;

		p = put_le(p, (uint32_t)n << 3 | (off + n == len), 3);
		memcpy(p, content + off, n);
		p += n;
		off += n;
	}
	return (size_t)(p - out);
}

static ZSTD_CCtx *
new_packing(int level)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	if (cctx == NULL)
		return NULL;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_contentSizeFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 0))) {
		ZSTD_freeCCtx(cctx);
		return NULL;
	}
	return cctx;
}

static bool
is_gain(size_t len, size_t stored_len)
{
	return stored_len <= len - (len + 63) / 64;
}

/*
 * Whether a quick look at a few places says that compressing is worth a try.
 * Media says no everywhere; whoever is in doubt says yes.
 */
static int
probe(struct frame_coder *c, const uint8_t *content, size_t len, bool *is_worth, struct err *e)
{
	size_t n = len < PROBE_BYTES ? len : PROBE_BYTES;
	size_t room = ZSTD_compressBound(PROBE_BYTES);

	*is_worth = true;
	if (len < PROBE_MIN)
		return 0;
	if (c->probing == NULL && (c->probing = new_packing(PROBE_LEVEL)) == NULL)
		return err_nomem(e);
	if (c->probe == NULL && (c->probe = malloc(room)) == NULL)
		return err_nomem(e);
	for (unsigned i = 0; i < PROBE_PLACES; i++) {
		size_t off = (len - n) / (PROBE_PLACES - 1) * i;
		size_t got = ZSTD_compress2(c->probing, c->probe, room, content + off, n);

		if (ZSTD_isError(got) || is_gain(n, got))
			return 0;
		if (n == len)
			break;
	}
	*is_worth = false;
	return 0;
}

int
frame_pack(struct frame_coder *c, const void *content, size_t len, uint8_t *out,
    size_t *stored_len, struct err *e)
{
	bool is_worth;
	size_t got;

	assert(len > 0 && len <= LIMIT_FRAME_BYTES);
	if (probe(c, content, len, &is_worth, e) == -1)
		return -1;
	if (is_worth) {
		if (c->packing == NULL && (c->packing = new_packing(LEVEL)) == NULL)
			return err_nomem(e);
		got = ZSTD_compress2(c->packing, out, frame_bound(len), content, len);
		if (ZSTD_isError(got))
			return err_set(e, ERR_SYSTEM,
			    "compressing a frame: %s", ZSTD_getErrorName(got));
		if (is_gain(len, got)) {
			*stored_len = got;
			return 0;
		}
	}
	*stored_len = pack_raw(content, len, out);
	return 0;
}

int
frame_unpack(struct frame_coder *c, const void *stored, size_t stored_len, void *out, size_t len,
    struct err *e)
{
	struct frame_scan scan;
	size_t used, got;

	frame_scan_init(&scan);
	if (frame_scan_feed(&scan, stored, stored_len, &used, e) == -1)
		return -1;
	if (!scan.is_done)
		return err_set(e, ERR_BAD_INPUT,
		    "stored frame is cut short after %zu bytes", stored_len);
	if (used != stored_len)
		return err_set(e, ERR_BAD_INPUT, "stored frame ends after %zu of %zu bytes", used,
		    stored_len);
	if (scan.content_len != len)
		return err_set(e, ERR_BAD_INPUT, "stored frame holds %u bytes, not %zu",
		    scan.content_len, len);
	if (c->unpacking == NULL && (c->unpacking = ZSTD_createDCtx()) == NULL)
		return err_nomem(e);
	got = ZSTD_decompressDCtx(c->unpacking, out, len, stored, stored_len);
	if (ZSTD_isError(got))
		return err_set(e, ERR_BAD_INPUT,
		    "stored frame is damaged: %s", ZSTD_getErrorName(got));
	if (got != len)
		return err_set(e, ERR_BAD_INPUT, "stored frame gave %zu bytes, not %zu", got, len);
	return 0;
}

int
frame_unpack_checked(struct frame_coder *c, const void *stored, size_t stored_len, void *out,
    const struct frame_want *want, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct digest found;

	if (frame_unpack(c, stored, stored_len, out, want->len, e) == -1)
		return -1;
	digest_of(&found, out, want->len);
	if (digest_equal(&found, want->sha256))
		return 0;
	digest_hex(hex, want->sha256);
	return err_set(e, ERR_UNTRUSTED,
	    "frame %.16s... has other content than its hash says", hex);
}

/* Phases of a scan: which header is being collected, or a block's body skipped. */
enum { SCAN_START, SCAN_FRAME_HEADER, SCAN_BLOCK_HEADER, SCAN_BLOCK };

#define START_BYTES 5u /* magic and descriptor */
#define BLOCK_HEADER_BYTES 3u

static int
bad_frame(struct err *e, const char *what)
{
	return err_set(e, ERR_BAD_INPUT, "not a stored frame: %s", what);
}

void
frame_scan_init(struct frame_scan *s)
{
	memset(s, 0, sizeof(*s));
	s->phase = SCAN_START;
	s->head_want = START_BYTES;
}

static uint64_t
get_le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes > 0)
		v = v << 8 | p[--bytes];
	return v;
}

/* Bytes of the content size by the upper two bits of the descriptor. */
static unsigned
size_bytes(uint8_t descriptor)
{
	static const uint8_t bytes_of[] = { 1, 2, 4, 8 };

	return bytes_of[descriptor >> 6];
}

static int
on_start(struct frame_scan *s, struct err *e)
{
	uint8_t descriptor = s->head[4];
	bool is_single = (descriptor & 0x20) != 0;

	if (get_le(s->head, 4) != ZSTD_MAGICNUMBER)
		return bad_frame(e, "wrong magic number");
	if ((descriptor & 0x1f) != 0)
		return bad_frame(e, "it has a checksum, a dictionary or unknown flags");
	if (!is_single && descriptor >> 6 == 0)
		return bad_frame(e, "it does not say its content size");
	s->head_want = (uint8_t)(START_BYTES + !is_single + size_bytes(descriptor));
	s->phase = SCAN_FRAME_HEADER;
	return 0;
}

static int
on_frame_header(struct frame_scan *s, struct err *e)
{
	uint8_t descriptor = s->head[4];
	bool is_single = (descriptor & 0x20) != 0;
	unsigned n = size_bytes(descriptor);
	uint64_t content = get_le(s->head + START_BYTES + !is_single, n), window = content;

	if (n == 2)
		content += 256;
	if (content == 0 || content > LIMIT_FRAME_BYTES)
		return bad_frame(e, "its content is empty or longer than 1 MiB");
	if (is_single) {
		window = content;
	} else {
		window = 1ull << (10 + (s->head[5] >> 3));
		window += window / 8 * (s->head[5] & 7);
		if (window > LIMIT_FRAME_BYTES)
			return bad_frame(e, "its window is larger than 1 MiB");
	}
	s->content_len = (uint32_t)content;
	s->window_len = (uint32_t)window;
	s->phase = SCAN_BLOCK_HEADER;
	s->head_want = BLOCK_HEADER_BYTES;
	s->head_len = 0;
	return 0;
}

static int
on_block_header(struct frame_scan *s, struct err *e)
{
	uint32_t header = (uint32_t)get_le(s->head, 3), type = header >> 1 & 3, len = header >> 3;
	uint32_t max = s->window_len < RAW_BLOCK ? s->window_len : RAW_BLOCK;

	if (type == 3)
		return bad_frame(e, "a block of a reserved type");
	if (len > max)
		return bad_frame(e, "a block longer than its window allows");
	s->is_last_block = header & 1;
	s->skip = type == 1 ? 1 : len; /* type 1 repeats one byte */
	s->phase = SCAN_BLOCK;
	s->head_len = 0;
	return 0;
}

/* The header at hand is complete: look at it. */
static int
on_header(struct frame_scan *s, struct err *e)
{
	if (s->phase == SCAN_START)
		return on_start(s, e);
	if (s->phase == SCAN_FRAME_HEADER)
		return on_frame_header(s, e);
	return on_block_header(s, e);
}

static int
take(struct frame_scan *s, const uint8_t *bytes, size_t len, size_t *taken, struct err *e)
{
	uint32_t want = s->phase == SCAN_BLOCK ? s->skip : (uint32_t)(s->head_want - s->head_len);
	uint32_t n = len < want ? (uint32_t)len : want;

	if (n > LIMIT_FRAME_STORED_BYTES - s->stored_len)
		return bad_frame(e, "it is longer than any stored frame may be");
	s->stored_len += n;
	*taken = n;
	if (s->phase == SCAN_BLOCK) {
		s->skip -= n;
		return 0;
	}
	memcpy(s->head + s->head_len, bytes, n);
	s->head_len = (uint8_t)(s->head_len + n);
	return s->head_len == s->head_want ? on_header(s, e) : 0;
}

int
frame_scan_feed(struct frame_scan *s, const void *bytes, size_t len, size_t *used, struct err *e)
{
	size_t done = 0, n = 0;

	for (;;) {
		if (s->phase == SCAN_BLOCK && s->skip == 0 && !s->is_done) {
			if (s->is_last_block)
				s->is_done = true;
			s->phase = SCAN_BLOCK_HEADER;
		}
		if (s->is_done || done == len)
			break;
		if (take(s, (const uint8_t *)bytes + done, len - done, &n, e) == -1)
			return -1;
		done += n;
	}
	*used = done;
	return 0;
}

int
frame_stored_len(const void *bytes, size_t len, size_t *stored_len, struct err *e)
{
	struct frame_scan s;
	size_t used;

	frame_scan_init(&s);
	if (frame_scan_feed(&s, bytes, len, &used, e) == -1)
		return -1;
	if (!s.is_done)
		return 0;
	*stored_len = used;
	return 1;
}
