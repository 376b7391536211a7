/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/hot.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/base/digest.h"
#include "catalog/base/file.h"
#include "catalog/repo/store.h"

#define BUCKETS 1024u /* twice the objects: chains stay short */
#define HASH_PIECE 16384u
#define FRESH_MS 10u /* so long the name of what never changes is believed without a look */

struct kept {
	struct hot_object object; /* first: a struct hot_object * is a struct kept * */
	struct hot *hot;          /* borrowed */
	struct store_stamp stamp;
	unsigned users;           /* under the lock, like all below */
	uint64_t looked_ms;       /* when its name was last seen to stand for it */
	bool is_listed;
	uint32_t bucket;
	struct kept *next;        /* in the bucket */
	struct kept *newer, *older;
	char name[OBJPATH_SIZE];
};

struct hot {
	const struct store *store; /* borrowed */
	pthread_mutex_t lock;
	struct kept *buckets[BUCKETS];
	struct kept *newest, *oldest;
	unsigned n;
};

/* FNV-1a; names are of the format, so nobody chooses them freely: they exist. */
static uint32_t
bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % BUCKETS;
}

static void
kept_free(struct kept *k)
{
	(void)close(k->object.fd); /* only read from */
	free(k);
}

int
hot_new(const struct store *store, struct hot **out, struct err *e)
{
	struct hot *h = calloc(1, sizeof(*h));

	if (h == NULL || pthread_mutex_init(&h->lock, NULL) != 0) {
		free(h);
		return err_nomem(e);
	}
	h->store = store;
	*out = h;
	return 0;
}

static void
unlist(struct hot *h, struct kept *k)
{
	struct kept **at = &h->buckets[k->bucket];

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	*(k->newer != NULL ? &k->newer->older : &h->newest) = k->older;
	*(k->older != NULL ? &k->older->newer : &h->oldest) = k->newer;
	k->next = k->newer = k->older = NULL;
	k->is_listed = false;
	h->n--;
}

static void
list_newest(struct hot *h, struct kept *k)
{
	k->next = h->buckets[k->bucket];
	h->buckets[k->bucket] = k;
	k->older = h->newest;
	k->newer = NULL;
	*(h->newest != NULL ? &h->newest->newer : &h->oldest) = k;
	h->newest = k;
	k->is_listed = true;
	h->n++;
}

/* Forget; the last user frees what is in use. */
static void
forget(struct hot *h, struct kept *k)
{
	unlist(h, k);
	if (k->users == 0)
		kept_free(k);
}

void
hot_free(struct hot *h)
{
	if (h == NULL)
		return;
	while (h->newest != NULL)
		forget(h, h->newest);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static struct kept *
find(const struct hot *h, const char *name, uint32_t bucket)
{
	struct kept *k = h->buckets[bucket];

	while (k != NULL && strcmp(k->name, name) != 0)
		k = k->next;
	return k;
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts); /* cannot fail with this clock */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct hot_object *
hot_find(struct hot *h, const char *name)
{
	uint32_t bucket = bucket_of(name);
	uint64_t now = now_ms();
	bool is_fresh = false;
	struct kept *k;

	pthread_mutex_lock(&h->lock);
	k = find(h, name, bucket);
	if (k != NULL) {
		k->users++;
		is_fresh = now - k->looked_ms < FRESH_MS &&
		    !objpath_is_mutable(k->object.path.kind);
	}
	if (k != NULL && k != h->newest) {
		unlist(h, k);
		list_newest(h, k);
	}
	pthread_mutex_unlock(&h->lock);
	if (k == NULL || is_fresh)
		return k == NULL ? NULL : &k->object;
	if (store_is_same(h->store, name, &k->stamp)) {
		pthread_mutex_lock(&h->lock);
		k->looked_ms = now;
		pthread_mutex_unlock(&h->lock);
		return &k->object;
	}
	hot_give_back(k);
	return NULL;
}

void
hot_give_back(void *object)
{
	struct kept *k = object;
	struct hot *h = k->hot;
	bool is_last;

	pthread_mutex_lock(&h->lock);
	is_last = --k->users == 0 && !k->is_listed;
	pthread_mutex_unlock(&h->lock);
	if (is_last)
		kept_free(k);
}

/* The ETag of what may change: from its bytes. */
static int
etag_of_bytes(struct hot_object *o, struct err *e)
{
	struct digest_stream *s = digest_new(DIGEST_SHA256, e);
	char hex[DIGEST_HEX_LEN + 1];
	uint8_t piece[HASH_PIECE];
	struct digest d;
	uint64_t off = 0;

	if (s == NULL)
		return -1;
	while (off < o->size) {
		size_t n = o->size - off < sizeof(piece) ? (size_t)(o->size - off) : sizeof(piece);

		if (file_pread_all(o->fd, piece, n, off, e) == -1) {
			digest_free(s);
			return -1;
		}
		digest_add(s, piece, n);
		off += n;
	}
	digest_finish(s, d.bytes);
	digest_free(s);
	digest_hex(hex, &d);
	(void)snprintf(o->etag, sizeof(o->etag), "\"%.32s\"", hex);
	return 0;
}

/* The ETag of what never changes: from its name. */
static void
etag_of_name(struct hot_object *o)
{
	static const struct digest none;
	const struct objpath *p = &o->path;
	char hex[DIGEST_HEX_LEN + 1];

	if (!digest_equal(&p->hash, &none)) {
		digest_hex(hex, &p->hash);
		(void)snprintf(o->etag, sizeof(o->etag), "\"%.32s\"", hex);
	} else
		(void)snprintf(o->etag, sizeof(o->etag), "\"%llu.%d.%s\"",
		    (unsigned long long)p->version, (int)p->kind, p->channel);
}

/* Put k in the place of what was kept under its name; it has one user. */
static void
keep(struct hot *h, struct kept *k)
{
	struct kept *old;

	pthread_mutex_lock(&h->lock);
	old = find(h, k->name, k->bucket);
	if (old != NULL)
		forget(h, old);
	k->users = 1;
	list_newest(h, k);
	while (h->n > HOT_OBJECTS)
		forget(h, h->oldest);
	pthread_mutex_unlock(&h->lock);
}

static int
open_object(struct hot *h, const char *name, const struct objpath *path, struct kept **out,
    struct err *e)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return err_nomem(e);
	k->object.path = *path;
	k->hot = h;
	k->bucket = bucket_of(name);
	(void)snprintf(k->name, sizeof(k->name), "%s", name); /* of the format, so it fits */
	if (store_read(h->store, name, &k->object.fd, &k->object.size, e) == -1) {
		free(k);
		return -1;
	}
	if (store_stamp(k->object.fd, &k->stamp, e) == -1)
		goto fail;
	k->object.size = k->stamp.size;
	if (!objpath_is_mutable(path->kind))
		etag_of_name(&k->object);
	else if (etag_of_bytes(&k->object, e) == -1)
		goto fail;
	*out = k;
	return 0;
fail:
	kept_free(k);
	return -1;
}

int
hot_open(struct hot *h, const char *name, const struct objpath *path, struct hot_object **out,
    struct err *e)
{
	struct kept *k;

	if (open_object(h, name, path, &k, e) == -1)
		return -1;
	keep(h, k);
	*out = &k->object;
	return 0;
}

int
hot_open_aside(struct hot *h, const char *name, const struct objpath *path,
    struct hot_object **out, struct err *e)
{
	struct kept *k;

	if (open_object(h, name, path, &k, e) == -1)
		return -1;
	k->users = 1; /* the only one: nobody else sees it */
	*out = &k->object;
	return 0;
}
