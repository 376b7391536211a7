/* SPDX-License-Identifier: Apache-2.0 */
/* Which frames a channel holds and in which pack they lie; made for millions of rows. */
#ifndef KEBAO_CATALOG_HUB_STATE_FRAMES_H
#define KEBAO_CATALOG_HUB_STATE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/hub/audit.h"

struct state;

struct state_frame {
	struct digest content;
	struct digest stored;
	/* set by state_frames_find; add_pack takes it from its own argument */
	struct digest pack;
	uint64_t offset;      /* in the pack */
	uint32_t content_len;
	uint32_t stored_len;
};

struct state_pack {
	const char *channel; /* lent */
	const char *org;     /* whose quota it counts against */
	struct digest sha256;
	uint64_t length;
};

/*
 * Enter a pack that is durable in the repository, with its frames; the bytes count
 * against the organisation.  A pack entered before is success and changes nothing;
 * a frame that another pack holds already stays where it is.
 */
int state_frames_add_pack(struct state *s, const struct state_pack *pack,
    const struct state_frame *frames, size_t n, const struct audit_note *note, struct err *e);

int state_frames_has_pack(struct state *s, const char *channel, const struct digest *pack,
    bool *has, struct err *e);

/*
 * A pack that only drafts use is for the channel's publishers; from its first release on it is for
 * the audience.  Whoever writes packs from released frames releases them before a hint
 * names them.  Packs that are not known are passed over.
 */
int state_frames_release(struct state *s, const char *channel, const struct digest *const *packs,
    size_t n, struct err *e);
int state_frames_is_released(struct state *s, const char *channel, const struct digest *pack,
    bool *released, struct err *e);

/* answer[i] = 1 where the channel lacks contents[i], else 0. */
int state_frames_missing(struct state *s, const char *channel, const struct digest *contents,
    size_t n, uint8_t *answer, struct err *e);

/*
 * Where contents[i] lies: out[i], and *n_missing counts those the channel lacks,
 * whose out[i].stored_len is 0.
 */
int state_frames_find(struct state *s, const char *channel, const struct digest *contents,
    size_t n, struct state_frame *out, size_t *n_missing, struct err *e);

#endif
