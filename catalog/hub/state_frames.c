/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/state_frames.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state_db.h"
#include "catalog/hub/state_query.h"
#include "catalog/hub/state_usage.h"

/* The channel's number, or 0 where it holds nothing yet; -1. */
static int64_t
channel_number(sqlite3 *db, const char *channel, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int64_t no = -1;

	if (state_query_open(&q, db, "SELECT no FROM channels WHERE id = ?", e) == 0) {
		int got;

		state_query_text(&q, channel);
		got = state_query_step(&q, e);
		if (got != -1)
			no = got == 1 ? state_query_get_int(&q, 0) : 0;
	}
	state_query_close(&q);
	return no;
}

static int64_t
make_channel_number(sqlite3 *db, const char *channel, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int64_t no = channel_number(db, channel, e);

	if (no != 0)
		return no;
	no = -1;
	if (state_query_open(&q, db, "INSERT INTO channels (id) VALUES (?)", e) == 0) {
		state_query_text(&q, channel);
		if (state_query_run(&q, e) == 0)
			no = sqlite3_last_insert_rowid(db);
	}
	state_query_close(&q);
	return no;
}

/* 1: entered, *no is its number.  0: it was there.  -1. */
static int
insert_pack(sqlite3 *db, int64_t channel, const struct state_pack *pack, int64_t *no,
    struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int rc = -1;

	if (state_query_open(&q, db,
	        "INSERT INTO packs (channel, sha256, length, org) VALUES (?, ?, ?, ?)"
	        " ON CONFLICT DO NOTHING",
	        e) == 0) {
		state_query_int(&q, channel);
		state_query_digest(&q, &pack->sha256);
		state_query_int(&q, (int64_t)pack->length);
		state_query_text(&q, pack->org);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	if (rc == -1)
		return -1;
	*no = sqlite3_last_insert_rowid(db);
	return sqlite3_changes(db) == 1 ? 1 : 0;
}

static int
by_content(const void *a, const void *b)
{
	const struct state_frame *const *fa = a, *const *fb = b;

	return memcmp((*fa)->content.bytes, (*fb)->content.bytes, DIGEST_LEN);
}

static int
insert_frame(struct state_query *q, int64_t channel, int64_t pack, const struct state_frame *f,
    struct err *e)
{
	state_query_int(q, channel);
	state_query_digest(q, &f->content);
	state_query_int(q, pack);
	state_query_int(q, (int64_t)f->offset);
	state_query_int(q, f->stored_len);
	state_query_int(q, f->content_len);
	state_query_digest(q, &f->stored);
	return state_query_run(q, e);
}

/* In the order of the key: neighbours then share pages of the tree, which matters with millions. */
static int
insert_frames(sqlite3 *db, int64_t channel, int64_t pack, const struct state_frame *frames,
    size_t n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	const struct state_frame **sorted = calloc(n > 0 ? n : 1, sizeof(*sorted));
	int rc = -1;

	if (sorted == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &frames[i];
	qsort(sorted, n, sizeof(*sorted), by_content);
	if (state_query_open(&q, db,
	        "INSERT INTO frames (channel, content, pack, offset, stored_len, content_len,"
	        " stored) VALUES (?, ?, ?, ?, ?, ?, ?)"
	        " ON CONFLICT DO NOTHING",
	        e) == -1)
		goto out;
	for (size_t i = 0; i < n; i++)
		if (insert_frame(&q, channel, pack, sorted[i], e) == -1)
			goto out;
	rc = 0;
out:
	state_query_close(&q);
	free(sorted);
	return rc;
}

int
state_frames_add_pack(struct state *s, const struct state_pack *pack,
    const struct state_frame *frames, size_t n, const struct audit_note *note, struct err *e)
{
	sqlite3 *db;
	int64_t channel, no;
	int is_new;

	if (pack->length > INT64_MAX)
		return err_set(e, ERR_BAD_INPUT, "no pack is that long");
	if (state_db_begin(s, &db, e) == -1)
		return -1;
	channel = make_channel_number(db, pack->channel, e);
	if (channel == -1)
		return state_db_rollback(s);
	is_new = insert_pack(db, channel, pack, &no, e);
	if (is_new == 0) {
		(void)state_db_rollback(s); /* nothing to keep, not even the note */
		return 0;
	}
	if (is_new == -1 || insert_frames(db, channel, no, frames, n, e) == -1 ||
	    state_usage_add(db, pack->org, (int64_t)pack->length, e) == -1)
		return state_db_rollback(s);
	return state_db_commit(s, note, e);
}

int
state_frames_has_pack(struct state *s, const char *channel, const struct digest *pack,
    bool *has, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT 1 FROM packs JOIN channels ON channels.no = packs.channel"
	        " WHERE channels.id = ? AND packs.sha256 = ?",
	        e) == 0) {
		state_query_text(&q, channel);
		state_query_digest(&q, pack);
		got = state_query_step(&q, e);
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1)
		return -1;
	*has = got == 1;
	return 0;
}

int
state_frames_is_released(struct state *s, const char *channel, const struct digest *pack,
    bool *released, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int got = -1;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT 1 FROM packs JOIN channels ON channels.no = packs.channel"
	        " WHERE channels.id = ? AND packs.sha256 = ? AND packs.is_released = 1",
	        e) == 0) {
		state_query_text(&q, channel);
		state_query_digest(&q, pack);
		got = state_query_step(&q, e);
	}
	state_query_close(&q);
	state_db_reader_give(s, db);
	if (got == -1)
		return -1;
	*released = got == 1;
	return 0;
}

int
state_frames_release(struct state *s, const char *channel, const struct digest *const *packs,
    size_t n, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	sqlite3 *db;
	int rc;

	if (state_db_begin(s, &db, e) == -1)
		return -1;
	rc = state_query_open(&q, db,
	    "UPDATE packs SET is_released = 1 WHERE sha256 = ? AND"
	    " channel = (SELECT no FROM channels WHERE id = ?)",
	    e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		state_query_digest(&q, packs[i]);
		state_query_text(&q, channel);
		rc = state_query_run(&q, e);
	}
	state_query_close(&q);
	return rc == 0 ? state_db_commit(s, NULL, e) : state_db_rollback(s);
}

static int
missing_on(sqlite3 *db, const char *channel, const struct digest *contents, size_t n,
    uint8_t *answer, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int64_t no = channel_number(db, channel, e);
	int got = 0;

	if (no == -1)
		return -1;
	if (state_query_open(&q, db, "SELECT 1 FROM frames WHERE channel = ? AND content = ?",
	        e) == -1)
		got = -1;
	for (size_t i = 0; i < n && got != -1; i++) {
		state_query_int(&q, no);
		state_query_digest(&q, &contents[i]);
		got = state_query_step(&q, e);
		answer[i] = got == 1 ? 0 : 1;
		state_query_again(&q);
	}
	state_query_close(&q);
	return got == -1 ? -1 : 0;
}

int
state_frames_missing(struct state *s, const char *channel, const struct digest *contents,
    size_t n, uint8_t *answer, struct err *e)
{
	sqlite3 *db;
	int rc;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	rc = state_query_script(db, "BEGIN", e);
	if (rc == 0) {
		rc = missing_on(db, channel, contents, n, answer, e);
		(void)sqlite3_exec(db, "END", NULL, NULL, NULL); /* it only read */
	}
	state_db_reader_give(s, db);
	return rc;
}

static int
read_frame(struct state_query *q, struct state_frame *f, struct err *e)
{
	int64_t stored_len = state_query_get_int(q, 2), content_len = state_query_get_int(q, 3);

	if (!state_query_get_digest(q, 0, &f->pack) || !state_query_get_digest(q, 4, &f->stored) ||
	    stored_len <= 0 || stored_len > UINT32_MAX || content_len < 0 ||
	    content_len > UINT32_MAX)
		return state_query_damaged("a row of frames", e);
	f->offset = (uint64_t)state_query_get_int(q, 1);
	f->stored_len = (uint32_t)stored_len;
	f->content_len = (uint32_t)content_len;
	return 0;
}

static int
find_on(sqlite3 *db, const char *channel, const struct digest *contents, size_t n,
    struct state_frame *out, size_t *n_missing, struct err *e)
{
	struct state_query q = STATE_QUERY_INIT;
	int64_t no = channel_number(db, channel, e);
	size_t missing = 0;
	int got = 0;

	if (no == -1)
		return -1;
	if (state_query_open(&q, db,
	        "SELECT packs.sha256, offset, stored_len, content_len, stored"
	        " FROM frames JOIN packs ON packs.no = frames.pack"
	        " WHERE frames.channel = ? AND frames.content = ?",
	        e) == -1)
		got = -1;
	for (size_t i = 0; i < n && got != -1; i++) {
		memset(&out[i], 0, sizeof(out[i]));
		out[i].content = contents[i];
		state_query_int(&q, no);
		state_query_digest(&q, &contents[i]);
		got = state_query_step(&q, e);
		if (got == 1 && read_frame(&q, &out[i], e) == -1)
			got = -1;
		else if (got == 0)
			missing++;
		state_query_again(&q);
	}
	state_query_close(&q);
	*n_missing = missing;
	return got == -1 ? -1 : 0;
}

int
state_frames_find(struct state *s, const char *channel, const struct digest *contents, size_t n,
    struct state_frame *out, size_t *n_missing, struct err *e)
{
	sqlite3 *db;
	int rc;

	if (state_db_reader_take(s, &db, e) == -1)
		return -1;
	rc = state_query_script(db, "BEGIN", e);
	if (rc == 0) {
		rc = find_on(db, channel, contents, n, out, n_missing, e);
		(void)sqlite3_exec(db, "END", NULL, NULL, NULL); /* it only read */
	}
	state_db_reader_give(s, db);
	return rc;
}
