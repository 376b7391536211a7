/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/census.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
	struct entry *next;
	uint64_t key;
	unsigned n;
};

#define LOCKS 16u /* the last bits of a chain's number say which is its lock */

struct census {
	pthread_mutex_t locks[LOCKS];
	unsigned max;
	uint64_t seed;         /* nobody can choose keys that share a chain */
	size_t mask;           /* number of chains - 1 */
	struct entry **chains; /* each under its lock */
};

/* 64 bits that tell addresses apart: the /64 of IPv6; IPv4 in a prefix that is never routed. */
uint64_t
census_key(const struct sockaddr_storage *address)
{
	uint64_t key = 0;

	if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
			memcpy(&key, v6->sin6_addr.s6_addr + 12, 4);
		else
			memcpy(&key, v6->sin6_addr.s6_addr, 8);
	} else {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

		memcpy(&key, &v4->sin_addr, 4);
	}
	return key;
}

/* splitmix64's finisher over the seeded key. */
static uint64_t
mix(uint64_t key, uint64_t seed)
{
	uint64_t h = key ^ seed;

	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
	return h ^ (h >> 31);
}

uint64_t
census_hash(const struct sockaddr_storage *address, uint64_t seed)
{
	return mix(census_key(address), seed);
}

/* The chain of a key, and its lock held. */
static struct entry **
open_chain(struct census *census, uint64_t key, pthread_mutex_t **lock)
{
	size_t n = mix(key, census->seed) & census->mask;

	*lock = &census->locks[n % LOCKS];
	pthread_mutex_lock(*lock);
	return &census->chains[n];
}

struct census *
census_new(unsigned max, unsigned max_total, struct err *e)
{
	struct census *census = calloc(1, sizeof(*census));
	size_t n = 64;

	if (census == NULL) {
		err_nomem(e);
		return NULL;
	}
	while (n < max_total && n < (1u << 16))
		n *= 2;
	census->mask = n - 1;
	census->max = max;
	census->chains = calloc(n, sizeof(census->chains[0]));
	if (census->chains == NULL) {
		free(census);
		err_nomem(e);
		return NULL;
	}
	if (getrandom(&census->seed, sizeof(census->seed), 0) != (ssize_t)sizeof(census->seed)) {
		err_errno(e, "random bytes");
		free(census->chains);
		free(census);
		return NULL;
	}
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_init(&census->locks[i], NULL); /* cannot fail on Linux */
	return census;
}

bool
census_enter(struct census *census, uint64_t key)
{
	pthread_mutex_t *lock;
	struct entry **chain = open_chain(census, key, &lock), *entry;
	bool is_fine = false;

	for (entry = *chain; entry != NULL && entry->key != key; entry = entry->next)
		;
	if (entry == NULL && (entry = calloc(1, sizeof(*entry))) != NULL) {
		entry->key = key;
		entry->next = *chain;
		*chain = entry;
	}
	if (entry != NULL && entry->n < census->max) {
		entry->n++;
		is_fine = true;
	}
	pthread_mutex_unlock(lock);
	return is_fine;
}

void
census_leave(struct census *census, uint64_t key)
{
	pthread_mutex_t *lock;
	struct entry **at = open_chain(census, key, &lock), *entry;

	while (*at != NULL && (*at)->key != key)
		at = &(*at)->next;
	entry = *at;
	if (entry != NULL && --entry->n == 0) {
		*at = entry->next;
		free(entry);
	}
	pthread_mutex_unlock(lock);
}

void
census_free(struct census *census)
{
	struct entry *next;

	if (census == NULL)
		return;
	for (size_t i = 0; i <= census->mask; i++) {
		for (struct entry *entry = census->chains[i]; entry != NULL; entry = next) {
			next = entry->next;
			free(entry);
		}
	}
	free(census->chains);
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_destroy(&census->locks[i]);
	free(census);
}
