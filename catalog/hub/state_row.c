/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_row.h"

void
state_row_bind(struct state_query *q, const struct state_release *r)
{
	state_query_text(q, r->channel);
	state_query_text(q, r->course);
	state_query_int(q, r->number);
	state_query_digest(q, &r->record);
	state_query_digest(q, &r->index);
	state_query_digest(q, &r->tar);
	state_query_int(q, r->record_len);
	state_query_int(q, (int64_t)r->index_len);
	state_query_int(q, (int64_t)r->tar_len);
	state_query_int(q, (int64_t)r->zst_len);
	state_query_digest(q, &r->zst_tag);
	state_query_int(q, r->published_at);
}

int
state_row_read(struct state_query *q, int first, struct state_release *r, struct err *e)
{
	int64_t number = state_query_get_int(q, first + 2);
	int64_t record_len = state_query_get_int(q, first + 6);

	if (state_query_copy_text(q, first, r->channel, sizeof(r->channel), e) == -1 ||
	    state_query_copy_text(q, first + 1, r->course, sizeof(r->course), e) == -1)
		return -1;
	if (number < 1 || number > LIMIT_RELEASE_NUMBER || record_len < 0 ||
	    record_len > LIMIT_RECORD_BYTES || !state_query_get_digest(q, first + 3, &r->record))
		return state_query_damaged("a row of releases", e);
	r->number = (uint32_t)number;
	r->record_len = (uint32_t)record_len;
	/* A draft whose record is not read yet has none of these: they are then zero. */
	(void)state_query_get_digest(q, first + 4, &r->index);
	(void)state_query_get_digest(q, first + 5, &r->tar);
	r->index_len = (uint64_t)state_query_get_int(q, first + 7);
	r->tar_len = (uint64_t)state_query_get_int(q, first + 8);
	r->zst_len = (uint64_t)state_query_get_int(q, first + 9);
	(void)state_query_get_digest(q, first + 10, &r->zst_tag);
	r->published_at = state_query_get_int(q, first + 11);
	return 0;
}
