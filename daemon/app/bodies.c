/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/bodies.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"

struct body {
	struct body *next;
	char org[LIMIT_ID_BYTES + 1];
	uint64_t bytes;
};

struct bodies {
	pthread_mutex_t lock;
	struct body *first; /* owned by whoever took them */
};

int
bodies_new(struct bodies **out, struct err *e)
{
	struct bodies *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_nomem(e);
	(void)pthread_mutex_init(&b->lock, NULL); /* cannot fail with these attributes */
	*out = b;
	return 0;
}

void
bodies_free(struct bodies *b)
{
	if (b == NULL)
		return;
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

/* With the lock held. */
static int
check(const struct bodies *b, const struct body *new, struct err *e)
{
	uint64_t org = new->bytes, all = new->bytes;

	for (const struct body *other = b->first; other != NULL; other = other->next) {
		all += other->bytes;
		if (strcmp(other->org, new->org) == 0)
			org += other->bytes;
	}
	if (org > BODIES_ORG_BYTES)
		return err_set(e, ERR_BUSY,
		    "%s is sending this hub as much as it may at one time: try again soon",
		    new->org);
	if (all > BODIES_ALL_BYTES)
		return err_set(e, ERR_BUSY, "others are sending this hub much: try again soon");
	return 0;
}

int
bodies_take(struct bodies *b, const char *org, uint64_t bytes, struct body **out, struct err *e)
{
	struct body *new;
	int rc;

	*out = NULL;
	if (bytes <= BODIES_SHORT_BYTES)
		return 0;
	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return err_nomem(e);
	(void)snprintf(new->org, sizeof(new->org), "%s", org);
	new->bytes = bytes;
	pthread_mutex_lock(&b->lock);
	rc = check(b, new, e);
	if (rc == 0) {
		new->next = b->first;
		b->first = new;
		*out = new;
	}
	pthread_mutex_unlock(&b->lock);
	if (rc == -1)
		free(new);
	return rc;
}

void
bodies_give(struct bodies *b, struct body *body)
{
	struct body **at = &b->first;

	if (body == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	while (*at != body)
		at = &(*at)->next;
	*at = body->next;
	pthread_mutex_unlock(&b->lock);
	free(body);
}
