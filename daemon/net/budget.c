/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/budget.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

struct budget {
	pthread_mutex_t lock;
	struct budget_claim *first; /* owned by whoever took them */
};

int
budget_new(struct budget **out, struct err *e)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_nomem(e);
	(void)pthread_mutex_init(&b->lock, NULL); /* cannot fail with these attributes */
	*out = b;
	return 0;
}

void
budget_free(struct budget *b)
{
	if (b == NULL)
		return;
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

static bool
is_known(const struct budget_owner *o)
{
	return o->org[0] != '\0';
}

/* Of the same account: known or not, bodies or answers. */
static bool
is_beside(const struct budget_owner *a, const struct budget_owner *b)
{
	return a->is_answer == b->is_answer && is_known(a) == is_known(b);
}

static bool
is_same(const struct budget_owner *a, const struct budget_owner *b)
{
	return is_beside(a, b) && a->number == b->number && strcmp(a->org, b->org) == 0;
}

/* Whether bytes fit beside what is held; whoever holds nothing may have any number. */
static bool
fits(uint64_t held, uint64_t bytes, uint64_t limit)
{
	return held == 0 || (bytes <= limit && held <= limit - bytes);
}

static const char *
name(const struct budget_owner *o)
{
	if (!is_known(o))
		return "your address";
	return o->is_answer ? "your certificate" : o->org;
}

/* With the lock held. */
static int
check(const struct budget *b, const struct budget_owner *owner, uint64_t bytes, struct err *e)
{
	uint64_t limit = is_known(owner) ? LIMIT_BUDGET_KNOWN_BYTES : LIMIT_BUDGET_ADDRESSES_BYTES;
	uint64_t own = 0, all = 0;

	for (const struct budget_claim *c = b->first; c != NULL; c = c->next) {
		if (is_beside(&c->owner, owner))
			all += c->bytes;
		if (is_same(&c->owner, owner))
			own += c->bytes;
	}
	if (!fits(own, bytes, LIMIT_BUDGET_OWNER_BYTES))
		return err_set(e, ERR_BUSY,
		    "%s has as much under way at this hub as it may at one time: try again soon",
		    name(owner));
	if (!fits(all, bytes, limit))
		return err_set(
		    e, ERR_BUSY, "others have much under way at this hub: try again soon");
	return 0;
}

int
budget_take(struct budget *b, struct budget_claim *claim, const struct budget_owner *owner,
    uint64_t bytes, struct err *e)
{
	int rc;

	if (bytes <= LIMIT_UNCOUNTED_BYTES)
		return 0;
	pthread_mutex_lock(&b->lock);
	rc = check(b, owner, bytes, e);
	if (rc == 0) {
		*claim = (struct budget_claim){ .next = b->first, .link = &b->first,
			.owner = *owner, .bytes = bytes };
		if (b->first != NULL)
			b->first->link = &claim->next;
		b->first = claim;
	}
	pthread_mutex_unlock(&b->lock);
	return rc;
}

void
budget_give(struct budget *b, struct budget_claim *claim)
{
	if (claim->bytes == 0)
		return;
	pthread_mutex_lock(&b->lock);
	*claim->link = claim->next;
	if (claim->next != NULL)
		claim->next->link = claim->link;
	pthread_mutex_unlock(&b->lock);
	claim->bytes = 0;
}
