/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/net/census.h"

#define LANES 256u

/* The jobs of the addresses that fall into it. */
struct lane {
	struct crew_job *first, **last;
	unsigned n_running;
	bool is_lined_up; /* has jobs and may have a thread: somewhere behind crew->first */
	struct lane *next;
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct lane lanes[LANES];   /* under lock */
	struct lane *first, **last; /* under lock: whose turn it is */
	size_t n_waiting;           /* under lock: jobs that have not begun */
	bool is_ending;             /* under lock */
	uint64_t seed;              /* nobody can choose addresses that share a lane */
	unsigned n_per_lane;        /* threads at once */
	unsigned n;
	pthread_t threads[];
};

/* The lane waits for its turn, if there is something that it may do then. */
static void
line_up(struct crew *crew, struct lane *l)
{
	if (l->is_lined_up || l->first == NULL || l->n_running >= crew->n_per_lane)
		return;
	l->is_lined_up = true;
	l->next = NULL;
	*crew->last = l;
	crew->last = &l->next;
	pthread_cond_signal(&crew->wake);
}

/* The lane whose turn it is begins its next job; NULL: there is none. */
static struct crew_job *
begin_job(struct crew *crew, struct lane **lane)
{
	struct lane *l = crew->first;
	struct crew_job *job;

	if (l == NULL)
		return NULL;
	crew->first = l->next;
	if (crew->first == NULL)
		crew->last = &crew->first;
	l->is_lined_up = false;
	job = l->first;
	l->first = job->next;
	if (l->first == NULL)
		l->last = &l->first;
	l->n_running++;
	if (--crew->n_waiting == 0 && crew->is_ending)
		pthread_cond_broadcast(&crew->wake); /* nothing will come any more */
	line_up(crew, l);
	*lane = l;
	return job;
}

static void *
run_jobs(void *arg)
{
	struct crew *crew = arg;
	struct crew_job *job;
	struct lane *l;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while ((job = begin_job(crew, &l)) == NULL &&
		    (crew->n_waiting > 0 || !crew->is_ending))
			pthread_cond_wait(&crew->wake, &crew->lock);
		if (job == NULL)
			break;
		pthread_mutex_unlock(&crew->lock);
		job->run(job);
		mailbox_post(job->box, &job->mail);
		pthread_mutex_lock(&crew->lock);
		l->n_running--;
		line_up(crew, l);
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
	if (getrandom(&crew->seed, sizeof(crew->seed), 0) != (ssize_t)sizeof(crew->seed)) {
		err_errno(e, "random bytes");
		free(crew);
		return NULL;
	}
	(void)pthread_mutex_init(&crew->lock, NULL); /* neither can fail on Linux */
	(void)pthread_cond_init(&crew->wake, NULL);
	crew->last = &crew->first;
	crew->n_per_lane = n > 1 ? n - 1 : 1;
	for (size_t i = 0; i < LANES; i++)
		crew->lanes[i].last = &crew->lanes[i].first;
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

unsigned
crew_lane(const struct crew *crew, const struct sockaddr_storage *address)
{
	return (unsigned)(census_hash(address, crew->seed) % LANES);
}

void
crew_submit(struct crew *crew, struct crew_job *job)
{
	struct lane *l = &crew->lanes[crew_lane(crew, job->address)];

	job->next = NULL;
	pthread_mutex_lock(&crew->lock);
	*l->last = job;
	l->last = &job->next;
	crew->n_waiting++;
	line_up(crew, l);
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
