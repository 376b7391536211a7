/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the members that record.json and course.json share. */
#ifndef KEBAO_CATALOG_REPO_RECORD_READ_H
#define KEBAO_CATALOG_REPO_RECORD_READ_H

#include <stdbool.h>

#include "catalog/json/json.h"
#include "catalog/repo/record.h"
#include "catalog/repo/record_check.h"

/* Names of the shared members: course, label, title, ... */
#define RECORD_READ_N_SHARED 10
extern const char *const record_read_shared[RECORD_READ_N_SHARED];

/*
 * Read them from the object at top into *r, which is empty.  What is absent
 * stays empty, what is of the wrong type is a finding.  may_be_empty: empty
 * values count as absent.
 */
void record_read_course(struct json_at top, bool may_be_empty, struct record *r,
    struct record_findings *f);

#endif
