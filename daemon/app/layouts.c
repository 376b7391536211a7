/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/layouts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"
#include "catalog/hub/state_frames.h"
#include "catalog/repo/hint.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/store.h"
#include "daemon/app/frames.h"

#define BATCH_FRAMES 2048u /* asked of the state at once: 230 KB */

struct kept {
	struct layout l; /* first: a struct layout * is a struct kept * */
	size_t bytes;    /* memory, about */
	unsigned users;
	bool is_listed;
	struct kept *newer, *older;
};

struct layouts {
	struct state *state;       /* borrowed */
	const struct store *store; /* borrowed */
	struct frames *frames;     /* owned */
	size_t max_bytes;
	pthread_mutex_t lock; /* of what follows */
	struct kept *newest, *oldest;
	size_t bytes;
	uint64_t n_forgotten;      /* how often all were forgotten */
	pthread_mutex_t hint_lock; /* layouts_hint_begin() */
};

static void
kept_free(struct kept *k)
{
	if (k == NULL)
		return;
	free(k->l.stored_lens);
	zip_free(atomic_load(&k->l.zip));
	hint_free(k->l.hint);
	index_free(k->l.index);
	free(k);
}

int
layouts_new(struct state *state, const struct store *store, size_t max_bytes,
    struct layouts **out, struct err *e)
{
	struct layouts *ls = calloc(1, sizeof(*ls));

	if (ls == NULL || pthread_mutex_init(&ls->lock, NULL) != 0) {
		free(ls);
		return err_nomem(e);
	}
	if (pthread_mutex_init(&ls->hint_lock, NULL) != 0) {
		pthread_mutex_destroy(&ls->lock);
		free(ls);
		return err_nomem(e);
	}
	if (frames_new(LAYOUTS_FRAMES_BYTES, &ls->frames, e) == -1) {
		layouts_free(ls);
		return -1;
	}
	ls->state = state;
	ls->store = store;
	ls->max_bytes = max_bytes;
	*out = ls;
	return 0;
}

static void
unlist(struct layouts *ls, struct kept *k)
{
	if (k->newer != NULL)
		k->newer->older = k->older;
	else
		ls->newest = k->older;
	if (k->older != NULL)
		k->older->newer = k->newer;
	else
		ls->oldest = k->newer;
	k->newer = k->older = NULL;
	k->is_listed = false;
	ls->bytes -= k->bytes;
}

static void
list_newest(struct layouts *ls, struct kept *k)
{
	k->older = ls->newest;
	k->newer = NULL;
	if (ls->newest != NULL)
		ls->newest->newer = k;
	else
		ls->oldest = k;
	ls->newest = k;
	k->is_listed = true;
	ls->bytes += k->bytes;
}

/* Forget from the oldest on until the bound holds; those in use are freed by their last user. */
static void
shrink(struct layouts *ls)
{
	while (ls->bytes > ls->max_bytes && ls->oldest != NULL) {
		struct kept *k = ls->oldest;

		unlist(ls, k);
		if (k->users == 0)
			kept_free(k);
	}
}

void
layouts_free(struct layouts *ls)
{
	if (ls == NULL)
		return;
	while (ls->newest != NULL) {
		struct kept *k = ls->newest;

		unlist(ls, k);
		kept_free(k);
	}
	frames_free(ls->frames);
	pthread_mutex_destroy(&ls->hint_lock);
	pthread_mutex_destroy(&ls->lock);
	free(ls);
}

struct frames *
layouts_frames(const struct layouts *ls)
{
	return ls->frames;
}

void
layouts_hint_begin(struct layouts *ls)
{
	pthread_mutex_lock(&ls->hint_lock);
}

void
layouts_hint_end(struct layouts *ls)
{
	pthread_mutex_unlock(&ls->hint_lock);
}

void
layouts_forget(struct layouts *ls)
{
	pthread_mutex_lock(&ls->lock);
	ls->n_forgotten++;
	while (ls->newest != NULL) {
		struct kept *k = ls->newest;

		unlist(ls, k);
		if (k->users == 0)
			kept_free(k);
	}
	pthread_mutex_unlock(&ls->lock);
}

static struct kept *
find(struct layouts *ls, const char *channel, const struct digest *index_hash)
{
	for (struct kept *k = ls->newest; k != NULL; k = k->older)
		if (digest_equal(&k->l.index_hash, index_hash) &&
		    strcmp(k->l.channel, channel) == 0)
			return k;
	return NULL;
}

/* What making a layout collects, frame by frame. */
struct making {
	struct hint_place *places; /* owned; one per frame */
	struct digest *stored;     /* owned; one per frame */
	struct digest *packs;      /* owned */
	uint32_t n_packs, room;
	uint32_t *slots;           /* owned; hash table of numbers + 1 into packs */
	uint32_t n_slots;          /* a power of two */
	size_t n_missing;
};

static void
making_clear(struct making *m)
{
	free(m->places);
	free(m->stored);
	free(m->packs);
	free(m->slots);
}

static uint32_t *
slot_of(const struct making *m, const struct digest *pack)
{
	uint32_t i = buf_get_u32le(pack->bytes) & (m->n_slots - 1);

	while (m->slots[i] != 0 && !digest_equal(&m->packs[m->slots[i] - 1], pack))
		i = (i + 1) & (m->n_slots - 1);
	return &m->slots[i];
}

static int
grow_packs(struct making *m, struct err *e)
{
	uint32_t room = m->room == 0 ? 16 : m->room * 2;
	struct digest *packs = realloc(m->packs, room * sizeof(*packs));
	uint32_t *slots;

	if (packs == NULL)
		return err_nomem(e);
	m->packs = packs;
	slots = calloc((size_t)room * 2, sizeof(*slots));
	if (slots == NULL)
		return err_nomem(e);
	free(m->slots);
	m->slots = slots;
	m->n_slots = room * 2;
	m->room = room;
	for (uint32_t i = 0; i < m->n_packs; i++)
		*slot_of(m, &m->packs[i]) = i + 1;
	return 0;
}

static int
number_of_pack(struct making *m, const struct digest *pack, uint32_t *number, struct err *e)
{
	uint32_t *slot;

	if (m->n_packs == m->room && grow_packs(m, e) == -1)
		return -1;
	slot = slot_of(m, pack);
	if (*slot == 0) {
		m->packs[m->n_packs] = *pack;
		*slot = ++m->n_packs;
	}
	*number = *slot - 1;
	return 0;
}

static int
note_frame(struct making *m, uint32_t i, const struct state_frame *f, const struct digest *content,
    struct buf *missing, struct err *e)
{
	struct hint_place *p = &m->places[i];

	if (f->stored_len == 0) {
		m->n_missing++;
		if (missing != NULL && buf_len(missing) < LAYOUTS_MISSING * DIGEST_LEN)
			return buf_add(missing, content->bytes, DIGEST_LEN, e);
		return 0;
	}
	if (number_of_pack(m, &f->pack, &p->pack, e) == -1)
		return -1;
	p->stored_len = f->stored_len;
	p->off = f->offset;
	m->stored[i] = f->stored;
	return 0;
}

struct batch {
	struct digest contents[BATCH_FRAMES];
	struct state_frame frames[BATCH_FRAMES];
};

static int
find_frames(struct layouts *ls, const struct layout *l, struct making *m, struct buf *missing,
    struct err *e)
{
	struct batch *b = malloc(sizeof(*b));
	uint32_t n_frames = index_n_frames(l->index);
	int rc = -1;

	if (b == NULL)
		return err_nomem(e);
	for (uint32_t first = 0; first < n_frames; first += BATCH_FRAMES) {
		uint32_t n = n_frames - first < BATCH_FRAMES ? n_frames - first : BATCH_FRAMES;
		size_t n_missing;

		for (uint32_t i = 0; i < n; i++) {
			struct index_frame f;

			index_frame(l->index, first + i, &f);
			b->contents[i] = *f.sha256;
		}
		if (state_frames_find(ls->state, l->channel, b->contents, n, b->frames, &n_missing,
		        e) == -1)
			goto out;
		for (uint32_t i = 0; i < n; i++)
			if (note_frame(m, first + i, &b->frames[i], &b->contents[i], missing,
			    e) == -1)
				goto out;
	}
	if (m->n_missing != 0)
		(void)err_set(e, ERR_NOT_FOUND, "%zu of %u frames are not in the repository",
		    m->n_missing, n_frames);
	else
		rc = 0;
out:
	free(b);
	return rc;
}

static int
load_index(struct layouts *ls, struct layout *l, struct err *e)
{
	char name[OBJPATH_SIZE];
	struct buf bytes = BUF_INIT;
	struct digest found;
	int rc = -1;

	objpath_index(name, l->channel, &l->index_hash);
	if (store_load(ls->store, name, LIMIT_INDEX_BYTES, &bytes, e) == -1)
		goto out;
	digest_of(&found, buf_data(&bytes), buf_len(&bytes));
	if (!digest_equal(&found, &l->index_hash)) {
		(void)err_set(e, ERR_SYSTEM, "%s: the file was damaged on the disk", name);
		goto out;
	}
	rc = index_parse(buf_data(&bytes), buf_len(&bytes), &l->index, e);
out:
	buf_clear(&bytes);
	return rc;
}

static int
make_hint(struct layout *l, struct making *m, struct err *e)
{
	uint32_t n = index_n_frames(l->index);
	struct hint_input in = { .index = &l->index_hash, .packs = m->packs,
		.n_packs = m->n_packs, .places = m->places, .n_frames = n };

	for (uint32_t i = 0; i < n; i++)
		l->stored_lens[i] = m->places[i].stored_len;
	l->zst_len = stream_stored_len(l->stored_lens, n);
	if (stream_etag(l->zst_etag, m->stored, l->stored_lens, n, e) == -1)
		return -1;
	return hint_new(&in, &l->hint, e);
}

/* About what malloc was asked for. */
static size_t
memory_of(const struct layout *l)
{
	/* Of an entry 16 are for the .zip, made or not. */
	return sizeof(struct kept) + (size_t)index_n_entries(l->index) * 156 +
	    (size_t)index_n_frames(l->index) * 64;
}

static int
make(struct layouts *ls, const char *channel, const struct digest *index_hash, struct buf *missing,
    struct kept **out, struct err *e)
{
	struct kept *k = calloc(1, sizeof(*k));
	struct making m = { 0 };
	uint32_t n;
	int rc = -1;

	if (k == NULL)
		return err_nomem(e);
	(void)snprintf(k->l.channel, sizeof(k->l.channel), "%s", channel); /* ids fit */
	k->l.index_hash = *index_hash;
	if (load_index(ls, &k->l, e) == -1)
		goto out;
	n = index_n_frames(k->l.index);
	m.places = calloc(n, sizeof(*m.places));
	m.stored = calloc(n, sizeof(*m.stored));
	k->l.stored_lens = calloc(n, sizeof(*k->l.stored_lens));
	if (m.places == NULL || m.stored == NULL || k->l.stored_lens == NULL) {
		(void)err_nomem(e);
		goto out;
	}
	if (find_frames(ls, &k->l, &m, missing, e) == -1 || make_hint(&k->l, &m, e) == -1)
		goto out;
	k->bytes = memory_of(&k->l);
	*out = k;
	rc = 0;
out:
	making_clear(&m);
	if (rc == -1)
		kept_free(k);
	return rc;
}

int
layouts_take(struct layouts *ls, const char *channel, const struct digest *index_hash,
    struct buf *missing, struct layout **out, struct err *e)
{
	struct kept *k, *other;
	uint64_t n_forgotten;

	pthread_mutex_lock(&ls->lock);
	n_forgotten = ls->n_forgotten;
	k = find(ls, channel, index_hash);
	if (k != NULL) {
		unlist(ls, k);
		list_newest(ls, k);
		k->users++;
	}
	pthread_mutex_unlock(&ls->lock);
	if (k == NULL) {
		if (make(ls, channel, index_hash, missing, &k, e) == -1)
			return -1;
		pthread_mutex_lock(&ls->lock);
		other = find(ls, channel, index_hash); /* somebody may have been as quick */
		if (other != NULL) {
			kept_free(k);
			k = other;
		} else if (n_forgotten == ls->n_forgotten)
			list_newest(ls, k);
		k->users++;
		shrink(ls);
		pthread_mutex_unlock(&ls->lock);
	}
	*out = &k->l;
	return 0;
}

void
layouts_give_back(struct layouts *ls, struct layout *l)
{
	struct kept *k = (struct kept *)l;

	if (k == NULL)
		return;
	pthread_mutex_lock(&ls->lock);
	if (--k->users == 0 && !k->is_listed)
		kept_free(k);
	pthread_mutex_unlock(&ls->lock);
}

const struct zip *
layouts_zip(struct layout *l, struct err *e)
{
	struct zip *made, *other = NULL;

	made = atomic_load(&l->zip);
	if (made != NULL || zip_new(l->index, &made, e) == -1)
		return made;
	if (atomic_compare_exchange_strong(&l->zip, &other, made))
		return made;
	zip_free(made); /* another view was first */
	return other;
}

struct stream_source
layouts_source(const struct layouts *ls, const struct layout *l)
{
	return (struct stream_source){ .index = l->index, .store = ls->store, .channel = l->channel,
		.find = stream_find_in_hint, .find_ctx = l->hint };
}
