/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts are checked as a whole, by a thread, across restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "catalog/hub/state.h"
#include "catalog/hub/state_frames.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/record.h"
#include "daemon/app/drafts.h"
#include "daemon/app/layouts.h"
#include "daemon/log.h"
#include "tests/unit/release.h"

#define NOW 1700000000
#define DEADLINE_S 60

static struct top top;
static struct state *state;
static struct store *store;
static struct layouts *layouts;
static struct drafts *drafts;
static struct release release;
static struct digest index_hash;
static size_t index_len;

static void
open_all(bool create)
{
	struct drafts_parts parts;
	char file[128];
	struct err e = { 0 };

	OK(store_open(top.dirfd, "repo", STORE_WRITE, &store, &e));
	(void)snprintf(file, sizeof(file), "%s/state.db", top.path);
	OK(create ? state_create(file, &state, &e) : state_open(file, &state, &e));
	OK(layouts_new(state, store, LAYOUTS_BYTES, &layouts, &e));
	parts = (struct drafts_parts){ .state = state, .store = store, .layouts = layouts };
	OK(drafts_new(&parts, &drafts, &e));
}

static void
close_all(void)
{
	drafts_free(drafts);
	layouts_free(layouts);
	state_close(state);
	store_close(store);
}

/* Tell the state about pack i of the release. */
static void
enter_pack(size_t i)
{
	const struct build_pack *p = &release.packs.packs[i];
	struct state_pack row = { .channel = RELEASE_CHANNEL, .org = "gd", .sha256 = p->sha256,
		.length = p->len };
	struct audit_note note = { NOW, "gd/test", "upload", "x", "" };
	struct state_frame *frames = calloc(p->n_frames, sizeof(*frames));
	char path[OBJPATH_SIZE];
	struct err e = { 0 };
	struct pack *pack;
	uint64_t size;
	int fd;

	assert_non_null(frames);
	objpath_pack(path, RELEASE_CHANNEL, &p->sha256);
	OK(store_read(store, path, &fd, &size, &e));
	OK(pack_open(fd, &pack, &e));
	for (uint32_t k = 0; k < p->n_frames; k++) {
		struct pack_frame f;

		pack_frame_get(pack, k, &f);
		frames[k] = (struct state_frame){ .content = f.content, .stored = f.stored,
			.offset = f.off, .content_len = f.content_len, .stored_len = f.stored_len };
	}
	OK(state_frames_add_pack(state, &row, frames, p->n_frames, &note, &e));
	pack_close(pack);
	close(fd);
	free(frames);
}

static void
store_index(void)
{
	struct buf bytes = BUF_INIT;
	char path[OBJPATH_SIZE];
	struct err e = { 0 };

	OK(index_encode(release.index, &bytes, &e));
	digest_of(&index_hash, buf_data(&bytes), buf_len(&bytes));
	index_len = buf_len(&bytes);
	objpath_index(path, RELEASE_CHANNEL, &index_hash);
	OK(store_put(store, path, buf_data(&bytes), buf_len(&bytes), &e));
	buf_clear(&bytes);
}

static int
set_up(void **s)
{
	int folder;

	(void)s;
	log_set_level(LOG_LEVEL_ERROR);
	top_open(&top);
	folder = open_dir(top.dirfd, "folder");
	put_course(folder);
	open_all(true);
	release_make(&release, folder, store, top.dirfd, 300000);
	close(folder);
	assert_true(release.packs.n_packs > 1);
	store_index();
	return 0;
}

static int
tear_down(void **s)
{
	(void)s;
	close_all();
	release_clear(&release);
	top_close(&top);
	return 0;
}

/* What a record says; tests twist it. */
struct claims {
	uint32_t number, n_files;
	uint64_t index_len;
	struct digest tar;
};

static struct claims
truth(void)
{
	return (struct claims){ .number = 1, .n_files = index_n_files(release.index),
		.index_len = index_len, .tar = release.tar_sha256 };
}

/* Store the record, and give the draft that wants it. */
static struct state_draft
want_of(const struct claims *c)
{
	char en[] = "en", text[] = "Trademarks", zh[] = "zh", label[] = "1", field[] = "ip";
	struct record_text title = { .lang = en, .text = text };
	char *languages[] = { zh };
	struct record r = { .channel = RELEASE_CHANNEL, .course = "marks", .release = c->number,
		.published_at = NOW, .label = label, .title = { &title, 1 }, .field = field,
		.languages = { languages, 1 }, .n_files = c->n_files,
		.file_bytes = index_file_bytes(release.index),
		.tar = { release.tar_len, c->tar }, .index = { c->index_len, index_hash } };
	struct state_draft want = { .org = "gd", .release = { .channel = RELEASE_CHANNEL,
		.course = "marks", .number = c->number } };
	struct objpath p = { .kind = OBJPATH_RECORD, .channel = RELEASE_CHANNEL, .course = "marks",
		.release = c->number };
	struct buf bytes = BUF_INIT;
	char path[OBJPATH_SIZE];
	struct err e = { 0 };

	if (record_encode(&r, &bytes, &e) == -1)
		fail_msg("%s", e.text);
	digest_of(&p.hash, buf_data(&bytes), buf_len(&bytes));
	objpath_build(path, &p);
	OK(store_put(store, path, buf_data(&bytes), buf_len(&bytes), &e));
	want.release.record = p.hash;
	want.release.record_len = (uint32_t)buf_len(&bytes);
	buf_clear(&bytes);
	return want;
}

static struct state_draft
start(const struct claims *c)
{
	struct state_draft want = want_of(c), d;
	struct err e = { 0 };

	if (drafts_start(drafts, &want, "gd/test", NOW, &d, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(d.state, STATE_DRAFT_CHECKING);
	return d;
}

/* Wait until the draft is judged. */
static struct state_draft
judged(const char *id)
{
	time_t until = time(NULL) + DEADLINE_S;
	struct drafts_progress p;
	struct state_draft d;
	struct err e = { 0 };

	do {
		if (drafts_get(drafts, id, &d, &p, &e) == -1)
			fail_msg("%s", e.text);
		assert_true(p.done_bytes <= p.total_bytes || p.total_bytes == 0);
		(void)usleep(2000);
	} while (d.state == STATE_DRAFT_CHECKING && time(NULL) < until);
	return d;
}

static void
enter_all(void)
{
	for (size_t i = 0; i < release.packs.n_packs; i++)
		enter_pack(i);
}

static void
a_true_release_is_verified(void **s)
{
	struct claims c = truth();
	struct err e = { 0 };
	struct state_draft d;

	(void)s;
	enter_all();
	OK(drafts_run(drafts, &e));
	d = start(&c);
	d = judged(d.id);
	assert_int_equal(d.state, STATE_DRAFT_VERIFIED);
	assert_true(digest_equal(&d.release.tar, &release.tar_sha256));
	assert_true(digest_equal(&d.release.index, &index_hash));
	assert_true(d.release.tar_len == release.tar_len);
	assert_true(d.release.zst_len ==
	    stream_stored_len(release.stored_lens, index_n_frames(release.index)));
}

static void
refused(const struct claims *c, const char *text)
{
	struct state_draft d = start(c);

	d = judged(d.id);
	assert_int_equal(d.state, STATE_DRAFT_REFUSED);
	if (strstr(d.reason, text) == NULL)
		fail_msg("got: %s; wanted: %s", d.reason, text);
}

static void
records_that_lie_are_refused(void **s)
{
	struct claims c = truth();
	struct err e = { 0 };

	(void)s;
	enter_all();
	OK(drafts_run(drafts, &e));
	c.n_files++;
	refused(&c, "the record speaks of");
	c = truth();
	c.index_len++;
	refused(&c, "index of");
	c = truth();
	c.tar.bytes[0] ^= 1;
	refused(&c, "tar");
}

static void
missing_frames_are_named_and_may_come_later(void **s)
{
	struct claims c = truth();
	struct state_draft want, d, again;
	struct buf missing = BUF_INIT;
	struct err e = { 0 };

	(void)s;
	enter_pack(0);
	OK(drafts_run(drafts, &e));
	d = start(&c);
	d = judged(d.id);
	assert_int_equal(d.state, STATE_DRAFT_REFUSED);
	assert_non_null(strstr(d.reason, "frames are not in the repository"));
	OK(drafts_missing(drafts, &d, &missing, &e));
	assert_true(buf_len(&missing) > 0 && buf_len(&missing) % DIGEST_LEN == 0);
	for (size_t i = 1; i < release.packs.n_packs; i++)
		enter_pack(i);
	want = want_of(&c);
	OK(drafts_start(drafts, &want, "gd/test", NOW, &again, &e));
	assert_string_equal(again.id, d.id);
	assert_int_equal(judged(again.id).state, STATE_DRAFT_VERIFIED);
	buf_clear(&missing);
}

static void
a_draft_is_checked_after_a_restart(void **s)
{
	struct claims c = truth();
	struct err e = { 0 };
	struct state_draft d;

	(void)s;
	enter_all();
	d = start(&c); /* no thread runs: the hub stopped before the check ended */
	close_all();
	open_all(false);
	OK(drafts_run(drafts, &e));
	assert_int_equal(judged(d.id).state, STATE_DRAFT_VERIFIED);
}

static void
without_its_record_there_is_no_draft(void **s)
{
	struct claims c = truth();
	struct state_draft want = want_of(&c), d;
	struct err e = { 0 };

	(void)s;
	want.release.record.bytes[0] ^= 1;
	assert_int_equal(drafts_start(drafts, &want, "gd/test", NOW, &d, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	want.release.record.bytes[0] ^= 1;
	want.release.record_len++;
	assert_int_equal(drafts_start(drafts, &want, "gd/test", NOW, &d, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
}

static void
a_dropped_draft_is_gone(void **s)
{
	struct claims c = truth();
	struct drafts_progress p;
	struct err e = { 0 };
	struct state_draft d;

	(void)s;
	enter_all();
	d = start(&c);
	OK(drafts_drop(drafts, d.id, "gd/test", NOW, &e));
	OK(drafts_run(drafts, &e));
	assert_int_equal(drafts_get(drafts, d.id, &d, &p, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void
a_layout_knows_every_frame_and_is_kept(void **s)
{
	struct layout *l, *again;
	struct err e = { 0 };
	char etag[STREAM_ETAG_SIZE];

	(void)s;
	enter_all();
	OK(layouts_take(layouts, RELEASE_CHANNEL, &index_hash, NULL, &l, &e));
	OK(layouts_take(layouts, RELEASE_CHANNEL, &index_hash, NULL, &again, &e));
	assert_ptr_equal(l, again);
	OK(hint_matches(l->hint, &index_hash, index_n_frames(release.index), &e));
	OK(stream_etag(etag, release.stored_sha256, release.stored_lens,
	    index_n_frames(release.index), &e));
	assert_string_equal(l->zst_etag, etag);
	layouts_give_back(layouts, l);
	layouts_give_back(layouts, again);
	assert_int_equal(layouts_take(layouts, "gd.tax", &index_hash, NULL, &l, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void
layouts_beyond_the_bound_are_forgotten_when_given_back(void **s)
{
	struct layouts *small;
	struct layout *l;
	struct err e = { 0 };

	(void)s;
	enter_all();
	OK(layouts_new(state, store, 1, &small, &e));
	for (int i = 0; i < 3; i++) {
		OK(layouts_take(small, RELEASE_CHANNEL, &index_hash, NULL, &l, &e));
		assert_int_equal(index_n_frames(l->index), index_n_frames(release.index));
		layouts_give_back(small, l);
	}
	layouts_free(small);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_true_release_is_verified),
		TEST(records_that_lie_are_refused),
		TEST(missing_frames_are_named_and_may_come_later),
		TEST(a_draft_is_checked_after_a_restart),
		TEST(without_its_record_there_is_no_draft),
		TEST(a_dropped_draft_is_gone),
		TEST(a_layout_knows_every_frame_and_is_kept),
		TEST(layouts_beyond_the_bound_are_forgotten_when_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
