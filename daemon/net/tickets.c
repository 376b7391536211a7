/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

#define N_KEYS 2

struct tickets {
	pthread_mutex_t lock;
	/* under lock: the one that seals, and the one before */
	struct dated {
		struct tickets_key key;
		int64_t made_at;
	} keys[N_KEYS];
	unsigned n;
};

/* Seconds since; a clock set back starts them anew.  Called with the lock held. */
static int64_t
age(struct dated *d, int64_t now)
{
	if (now < d->made_at)
		d->made_at = now;
	return now - d->made_at;
}

/* Called with the lock held. */
static int
add_key(struct tickets *t, int64_t now)
{
	struct dated fresh = { .made_at = now };

	if (RAND_bytes((uint8_t *)&fresh.key, sizeof(fresh.key)) != 1)
		return -1;
	t->keys[1] = t->keys[0];
	t->keys[0] = fresh;
	t->n = t->n == 0 ? 1 : N_KEYS;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return 0;
}

struct tickets *
tickets_new(struct err *e)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		err_nomem(e);
		return NULL;
	}
	(void)pthread_mutex_init(&t->lock, NULL); /* cannot fail on Linux */
	return t;
}

int
tickets_seal(struct tickets *t, int64_t now, struct tickets_key *out)
{
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	if (t->n == 0 || age(&t->keys[0], now) >= LIMIT_TICKET_KEY_S)
		rc = add_key(t, now);
	if (rc == 0)
		*out = t->keys[0].key;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

enum tickets_verdict
tickets_open(struct tickets *t, int64_t now, const uint8_t *name, struct tickets_key *out)
{
	enum tickets_verdict verdict = TICKETS_UNKNOWN;

	pthread_mutex_lock(&t->lock);
	for (unsigned i = 0; i < t->n; i++) {
		struct dated *d = &t->keys[i];
		int64_t old = age(d, now);

		if (memcmp(name, d->key.name, TICKETS_NAME_BYTES) != 0 ||
		    old >= 2 * (int64_t)LIMIT_TICKET_KEY_S)
			continue;
		*out = d->key;
		/* The newest, too, seals no more once it is old: nobody has sealed since. */
		verdict = i == 0 && old < LIMIT_TICKET_KEY_S ? TICKETS_OPEN :
		    TICKETS_OPEN_AND_RENEW;
	}
	pthread_mutex_unlock(&t->lock);
	return verdict;
}

void
tickets_free(struct tickets *t)
{
	if (t == NULL)
		return;
	(void)pthread_mutex_destroy(&t->lock);
	OPENSSL_cleanse(t, sizeof(*t));
	free(t);
}
