/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "catalog/base/limits.h"
#include "clients/kebao/interrupt.h"

#define BLOCK_BYTES (256u << 10)
#define WINDOW_LOG 20 /* frames of the format have a window of a MiB at most */
#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"

struct reading {
	const char *path;
	int fd;
	uint64_t size;
	uint64_t done;
	uint8_t *in;             /* BLOCK_BYTES */
	uint8_t *out;            /* BLOCK_BYTES */
	ZSTD_DCtx *zstd;
	struct digest_stream *hash;
	uint64_t tar_len;
	bool is_compressed;
	size_t pending;          /* of zstd: 0 where a frame has just ended */
};

static bool
ends_with(const char *word, const char *end)
{
	size_t n = strlen(word), m = strlen(end);

	return n > m && strcmp(word + n - m, end) == 0;
}

bool
bundle_is_name(const char *word)
{
	return ends_with(word, ".tar") || ends_with(word, ".tar.zst");
}

static int
take_tar(struct reading *r, const void *bytes, size_t len, struct err *e)
{
	r->tar_len += len;
	if (r->tar_len > LIMIT_TAR_BYTES)
		return err_set(e, ERR_BAD_INPUT, "more than any release has");
	digest_add(r->hash, bytes, len);
	return 0;
}

static int
take_stored(struct reading *r, size_t len, struct err *e)
{
	ZSTD_inBuffer in = { r->in, len, 0 };

	while (in.pos < in.size) {
		ZSTD_outBuffer out = { r->out, BLOCK_BYTES, 0 };

		r->pending = ZSTD_decompressStream(r->zstd, &out, &in);
		if (ZSTD_isError(r->pending))
			return err_set(e, ERR_BAD_INPUT, "zstd: %s", ZSTD_getErrorName(r->pending));
		if (take_tar(r, r->out, out.pos, e) == -1)
			return -1;
	}
	/* What the decoder still holds. */
	while (r->pending > 0) {
		ZSTD_outBuffer out = { r->out, BLOCK_BYTES, 0 };
		size_t n = ZSTD_decompressStream(r->zstd, &out, &in);

		if (ZSTD_isError(n))
			return err_set(e, ERR_BAD_INPUT, "zstd: %s", ZSTD_getErrorName(n));
		if (out.pos == 0)
			break;
		r->pending = n;
		if (take_tar(r, r->out, out.pos, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_all(struct reading *r, void (*on_progress)(void *, uint64_t, uint64_t), void *ctx,
    struct err *e)
{
	for (;;) {
		ssize_t n = TEMP_FAILURE_RETRY(read(r->fd, r->in, BLOCK_BYTES));

		if (n == -1)
			return err_errno(e, "reading");
		if (n == 0)
			break;
		if (r->done == 0)
			r->is_compressed = n >= 4 && memcmp(r->in, ZSTD_MAGIC, 4) == 0;
		r->done += (uint64_t)n;
		if (interrupt_check(e) == -1)
			return -1;
		if (r->is_compressed ? take_stored(r, (size_t)n, e) == -1
		                     : take_tar(r, r->in, (size_t)n, e) == -1)
			return -1;
		if (on_progress != NULL)
			on_progress(ctx, r->done, r->size);
	}
	if (r->is_compressed && r->pending != 0)
		return err_set(e, ERR_BAD_INPUT, "cut short: it ends within a frame");
	return 0;
}

static int
open_file(struct reading *r, struct err *e)
{
	struct stat st;

	r->fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (r->fd == -1) {
		int sys = errno;
		int rc = err_errno(e, "%s", r->path);

		if (sys == ENOENT && e != NULL)
			e->class = ERR_NOT_FOUND;
		return rc;
	}
	if (fstat(r->fd, &st) == -1)
		return err_errno(e, "%s", r->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_BAD_INPUT, "%s is not a regular file", r->path);
	r->size = (uint64_t)st.st_size;
	r->in = malloc(BLOCK_BYTES);
	r->out = malloc(BLOCK_BYTES);
	r->zstd = ZSTD_createDCtx();
	if (r->in == NULL || r->out == NULL || r->zstd == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax, WINDOW_LOG)))
		return err_nomem(e);
	r->hash = digest_new(DIGEST_SHA256, e);
	return r->hash != NULL ? 0 : -1;
}

int
bundle_hash(const char *path, void (*on_progress)(void *ctx, uint64_t done_bytes,
    uint64_t total_bytes), void *ctx, struct digest *sha256, uint64_t *tar_len, struct err *e)
{
	struct reading r = { .path = path, .fd = -1 };
	int rc = -1;

	if (open_file(&r, e) == -1)
		goto out;
	if (read_all(&r, on_progress, ctx, e) == -1) {
		err_within(e, "%s", path);
		goto out;
	}
	digest_finish(r.hash, sha256->bytes);
	*tar_len = r.tar_len;
	rc = 0;
out:
	if (r.fd != -1)
		(void)close(r.fd); /* only read */
	free(r.in);
	free(r.out);
	(void)ZSTD_freeDCtx(r.zstd); /* NULL is fine; cannot fail here */
	digest_free(r.hash);
	return rc;
}
