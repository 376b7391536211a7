/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/share.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/base/limits.h"

#define CHAINS 256u  /* of groups: a profession has some hundred organisations that fetch */
#define SCALE 1024u  /* of virtual time: one byte at weight 1 */

struct share_group {
	struct share_group *next;           /* of its chain */
	struct share_group *waiting_next, **waiting_link; /* share.waiting; link NULL: not in it */
	char name[LIMIT_ID_BYTES + 1];
	unsigned weight;
	unsigned n_seats, n_transfers, n_waiting;
	uint64_t virtual;                   /* wraps: compared by difference only */
};

struct share {
	pthread_mutex_t lock;               /* of all that follows, but rate and limits */
	struct share_config config;
	int64_t depth;                      /* of the bucket, in bytes * 1000, as all of these */
	int64_t tokens;                     /* may be below zero: what was given in advance */
	uint64_t filled_ms;
	bool is_begun;                      /* filled_ms is a time */
	uint64_t lead;                      /* how far a group may be ahead of one that waits */
	uint64_t small_lead;                /* the same for small answers */
	uint64_t virtual;                   /* where the last grant began: where newcomers begin */
	struct share_group *waiting;        /* groups with somebody who waits */
	struct share_group *least;          /* of them; NULL: not known or none */
	struct share_group *chains[CHAINS]; /* owned */
	struct share_stats stats;
};

static bool
is_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

struct share *
share_new(const struct share_config *config, struct err *e)
{
	struct share *s = calloc(1, sizeof(*s));
	uint64_t burst = config->rate_bytes_s / 1000 * SHARE_BURST_MS;

	if (s == NULL) {
		err_nomem(e);
		return NULL;
	}
	if (burst < SHARE_GRANT_BYTES)
		burst = SHARE_GRANT_BYTES;
	s->config = *config;
	s->depth = (int64_t)burst * 1000;
	s->tokens = s->depth;
	s->lead = burst * SCALE;
	s->small_lead = s->lead + config->rate_bytes_s / 1000 * SHARE_SMALL_MS * SCALE;
	(void)pthread_mutex_init(&s->lock, NULL); /* cannot fail on Linux */
	return s;
}

void
share_free(struct share *s)
{
	struct share_group *next;

	if (s == NULL)
		return;
	for (size_t i = 0; i < CHAINS; i++) {
		for (struct share_group *g = s->chains[i]; g != NULL; g = next) {
			next = g->next;
			assert(g->n_seats == 0);
			free(g);
		}
	}
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Groups. */

static struct share_group **
chain_of(struct share *s, const char *name)
{
	uint32_t h = 2166136261u; /* names are the registry's: nobody from outside chooses them */

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return &s->chains[h % CHAINS];
}

/* An empty group is remembered only while it has had more than it may forget. */
static void
forget_empty(struct share *s, struct share_group **chain)
{
	struct share_group *g;

	while ((g = *chain) != NULL) {
		if (g->n_seats > 0 || is_before(s->virtual, g->virtual)) {
			chain = &g->next;
			continue;
		}
		*chain = g->next;
		free(g);
	}
}

static struct share_group *
find_group(struct share *s, const char *name)
{
	struct share_group **chain = chain_of(s, name), *g;

	for (g = *chain; g != NULL; g = g->next)
		if (strcmp(g->name, name) == 0)
			return g;
	forget_empty(s, chain);
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	assert(strlen(name) < sizeof(g->name));
	memcpy(g->name, name, strlen(name) + 1);
	g->virtual = s->virtual;
	g->next = *chain;
	*chain = g;
	return g;
}

int
share_enter(struct share *s, const char *name, unsigned weight, struct share_seat *seat,
    struct err *e)
{
	struct share_group *g;
	int rc = 0;

	assert(weight > 0 && weight <= SHARE_MAX_WEIGHT && seat->group == NULL);
	pthread_mutex_lock(&s->lock);
	g = find_group(s, name);
	if (g == NULL) {
		rc = err_nomem(e);
	} else if (seat->is_transfer && s->config.max_transfers != 0 &&
	    g->n_transfers >= s->config.max_transfers) {
		s->stats.refused++;
		rc = err_set(e, ERR_BUSY, "%u transfers of %s are under way, and no more are "
		    "allowed at the same time: wait until one has ended", g->n_transfers, name);
	} else {
		if (g->n_seats++ == 0)
			s->stats.groups++;
		g->n_transfers += seat->is_transfer;
		g->weight = weight;
		seat->group = g;
		seat->is_waiting = false;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* Who waits. */

static void
begin_waiting(struct share *s, struct share_seat *seat)
{
	struct share_group *g = seat->group;

	if (seat->is_waiting)
		return;
	seat->is_waiting = true;
	s->stats.waits++;
	s->stats.waiting++;
	if (g->n_waiting++ > 0)
		return;
	g->waiting_next = s->waiting;
	g->waiting_link = &s->waiting;
	if (g->waiting_next != NULL)
		g->waiting_next->waiting_link = &g->waiting_next;
	s->waiting = g;
	if (s->least != NULL && is_before(g->virtual, s->least->virtual))
		s->least = g;
}

static void
end_waiting(struct share *s, struct share_seat *seat)
{
	struct share_group *g = seat->group;

	if (!seat->is_waiting)
		return;
	seat->is_waiting = false;
	s->stats.waiting--;
	if (--g->n_waiting > 0)
		return;
	*g->waiting_link = g->waiting_next;
	if (g->waiting_next != NULL)
		g->waiting_next->waiting_link = g->waiting_link;
	g->waiting_link = NULL;
	if (s->least == g)
		s->least = NULL;
}

/* The waiting group that has had least; NULL: nobody waits. */
static const struct share_group *
least_waiting(struct share *s)
{
	if (s->least == NULL) {
		s->least = s->waiting;
		for (struct share_group *g = s->waiting; g != NULL; g = g->waiting_next)
			if (is_before(g->virtual, s->least->virtual))
				s->least = g;
	}
	return s->least;
}

void
share_leave(struct share *s, struct share_seat *seat)
{
	struct share_group *g = seat->group;

	if (g == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	end_waiting(s, seat);
	g->n_transfers -= seat->is_transfer;
	if (--g->n_seats == 0)
		s->stats.groups--;
	pthread_mutex_unlock(&s->lock);
	*seat = (struct share_seat){ NULL, false, false };
}

/* The line. */

static void
fill(struct share *s, uint64_t now_ms)
{
	uint64_t passed = now_ms - s->filled_ms;

	if (s->is_begun && now_ms <= s->filled_ms)
		return; /* another thread's clock was read later */
	if (!s->is_begun || passed > 60000)
		s->tokens = s->depth; /* after a minute nothing is left of any debt */
	else
		s->tokens += (int64_t)(s->config.rate_bytes_s * passed);
	s->is_begun = true;
	if (s->tokens > s->depth)
		s->tokens = s->depth;
	s->filled_ms = now_ms;
}

/* Whether g is ahead of a group that waits by more than lead. */
static bool
is_ahead(struct share *s, const struct share_group *g, uint64_t lead)
{
	const struct share_group *least = least_waiting(s);

	return least != NULL && is_before(least->virtual + lead, g->virtual);
}

/* Given bytes make a group's time go on. */
static void
charge(struct share *s, struct share_group *g, size_t bytes)
{
	s->tokens -= (int64_t)bytes * 1000;
	g->virtual += (uint64_t)bytes * SCALE / g->weight;
	if (s->least == g)
		s->least = NULL;
}

size_t
share_take(struct share *s, struct share_seat *seat, size_t wanted, uint64_t now_ms)
{
	struct share_group *g = seat->group;
	size_t given = 0;

	if (s->config.rate_bytes_s == 0)
		return wanted;
	pthread_mutex_lock(&s->lock);
	fill(s, now_ms);
	/* Who did not ask for a while has no claim to the time that he let pass. */
	if (is_before(g->virtual, s->virtual - s->lead)) {
		g->virtual = s->virtual - s->lead;
		if (s->least == g)
			s->least = NULL;
	}
	if (s->tokens > 0 && !is_ahead(s, g, s->lead)) {
		given = (size_t)(s->tokens / 1000);
		if (given < SHARE_GRANT_BYTES)
			given = SHARE_GRANT_BYTES;
		if (given > wanted)
			given = wanted;
		if (is_before(s->virtual, g->virtual))
			s->virtual = g->virtual;
		charge(s, g, given);
		end_waiting(s, seat);
	} else {
		begin_waiting(s, seat);
	}
	pthread_mutex_unlock(&s->lock);
	return given;
}

bool
share_pass(struct share *s, struct share_seat *seat, size_t bytes, uint64_t now_ms)
{
	struct share_group *g = seat->group;
	uint64_t bound;
	bool may;

	if (s->config.rate_bytes_s == 0)
		return true;
	pthread_mutex_lock(&s->lock);
	fill(s, now_ms);
	may = !is_ahead(s, g, s->small_lead);
	if (may) {
		charge(s, g, bytes);
		/* What was small while nobody waited is no debt for ever. */
		bound = s->virtual + s->small_lead;
		if (least_waiting(s) == NULL && is_before(bound, g->virtual))
			g->virtual = bound;
	}
	pthread_mutex_unlock(&s->lock);
	return may;
}

void
share_stats(struct share *s, struct share_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
}
