/* SPDX-License-Identifier: Apache-2.0 */
/* A release as columns: the part that the tables drafts and releases share. */
#ifndef KEBAO_CATALOG_HUB_STATE_ROW_H
#define KEBAO_CATALOG_HUB_STATE_ROW_H

#include "catalog/base/err.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_releases.h"

/* In the order of the functions below. */
#define STATE_ROW_COLUMNS \
	"channel, course, number, record, \"index\", tar," \
	" record_len, index_len, tar_len, zst_len, zst_tag, published_at"
#define STATE_ROW_N_COLUMNS 12
#define STATE_ROW_PLACES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

/* Bind all columns of *r, which lives until the step. */
void state_row_bind(struct state_query *q, const struct state_release *r);

/* Read them beginning with column first; is_live is left alone. */
int state_row_read(struct state_query *q, int first, struct state_release *r, struct err *e);

#endif
