/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/build.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/tree.h"
#include "clients/kebao/download.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/release.h"
#include "clients/kebao/text.h"

#define STAGE "work/sign"
#define NAMED_MOST 10u  /* files that differ from a folder: enough to see what is wrong */
#define LISTED_MOST 500u /* files in a list for a person to read */

/* --- two indexes side by side --- */

static bool
is_same_entry(const struct index_entry *a, const struct index_entry *b)
{
	return a->tar.kind == b->tar.kind && a->tar.size == b->tar.size &&
	    digest_equal(a->sha256, b->sha256);
}

struct listing {
	const struct cli *cli;
	enum message came, changed, went;
	size_t most;
	size_t n;
};

static void
list_one(struct listing *l, enum message id, const struct index_entry *entry)
{
	char quoted[300];
	struct text size;

	if (l->n++ < l->most)
		CLI_SAY(l->cli, id,
		    err_quote(quoted, sizeof(quoted), entry->tar.path, entry->tar.path_len),
		    text_bytes(&size, entry->tar.size));
}

/* was may be NULL. */
static void
list_differences(struct listing *l, const struct index *was, const struct index *is)
{
	struct index_entry a, b;

	for (uint32_t i = 0; i < index_n_entries(is); i++) {
		int64_t at;

		index_entry(is, i, &b);
		at = was == NULL ? -1 : index_find(was, b.tar.path, b.tar.path_len);
		if (at == -1) {
			list_one(l, l->came, &b);
			continue;
		}
		index_entry(was, (uint32_t)at, &a);
		if (!is_same_entry(&a, &b))
			list_one(l, l->changed, &b);
	}
	for (uint32_t i = 0; was != NULL && i < index_n_entries(was); i++) {
		index_entry(was, i, &a);
		if (index_find(is, a.tar.path, a.tar.path_len) == -1)
			list_one(l, l->went, &a);
	}
}

static void
say_rest(const struct listing *l)
{
	struct text n;

	if (l->n > l->most)
		CLI_SAY(l->cli, MSG_CONTENTS_MORE, text_number(&n, l->n - l->most));
}

/* --- the release that waits --- */

static void
name_of(const struct contents *c, struct library_name *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->channel, c->record->channel, sizeof(out->channel));
	memcpy(out->course, c->record->course, sizeof(out->course));
	out->release = c->record->release;
}

static int
load_index(const struct contents *c, struct index **out, struct err *e)
{
	struct library_name name;

	name_of(c, &name);
	return release_index(c->home, hub_transfer(c->hub), &name, c->record, out, e);
}

/* The newest live release of the course, to compare with; none is success. */
static int
load_before(const struct contents *c, struct index **out, struct err *e)
{
	const struct channel_recall nobody = { .course = c->record->course, .is_undo = true };
	struct library_name name;
	const struct meta_target *target;
	struct record *record = NULL;
	int rc;

	name_of(c, &name);
	target = channel_bundle_after(c->channel, &nobody, &name.release);
	if (target == NULL)
		return 0;
	rc = release_record(c->home, hub_transfer(c->hub),
	    &(const struct release_want){ .name = &name, .trust = c->channel->trust,
	        .target = target }, &record, e);
	if (rc == 0)
		rc = release_index(c->home, hub_transfer(c->hub), &name, record, out, e);
	record_free(record);
	return rc;
}

/* Cut and hash a folder. */
static int
build(const struct contents *c, int dirfd, struct build_result *out, struct err *e)
{
	const struct build_options options = { .cancel = interrupt_flag() };
	struct build *b = NULL;
	int rc = build_scan(dirfd, &options, &b, e);

	(void)c;
	if (rc == 0)
		rc = build_index(b, out, e);
	build_free(b);
	return rc;
}

static bool
is_same_tar(const struct contents *c, const struct build_result *built)
{
	return built->tar_len == c->record->tar.len &&
	    digest_equal(&built->tar_sha256, &c->record->tar.sha256);
}

/* --- against a folder --- */

static int
compare_folder(const struct contents *c, const struct index *ix,
    const struct build_result *built, struct err *e)
{
	struct listing l = { .cli = c->cli, .came = MSG_AGAINST_MORE,
		.changed = MSG_AGAINST_CHANGED, .went = MSG_AGAINST_LESS, .most = NAMED_MOST };
	struct buf bytes = BUF_INIT;
	struct digest sha256;
	bool is_same;

	if (index_encode(built->index, &bytes, e) == -1)
		return -1;
	digest_of(&sha256, buf_data(&bytes), buf_len(&bytes));
	is_same = digest_equal(&sha256, &c->record->index.sha256) && is_same_tar(c, built);
	buf_clear(&bytes);
	if (is_same)
		return 0;
	list_differences(&l, built->index, ix);
	say_rest(&l);
	if (l.n == 0)
		return err_set(e, ERR_UNTRUSTED, "%s has the files of the folder, and other modes, "
		    "or it was cut by other rules than ours", c->pending->object);
	return err_set(e, ERR_UNTRUSTED, "%s is not what is in the folder: %zu entries differ",
	    c->pending->object, l.n);
}

int
contents_against(const struct contents *c, const char *dir, struct err *e)
{
	struct build_result built = { .index = NULL };
	struct index *ix = NULL;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (fd == -1) {
		rc = err_errno(e, "%s", dir);
		if (e != NULL && e->sys == ENOENT)
			e->class = ERR_NOT_FOUND;
		return rc;
	}
	if (build(c, fd, &built, e) == 0 && load_index(c, &ix, e) == 0)
		rc = compare_folder(c, ix, &built, e);
	(void)close(fd); /* only read */
	index_free(built.index);
	index_free(ix);
	return rc;
}

/* --- brought here --- */

static int
download(const struct contents *c, const struct index *ix, int dirfd, struct err *e)
{
	const struct tree_options opt = { .cancel = interrupt_flag() };
	struct library_name name;
	char path[DRAFT_ID_SIZE + 40];
	struct download d = {
		.transfer = hub_transfer(c->hub), .name = &name, .record = c->record, .index = ix,
		.hint_path = path,
	};
	struct download_figures f;
	struct tree *tree = NULL;
	int rc = -1;

	name_of(c, &name);
	(void)snprintf(path, sizeof(path), "/api/v1/drafts/%s/hint", c->pending->draft);
	if (tree_open(dirfd, ix, &opt, &tree, e) == 0) {
		d.tree = tree;
		if (download_frames(&d, &f, e) == 0)
			rc = tree_finish(tree, e);
	}
	tree_free(tree);
	return rc;
}

/* Every frame and file was compared with the index by now; the record signs the tar as well. */
static int
check_tar(const struct contents *c, int dirfd, struct err *e)
{
	struct build_result built = { .index = NULL };
	int rc = build(c, dirfd, &built, e);

	if (rc == 0 && !is_same_tar(c, &built))
		rc = err_set(e, ERR_UNTRUSTED, "%s: its tar is not the one the record names",
		    c->pending->object);
	index_free(built.index);
	return rc;
}

static void
say_texts(const struct contents *c)
{
	const struct record *r = c->record;
	const char *lang = c->cli->lang == LANGUAGE_ZH ? "zh" : "en";
	const char *notes = record_text_in(&r->notes, lang);
	const char *summary = record_text_in(&r->summary, lang);
	struct text release, files, bytes;

	CLI_SAY(c->cli, MSG_CONTENTS_HEAD, r->channel, r->course, text_number(&release, r->release),
	    r->label, record_text_in(&r->title, lang), text_number(&files, r->n_files),
	    text_bytes(&bytes, r->file_bytes));
	if (*summary != '\0')
		CLI_SAY(c->cli, MSG_CHECK_NOTES, summary);
	if (*notes != '\0')
		CLI_SAY(c->cli, MSG_CHECK_NOTES, notes);
	if (r->rights != NULL)
		CLI_SAY(c->cli, MSG_SHOW_RIGHTS, r->rights);
}

static void
say_files(const struct contents *c, const struct index *was, const struct index *is)
{
	struct listing l = { .cli = c->cli, .came = MSG_CONTENTS_CAME,
		.changed = MSG_CONTENTS_CHANGED, .went = MSG_CONTENTS_WENT, .most = LISTED_MOST };

	list_differences(&l, was, is);
	say_rest(&l);
	if (l.n == 0)
		CLI_SAY(c->cli, MSG_CONTENTS_SAME);
}

int
contents_show(const struct contents *c, struct err *e)
{
	struct index *ix = NULL, *before = NULL;
	int fd = -1, rc = -1;

	/* What an interrupted look left is hashed again and used. */
	fd = home_open_dir(c->home, STAGE, e);
	if (fd == -1 || load_index(c, &ix, e) == -1 || load_before(c, &before, e) == -1 ||
	    download(c, ix, fd, e) == -1 || check_tar(c, fd, e) == -1)
		goto out;
	say_texts(c);
	say_files(c, before, ix);
	rc = 0;
out:
	if (rc == -1 && interrupt_pending())
		(void)interrupt_check(e);
	if (fd != -1)
		(void)close(fd); /* only a handle */
	if (rc == 0)
		rc = file_remove_tree(home_dirfd(c->home), STAGE, e);
	index_free(ix);
	index_free(before);
	return rc;
}
