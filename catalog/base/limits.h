/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit we enforce on repositories and documents: number, unit, reason; one per line. */
#ifndef KEBAO_CATALOG_BASE_LIMITS_H
#define KEBAO_CATALOG_BASE_LIMITS_H

/* Signed metadata: what the other TUF clients accept, so that all judge alike. */
#define LIMIT_ROOT_BYTES 512000u       /* bytes of a root.json */
#define LIMIT_TIMESTAMP_BYTES 16384u   /* bytes of timestamp.json */
#define LIMIT_SNAPSHOT_BYTES 2000000u  /* bytes of snapshot.json */
#define LIMIT_TARGETS_BYTES 5000000u   /* bytes of targets.json or a channel's role */
#define LIMIT_ROOT_ROTATIONS 256u      /* roots followed in one refresh */
#define LIMIT_DELEGATIONS 32u          /* delegated roles visited for one target */
#define LIMIT_SIGNATURES 64u           /* signatures of one file: m of n with room to spare */
#define LIMIT_KEYS 4096u               /* keys listed in one role file: one a channel and more */
#define LIMIT_ROLE_KEYS 64u            /* keys that may sign one role */
#define LIMIT_RECOVER_ABOVE 1000000000000ll /* where versions go on after a restore */

/* JSON from outside. */
#define LIMIT_JSON_DEPTH 32u           /* nesting: our documents use 8 */

/* Registry. */
#define LIMIT_REGISTRY_BYTES (8u << 20)    /* one change: all firms of a province at once */
#define LIMIT_REGISTRY_DOCUMENTS 200000u   /* every firm, its pairings and channels, with room */
#define LIMIT_REGISTRY_TEXT_BYTES 1000u    /* one name or title, UTF-8 */
#define LIMIT_AUDIENCE_ORGS 500u           /* organisations named in one audience */

/* Releases. */
#define LIMIT_ID_BYTES 48u             /* channel, course, organisation ids */
#define LIMIT_RECORD_BYTES 65536u      /* a record is read at every check */
#define LIMIT_INDEX_BYTES (64u << 20)  /* about 100 GB of video in one release */
#define LIMIT_PATH_BYTES 1024u         /* one path in a release, UTF-8 */
#define LIMIT_PATH_PART_BYTES 255u     /* one component: ext4, NTFS in UTF-8 terms */
#define LIMIT_ENTRIES 200000u          /* files and directories of one release */
#define LIMIT_FRAMES 1500000u          /* frames of one release: 64 MiB of index */
#define LIMIT_RELEASE_NUMBER 1000000u  /* a course with more is an error */
#define LIMIT_FRAME_BYTES (1u << 20)   /* content of one frame: the memory of a reader */
#define LIMIT_FRAME_STORED_BYTES ((1u << 20) + 4096u) /* raw blocks and headers on top */
#define LIMIT_PACK_BYTES (1u << 30)    /* FAT32 and resuming: never near 4 GiB */
#define LIMIT_PACK_FRAMES 400000u      /* table of contents of one pack stays below 32 MiB */
#define LIMIT_HINT_BYTES (16u << 20)   /* unsigned help is not worth more */
#define LIMIT_LIVE_RELEASES 10u        /* record targets kept per course */
#define LIMIT_TAR_BYTES (1ull << 40)   /* 1 TiB of content in one release */

#endif
