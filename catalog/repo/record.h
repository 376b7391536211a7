/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a release, which people read and a channel signs, and
 * course.json, from which a publisher's tool makes it.  FORMATS.md 3.5, 3.7.
 */
#ifndef KEBAO_CATALOG_REPO_RECORD_H
#define KEBAO_CATALOG_REPO_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/ids.h"

/* The same text in several languages; tags are unique and sorted by bytes. */
struct record_text {
	char *lang; /* owned; BCP 47 tag */
	char *text; /* owned; UTF-8 */
};

struct record_texts {
	struct record_text *items; /* owned */
	size_t n_items;
};

struct record_list {
	char **items; /* owned, and each */
	size_t n_items;
};

/* A file the record names by length and hash. */
struct record_file {
	uint64_t len;
	struct digest sha256;
};

/*
 * Callers may read and set the fields; strings are owned by the record.  The
 * computed ones (channel, release, published_at, n_files, file_bytes, tar,
 * index) are zero in what record_parse_course() makes.
 */
struct record {
	char channel[IDS_SIZE];
	char course[IDS_SIZE];
	uint32_t release;
	int64_t published_at; /* UTC seconds */
	char *label; /* NULL while not set, as all texts */
	struct record_texts title;
	struct record_texts summary; /* empty when absent, as all below */
	struct record_texts notes;
	char *field; /* foreign | ip | securities | ethics | practice | other; see below */
	struct record_list languages;
	uint32_t study_minutes;      /* 0 when absent */
	struct record_list lecturers;
	char *rights;                /* NULL when absent */
	uint32_t n_files;
	uint64_t file_bytes;
	struct record_file tar;
	struct record_file index;
};

void record_free(struct record *r);

/*
 * RECORD_STRICT refuses members and fields that the format does not know, and
 * bytes that are not the canonical form: for publishing.  RECORD_LENIENT
 * ignores unknown members and lets an unknown field stand: for reading what a
 * newer publisher signed.
 */
enum record_mode { RECORD_STRICT, RECORD_LENIENT };

int record_parse(const void *bytes, size_t len, enum record_mode mode, struct record **out,
    struct err *e) __attribute__((warn_unused_result));

/* Canonical JSON; checks first, so what it writes record_parse() takes. */
int record_encode(const struct record *r, struct buf *b, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Check the values of all fields.  findings: as in record_parse_course().
 * record_encode() does this itself.
 */
int record_check(const struct record *r, struct buf *findings, struct err *e)
    __attribute__((warn_unused_result));

/*
 * course.json to a record without its computed fields.  All findings, one per
 * line, are added to *findings (may be NULL); e has the first and says how many
 * more there are.  Findings about values come when nothing is wrong with types.
 */
int record_parse_course(const void *bytes, size_t len, struct record **out, struct buf *findings,
    struct err *e) __attribute__((warn_unused_result));

/*
 * Append a course.json to fill in, for people.  course may be NULL: then it is
 * to be filled in, too.
 */
int record_course_template(const char *course, struct buf *b, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The text in lang, else in a language of the same first part, else in zh, en,
 * the first there is; "" where there is none.  Lent.
 */
const char *record_text_in(const struct record_texts *t, const char *lang);

#endif
