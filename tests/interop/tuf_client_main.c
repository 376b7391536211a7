/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf-client: what catalog/trust believes, as a command of its own, so that tests which
 * others wrote for TUF clients can be pointed at it (docs/TESTING.md).
 *
 *	tuf-client --metadata-dir D init ROOT
 *	tuf-client --metadata-dir D --metadata-url U refresh
 *	tuf-client --metadata-dir D --metadata-url U --target-name NAME... --target-dir T
 *	    --target-base-url B download
 *
 * D holds role files and nothing else, so the lock is on the directory itself.  A target
 * is kept in T as its quoted path.  Exit status 0, or 1 and one line on standard error.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/trust/trust.h"
#include "catalog/trust/verify.h"
#include "tests/interop/fetch.h"

#define MAX_TARGETS 64u
#define MAX_TARGET_BYTES (64u << 20) /* targets are judged in memory here */

struct options {
	const char *metadata_dir, *metadata_url;
	const char *target_dir, *target_base_url;
	const char *target_names[MAX_TARGETS];
	size_t n_targets;
	const char *const *words; /* verb and its argument */
	size_t n_words;
};

/* A client at work: the directory it holds, what it believes, where it asks. */
struct client {
	const struct options *o; /* borrowed */
	int dirfd;               /* owned, locked */
	struct fetch *fetch;     /* owned */
	struct trust *trust;     /* owned */
	int64_t now;
};

/* --- where bytes come from --- */

/* The base, '/' where it has none at its end, and the rest of a path. */
static int
join_url(const char *base, const char *rest, struct buf *url, struct err *e)
{
	size_t len = strlen(base);

	return buf_printf(url, e, "%s%s%s", base,
	    len > 0 && base[len - 1] == '/' ? "" : "/", rest);
}

/* A trust_source asks for "metadata/3.root.json"; the URL we were given is that directory. */
static int
fetch_metadata(void *ctx, const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
	const struct client *c = ctx;
	struct buf url = BUF_INIT;
	int rc = -1;

	if (join_url(c->o->metadata_url, path + strlen("metadata/"), &url, e) == 0)
		rc = fetch_get(c->fetch, buf_text(&url), max_bytes, out, e);
	(void)fprintf(stderr, "%s: %s\n", buf_text(&url), rc == 0 ? "here" : "not had");
	buf_clear(&url);
	return rc;
}

/* Append a path with what a URL cannot hold as %XX; '/' stays. */
static int
quote_path(const char *path, struct buf *out, struct err *e)
{
	for (;;) {
		size_t len = strcspn(path, "/");
		char *part = strndup(path, len);
		int rc;

		if (part == NULL)
			return err_nomem(e);
		rc = meta_quote_role(part, out, e);
		free(part);
		if (rc == -1)
			return -1;
		if (path[len] == '\0')
			return 0;
		if (buf_add_text(out, "/", e) == -1)
			return -1;
		path += len + 1;
	}
}

static int
target_url(const struct client *c, const struct meta_target *t, struct buf *url, struct err *e)
{
	struct buf path = BUF_INIT;
	struct buf quoted = BUF_INIT;
	int rc = -1;

	if (trust_target_path(c->trust, t, &path, e) == 0 &&
	    quote_path(buf_text(&path) + strlen("targets/"), &quoted, e) == 0)
		rc = join_url(c->o->target_base_url, buf_text(&quoted), url, e);
	buf_clear(&path);
	buf_clear(&quoted);
	return rc;
}

/* --- the three commands --- */

static int
init(const struct client *c, const char *path, struct err *e)
{
	struct buf root = BUF_INIT;
	int rc = -1;

	if (file_load(AT_FDCWD, path, LIMIT_ROOT_BYTES, &root, e) == 0)
		rc = trust_init(c->dirfd, buf_data(&root), buf_len(&root), e);
	buf_clear(&root);
	return rc;
}

static int
refresh(struct client *c, struct err *e)
{
	struct trust_source source = { .ctx = c, .fetch = fetch_metadata };

	if (trust_open(c->dirfd, NULL, &c->trust, e) == -1)
		return -1;
	return trust_refresh(c->trust, &source, c->now, e);
}

/* Whether the directory holds the target's bytes already. */
static bool
is_held(int dirfd, const char *file, const struct meta_target *t)
{
	struct buf bytes = BUF_INIT;
	bool held = file_load(dirfd, file, (size_t)t->bytes.length, &bytes, NULL) == 0 &&
	    verify_bytes(&t->bytes, buf_data(&bytes), buf_len(&bytes), NULL) == 0;

	buf_clear(&bytes);
	return held;
}

static int
fetch_target(const struct client *c, int dirfd, const char *file, const struct meta_target *t,
    struct err *e)
{
	struct buf url = BUF_INIT;
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (target_url(c, t, &url, e) == 0 &&
	    fetch_get(c->fetch, buf_text(&url), (size_t)t->bytes.length, &bytes, e) == 0 &&
	    verify_bytes(&t->bytes, buf_data(&bytes), buf_len(&bytes), e) == 0)
		rc = file_save(dirfd, file, buf_data(&bytes), buf_len(&bytes), 0644, e);
	buf_clear(&url);
	buf_clear(&bytes);
	return rc;
}

static int
download_one(struct client *c, int dirfd, const char *name, struct err *e)
{
	struct trust_source source = { .ctx = c, .fetch = fetch_metadata };
	const struct meta_target *t;
	struct buf file = BUF_INIT;
	int rc = -1;

	if (trust_find_target(c->trust, &source, name, c->now, &t, e) == -1)
		return -1;
	if (t->bytes.length > (int64_t)MAX_TARGET_BYTES)
		return err_set(e, ERR_BAD_INPUT, "%" PRId64 " bytes, at most %u are taken here",
		    t->bytes.length, MAX_TARGET_BYTES);
	if (meta_quote_role(name, &file, e) == 0)
		rc = is_held(dirfd, buf_text(&file), t)
		    ? 0
		    : fetch_target(c, dirfd, buf_text(&file), t, e);
	buf_clear(&file);
	return rc;
}

static int
download(struct client *c, struct err *e)
{
	int dirfd, rc;

	rc = refresh(c, e);
	if (rc == -1)
		return -1;
	dirfd = open(c->o->target_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return err_errno(e, "%s", c->o->target_dir);
	for (size_t i = 0; rc == 0 && i < c->o->n_targets; i++) {
		char quoted[120];
		const char *name = c->o->target_names[i];

		rc = download_one(c, dirfd, name, e);
		if (rc == -1)
			err_within(e, "%s", err_quote(quoted, sizeof(quoted), name, strlen(name)));
	}
	(void)close(dirfd); /* file_save() has synced it */
	return rc;
}

/* --- the command line --- */

static int
usage(struct err *e)
{
	return err_set(e, ERR_BAD_INPUT,
	    "usage: tuf-client --metadata-dir D [--metadata-url U] "
	    "[--target-name N]... [--target-dir T] [--target-base-url B] "
	    "init ROOT | refresh | download");
}

static int
parse_options(int argc, char *const *argv, struct options *o, struct err *e)
{
	static const struct option known[] = {
		{ "metadata-dir", required_argument, NULL, 'd' },
		{ "metadata-url", required_argument, NULL, 'u' },
		{ "target-name", required_argument, NULL, 'n' },
		{ "target-dir", required_argument, NULL, 't' },
		{ "target-base-url", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		if (c == 'd')
			o->metadata_dir = optarg;
		else if (c == 'u')
			o->metadata_url = optarg;
		else if (c == 't')
			o->target_dir = optarg;
		else if (c == 'b')
			o->target_base_url = optarg;
		else if (c == 'n' && o->n_targets < MAX_TARGETS)
			o->target_names[o->n_targets++] = optarg;
		else
			return usage(e);
	}
	o->words = (const char *const *)argv + optind;
	o->n_words = (size_t)(argc - optind);
	return o->metadata_dir == NULL || o->n_words == 0 ? usage(e) : 0;
}

static int
run_verb(struct client *c, struct err *e)
{
	const struct options *o = c->o;
	const char *verb = o->words[0];

	if (strcmp(verb, "init") == 0 && o->n_words == 2)
		return init(c, o->words[1], e);
	if (o->n_words != 1 || o->metadata_url == NULL)
		return usage(e);
	if (strcmp(verb, "refresh") == 0)
		return refresh(c, e);
	if (strcmp(verb, "download") != 0 || o->n_targets == 0 || o->target_dir == NULL ||
	    o->target_base_url == NULL)
		return usage(e);
	return download(c, e);
}

static int
run(const struct options *o, struct err *e)
{
	struct client c = { .o = o, .dirfd = -1, .now = (int64_t)time(NULL) };
	int rc = -1;

	c.dirfd = open(o->metadata_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.dirfd == -1 || flock(c.dirfd, LOCK_EX | LOCK_NB) == -1)
		(void)err_errno(e, "%s", o->metadata_dir);
	else if (fetch_new(&c.fetch, e) == 0)
		rc = run_verb(&c, e);
	trust_close(c.trust);
	fetch_free(c.fetch);
	if (c.dirfd != -1)
		(void)close(c.dirfd); /* gives the lock back */
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	struct err e = { 0 };
	int rc = -1;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		(void)err_set(&e, ERR_SYSTEM, "libcurl does not start");
	else if (parse_options(argc, argv, &o, &e) == 0)
		rc = run(&o, &e);
	curl_global_cleanup();
	if (rc == -1)
		(void)fprintf(stderr, "tuf-client: %s: %s\n", err_class_name(e.class), e.text);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
