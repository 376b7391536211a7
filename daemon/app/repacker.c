/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/repacker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/hub/state_releases.h"
#include "catalog/hub/state_repack.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/pack.h"
#include "catalog/repo/store.h"
#include "daemon/app/channelpacks.h"
#include "daemon/app/context.h"
#include "daemon/app/layouts.h"
#include "daemon/app/rounds.h"
#include "daemon/log.h"

#define SPOOL_FILE "repack.tmp" /* in the state directory */
#define MAX_ROUNDS 3u           /* that change packs, for one state of a channel's releases */

/* What a channel looked like when it was last looked at. */
struct seen {
	char channel[LIMIT_ID_BYTES + 1];
	struct digest releases;
	unsigned n_rounds;
};

struct repacker {
	struct repacker_parts parts; /* borrowed */
	struct rounds *rounds; /* owned */
	const atomic_bool *cancel; /* borrowed; of the round under way */
	struct seen *seen; /* owned */
	size_t n_seen;
};

/* --- one pack --- */

struct copying {
	struct repacker *r;
	const char *channel;
	const struct channelpacks *from;
	uint32_t source;     /* number of the pack that is open */
	int source_fd;       /* -1: none */
	int fd;              /* of the pack being written */
	struct pack_writer *w;
	uint8_t *stored;     /* owned */
	uint32_t stored_room;
	uint32_t first;      /* number in the plan of the first frame of this pack */
};

static int
open_source(struct copying *c, uint32_t pack, struct err *e)
{
	char name[OBJPATH_SIZE];
	uint64_t size;

	if (c->source_fd != -1 && c->source == pack)
		return 0;
	if (c->source_fd != -1)
		close(c->source_fd);
	c->source_fd = -1;
	objpath_pack(name, c->channel, &c->from->packs[pack].sha256);
	if (store_read(c->r->parts.store, name, &c->source_fd, &size, e) == -1)
		return -1;
	c->source = pack;
	return 0;
}

static int
read_stored(struct copying *c, const struct repack_frame *at, const struct digest *want,
    struct err *e)
{
	struct digest found;

	if (open_source(c, at->pack, e) == -1)
		return -1;
	if (at->stored_len > c->stored_room) {
		uint8_t *wider = realloc(c->stored, at->stored_len);

		if (wider == NULL)
			return err_nomem(e);
		c->stored = wider;
		c->stored_room = at->stored_len;
	}
	for (size_t done = 0; done < at->stored_len;) {
		ssize_t n = pread(c->source_fd, c->stored + done, at->stored_len - done,
		    (off_t)(at->off + done));

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == -1 ? err_errno(e, "read a pack")
			    : err_set(e, ERR_SYSTEM, "a pack is shorter than the state says");
		done += (size_t)n;
	}
	digest_of(&found, c->stored, at->stored_len);
	if (!digest_equal(&found, want))
		return err_set(e, ERR_SYSTEM, "a frame of a pack was damaged on the disk");
	return 0;
}

static int
begin_pack(struct copying *c, struct err *e)
{
	c->fd = openat(c->r->parts.dirfd, SPOOL_FILE,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->fd == -1)
		return err_errno(e, "create %s", SPOOL_FILE);
	c->w = pack_writer_new(c->fd, e);
	return c->w == NULL ? -1 : 0;
}

static void
log_written(const char *channel, const struct digest *name, uint32_t n, uint64_t len)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct log_line l;

	digest_hex(hex, name);
	log_begin(&l, LOG_LEVEL_INFO, "pack-rewritten");
	log_text(&l, "channel", channel);
	log_text(&l, "pack", hex);
	log_number(&l, "frames", n);
	log_number(&l, "bytes", (int64_t)len);
	log_end(&l);
}

/* The pack is in the store: its frames lie there from now on. */
static int
enter_pack(struct copying *c, const struct repack_plan *plan, const struct state_pack *row,
    struct err *e)
{
	uint32_t n = pack_writer_n_frames(c->w);
	struct state_frame *frames = calloc((size_t)n + 1, sizeof(*frames));
	struct audit_note note = context_own_note((int64_t)time(NULL), "repack", c->channel, "");
	int rc;

	if (frames == NULL)
		return err_nomem(e);
	for (uint32_t i = 0; i < n; i++) {
		const struct channelpacks_frame *f = &c->from->frames[plan->frames[c->first + i]];
		struct pack_frame at;

		pack_writer_frame(c->w, i, &at);
		frames[i] = (struct state_frame){ .content = f->content, .stored = f->stored,
			.offset = at.off, .content_len = f->content_len,
			.stored_len = at.stored_len };
	}
	rc = state_repack_move(c->r->parts.state, row, frames, n, &note, e);
	free(frames);
	if (rc == 0) {
		layouts_forget(c->r->parts.layouts);
		log_written(c->channel, &row->sha256, n, row->length);
	}
	return rc;
}

static int
finish_pack(struct copying *c, const struct repack_plan *plan, struct err *e)
{
	struct repacker_parts *parts = &c->r->parts;
	const struct repack_frame *first = &c->from->places[plan->frames[c->first]];
	struct state_pack row = { .channel = c->channel,
		.org = c->from->packs[first->pack].org };
	char name[OBJPATH_SIZE];
	struct err mine = { 0 };
	bool had;
	int rc;

	if (pack_writer_finish(c->w, &row.sha256, &row.length, e) == -1)
		return -1;
	(void)close(c->fd); /* store_put_file() syncs it */
	c->fd = -1;
	objpath_pack(name, c->channel, &row.sha256);
	had = store_has(parts->store, name);
	if (store_put_file(parts->store, name, parts->dirfd, SPOOL_FILE, e) == -1)
		return -1;
	rc = enter_pack(c, plan, &row, e);
	/* Its bytes may be somebody's secret by now, purged while we copied. */
	if (rc == -1 && e->class == ERR_CONFLICT && !had &&
	    store_remove(parts->store, name, &mine) == -1)
		log_failure(LOG_LEVEL_WARN, "packs", &mine);
	c->first += pack_writer_n_frames(c->w);
	pack_writer_free(c->w);
	c->w = NULL;
	return rc;
}

static int
copy_frame(struct copying *c, const struct repack_plan *plan, size_t i, struct err *e)
{
	uint32_t number = plan->frames[i];
	const struct repack_frame *at = &c->from->places[number];
	const struct channelpacks_frame *f = &c->from->frames[number];
	const struct pack_frame row = { .content = f->content, .stored = f->stored,
		.content_len = f->content_len, .stored_len = at->stored_len };

	if (c->w != NULL && !pack_writer_has_room(c->w, at->stored_len) &&
	    finish_pack(c, plan, e) == -1)
		return -1;
	if (c->w == NULL && begin_pack(c, e) == -1)
		return -1;
	if (read_stored(c, at, &f->stored, e) == -1)
		return -1;
	return pack_writer_add(c->w, &row, c->stored, e) == -1 ? -1 : 0;
}

static int
check_space(const struct repacker *r, uint64_t need_bytes, struct err *e)
{
	uint64_t room;

	if (store_free_bytes(r->parts.store, &room, e) == -1)
		return -1;
	if (room < r->parts.reserve_bytes || room - r->parts.reserve_bytes < need_bytes)
		return err_set(e, ERR_BUSY, "no space to write %" PRIu64 " MiB of packs anew",
		    (need_bytes >> 20) + 1);
	return 0;
}

static int
write_packs(struct repacker *r, const char *channel, const struct channelpacks *from,
    const struct repack_plan *plan, struct err *e)
{
	struct copying c = { .r = r, .channel = channel, .from = from, .source_fd = -1, .fd = -1 };
	int rc = check_space(r, plan->bytes + plan->n * 128, e);

	for (size_t i = 0; rc == 0 && i < plan->n; i++) {
		if (atomic_load(r->cancel))
			rc = err_set(e, ERR_BUSY, "the hub stops");
		else
			rc = copy_frame(&c, plan, i, e);
	}
	if (rc == 0 && c.w != NULL)
		rc = finish_pack(&c, plan, e);
	if (c.fd != -1)
		(void)close(c.fd);
	if (rc == -1)
		(void)unlinkat(r->parts.dirfd, SPOOL_FILE, 0); /* the next one begins it anew */
	if (c.source_fd != -1)
		close(c.source_fd);
	pack_writer_free(c.w);
	free(c.stored);
	return rc;
}

/* --- hints --- */

static int
encode_hint(struct repacker *r, const struct state_release *release, const struct hint *old,
    struct buf *bytes, struct err *e)
{
	struct hint_patch patches[HINT_PATCHES];
	size_t n = hint_n_patches(old);
	struct layout *l;
	int rc;

	if (layouts_take(r->parts.layouts, release->channel, &release->index, NULL, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		hint_patch(old, i, &patches[i]);
	rc = hint_encode(l->hint, bytes, e);
	if (rc == 0 && n > 0)
		rc = hint_encode_patches(patches, n, bytes, e);
	layouts_give_back(r->parts.layouts, l);
	return rc;
}

/* The same patches, the places of now.  One that is not there (recalled just now) stays away. */
static int
replace_hint(struct repacker *r, const struct state_release *release, struct err *e)
{
	struct buf bytes = BUF_INIT, old_bytes = BUF_INIT;
	struct err mine = { 0 };
	struct hint *old = NULL;
	char name[OBJPATH_SIZE];
	int rc = -1;

	objpath_hint(name, release->channel, release->course, release->number);
	layouts_hint_begin(r->parts.layouts);
	if (store_load(r->parts.store, name, LIMIT_HINT_BYTES, &old_bytes, &mine) == -1)
		rc = mine.class == ERR_NOT_FOUND ? 0 : err_set(e, mine.class, "%s", mine.text);
	else if (hint_parse(buf_data(&old_bytes), buf_len(&old_bytes), &old, e) == 0 &&
	    encode_hint(r, release, old, &bytes, e) == 0)
		rc = store_replace(r->parts.store, name, buf_data(&bytes), buf_len(&bytes), e);
	layouts_hint_end(r->parts.layouts);
	hint_free(old);
	buf_clear(&old_bytes);
	buf_clear(&bytes);
	return rc;
}

static int
replace_hints(struct repacker *r, const char *channel, const struct state_release *all, size_t n,
    struct err *e)
{
	bool due;

	if (state_repack_hints_due(r->parts.state, channel, &due, e) == -1)
		return -1;
	if (!due)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (all[i].is_live && strcmp(all[i].channel, channel) == 0 &&
		    replace_hint(r, &all[i], e) == -1)
			return -1;
	return state_repack_hints_done(r->parts.state, channel, e);
}

/* --- one channel --- */

/* Which releases there are, as one hash. */
static int
hash_releases(const char *channel, const struct state_release *all, size_t n, struct digest *out,
    struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		char hex[DIGEST_HEX_LEN + 1];

		if (strcmp(all[i].channel, channel) != 0)
			continue;
		digest_hex(hex, &all[i].index);
		rc = buf_printf(&b, e, "%s %u %d %s\n", all[i].course, all[i].number,
		    all[i].is_live, hex);
	}
	if (rc == 0)
		digest_of(out, buf_data(&b), buf_len(&b));
	buf_clear(&b);
	return rc;
}

static struct seen *
find_seen(struct repacker *r, const char *channel, struct err *e)
{
	struct seen *more;

	for (size_t i = 0; i < r->n_seen; i++)
		if (strcmp(r->seen[i].channel, channel) == 0)
			return &r->seen[i];
	more = reallocarray(r->seen, r->n_seen + 1, sizeof(*more));
	if (more == NULL) {
		(void)err_nomem(e);
		return NULL;
	}
	r->seen = more;
	memset(&more[r->n_seen], 0, sizeof(*more));
	(void)snprintf(more[r->n_seen].channel, sizeof(more->channel), "%s", channel); /* ids fit */
	return &more[r->n_seen++];
}

/* 1: something moved, look again.  0: all is well.  -1. */
static int
rewrite(struct repacker *r, const char *channel, const struct state_release *all, size_t n,
    struct err *e)
{
	const struct channelpacks_parts parts = { .state = r->parts.state,
		.store = r->parts.store, .layouts = r->parts.layouts };
	struct channelpacks packs;
	struct repack_plan plan;
	struct repack_input in;
	int rc = -1;

	if (channelpacks_load(&parts, channel, all, n, &packs, e) == -1)
		return -1;
	in = channelpacks_input(&packs);
	if (repack_make(&in, &plan, e) == 0) {
		rc = plan.n == 0 ? 0 : write_packs(r, channel, &packs, &plan, e);
		if (rc == 0 && plan.n > 0)
			rc = 1;
		repack_clear(&plan);
	}
	channelpacks_clear(&packs);
	return rc;
}

static int
one_channel(struct repacker *r, const char *channel, const struct state_release *all, size_t n,
    struct err *e)
{
	struct seen *s = find_seen(r, channel, e);
	struct digest now;
	int rc = 1;

	if (s == NULL || hash_releases(channel, all, n, &now, e) == -1 ||
	    replace_hints(r, channel, all, n, e) == -1)
		return -1;
	if (!digest_equal(&now, &s->releases)) {
		s->releases = now;
		s->n_rounds = 0;
	}
	while (rc == 1 && s->n_rounds < MAX_ROUNDS && !atomic_load(r->cancel)) {
		rc = rewrite(r, channel, all, n, e);
		if (rc == 1)
			s->n_rounds++;
		if (rc == 0)
			s->n_rounds = MAX_ROUNDS;
		if (rc == 1)
			rc = replace_hints(r, channel, all, n, e) == -1 ? -1 : 1;
	}
	return rc == -1 ? -1 : 0;
}

/* --- rounds --- */

static void
one_round(void *ctx, const atomic_bool *cancel)
{
	struct repacker *r = ctx;
	struct state_release *all = NULL;
	struct err e = { 0 };
	size_t n = 0;

	r->cancel = cancel;
	if (state_purge_releases(r->parts.state, &all, &n, &e) == -1) {
		log_failure(LOG_LEVEL_ERROR, "packs", &e);
		return;
	}
	for (size_t i = 0; i < n && !atomic_load(r->cancel); i++) {
		struct err mine = { 0 };
		size_t k = 0;

		while (strcmp(all[k].channel, all[i].channel) != 0)
			k++;
		if (k == i && one_channel(r, all[i].channel, all, n, &mine) == -1 &&
		    !atomic_load(r->cancel))
			log_failure(LOG_LEVEL_WARN, "packs", &mine);
	}
	free(all);
}

int
repacker_run(const struct repacker_parts *parts, struct repacker **out, struct err *e)
{
	struct repacker *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_nomem(e);
	r->parts = *parts;
	if (rounds_run(one_round, r, "looks after packs", &r->rounds, e) == -1) {
		free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
repacker_wake(struct repacker *r)
{
	if (r != NULL)
		rounds_wake(r->rounds);
}

void
repacker_free(struct repacker *r)
{
	if (r == NULL)
		return;
	rounds_free(r->rounds);
	free(r->seen);
	free(r);
}
