/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this home holds.  A release is held when library/<channel>/<course>/<N>/
 * is there, which only happens by one rename of files that were verified, after
 * its record and index are in meta/.
 */
#ifndef KEBAO_CLIENTS_KEBAO_LIBRARY_H
#define KEBAO_CLIENTS_KEBAO_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/ids.h"
#include "clients/kebao/home.h"

struct library_name {
	char channel[IDS_SIZE];
	char course[IDS_SIZE];
	uint32_t release;
};

/* Sorted by channel, course, then release, newest first. */
struct library {
	struct library_name *held; /* owned */
	size_t n_held;
};

/* Names that are none of ours are passed over.  The caller calls library_clear(). */
int library_load(const struct home *h, struct library *out, struct err *e)
    __attribute__((warn_unused_result));
/* The same for the hidden ones. */
int library_load_hidden(const struct home *h, struct library *out, struct err *e)
    __attribute__((warn_unused_result));
void library_clear(struct library *l);

/*
 * Releases of one course that were begun and are not held: their staging directories, newest
 * first.  The caller calls library_clear().
 */
int library_load_begun(const struct home *h, const struct library_name *course,
    struct library *out, struct err *e) __attribute__((warn_unused_result));

/* Forget a release that was begun; nothing but work/ is touched. */
int library_drop_begun(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));

/* The newest held release of a course, or NULL. */
const struct library_name *library_newest(const struct library *l, const char *channel,
    const char *course);
bool library_has(const struct library *l, const struct library_name *name);
/* Whether release i is the first of its channel: who goes through all meets each channel once. */
bool library_begins_channel(const struct library *l, size_t i);
bool library_has_channel(const struct library *l, const char *channel);

/* "library/gd.ip/trademark/2" and its like below the home; out has LIBRARY_PATH_SIZE bytes. */
#define LIBRARY_PATH_SIZE (2 * IDS_SIZE + 48)
/* LIBRARY_HIDDEN: recalled releases, out of sight. */
enum library_place { LIBRARY_FILES, LIBRARY_META, LIBRARY_WORK, LIBRARY_HIDDEN };
void library_path(char *out, enum library_place place, const struct library_name *name);

/*
 * A release in which kebao verify found damage: the next fetch makes it anew from what is
 * good in it.  The note lies in meta/ and goes when the release is revealed or removed.
 */
int library_doubt(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));
bool library_is_doubted(const struct home *h, const struct library_name *name);

/*
 * Make the staged release visible: one rename, then durable.  One that is there already is swapped
 * for it, and removed.
 */
int library_reveal(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));

/*
 * A recalled release goes where nobody looks, or comes back: one rename, then durable.  Its
 * record and index stay in meta/.
 */
int library_hide(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));
int library_unhide(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));

/* Take a release out of sight at once, then remove it with its meta. */
int library_remove(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));
/* The same for a hidden one; only when the person wants it. */
int library_remove_hidden(const struct home *h, const struct library_name *name, struct err *e)
    __attribute__((warn_unused_result));

/* Remove what interrupted removals left.  Called with the lock held. */
int library_tidy(const struct home *h, struct err *e) __attribute__((warn_unused_result));

/* Order of struct library. */
int library_compare(const struct library_name *a, const struct library_name *b);

/*
 * "channel/course", "channel/course/N" or "course" as people type it: whether it means
 * this release.
 */
bool library_matches(const char *word, const struct library_name *name);

#endif
