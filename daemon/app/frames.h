/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of releases, unpacked: those within which a view's last piece ended, so that the next
 * piece need not unpack them again.  They are kept here, the ones used last within a bound
 * of bytes, and not with each view, of which a bad client has as many as it has connections.  Any
 * thread; nothing waits but for a copy.
 */
#ifndef KEBAO_DAEMON_APP_FRAMES_H
#define KEBAO_DAEMON_APP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"

struct frames; /* opaque */

/* Content is shared by who may see the channel, and by nobody else. */
struct frames_key {
	char channel[LIMIT_ID_BYTES + 1];
	struct digest content;
};

/* The caller frees; NULL is fine. */
int frames_new(size_t max_bytes, struct frames **out, struct err *e)
    __attribute__((warn_unused_result));
void frames_free(struct frames *f);

/* Copy len bytes of a frame from off on; false: it is not here, or has not as many. */
bool frames_copy(struct frames *f, const struct frames_key *key, size_t off, void *out, size_t len);

/* Keep a frame; content (malloc) is taken, and freed at once where it is no use to keep it. */
void frames_keep(struct frames *f, const struct frames_key *key, uint8_t *content, size_t len);

#endif
