/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/record.h"
#include "catalog/repo/tree.h"
#include "clients/kebao/bundle.h"
#include "clients/kebao/catalogue.h"
#include "clients/kebao/cmd.h"
#include "clients/kebao/interrupt.h"
#include "clients/kebao/progress.h"
#include "clients/kebao/release.h"
#include "clients/kebao/session.h"
#include "clients/kebao/text.h"

struct verifying {
	const struct session *s;
	struct catalogue *catalogue; /* NULL: nothing was ever believed */
	struct library library;
	struct library hidden;
	struct progress progress;
	bool is_damaged; /* the release under way lacks something or has it otherwise */
};

static void
on_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct verifying *v = ctx;

	progress_set(&v->progress, done_bytes, total_bytes);
}

static void
on_fault(void *ctx, enum tree_fault fault, const char *path)
{
	struct verifying *v = ctx;

	progress_end(&v->progress);
	v->is_damaged = v->is_damaged || fault != TREE_EXTRA; /* what people add is theirs */
	switch (fault) {
	case TREE_MISSING:
		CLI_WARN(v->s->cli, MSG_FAULT_MISSING, path);
		break;
	case TREE_CHANGED:
		CLI_WARN(v->s->cli, MSG_FAULT_CHANGED, path);
		break;
	case TREE_UNREADABLE:
		CLI_WARN(v->s->cli, MSG_FAULT_UNREADABLE, path);
		break;
	case TREE_EXTRA:
		CLI_WARN(v->s->cli, MSG_FAULT_EXTRA, path);
		break;
	}
}

/*
 * The record as the channel signs it today, where it still lists the release; else as it
 * was when it came.
 */
static int
load_record(const struct verifying *v, const struct library_name *name, struct record **out,
    struct err *e)
{
	struct release_want want = { .name = name, .target = NULL };

	if (v->catalogue != NULL)
		want.target = catalogue_find(v->catalogue, name);
	if (want.target == NULL)
		return release_held_record(v->s->home, name, out, e);
	want.trust = catalogue_trust(v->catalogue);
	return release_record(v->s->home, NULL, &want, out, e);
}

static int
compare(struct verifying *v, const struct library_name *name, uint32_t *n_faults,
    struct record **record, struct err *e)
{
	const struct tree_verify_options options = {
		.cancel = interrupt_flag(),
		.on_fault = on_fault,
		.on_progress = on_progress,
		.ctx = v,
	};
	char path[LIBRARY_PATH_SIZE];
	struct index *ix = NULL;
	int fd = -1, rc = -1;

	library_path(path, library_has(&v->hidden, name) ? LIBRARY_HIDDEN : LIBRARY_FILES, name);
	if (load_record(v, name, record, e) == -1 ||
	    release_index(v->s->home, NULL, name, *record, &ix, e) == -1)
		goto out;
	fd = openat(home_dirfd(v->s->home), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		(void)err_errno(e, "%s/%s", home_path(v->s->home), path);
		goto out;
	}
	progress_begin(
	    &v->progress, v->s->cli->lang, v->s->cli->is_quiet, path, (*record)->file_bytes);
	rc = tree_verify(fd, ix, &options, n_faults, e);
	progress_end(&v->progress);
out:
	if (fd != -1)
		(void)close(fd); /* only read */
	index_free(ix);
	return rc;
}

/* For the next fetch; where the library cannot be written to, the finding is said all the same. */
static void
note_damage(const struct verifying *v, const struct library_name *name)
{
	struct err e = { 0 };

	if (library_doubt(v->s->home, name, &e) == -1)
		(void)cli_fail(v->s->cli, &e); /* the status is that of the damage */
	else
		CLI_WARN(v->s->cli, MSG_VERIFY_REPAIR, name->channel, name->course);
}

static enum status
verify_release(struct verifying *v, const struct library_name *name)
{
	const struct cli *cli = v->s->cli;
	struct record *record = NULL;
	struct text release, files, bytes, faults;
	struct err e = { 0 };
	uint32_t n_faults = 0;
	enum status status = STATUS_OK;

	v->is_damaged = false;
	(void)text_number(&release, name->release);
	if (compare(v, name, &n_faults, &record, &e) == -1) {
		if (interrupt_pending())
			(void)interrupt_check(&e);
		status = cli_fail(cli, &e);
		if (e.class == ERR_NOT_FOUND) /* its record or index is lost or was changed */
			note_damage(v, name);
	} else if (n_faults > 0) {
		CLI_WARN(cli, MSG_VERIFY_BAD, name->channel, name->course, release.s,
		    text_number(&faults, n_faults));
		if (v->is_damaged)
			note_damage(v, name);
		status = STATUS_UNTRUSTED;
	} else {
		CLI_SAY(cli, MSG_VERIFY_GOOD, name->channel, name->course, release.s,
		    text_number(&files, record->n_files), text_bytes(&bytes, record->file_bytes));
	}
	record_free(record);
	return status;
}

/* --- a bundle file --- */

static bool
is_signed_bundle(const struct verifying *v, const struct digest *sha256, uint64_t len,
    struct library_name *out)
{
	for (size_t i = 0; v->catalogue != NULL && i < catalogue_n_offers(v->catalogue); i++) {
		const struct meta_target *target = catalogue_bundle(v->catalogue, i);

		if (target != NULL && target->bytes.has_sha256 &&
		    target->bytes.length == (int64_t)len &&
		    digest_equal(&target->bytes.sha256, sha256)) {
			*out = catalogue_offer(v->catalogue, i)->name;
			return true;
		}
	}
	for (size_t i = 0; i < v->library.n_held; i++) {
		struct record *record = NULL;
		bool is_it;

		if (load_record(v, &v->library.held[i], &record, NULL) == -1)
			continue;
		is_it = record->tar.len == len && digest_equal(&record->tar.sha256, sha256);
		record_free(record);
		if (is_it) {
			*out = v->library.held[i];
			return true;
		}
	}
	return false;
}

/* Whether it begins as a zip does: a view of a course that nobody signs. */
static bool
is_zip(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char begin[4];
	bool is_it = fd != -1 && pread(fd, begin, sizeof(begin), 0) == (ssize_t)sizeof(begin) &&
	    memcmp(begin, "PK\3\4", sizeof(begin)) == 0;

	if (fd != -1)
		(void)close(fd); /* only read */
	return is_it;
}

static enum status
verify_bundle(struct verifying *v, const char *path)
{
	const struct cli *cli = v->s->cli;
	struct library_name name;
	struct digest sha256;
	char hex[DIGEST_HEX_LEN + 1];
	struct text release;
	struct err e = { 0 };
	uint64_t len;
	int rc;

	progress_begin(&v->progress, cli->lang, cli->is_quiet, path, 0);
	rc = bundle_hash(path, on_progress, v, &sha256, &len, &e);
	progress_end(&v->progress);
	if (rc == -1)
		return cli_fail(cli, &e);
	if (!is_signed_bundle(v, &sha256, len, &name)) {
		digest_hex(hex, &sha256);
		if (is_zip(path))
			CLI_WARN(cli, MSG_BUNDLE_UNSIGNED, path);
		else
			CLI_WARN(cli, MSG_BUNDLE_UNKNOWN, path, hex);
		return STATUS_UNTRUSTED;
	}
	CLI_SAY(cli, MSG_BUNDLE_GOOD, path, name.channel, name.course,
	    text_number(&release, name.release));
	return STATUS_OK;
}

/* --- the run --- */

static enum status
verify_word(struct verifying *v, const char *word)
{
	enum status worst = STATUS_OK;
	size_t n = 0;

	if (word != NULL && bundle_is_name(word))
		return verify_bundle(v, word);
	for (size_t i = 0; i < v->library.n_held && worst != STATUS_INTERRUPTED; i++) {
		enum status status;

		if (word != NULL && !library_matches(word, &v->library.held[i]))
			continue;
		n++;
		status = verify_release(v, &v->library.held[i]);
		if (status != STATUS_OK)
			worst = status;
	}
	/* Hidden ones are verified when they are named: they are here, if out of sight. */
	for (size_t i = 0; word != NULL && i < v->hidden.n_held && worst != STATUS_INTERRUPTED;
	     i++) {
		enum status status;

		if (!library_matches(word, &v->hidden.held[i]))
			continue;
		n++;
		status = verify_release(v, &v->hidden.held[i]);
		if (status != STATUS_OK)
			worst = status;
	}
	/* A browser may have named it otherwise. */
	if (n == 0 && word != NULL && access(word, F_OK) == 0)
		return verify_bundle(v, word);
	if (n == 0 && word != NULL) {
		CLI_WARN(v->s->cli, MSG_NOT_HELD, word);
		return STATUS_NOT_FOUND;
	}
	if (n == 0)
		CLI_NOTE(v->s->cli, MSG_LIST_EMPTY);
	return worst;
}

static enum status
run(struct verifying *v, const struct args_list *words)
{
	enum status worst = STATUS_OK;
	struct err e = { 0 };

	if (library_load(v->s->home, &v->library, &e) == -1 ||
	    library_load_hidden(v->s->home, &v->hidden, &e) == -1)
		return cli_fail(v->s->cli, &e);
	/* Without it the records stand for themselves; with it the channel's signature does. */
	if (catalogue_open(v->s->home, NULL, (int64_t)time(NULL), &v->catalogue, &e) == -1) {
		cli_warn_reason(v->s->cli, MSG_VERIFY_ALONE, e.text);
		v->catalogue = NULL;
	}
	for (size_t i = 0; v->catalogue != NULL && i < catalogue_n_refused(v->catalogue); i++)
		cli_warn_reason(v->s->cli, MSG_VERIFY_ALONE,
		    catalogue_refused(v->catalogue, i)->why.text);
	if (words->n == 0)
		return verify_word(v, NULL);
	for (size_t i = 0; i < words->n && worst != STATUS_INTERRUPTED; i++) {
		enum status status = verify_word(v, words->words[i]);

		if (status != STATUS_OK)
			worst = status;
	}
	return worst;
}

enum status
cmd_verify(struct cli *cli, int argc, char *const *argv)
{
	const struct cli_usage usage = { NULL, 0, ARGS_MAX_WORDS, MSG_USAGE_VERIFY };
	struct session s;
	struct verifying v = { .s = &s, .library = { NULL, 0 } };
	struct args_list words;
	enum status status = cli_parse(cli, &usage, argc, argv, &words);

	if (status != STATUS_OK || cli->is_help)
		return status;
	status = session_open_offline(&s, cli);
	if (status != STATUS_OK)
		return status;
	status = run(&v, &words);
	catalogue_close(v.catalogue);
	library_clear(&v.library);
	library_clear(&v.hidden);
	session_close(&s);
	return status;
}
