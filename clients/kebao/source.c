/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/source.h"

#include <stdlib.h>
#include <string.h>

/* Who asks puts the path in front of what went wrong: once is enough. */
static void
drop_path(struct err *e, const char *path)
{
	size_t len = strlen(path);

	if (strncmp(e->text, path, len) == 0 && strncmp(e->text + len, ": ", 2) == 0)
		memmove(e->text, e->text + len + 2, strlen(e->text + len + 2) + 1);
}

static int
fetch(void *ctx, const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct buf url = BUF_INIT;
	int rc = -1;

	/* The path's %-escapes are those of the file name: nothing is added to them. */
	if (buf_printf(&url, e, "/%s", path) == 0 &&
	    transfer_load(ctx, buf_text(&url), max_bytes, &bytes, e) == 0)
		rc = buf_add(out, buf_data(&bytes), buf_len(&bytes), e);
	else if (e != NULL && buf_len(&url) > 0)
		drop_path(e, buf_text(&url));
	buf_clear(&url);
	buf_clear(&bytes);
	return rc;
}

struct trust_source
source_of(struct transfer *t)
{
	return (struct trust_source){ .ctx = t, .fetch = fetch };
}
