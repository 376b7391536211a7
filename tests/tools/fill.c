/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Courses without content, for a long catalogue: fill STATE-DIR CHANNEL FROM TO [CHANNELS]
 * enters courses c<FROM> to c<TO - 1> of the channel, one release each, as a hub enters a
 * publication: a record in the store, a row and an entry of the audit log.  With CHANNELS they go
 * in turn to so many channels, CHANNEL.00000 and on.  The hub must not run.  What no catalogue
 * looks at (packs, indexes, signed roles, channels in the registry) is not made.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/hub/state.h"
#include "catalog/hub/state_releases.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/record.h"
#include "catalog/repo/store.h"

#define PUBLISHED_AT 1790000000 /* UTC; a day in 2026 */

static void
die(const char *what, const struct err *e)
{
	(void)fprintf(stderr, "fill: %s: %s\n", what, e->text);
	exit(1);
}

static void
make_record(struct record *r, const char *channel, unsigned long n, struct record_text *title)
{
	static char lang[] = "zh", field[] = "ip", label[] = "2026";

	memset(r, 0, sizeof(*r));
	(void)snprintf(r->channel, sizeof(r->channel), "%s", channel);
	(void)snprintf(r->course, sizeof(r->course), "c%lu", n);
	r->release = 1;
	r->published_at = PUBLISHED_AT;
	r->label = label;
	r->field = field;
	title->lang = lang;
	r->title = (struct record_texts){ title, 1 };
	r->n_files = 40;
	r->file_bytes = 300000000;
	r->tar.len = 300100096;
	r->index.len = 9000;
	/* Digests only have to differ. */
	memcpy(r->tar.sha256.bytes, &n, sizeof(n));
	memcpy(r->index.sha256.bytes, &n, sizeof(n));
	r->tar.sha256.bytes[31] = 1;
	r->index.sha256.bytes[31] = 2;
}

static void
enter(struct store *store, struct state *state, const char *channel, unsigned long n)
{
	char text[80], language[] = "zh", name[OBJPATH_SIZE], *languages[] = { language };
	struct record_text title = { NULL, text };
	struct objpath path = { .kind = OBJPATH_RECORD, .release = 1 };
	struct state_release row = { .number = 1, .is_live = true };
	const uint32_t live = 1;
	const struct state_releases_switch sw = { .role_version = (int64_t)n + 2, .live = &live,
		.n_live = 1 };
	struct audit_note note = { .at = PUBLISHED_AT, .actor = "fill", .action = "publish",
		.object = name, .detail = "" };
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };
	struct record r;

	(void)snprintf(text, sizeof(text), "第 %lu 门课：商标注册与维权实务", n);
	make_record(&r, channel, n, &title);
	r.languages = (struct record_list){ languages, 1 };
	if (record_encode(&r, &bytes, &e) == -1)
		die("record", &e);
	digest_of(&path.hash, buf_data(&bytes), buf_len(&bytes));
	memcpy(path.channel, r.channel, sizeof(path.channel));
	memcpy(path.course, r.course, sizeof(path.course));
	objpath_build(name, &path);
	if (store_put(store, name, buf_data(&bytes), buf_len(&bytes), &e) == -1)
		die(name, &e);
	memcpy(row.channel, r.channel, sizeof(r.channel));
	memcpy(row.course, r.course, sizeof(r.course));
	row.record = path.hash;
	row.record_len = (uint32_t)buf_len(&bytes);
	row.index = r.index.sha256;
	row.tar = r.tar.sha256;
	row.index_len = r.index.len;
	row.tar_len = row.zst_len = r.tar.len;
	row.published_at = PUBLISHED_AT;
	if (state_releases_publish(state, &row, &sw, &note, &e) == -1)
		die("release", &e);
	buf_clear(&bytes);
}

int
main(int argc, char **argv)
{
	char path[4096], channel[LIMIT_ID_BYTES + 1];
	unsigned long n_channels = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;
	struct store *store;
	struct state *state;
	struct err e = { 0 };

	if ((argc != 5 && n_channels == 0) || n_channels > 100000) {
		(void)fprintf(stderr, "usage: fill STATE-DIR CHANNEL FROM TO [CHANNELS]\n");
		return 2;
	}
	(void)snprintf(path, sizeof(path), "%s/repo", argv[1]);
	if (store_open(AT_FDCWD, path, STORE_WRITE, &store, &e) == -1)
		die(path, &e);
	(void)snprintf(path, sizeof(path), "%s/state.db", argv[1]);
	if (state_open(path, &state, &e) == -1)
		die(path, &e);
	for (unsigned long n = strtoul(argv[3], NULL, 10); n < strtoul(argv[4], NULL, 10); n++) {
		(void)snprintf(channel, sizeof(channel), n_channels > 0 ? "%.42s.%05lu" : "%.48s",
		    argv[2], n_channels > 0 ? n % n_channels : 0);
		enter(store, state, channel, n);
	}
	state_close(state);
	store_close(store);
	return 0;
}
