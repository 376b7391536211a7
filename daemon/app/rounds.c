/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/rounds.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct rounds {
	rounds_fn *fn;
	void *ctx; /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_due; /* under lock, as the next */
	bool is_stopping;
	atomic_bool cancel;
};

/* False: it is time to stop. */
static bool
wait_round(struct rounds *r)
{
	bool go_on;

	pthread_mutex_lock(&r->lock);
	while (!r->is_stopping && !r->is_due)
		pthread_cond_wait(&r->changed, &r->lock);
	r->is_due = false;
	go_on = !r->is_stopping;
	pthread_mutex_unlock(&r->lock);
	return go_on;
}

static void *
on_thread(void *arg)
{
	struct rounds *r = arg;

	/* On Linux this is of the thread; where it is refused the work is done all the same. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	while (wait_round(r))
		r->fn(r->ctx, &r->cancel);
	return NULL;
}

int
rounds_run(rounds_fn *fn, void *ctx, const char *what, struct rounds **out, struct err *e)
{
	struct rounds *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_nomem(e);
	r->fn = fn;
	r->ctx = ctx;
	r->is_due = true;
	atomic_init(&r->cancel, false);
	if (pthread_mutex_init(&r->lock, NULL) != 0) {
		free(r);
		return err_nomem(e);
	}
	if (pthread_cond_init(&r->changed, NULL) != 0) {
		pthread_mutex_destroy(&r->lock);
		free(r);
		return err_nomem(e);
	}
	if (pthread_create(&r->thread, NULL, on_thread, r) != 0) {
		pthread_cond_destroy(&r->changed);
		pthread_mutex_destroy(&r->lock);
		free(r);
		return err_set(e, ERR_SYSTEM, "cannot start the thread that %s", what);
	}
	*out = r;
	return 0;
}

void
rounds_wake(struct rounds *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->is_due = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void
rounds_free(struct rounds *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->is_stopping = true;
	atomic_store(&r->cancel, true);
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL); /* it is there and joinable */
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
