/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/release.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "catalog/base/file.h"
#include "catalog/repo/objpath.h"
#include "catalog/trust/verify.h"
#include "clients/kebao/part.h"

/* A name longer than that of library_path(), for "/record.json" behind it. */
#define PATH_SIZE (LIBRARY_PATH_SIZE + 16)

static void
meta_path(char *out, const struct library_name *name, const char *file)
{
	char dir[LIBRARY_PATH_SIZE];

	library_path(dir, LIBRARY_META, name);
	(void)snprintf(out, PATH_SIZE, "%s/%s", dir, file); /* fits */
}

/* Bytes of a file in meta/ that are what is wanted; anything else is as if absent. */
static bool
load_kept(const struct home *h, const struct library_name *name, const char *file,
    const struct meta_bytes *want, struct buf *out)
{
	char path[PATH_SIZE];

	meta_path(path, name, file);
	if (file_load(home_dirfd(h), path, (size_t)want->length, out, NULL) == 0 &&
	    verify_bytes(want, buf_data(out), buf_len(out), NULL) == 0)
		return true;
	buf_truncate(out, 0);
	return false;
}

static int
keep(const struct home *h, const struct library_name *name, const char *file,
    const struct buf *bytes, struct err *e)
{
	char path[PATH_SIZE];

	meta_path(path, name, file);
	if (file_make_parents(home_dirfd(h), path, 0755, e) == -1)
		return -1;
	return file_save(home_dirfd(h), path, buf_data(bytes), buf_len(bytes), 0644, e);
}

/* One file of a release, and where it comes from. */
struct source_file {
	const struct library_name *name;
	const char *file;              /* in meta/ */
	const char *url;
	const struct meta_bytes *want;
};

/* An index may be long: what came of it survives a broken line and a killed run. */
static int
ask(const struct home *h, struct transfer *t, const struct source_file *f, struct buf *out,
    struct err *e)
{
	const struct part_object o = {
		.path = f->url, .len = (uint64_t)f->want->length, .sha256 = &f->want->sha256,
	};

	if (f->want->has_sha256)
		return part_load(h, t, &o, out, e);
	return transfer_load(t, f->url, (size_t)f->want->length, out, e);
}

/* From meta/, or from the hub and into meta/. */
static int
obtain(const struct home *h, struct transfer *t, const struct source_file *f, struct buf *out,
    struct err *e)
{
	if (load_kept(h, f->name, f->file, f->want, out))
		return 0;
	if (t == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s/%s release %u: its %s is not here",
		    f->name->channel, f->name->course, f->name->release, f->file);
	if (ask(h, t, f, out, e) == -1)
		return -1;
	if (verify_bytes(f->want, buf_data(out), buf_len(out), e) == -1) {
		err_within(e, "%s", f->url);
		return -1;
	}
	return keep(h, f->name, f->file, out, e);
}

static int
check_record(const struct record *r, const struct library_name *name, struct err *e)
{
	if (strcmp(r->channel, name->channel) == 0 && strcmp(r->course, name->course) == 0 &&
	    r->release == name->release)
		return 0;
	return err_set(e, ERR_UNTRUSTED,
	    "the record of %s/%s release %u speaks of %s/%s release %u", name->channel,
	    name->course, name->release, r->channel, r->course, r->release);
}

static int
parse_record(const struct buf *bytes, const struct library_name *name, struct record **out,
    struct err *e)
{
	struct record *r = NULL;

	if (record_parse(buf_data(bytes), buf_len(bytes), RECORD_LENIENT, &r, e) == -1) {
		err_within(
		    e, "record of %s/%s release %u", name->channel, name->course, name->release);
		return -1;
	}
	if (check_record(r, name, e) == -1) {
		record_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

int
release_record(const struct home *h, struct transfer *t, const struct release_want *want,
    struct record **out, struct err *e)
{
	struct buf bytes = BUF_INIT, url = BUF_INIT;
	struct source_file f = {
		.name = want->name, .file = "record.json", .want = &want->target->bytes,
	};
	int rc = -1;

	if (want->target->bytes.length > (int64_t)LIMIT_RECORD_BYTES) {
		(void)err_set(e, ERR_UNTRUSTED, "%s: a record of %" PRId64 " bytes, %u are allowed",
		    want->target->path, want->target->bytes.length, LIMIT_RECORD_BYTES);
		goto out;
	}
	if (buf_add_text(&url, "/", e) == -1 ||
	    trust_target_path(want->trust, want->target, &url, e) == -1)
		goto out;
	f.url = buf_text(&url);
	if (obtain(h, t, &f, &bytes, e) == -1)
		goto out;
	rc = parse_record(&bytes, want->name, out, e);
out:
	buf_clear(&bytes);
	buf_clear(&url);
	return rc;
}

/* A record and an index that contradict each other: the publisher's tool and the hub failed. */
static int
check_index(const struct index *ix, const struct record *r, struct err *e)
{
	if (index_n_files(ix) == r->n_files && index_file_bytes(ix) == r->file_bytes &&
	    index_tar_len(ix) == r->tar.len)
		return 0;
	return err_set(e, ERR_UNTRUSTED,
	    "%s/%s release %u: record and index contradict each other: %u and %u files, %" PRIu64
	    " and %" PRIu64 " bytes",
	    r->channel, r->course, r->release, r->n_files, index_n_files(ix), r->file_bytes,
	    index_file_bytes(ix));
}

int
release_index(const struct home *h, struct transfer *t, const struct library_name *name,
    const struct record *record, struct index **out, struct err *e)
{
	struct meta_bytes want = {
		.length = (int64_t)record->index.len, .has_sha256 = true,
		.sha256 = record->index.sha256,
	};
	struct buf bytes = BUF_INIT;
	char url[OBJPATH_SIZE + 1] = "/";
	const struct source_file f = {
		.name = name, .file = "index", .url = url, .want = &want,
	};
	struct index *ix = NULL;
	int rc = -1;

	if (record->index.len > LIMIT_INDEX_BYTES)
		return err_set(e, ERR_UNTRUSTED, "%s/%s release %u: an index of %" PRIu64 " bytes",
		    name->channel, name->course, name->release, record->index.len);
	objpath_index(url + 1, name->channel, &record->index.sha256);
	if (obtain(h, t, &f, &bytes, e) == -1)
		goto out;
	if (index_parse(buf_data(&bytes), buf_len(&bytes), &ix, e) == -1) {
		err_within(e, "%s", url);
		goto out;
	}
	if (check_index(ix, record, e) == -1)
		goto out;
	*out = ix;
	ix = NULL;
	rc = 0;
out:
	index_free(ix);
	buf_clear(&bytes);
	return rc;
}

int
release_keep_index(const struct home *h, const struct library_name *name, const struct buf *bytes,
    struct err *e)
{
	return keep(h, name, "index", bytes, e);
}

int
release_held_record(const struct home *h, const struct library_name *name, struct record **out,
    struct err *e)
{
	struct buf bytes = BUF_INIT;
	char path[PATH_SIZE];
	int rc = -1;

	meta_path(path, name, "record.json");
	if (file_load(home_dirfd(h), path, LIMIT_RECORD_BYTES, &bytes, e) == 0)
		rc = parse_record(&bytes, name, out, e);
	else
		err_within(e, "%s", home_path(h));
	buf_clear(&bytes);
	return rc;
}

int
release_forget(const struct home *h, const struct library_name *name, struct err *e)
{
	char path[LIBRARY_PATH_SIZE];

	library_path(path, LIBRARY_META, name);
	return file_remove_tree(home_dirfd(h), path, e);
}
