/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct pool_job *first, **last; /* under lock */
	bool is_ending;                 /* under lock */
	unsigned n;
	pthread_t threads[];
};

static void *
run_jobs(void *arg)
{
	struct pool *pool = arg;
	struct pool_job *job;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (pool->first == NULL && !pool->is_ending)
			pthread_cond_wait(&pool->wake, &pool->lock);
		job = pool->first;
		if (job == NULL)
			break;
		pool->first = job->next;
		if (pool->first == NULL)
			pool->last = &pool->first;
		pthread_mutex_unlock(&pool->lock);
		job->run(job);
		mailbox_post(job->box, &job->mail);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct pool *
pool_new(unsigned n, struct err *e)
{
	struct pool *pool = calloc(1, sizeof(*pool) + n * sizeof(pool->threads[0]));
	sigset_t all, old;
	int sys = 0;

	if (pool == NULL) {
		err_nomem(e);
		return NULL;
	}
	(void)pthread_mutex_init(&pool->lock, NULL); /* neither can fail on Linux */
	(void)pthread_cond_init(&pool->wake, NULL);
	pool->last = &pool->first;
	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	while (pool->n < n && sys == 0) {
		sys = pthread_create(&pool->threads[pool->n], NULL, run_jobs, pool);
		pool->n += sys == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (sys != 0) {
		errno = sys;
		err_errno(e, "cannot start a thread");
		pool_free(pool);
		return NULL;
	}
	return pool;
}

void
pool_submit(struct pool *pool, struct pool_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&pool->lock);
	*pool->last = job;
	pool->last = &job->next;
	pthread_cond_signal(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->n; i++)
		(void)pthread_join(pool->threads[i], NULL); /* our own thread, joined once */
	(void)pthread_cond_destroy(&pool->wake);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}
