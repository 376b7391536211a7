/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the objects of a repository: built from what they stand for, and
 * taken apart again.  FORMATS.md 2.  There is exactly one name for each
 * object: what objpath_parse() accepts, objpath_build() gives back unchanged,
 * so a parsed path is safe to use as a file name below a repository.
 */
#ifndef KEBAO_CATALOG_REPO_OBJPATH_H
#define KEBAO_CATALOG_REPO_OBJPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/ids.h"

/* Room for the longest name and its NUL. */
#define OBJPATH_SIZE 256

enum objpath_kind {
	OBJPATH_ROOT,         /* metadata/N.root.json */
	OBJPATH_TARGETS,      /* metadata/N.targets.json */
	OBJPATH_SNAPSHOT,     /* metadata/N.snapshot.json */
	OBJPATH_TIMESTAMP,    /* metadata/timestamp.json */
	OBJPATH_CHANNEL_ROLE, /* metadata/N.<channel>.json */
	OBJPATH_RECORD,       /* targets/<channel>/<course>/<release>/<hash>.record.json */
	OBJPATH_BUNDLE,       /* targets/<channel>/<course>/<release>/<hash>.bundle.tar */
	OBJPATH_INDEX,        /* indexes/<channel>/<hh>/<hash>.index */
	OBJPATH_PACK,         /* packs/<channel>/<hh>/<hash>.pack */
	OBJPATH_HINT,         /* hints/<channel>/<course>/<release> */
	OBJPATH_PATCH,        /* patches/<channel>/<hh>/<hash>.patch */
};

struct objpath {
	enum objpath_kind kind;
	char channel[IDS_SIZE]; /* "" where the object belongs to no channel: readable by all */
	char course[IDS_SIZE];  /* record, bundle, hint; else "" */
	uint32_t release;       /* record, bundle, hint; else 0 */
	uint64_t version;       /* numbered metadata; else 0 */
	struct digest hash;     /* record, bundle, index, pack, patch; else zero */
};

/*
 * Take a repository path (no leading '/') apart.  -1 with ERR_NOT_FOUND where
 * it is no name of the format: for whoever asks there is no such object.
 */
int objpath_parse(struct objpath *out, const char *path, struct err *e)
    __attribute__((warn_unused_result));

/* The name of *p into out (OBJPATH_SIZE bytes).  The ids in *p must be valid. */
void objpath_build(char *out, const struct objpath *p);

/* Whether the bytes behind the name may change: timestamp.json and hints. */
bool objpath_is_mutable(enum objpath_kind kind);

/* The names most often built.  The ids must be valid; out has OBJPATH_SIZE bytes. */
void objpath_index(char *out, const char *channel, const struct digest *hash);
void objpath_pack(char *out, const char *channel, const struct digest *hash);
void objpath_patch(char *out, const char *channel, const struct digest *hash);
void objpath_hint(char *out, const char *channel, const char *course, uint32_t release);
void objpath_metadata(char *out, const char *role, uint64_t version); /* not timestamp */

/*
 * Names of TUF targets: "<channel>/<course>/<release>/record.json" and
 * ".../bundle.tar" (kind OBJPATH_RECORD or OBJPATH_BUNDLE; hash is not part of
 * them).  Building ignores version and hash.
 */
int objpath_parse_target(struct objpath *out, const char *target, struct err *e)
    __attribute__((warn_unused_result));
void objpath_build_target(char *out, const struct objpath *p);

#endif
