/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/patcher.h"

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
#include "catalog/repo/byhash.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/index.h"
#include "catalog/repo/novelty.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/patch.h"
#include "catalog/repo/store.h"
#include "daemon/app/layouts.h"
#include "daemon/app/rounds.h"
#include "daemon/log.h"

#define SPOOL_FILE "patch.tmp" /* in the state directory */
#define BLOCK_BYTES 4096u      /* of a recipient's disk */
#define SHORT_BYTES (16u << 20) /* a patch of so many costs a hub's disk next to nothing */
#define PAGE 64                /* courses looked up at a time */

struct patcher {
	struct patcher_parts parts; /* borrowed */
	struct rounds *rounds; /* owned */
	const atomic_bool *cancel; /* borrowed; of the round under way */
	/* Names of the patches that hints of newest releases name; of the present round. */
	struct digest *named; /* owned */
	size_t n_named, named_room;
	bool knows_all; /* every such hint was read */
};

/* --- one patch --- */

/* What patch_make() reads from. */
struct ends {
	struct patcher *p;
	struct layout *from, *to; /* from is NULL for a patch from nothing */
	struct stream *from_stream, *to_stream;
};

static int
read_frame(void *ctx, bool is_from, uint32_t frame, uint8_t *out, struct err *e)
{
	struct ends *ends = ctx;

	return stream_frame(is_from ? ends->from_stream : ends->to_stream, frame, out, e);
}

static void
ends_close(struct ends *ends)
{
	stream_free(ends->from_stream);
	stream_free(ends->to_stream);
	layouts_give_back(ends->p->parts.layouts, ends->from);
	layouts_give_back(ends->p->parts.layouts, ends->to);
}

static int
open_end(struct patcher *p, const struct state_release *r, struct layout **layout,
    struct stream **stream, struct err *e)
{
	struct stream_source src;

	if (layouts_take(p->parts.layouts, r->channel, &r->index, NULL, layout, e) == -1)
		return -1;
	src = layouts_source(p->parts.layouts, *layout);
	return stream_tar_new(&src, stream, e);
}

/* What somebody who holds from has to fetch without a patch: frames and the index. */
static int
cost_of_frames(const struct ends *ends, uint64_t *out, struct err *e)
{
	uint32_t *frames = NULL;
	size_t n = 0;

	if (novelty_frames(ends->to->index, ends->from != NULL ? ends->from->index : NULL, &frames,
	    &n, e) == -1)
		return -1;
	*out = index_encoded_len(ends->to->index);
	for (size_t i = 0; i < n; i++)
		*out += ends->to->stored_lens[frames[i]];
	free(frames);
	return 0;
}

/* Files of ix whose content other has not, as a disk counts them; other may be NULL. */
static int
bytes_only_in(const struct index *ix, const struct index *other, uint64_t *out, struct err *e)
{
	struct byhash files = { 0 };

	if (other != NULL && byhash_files(other, &files, e) == -1)
		return -1;
	*out = 0;
	for (uint32_t i = 0; i < index_n_entries(ix); i++) {
		struct index_entry entry;
		uint32_t n = 0;

		index_entry(ix, i, &entry);
		if (other != NULL)
			(void)byhash_find(&files, entry.sha256, &n);
		if (n == 0)
			*out += (entry.tar.size + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
	}
	byhash_clear(&files);
	return 0;
}

static int
cost_on_disk(const struct ends *ends, struct hint_patch *h, struct err *e)
{
	const struct index *from = ends->from != NULL ? ends->from->index : NULL;

	if (bytes_only_in(ends->to->index, from, &h->new_bytes, e) == -1)
		return -1;
	return from == NULL ? 0 : bytes_only_in(from, ends->to->index, &h->gone_bytes, e);
}

static int
check_space(const struct patcher *p, uint64_t need_bytes, struct err *e)
{
	uint64_t room;

	if (store_free_bytes(p->parts.store, &room, e) == -1)
		return -1;
	if (room < p->parts.reserve_bytes || room - p->parts.reserve_bytes < need_bytes)
		return err_set(e, ERR_BUSY, "no space for a patch of up to %" PRIu64 " MiB",
		    (need_bytes >> 20) + 1);
	return 0;
}

/*
 * The longest patch that is worth its place in the store: what it saves is saved by each reader,
 * but a long one that saves little would have the same content in the store twice; from nothing,
 * that would be each course.
 */
static uint64_t
longest_bytes(uint64_t frames_bytes, bool is_from_nothing)
{
	uint64_t tenth_less = frames_bytes - frames_bytes / 10;
	uint64_t little_less = frames_bytes - frames_bytes / 32;

	if (is_from_nothing)
		return tenth_less;
	if (little_less <= SHORT_BYTES)
		return little_less;
	return tenth_less > SHORT_BYTES ? tenth_less : SHORT_BYTES;
}

/* Make it in the state directory and move it into the store. */
static int
make_file(struct patcher *p, const struct ends *ends, struct hint_patch *h, struct err *e)
{
	const struct patch_input in = {
		.from = ends->from != NULL ? ends->from->index : NULL, .to = ends->to->index,
		.ends = { h->from, ends->to->index_hash }, .read_frame = read_frame,
		.ctx = (void *)ends, .level = (int)p->parts.level,
		.max_bytes = longest_bytes(h->frames_bytes, ends->from == NULL),
		.cancel = p->cancel,
	};
	char name[OBJPATH_SIZE];
	struct patch_made made;
	int fd, rc;

	if (check_space(p, in.max_bytes, e) == -1)
		return -1;
	fd = openat(p->parts.dirfd, SPOOL_FILE,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return err_errno(e, "create %s", SPOOL_FILE);
	rc = patch_make(&in, fd, &made, e);
	(void)close(fd); /* store_put_file() syncs it */
	if (rc == 1) {
		objpath_patch(name, ends->to->channel, &made.sha256);
		rc = store_put_file(p->parts.store, name, p->parts.dirfd, SPOOL_FILE, e);
		h->patch = made.sha256;
		h->patch_len = made.len;
	}
	if (rc == -1)
		(void)unlinkat(p->parts.dirfd, SPOOL_FILE, 0); /* the next one begins it anew */
	else if (file_remove(p->parts.dirfd, SPOOL_FILE, e) == -1)
		rc = -1;
	return rc;
}

static void
log_made(const struct state_release *to, uint32_t from, const struct hint_patch *h, int64_t ms)
{
	struct log_line l;

	if (h->patch_len > 0)
		log_begin(&l, LOG_LEVEL_INFO, "patch-made");
	else
		log_begin(&l, LOG_LEVEL_INFO, "patch-not-worth-it");
	log_text(&l, "channel", to->channel);
	log_text(&l, "course", to->course);
	log_number(&l, "release", to->number);
	log_number(&l, "from", from);
	log_number(&l, "bytes", (int64_t)h->patch_len);
	log_number(&l, "frames_bytes", (int64_t)h->frames_bytes);
	log_number(&l, "ms", ms);
	log_end(&l);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock always exists */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* from NULL: from nothing.  *h says what came of it. */
static int
make_patch(struct patcher *p, const struct state_release *to, const struct state_release *from,
    struct hint_patch *h, struct err *e)
{
	struct ends ends = { .p = p };
	int rc = -1;

	memset(h, 0, sizeof(*h));
	if (open_end(p, to, &ends.to, &ends.to_stream, e) == -1)
		goto out;
	if (from != NULL) {
		h->from = from->index;
		if (open_end(p, from, &ends.from, &ends.from_stream, e) == -1)
			goto out;
	}
	if (cost_of_frames(&ends, &h->frames_bytes, e) == -1 ||
	    cost_on_disk(&ends, h, e) == -1 || make_file(p, &ends, h, e) == -1)
		goto out;
	rc = 0;
out:
	ends_close(&ends);
	return rc;
}

/* --- one release --- */

/* The hint of a release as it is in the store. */
static int
load_hint(struct patcher *p, const struct state_release *r, struct hint **out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	char name[OBJPATH_SIZE];
	int rc = -1;

	objpath_hint(name, r->channel, r->course, r->number);
	if (store_load(p->parts.store, name, LIMIT_HINT_BYTES, &bytes, e) == 0)
		rc = hint_parse(buf_data(&bytes), buf_len(&bytes), out, e);
	buf_clear(&bytes);
	return rc;
}

/* The hint as it would be without patches, and these behind it. */
static int
write_hint(struct patcher *p, const struct state_release *r, const struct hint_patch *patches,
    size_t n, struct err *e)
{
	struct buf bytes = BUF_INIT;
	char name[OBJPATH_SIZE];
	struct layout *l;
	int rc = -1;

	layouts_hint_begin(p->parts.layouts);
	if (layouts_take(p->parts.layouts, r->channel, &r->index, NULL, &l, e) == -1) {
		layouts_hint_end(p->parts.layouts);
		return -1;
	}
	objpath_hint(name, r->channel, r->course, r->number);
	if (hint_encode(l->hint, &bytes, e) == 0 &&
	    hint_encode_patches(patches, n, &bytes, e) == 0)
		rc = store_replace(p->parts.store, name, buf_data(&bytes), buf_len(&bytes), e);
	buf_clear(&bytes);
	layouts_give_back(p->parts.layouts, l);
	layouts_hint_end(p->parts.layouts);
	return rc;
}

/* Whether it is there, and of the format that is read today. */
static bool
is_good(const struct patcher *p, const char *name)
{
	struct digest to;
	uint64_t size;
	int fd, rc;

	if (store_read(p->parts.store, name, &fd, &size, NULL) == -1)
		return false;
	rc = patch_leads_to(fd, &to, NULL);
	(void)close(fd); /* it was read only */
	return rc == 0;
}

static bool
is_named_already(const struct patcher *p, const struct hint *hint, const char *channel,
    const struct digest *from, struct hint_patch *out)
{
	char name[OBJPATH_SIZE];

	if (!hint_find_patch(hint, from, out))
		return false;
	objpath_patch(name, channel, &out->patch);
	return out->patch_len == 0 || is_good(p, name);
}

static int
remember(struct patcher *p, const struct hint_patch *patches, size_t n, struct err *e)
{
	if (p->n_named + n > p->named_room) {
		size_t room = (p->named_room + n) * 2;
		struct digest *wider = reallocarray(p->named, room, sizeof(*wider));

		if (wider == NULL)
			return err_nomem(e);
		p->named = wider;
		p->named_room = room;
	}
	for (size_t i = 0; i < n; i++)
		p->named[p->n_named++] = patches[i].patch;
	return 0;
}

/* The releases a patch may begin from, newest first; from nothing comes behind them. */
struct bases {
	struct state_release *all; /* owned */
	const struct state_release *from[HINT_PATCHES];
	size_t n;
};

static int
find_bases(struct patcher *p, const struct state_release *to, struct bases *out, struct err *e)
{
	size_t n = 0;

	out->n = 0;
	if (state_releases_list(p->parts.state, to->channel, to->course, &out->all, &n, e) == -1)
		return -1;
	for (size_t i = n; i > 0 && out->n < p->parts.n_releases; i--) {
		const struct state_release *r = &out->all[i - 1];
		bool is_other = r->number < to->number && r->is_live &&
		    !digest_equal(&r->index, &to->index);

		for (size_t k = 0; k < out->n; k++)
			is_other = is_other && !digest_equal(&r->index, &out->from[k]->index);
		if (is_other)
			out->from[out->n++] = r;
	}
	out->from[out->n++] = NULL;
	return 0;
}

/* What the hint names already, of what it should; the others stay in bases. */
static size_t
take_named(struct patcher *p, const struct state_release *to, const struct hint *hint,
    struct bases *bases, struct hint_patch *patches)
{
	static const struct digest nothing;
	size_t n = 0, left = 0;

	for (size_t i = 0; i < bases->n; i++) {
		const struct state_release *from = bases->from[i];

		if (is_named_already(p, hint, to->channel, from != NULL ? &from->index : &nothing,
		    &patches[n]))
			n++;
		else
			bases->from[left++] = from;
	}
	bases->n = left;
	return n;
}

/*
 * Make what the hint does not name, and name each as soon as it is there.  One that fails is no
 * reason to do without the others.
 */
static int
patch_release(struct patcher *p, const struct state_release *to, struct err *e)
{
	struct hint_patch patches[HINT_PATCHES];
	struct bases bases = { 0 };
	struct hint *hint = NULL;
	size_t n = 0;
	int rc = -1;

	if (load_hint(p, to, &hint, e) == -1 || find_bases(p, to, &bases, e) == -1)
		goto out;
	n = take_named(p, to, hint, &bases, patches);
	for (size_t i = 0; i < bases.n && !atomic_load(p->cancel); i++) {
		const struct state_release *from = bases.from[i];
		int64_t began = now_ms();
		struct err mine = { 0 };

		if (make_patch(p, to, from, &patches[n], &mine) == 0) {
			if (write_hint(p, to, patches, ++n, e) == -1)
				goto out;
			log_made(to, from != NULL ? from->number : 0, &patches[n - 1],
			    now_ms() - began);
		} else if (!atomic_load(p->cancel))
			log_failure(LOG_LEVEL_WARN, "patch", &mine);
	}
	rc = remember(p, patches, n, e);
out:
	free(bases.all);
	hint_free(hint);
	return rc;
}

/* --- what nobody needs any more --- */

static int
by_digest(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

struct sweep {
	struct patcher *p;
	int64_t now;
};

static int
sweep_one(void *ctx, const struct store_item *item, struct err *e)
{
	struct sweep *s = ctx;
	struct objpath name;

	if (objpath_parse(&name, item->name, NULL) == -1 || name.kind != OBJPATH_PATCH)
		return 0;
	if (s->now - item->changed_at < PATCHER_GRACE_S ||
	    (s->p->n_named > 0 && bsearch(&name.hash, s->p->named, s->p->n_named,
	    sizeof(*s->p->named), by_digest) != NULL))
		return 0;
	log_note(LOG_LEVEL_INFO, "patch-removed", "%s", item->name);
	return store_remove(s->p->parts.store, item->name, e);
}

/* --- rounds --- */

/* Make *r the newest release of its course that is not recalled.  1: there is none. */
static int
pass_recalled(struct patcher *p, struct state_release *r, struct err *e)
{
	struct state_release *all = NULL;
	size_t n = 0;
	int rc = 1;

	if (r->withdrawn_at == 0)
		return 0;
	if (state_releases_list(p->parts.state, r->channel, r->course, &all, &n, e) == -1)
		return -1;
	for (size_t i = n; i > 0 && rc == 1; i--)
		if (all[i - 1].is_live && all[i - 1].withdrawn_at == 0) {
			*r = all[i - 1];
			rc = 0;
		}
	free(all);
	return rc;
}

/* Make what one course's newest release lacks. */
static void
patch_course(struct patcher *p, struct state_release *newest)
{
	struct err e = { 0 };
	int rc = pass_recalled(p, newest, &e);

	if (rc == 0)
		rc = patch_release(p, newest, &e);
	if (rc == -1) {
		p->knows_all = false;
		if (!atomic_load(p->cancel))
			log_failure(LOG_LEVEL_WARN, "patches", &e);
	}
}

static int
patch_all(struct patcher *p, struct err *e)
{
	struct state_releases_walk walk = { .next_channel = NULL };
	struct state_release *page;
	size_t n;

	do {
		if (state_releases_page(p->parts.state, &walk, PAGE, &page, &n, e) == -1)
			return -1;
		if (n > 0) {
			memcpy(walk.channel, page[n - 1].channel, sizeof(walk.channel));
			memcpy(walk.course, page[n - 1].course, sizeof(walk.course));
		}
		for (size_t i = 0; i < n && !atomic_load(p->cancel); i++)
			patch_course(p, &page[i]);
		free(page);
	} while (n > 0 && !atomic_load(p->cancel));
	return 0;
}

static void
one_round(void *ctx, const atomic_bool *cancel)
{
	struct patcher *p = ctx;
	struct sweep sweep = { .p = p, .now = (int64_t)time(NULL) };
	struct err e = { 0 };

	p->cancel = cancel;
	p->n_named = 0;
	p->knows_all = true;
	if (patch_all(p, &e) == -1) {
		log_failure(LOG_LEVEL_ERROR, "patches", &e);
		return;
	}
	if (!p->knows_all || atomic_load(p->cancel))
		return;
	if (p->n_named > 0)
		qsort(p->named, p->n_named, sizeof(*p->named), by_digest);
	if (store_walk(p->parts.store, "patches", sweep_one, &sweep, &e) == -1)
		log_failure(LOG_LEVEL_WARN, "patches-sweep", &e);
}

int
patcher_run(const struct patcher_parts *parts, struct patcher **out, struct err *e)
{
	struct patcher *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_nomem(e);
	p->parts = *parts;
	if (p->parts.n_releases > HINT_PATCHES - 1)
		p->parts.n_releases = HINT_PATCHES - 1;
	if (rounds_run(one_round, p, "makes patches", &p->rounds, e) == -1) {
		free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void
patcher_wake(struct patcher *p)
{
	if (p != NULL)
		rounds_wake(p->rounds);
}

void
patcher_free(struct patcher *p)
{
	if (p == NULL)
		return;
	rounds_free(p->rounds);
	free(p->named);
	free(p);
}
