/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/frames.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 128u /* small ones: a look goes through all */

struct kept {
	struct frames_key key;
	uint8_t *content; /* owned */
	size_t len;
};

struct frames {
	pthread_mutex_t lock;
	size_t max_bytes;
	size_t bytes;                 /* under lock, as all below */
	struct kept kept[MAX_FRAMES]; /* the one used last comes first */
	unsigned n;
};

int
frames_new(size_t max_bytes, struct frames **out, struct err *e)
{
	struct frames *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_nomem(e);
	(void)pthread_mutex_init(&f->lock, NULL); /* cannot fail on Linux */
	f->max_bytes = max_bytes;
	*out = f;
	return 0;
}

void
frames_free(struct frames *f)
{
	if (f == NULL)
		return;
	while (f->n > 0)
		free(f->kept[--f->n].content);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

/* The frame, which comes first from here on, or NULL. */
static struct kept *
find(struct frames *f, const struct frames_key *key)
{
	for (unsigned i = 0; i < f->n; i++) {
		struct kept found = f->kept[i];

		if (!digest_equal(&found.key.content, &key->content) ||
		    strcmp(found.key.channel, key->channel) != 0)
			continue;
		memmove(&f->kept[1], &f->kept[0], i * sizeof(f->kept[0]));
		f->kept[0] = found;
		return &f->kept[0];
	}
	return NULL;
}

bool
frames_copy(struct frames *f, const struct frames_key *key, size_t off, void *out, size_t len)
{
	const struct kept *k;
	bool has;

	pthread_mutex_lock(&f->lock);
	k = find(f, key);
	/* An index that gives the frame another length is not answered out of this one. */
	has = k != NULL && off <= k->len && len <= k->len - off;
	if (has)
		memcpy(out, k->content + off, len);
	pthread_mutex_unlock(&f->lock);
	return has;
}

void
frames_keep(struct frames *f, const struct frames_key *key, uint8_t *content, size_t len)
{
	pthread_mutex_lock(&f->lock);
	if (len <= f->max_bytes && find(f, key) == NULL) {
		while (f->n == MAX_FRAMES || f->bytes > f->max_bytes - len) {
			f->bytes -= f->kept[--f->n].len;
			free(f->kept[f->n].content);
		}
		memmove(&f->kept[1], &f->kept[0], f->n * sizeof(f->kept[0]));
		f->kept[0] = (struct kept){ .key = *key, .content = content, .len = len };
		f->n++;
		f->bytes += len;
		content = NULL;
	}
	pthread_mutex_unlock(&f->lock);
	free(content);
}
