/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for the values of a record, each broken one a finding.  FORMATS.md 3.5. */
#ifndef KEBAO_CATALOG_REPO_RECORD_CHECK_H
#define KEBAO_CATALOG_REPO_RECORD_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/record.h"

/* Everything that is wrong, not only the first thing. */
struct record_findings {
	struct buf *lines; /* borrowed; may be NULL: then they are only counted */
	size_t n;
	struct err first;
	bool is_broken; /* first is ERR_SYSTEM: the findings are not complete */
};

/* Add one; ERR_SYSTEM replaces the first and stays. */
void record_check_note(struct record_findings *f, const struct err *e);
void record_check_add(struct record_findings *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The members a publisher writes (course to rights). */
void record_check_course(const struct record *r, enum record_mode mode, struct record_findings *f);
/* The members a tool computes. */
void record_check_computed(const struct record *r, struct record_findings *f);

/* 0 without findings; else -1 and *e is the first with the number of the others. */
int record_check_result(const struct record_findings *f, struct err *e);

#endif
