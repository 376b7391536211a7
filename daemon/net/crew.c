/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct crew_job *first, **last; /* under lock */
	bool is_ending;                 /* under lock */
	unsigned n;
	pthread_t threads[];
};

static void *
run_jobs(void *arg)
{
	struct crew *crew = arg;
	struct crew_job *job;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while (crew->first == NULL && !crew->is_ending)
			pthread_cond_wait(&crew->wake, &crew->lock);
		job = crew->first;
		if (job == NULL)
			break;
		crew->first = job->next;
		if (crew->first == NULL)
			crew->last = &crew->first;
		pthread_mutex_unlock(&crew->lock);
		job->run(job);
		mailbox_post(job->box, &job->mail);
		pthread_mutex_lock(&crew->lock);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

struct crew *
crew_new(unsigned n, struct err *e)
{
	struct crew *crew = calloc(1, sizeof(*crew) + n * sizeof(crew->threads[0]));
	sigset_t all, old;
	int sys = 0;

	if (crew == NULL) {
		err_nomem(e);
		return NULL;
	}
	(void)pthread_mutex_init(&crew->lock, NULL); /* neither can fail on Linux */
	(void)pthread_cond_init(&crew->wake, NULL);
	crew->last = &crew->first;
	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	while (crew->n < n && sys == 0) {
		sys = pthread_create(&crew->threads[crew->n], NULL, run_jobs, crew);
		crew->n += sys == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (sys != 0) {
		errno = sys;
		err_errno(e, "cannot start a thread");
		crew_free(crew);
		return NULL;
	}
	return crew;
}

void
crew_submit(struct crew *crew, struct crew_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&crew->lock);
	*crew->last = job;
	crew->last = &job->next;
	pthread_cond_signal(&crew->wake);
	pthread_mutex_unlock(&crew->lock);
}

void
crew_free(struct crew *crew)
{
	if (crew == NULL)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->is_ending = true;
	pthread_cond_broadcast(&crew->wake);
	pthread_mutex_unlock(&crew->lock);
	for (unsigned i = 0; i < crew->n; i++)
		(void)pthread_join(crew->threads[i], NULL); /* our own thread, joined once */
	(void)pthread_cond_destroy(&crew->wake);
	(void)pthread_mutex_destroy(&crew->lock);
	free(crew);
}
