/* SPDX-License-Identifier: Apache-2.0 */
/* Published releases: what the views and the catalogue look up without parsing metadata. */
#ifndef KEBAO_CATALOG_HUB_STATE_RELEASES_H
#define KEBAO_CATALOG_HUB_STATE_RELEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/hub/audit.h"

struct state;

struct state_release {
	char channel[LIMIT_ID_BYTES + 1];
	char course[LIMIT_ID_BYTES + 1];
	uint32_t number;
	bool is_live;          /* its record is a target of the current role */
	struct digest record, index, tar;
	uint32_t record_len;
	uint64_t index_len, tar_len;
	uint64_t zst_len;      /* sum of the stored lengths */
	struct digest zst_tag; /* over the stored frames, FORMATS.md section 5 */
	int64_t published_at;
	int64_t withdrawn_at;  /* 0: not recalled */
	int64_t ended_at;      /* when it stopped being live; 0: it is */
};

/* What a publication changes beside the release itself. */
struct state_releases_switch {
	const char *draft_id;       /* becomes PUBLISHED; NULL: none (found again after a crash) */
	int64_t role_version;       /* of the channel's role */
	struct digest role_hash;
	/* numbers of this course with a record target in the new role */
	const uint32_t *live;
	size_t n_live;
};

/* Enter r as live; releases of the course that are not in live stop being live.  Idempotent. */
int state_releases_publish(struct state *s, const struct state_release *r,
    const struct state_releases_switch *sw, const struct audit_note *note, struct err *e);

/* All releases of the channel stop being live.  Idempotent. */
int state_releases_end(struct state *s, const char *channel, const struct audit_note *note,
    struct err *e);

/*
 * Release number of the course was recalled (or, is_undo, is no more) at note->at: afterwards
 * those in sw->live are live.  Idempotent.
 */
struct state_releases_recall {
	const char *channel, *course;
	uint32_t number;
	bool is_undo;
};
int state_releases_recall(struct state *s, const struct state_releases_recall *r,
    const struct state_releases_switch *sw, const struct audit_note *note, struct err *e);

/* ERR_NOT_FOUND; number 0: the newest live one. */
int state_releases_get(struct state *s, const char *channel, const char *course,
    uint32_t number, struct state_release *out, struct err *e);

/* Whether a release of the channel, live or not, has this index. */
int state_releases_has_index(struct state *s, const char *channel, const struct digest *index,
    bool *has, struct err *e);
/* Whether one that was recalled has this index, and none that is live. */
int state_releases_is_recalled(struct state *s, const char *channel, const struct digest *index,
    bool *is_recalled, struct err *e);

/* Newest live release of every course of the channel, by course; free() the array. */
int state_releases_newest(struct state *s, const char *channel, struct state_release **out,
    size_t *n, struct err *e);

/* A walk through the newest live releases of all courses, by channel and course, in pages. */
struct state_releases_walk {
	/* Behind which course a page begins; both "": at the first one. */
	char channel[LIMIT_ID_BYTES + 1];
	char course[LIMIT_ID_BYTES + 1];
	/*
	 * Which channels are wanted: the first one at or behind this id, by bytes, lent until
	 * the page is there and never id itself; NULL: none.  It is asked once, and once for each
	 * channel with live releases that it leaps to.  NULL: all are wanted.
	 */
	const char *(*next_channel)(void *ctx, const char *id);
	void *ctx;
};

/*
 * The next page, at most so many; the walk does not move.  free() the array.  Each channel of it is
 * read by itself: what is published meanwhile may be in the page or not, as it may between pages.
 */
int state_releases_page(struct state *s, const struct state_releases_walk *w, size_t most,
    struct state_release **out, size_t *n, struct err *e);

/* All releases of a course, by number; free() the array. */
int state_releases_list(struct state *s, const char *channel, const char *course,
    struct state_release **out, size_t *n, struct err *e);

#endif
