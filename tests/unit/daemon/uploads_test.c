/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: offsets are durable, wrong objects leave nothing, crashes are made good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "catalog/hub/state.h"
#include "catalog/hub/state_frames.h"
#include "daemon/app/uploads.h"
#include "daemon/log.h"
#include "tests/unit/release.h"

static struct top top;
static struct state *state;
static struct store *store;
static struct uploads *uploads;
static struct release release; /* in a store of its own: what the publisher has */
static struct store *theirs;
static struct buf pack;        /* bytes of the release's first pack */
static struct digest pack_name;
static uint64_t quota_bytes;

static const struct uploads_by by = { .actor = "gd/test", .at = 1700000000 };

static void
open_uploads(void)
{
	struct uploads_parts parts = { .dirfd = top.dirfd, .state = state, .store = store,
		.quota_bytes = quota_bytes };
	struct err e = { 0 };

	OK(uploads_new(&parts, &uploads, &e));
}

static int
set_up(void **s)
{
	char path[OBJPATH_SIZE], file[96];
	struct err e = { 0 };
	int folder;

	(void)s;
	log_set_level(LOG_LEVEL_ERROR);
	top_open(&top);
	folder = open_dir(top.dirfd, "folder");
	put_course(folder);
	OK(store_open(top.dirfd, "theirs", STORE_WRITE, &theirs, &e));
	release_make(&release, folder, theirs, top.dirfd, 300000);
	close(folder);
	assert_true(release.packs.n_packs > 1);
	pack_name = release.packs.packs[0].sha256;
	objpath_pack(path, RELEASE_CHANNEL, &pack_name);
	OK(store_load(theirs, path, LIMIT_PACK_BYTES, &pack, &e));
	OK(store_open(top.dirfd, "repo", STORE_WRITE, &store, &e));
	(void)snprintf(file, sizeof(file), "%s/state.db", top.path);
	OK(state_create(file, &state, &e));
	quota_bytes = 0;
	open_uploads();
	return 0;
}

static int
tear_down(void **s)
{
	(void)s;
	uploads_free(uploads);
	state_close(state);
	store_close(store);
	release_clear(&release);
	store_close(theirs);
	buf_clear(&pack);
	top_close(&top);
	return 0;
}

/* As after a crash: everything in memory is gone. */
static void
restart(void)
{
	char file[96];
	struct err e = { 0 };

	uploads_free(uploads);
	state_close(state);
	store_close(store);
	OK(store_open(top.dirfd, "repo", STORE_WRITE, &store, &e));
	(void)snprintf(file, sizeof(file), "%s/state.db", top.path);
	OK(state_open(file, &state, &e));
	open_uploads();
}

static struct state_upload
want_of(enum state_upload_kind kind, const void *bytes, size_t len)
{
	struct state_upload u = { .org = "gd", .channel = RELEASE_CHANNEL, .kind = kind,
		.length = len };

	digest_of(&u.sha256, bytes, len);
	return u;
}

static struct state_upload
begin(const struct state_upload *want, enum uploads_found expected)
{
	enum uploads_found found;
	struct state_upload u;
	struct err e = { 0 };

	if (uploads_begin(uploads, want, &by, &u, &found, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(found, expected);
	return u;
}

/* One PATCH: bytes off to off + len. */
static int
patch(const char *id, const void *bytes, uint64_t off, uint64_t len, struct err *e)
{
	struct uploads_piece piece = { .id = id, .org = "gd", .off = off, .len = len };
	struct upload *u;
	uint64_t offset = 0;
	int rc;

	if (uploads_open(uploads, &piece, &u, e) == -1)
		return -1;
	rc = uploads_write(u, (const uint8_t *)bytes + off, len, e);
	if (rc == 0)
		rc = uploads_commit(u, &by, &offset, e);
	if (rc == 0)
		assert_int_equal(offset, off + len);
	uploads_close(u);
	return rc;
}

static void
nothing_is_left(const char *id)
{
	struct state_upload u;
	struct err e = { 0 };
	char file[128];

	assert_int_equal(uploads_look(uploads, id, "gd", &u, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	(void)snprintf(file, sizeof(file), "uploads/%s", id);
	assert_false(file_exists(top.dirfd, file));
}

static bool
is_stored(const struct digest *name)
{
	char path[OBJPATH_SIZE];

	objpath_pack(path, RELEASE_CHANNEL, name);
	return store_has(store, path);
}

static bool
is_entered(const struct digest *name)
{
	struct err e = { 0 };
	bool has;

	OK(state_frames_has_pack(state, RELEASE_CHANNEL, name, &has, &e));
	return has;
}

static void
a_pack_in_pieces_enters_the_repository(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack));
	struct state_upload u = begin(&want, UPLOADS_STARTED);
	struct err e = { 0 };

	(void)s;
	OK(patch(u.id, buf_data(&pack), 0, 100, &e));
	OK(patch(u.id, buf_data(&pack), 100, 5000, &e));
	assert_false(is_stored(&pack_name));
	OK(patch(u.id, buf_data(&pack), 5100, buf_len(&pack) - 5100, &e));
	assert_true(is_stored(&pack_name));
	assert_true(is_entered(&pack_name));
	nothing_is_left(u.id);
	(void)begin(&want, UPLOADS_HELD);
}

static void
the_same_upload_goes_on_after_a_restart(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack));
	struct state_upload u = begin(&want, UPLOADS_STARTED), again;
	struct err e = { 0 };

	(void)s;
	OK(patch(u.id, buf_data(&pack), 0, 7777, &e));
	restart();
	again = begin(&want, UPLOADS_RUNNING);
	assert_string_equal(again.id, u.id);
	assert_int_equal(again.offset, 7777);
	OK(uploads_look(uploads, u.id, "gd", &again, &e));
	assert_int_equal(again.offset, 7777);
	OK(patch(u.id, buf_data(&pack), 7777, buf_len(&pack) - 7777, &e));
	assert_true(is_entered(&pack_name));
}

static void
bytes_written_before_a_broken_connection_count(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack)), now;
	struct state_upload u = begin(&want, UPLOADS_STARTED);
	struct uploads_piece piece = { .id = u.id, .org = "gd", .off = 0, .len = 4000 };
	struct err e = { 0 };
	struct upload *up;

	(void)s;
	OK(uploads_open(uploads, &piece, &up, &e));
	OK(uploads_write(up, buf_data(&pack), 1234, &e));
	uploads_close(up); /* no commit: the client went away */
	restart();
	OK(uploads_look(uploads, u.id, "gd", &now, &e));
	assert_int_equal(now.offset, 1234);
}

static void
only_the_right_offset_and_length_are_taken(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack));
	struct state_upload u = begin(&want, UPLOADS_STARTED);
	struct err e = { 0 };

	(void)s;
	OK(patch(u.id, buf_data(&pack), 0, 100, &e));
	assert_int_equal(patch(u.id, buf_data(&pack), 0, 100, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_int_equal(patch(u.id, buf_data(&pack), 101, 100, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_int_equal(patch(u.id, buf_data(&pack), 100, buf_len(&pack) - 99, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
}

static void
who_comes_later_takes_over(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack)), now;
	struct state_upload u = begin(&want, UPLOADS_STARTED);
	struct uploads_piece piece = { .id = u.id, .org = "gd", .off = 0, .len = 4000 };
	struct upload *first, *second;
	struct err e = { 0 };

	(void)s;
	OK(uploads_open(uploads, &piece, &first, &e));
	OK(uploads_write(first, buf_data(&pack), 1000, &e));
	OK(uploads_look(uploads, u.id, "gd", &now, &e));
	assert_int_equal(now.offset, 1000);
	assert_int_equal(uploads_write(first, buf_data(&pack) + 1000, 1000, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	piece.off = 1000;
	OK(uploads_open(uploads, &piece, &second, &e));
	OK(uploads_write(second, buf_data(&pack) + 1000, 10, &e));
	uploads_close(first);
	OK(uploads_write(second, buf_data(&pack) + 1010, 10, &e));
	uploads_close(second);
	OK(uploads_look(uploads, u.id, "gd", &now, &e));
	assert_int_equal(now.offset, 1020);
}

static void
anothers_upload_is_not_there(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack)), now;
	struct state_upload u = begin(&want, UPLOADS_STARTED);
	struct err theirs_e = { 0 }, none = { 0 };

	(void)s;
	assert_int_equal(uploads_look(uploads, u.id, "sh", &now, &theirs_e), -1);
	assert_int_equal(uploads_look(uploads, "00000000000000000000000000000000", "sh", &now,
	    &none),
	    -1);
	assert_int_equal(theirs_e.class, ERR_NOT_FOUND);
	assert_string_equal(theirs_e.text, none.text);
	assert_int_equal(uploads_drop(uploads, u.id, "sh", &by, &theirs_e), -1);
	OK(uploads_drop(uploads, u.id, "gd", &by, &none));
	nothing_is_left(u.id);
}

/* Send bytes as what claims to be kind and has that hash: refused, and nothing is kept. */
static void
refused(enum state_upload_kind kind, const void *bytes, size_t len, const struct digest *name,
    const char *text)
{
	struct state_upload want = want_of(kind, bytes, len), u;
	struct err e = { 0 };

	if (name != NULL)
		want.sha256 = *name;
	u = begin(&want, UPLOADS_STARTED);
	assert_int_equal(patch(u.id, bytes, 0, len, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	if (strstr(e.text, text) == NULL)
		fail_msg("got: %s; wanted: %s", e.text, text);
	nothing_is_left(u.id);
	assert_false(is_stored(&want.sha256));
	assert_false(is_entered(&want.sha256));
	(void)begin(&want, UPLOADS_STARTED); /* it may be sent again */
}

static void
wrong_packs_leave_nothing(void **s)
{
	uint8_t *bytes = malloc(buf_len(&pack));
	size_t len = buf_len(&pack);

	(void)s;
	assert_non_null(bytes);
	memcpy(bytes, buf_data(&pack), len);
	refused(STATE_UPLOAD_PACK, bytes, len - 10, NULL, "pack");      /* cut short */
	refused(STATE_UPLOAD_PACK, bytes, len - 10, &pack_name, "pack"); /* and swapped */
	bytes[100] ^= 1; /* a frame that is not what the table says */
	refused(STATE_UPLOAD_PACK, bytes, len, NULL, "pack");
	refused(STATE_UPLOAD_PACK, "no pack at all", 14, NULL, "pack");
	free(bytes);
}

static void
wrong_indexes_and_records_leave_nothing(void **s)
{
	struct buf index = BUF_INIT;
	struct err e = { 0 };

	(void)s;
	OK(index_encode(release.index, &index, &e));
	refused(STATE_UPLOAD_INDEX, buf_data(&index), buf_len(&index) - 1, NULL, "index");
	refused(STATE_UPLOAD_INDEX, buf_data(&index), buf_len(&index), &pack_name, "SHA-256");
	refused(STATE_UPLOAD_RECORD, "{}", 2, NULL, "record");
	buf_clear(&index);
}

static void
an_index_enters_and_is_held(void **s)
{
	struct buf index = BUF_INIT;
	struct err e = { 0 };
	struct state_upload want, u;

	(void)s;
	OK(index_encode(release.index, &index, &e));
	want = want_of(STATE_UPLOAD_INDEX, buf_data(&index), buf_len(&index));
	u = begin(&want, UPLOADS_STARTED);
	OK(patch(u.id, buf_data(&index), 0, buf_len(&index), &e));
	nothing_is_left(u.id);
	(void)begin(&want, UPLOADS_HELD);
	buf_clear(&index);
}

/* A crash after the last byte was durable, before the object was entered. */
static struct state_upload
complete_but_not_entered(void)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack));
	struct state_upload u = begin(&want, UPLOADS_STARTED);
	struct uploads_piece piece = { .id = u.id, .org = "gd", .off = 0, .len = buf_len(&pack) };
	struct err e = { 0 };
	struct upload *up;

	OK(uploads_open(uploads, &piece, &up, &e));
	OK(uploads_write(up, buf_data(&pack), buf_len(&pack), &e));
	uploads_close(up);
	restart();
	assert_false(is_entered(&pack_name));
	return u;
}

static void
a_complete_upload_is_entered_by_the_next_start(void **s)
{
	struct state_upload u = complete_but_not_entered();
	struct err e = { 0 };

	(void)s;
	OK(uploads_recover(uploads, by.at, &e));
	assert_true(is_entered(&pack_name));
	nothing_is_left(u.id);
}

static void
a_complete_upload_is_entered_when_asked_again(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack));
	struct state_upload u = complete_but_not_entered();

	(void)s;
	(void)begin(&want, UPLOADS_HELD);
	assert_true(is_entered(&pack_name));
	nothing_is_left(u.id);
}

static void
an_empty_last_piece_enters_a_complete_upload(void **s)
{
	struct state_upload u = complete_but_not_entered();
	struct err e = { 0 };

	(void)s;
	OK(patch(u.id, buf_data(&pack), buf_len(&pack), 0, &e));
	assert_true(is_entered(&pack_name));
	nothing_is_left(u.id);
}

static void
a_crash_between_store_and_state_is_made_good(void **s)
{
	struct state_upload u = complete_but_not_entered();
	char path[OBJPATH_SIZE], file[128];
	struct err e = { 0 };
	int fd;

	(void)s;
	objpath_pack(path, RELEASE_CHANNEL, &pack_name);
	fd = open_dir(top.dirfd, "uploads");
	OK(store_put_file(store, path, fd, u.id, &e));
	close(fd);
	(void)snprintf(file, sizeof(file), "uploads/%s", u.id);
	assert_false(file_exists(top.dirfd, file));
	restart();
	OK(uploads_recover(uploads, by.at, &e));
	assert_true(is_entered(&pack_name));
	nothing_is_left(u.id);
}

static void
lost_bytes_are_asked_for_again(void **s)
{
	struct state_upload u = complete_but_not_entered(), now;
	struct err e = { 0 };
	char file[128];

	(void)s;
	(void)snprintf(file, sizeof(file), "%s/uploads/%s", top.path, u.id);
	assert_int_equal(truncate(file, 5000), 0); /* a disk that lied about its sync */
	OK(uploads_look(uploads, u.id, "gd", &now, &e));
	assert_int_equal(now.offset, 5000);
	OK(patch(u.id, buf_data(&pack), 5000, buf_len(&pack) - 5000, &e));
	assert_true(is_entered(&pack_name));
}

static void
files_without_a_row_are_swept_at_the_start(void **s)
{
	(void)s;
	put_text(top.dirfd, "uploads/0123456789abcdef0123456789abcdef", "left over");
	restart();
	assert_false(file_exists(top.dirfd, "uploads/0123456789abcdef0123456789abcdef"));
}

static void
limits_of_length_quota_and_space_are_kept(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_RECORD, "x", 1), u;
	enum uploads_found found;
	struct err e = { 0 };

	(void)s;
	want.length = LIMIT_RECORD_BYTES + 1;
	assert_int_equal(uploads_begin(uploads, &want, &by, &u, &found, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	want.length = 0;
	assert_int_equal(uploads_begin(uploads, &want, &by, &u, &found, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	quota_bytes = 1000;
	restart();
	want.length = 1001;
	assert_int_equal(uploads_begin(uploads, &want, &by, &u, &found, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_int_equal(e.sys, EDQUOT);
	want.length = 1000;
	(void)begin(&want, UPLOADS_STARTED);
}

static void
the_reserve_of_free_space_is_kept(void **s)
{
	struct uploads_parts parts = { .dirfd = top.dirfd, .state = state, .store = store,
		.reserve_bytes = UINT64_MAX - 5 };
	struct state_upload want = want_of(STATE_UPLOAD_RECORD, "x", 1), u;
	enum uploads_found found;
	struct err e = { 0 };

	(void)s;
	uploads_free(uploads);
	OK(uploads_new(&parts, &uploads, &e));
	assert_int_equal(uploads_begin(uploads, &want, &by, &u, &found, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_int_equal(e.sys, ENOSPC);
}

static void
forgotten_uploads_are_dropped(void **s)
{
	struct state_upload want = want_of(STATE_UPLOAD_PACK, buf_data(&pack), buf_len(&pack));
	struct state_upload u = begin(&want, UPLOADS_STARTED), now;
	struct err e = { 0 };

	(void)s;
	OK(uploads_expire(uploads, by.at + UPLOADS_LIFE_S - 1, &e));
	OK(uploads_look(uploads, u.id, "gd", &now, &e));
	OK(uploads_expire(uploads, by.at + UPLOADS_LIFE_S + 1, &e));
	nothing_is_left(u.id);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_pack_in_pieces_enters_the_repository),
		TEST(the_same_upload_goes_on_after_a_restart),
		TEST(bytes_written_before_a_broken_connection_count),
		TEST(only_the_right_offset_and_length_are_taken),
		TEST(who_comes_later_takes_over),
		TEST(anothers_upload_is_not_there),
		TEST(wrong_packs_leave_nothing),
		TEST(wrong_indexes_and_records_leave_nothing),
		TEST(an_index_enters_and_is_held),
		TEST(a_complete_upload_is_entered_by_the_next_start),
		TEST(a_complete_upload_is_entered_when_asked_again),
		TEST(an_empty_last_piece_enters_a_complete_upload),
		TEST(a_crash_between_store_and_state_is_made_good),
		TEST(lost_bytes_are_asked_for_again),
		TEST(files_without_a_row_are_swept_at_the_start),
		TEST(limits_of_length_quota_and_space_are_kept),
		TEST(the_reserve_of_free_space_is_kept),
		TEST(forgotten_uploads_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
