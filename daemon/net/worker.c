/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/http/line.h"
#include "daemon/http/turn.h"
#include "daemon/log.h"
#include "daemon/net/server.h"

struct worker {
	struct worker_setup setup;
	struct conn_env env;
	struct event_base *base;
	struct event *tick;
	struct event *on_lines;      /* made active with the first line that is gathered */
	struct log_gathering lines;
	_Atomic unsigned load;
	bool is_started, is_ending;
	uint64_t trimmed_shaken, trimmed_ms; /* of env, when memory was last given back */
	uint64_t ticked_shaken;              /* of env, at the last tick */
	pthread_t thread;
	struct mail drain, abort;
};

/* Messages that carry something. */

struct adoption {
	struct mail mail;
	struct worker *worker;
	int fd;
	bool is_local;
	struct sockaddr_storage address;
};

struct reload {
	struct mail mail;
	struct worker *worker;
	struct worker_certs *certs;
};

void
worker_certs_release(struct worker_certs *certs)
{
	if (atomic_fetch_sub(&certs->references, 1) > 1)
		return;
	buf_clear(&certs->pem.chain);
	buf_wipe(&certs->pem.key);
	buf_clear(&certs->pem.ca);
	free(certs);
}

static void
check_end(struct worker *w)
{
	if (w->env.is_draining && w->env.n == 0)
		w->is_ending = true;
	if (w->is_ending)
		(void)event_base_loopbreak(w->base); /* only fails without a base */
}

static void
on_gone(void *owner, const struct sockaddr_storage *peer)
{
	struct worker *w = owner;

	(void)atomic_fetch_sub(&w->load, 1);
	w->setup.on_gone(w->setup.owner, peer);
	check_end(w);
}

static void
on_adoption(struct mail *m)
{
	struct adoption *a = (struct adoption *)m;
	struct worker *w = a->worker;
	struct err e = { 0 };

	if (w->is_ending || (w->env.is_draining && !a->is_local) ||
	    conn_new(&w->env, a->fd, &a->address, a->is_local, &e) == -1) {
		if (e.class != ERR_NONE)
			log_failure(LOG_LEVEL_ERROR, "connection-failed", &e);
		(void)close(a->fd); /* nothing was said on it */
		on_gone(w, &a->address);
	}
	free(a);
}

static void
on_reload(struct mail *m)
{
	struct reload *r = (struct reload *)m;
	struct err e = { 0 };

	if (tls_load(r->worker->env.tls, &r->certs->pem, &e) == -1)
		log_failure(LOG_LEVEL_ERROR, "reload-failed", &e);
	worker_certs_release(r->certs);
	free(r);
}

static void
on_drain(struct mail *m)
{
	struct worker *w = (struct worker *)((char *)m - offsetof(struct worker, drain));

	conn_drain_all(&w->env);
	check_end(w);
}

static void
on_abort(struct mail *m)
{
	struct worker *w = (struct worker *)((char *)m - offsetof(struct worker, abort));

	conn_abort_all(&w->env, "the hub is ending");
	check_end(w);
}

/*
 * A handshake needs several times the memory that an idle connection keeps.  What many of them left
 * behind in pages between living connections goes back to the kernel: half of a full table.
 */
static void
trim(struct worker *w)
{
	const struct conn_env *env = &w->env;
	bool is_quiet = env->n_shaken == w->ticked_shaken;

	w->ticked_shaken = env->n_shaken;
	if (env->n_shaken - w->trimmed_shaken < LIMIT_TRIM_HANDSHAKES ||
	    (!is_quiet && env->now_ms - w->trimmed_ms < LIMIT_TRIM_MS))
		return;
	(void)malloc_trim(0); /* says only whether there was anything */
	w->trimmed_shaken = env->n_shaken;
	w->trimmed_ms = env->now_ms;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	conn_tick_all(&w->env);
	trim(w);
}

/* Behind what the loop has to do already. */
static void
want_flush(void *ctx)
{
	struct worker *w = ctx;

	event_active(w->on_lines, EV_TIMEOUT, 0);
}

static void
on_lines(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_flush();
}

static struct event_base *
new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	/* One thread per base, and no descriptor is ever duplicated. */
	/* Connections that give themselves another turn go behind those that the kernel has. */
	if (config != NULL && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_max_dispatch_interval(config, NULL, LIMIT_TURNS_PER_POLL, 0) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	return base;
}

struct worker *
worker_new(const struct worker_setup *setup, const struct service_certs *certs, struct err *e)
{
	unsigned tick_ms = setup->deadlines->tick_ms;
	struct timeval tick = { .tv_sec = tick_ms / 1000, .tv_usec = (tick_ms % 1000) * 1000 };
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		err_nomem(e);
		return NULL;
	}
	w->setup = *setup;
	w->drain.deliver = on_drain;
	w->abort.deliver = on_abort;
	w->base = new_base();
	w->tick = w->base == NULL ? NULL : event_new(w->base, -1, EV_PERSIST, on_tick, w);
	w->on_lines = w->base == NULL ? NULL : event_new(w->base, -1, 0, on_lines, NULL);
	w->lines = (struct log_gathering){ .on_first = want_flush, .ctx = w };
	if (w->on_lines == NULL || w->tick == NULL || event_add(w->tick, &tick) == -1) {
		err_set(e, ERR_SYSTEM, "cannot make an event loop");
		goto fail;
	}
	w->env = (struct conn_env){
		.base = w->base,
		.pool = setup->pool,
		.pool_bulk = setup->pool_bulk,
		.pool_long = setup->pool_long,
		.service = setup->service,
		.deadlines = setup->deadlines,
		.counters = setup->counters,
		.share = setup->share,
		.budget = setup->budget,
		.certs = setup->certs,
		.owner = w,
		.on_gone = on_gone,
		.number = setup->number,
	};
	w->env.box = mailbox_new(w->base, e);
	if (w->env.box == NULL || line_init(&w->env, e) == -1 ||
	    turn_init(&w->env, e) == -1)
		goto fail;
	w->env.tls = tls_new(certs, setup->tickets, e);
	if (w->env.tls == NULL)
		goto fail;
	return w;
fail:
	worker_free(w);
	return NULL;
}

static void *
run_loop(void *arg)
{
	struct worker *w = arg;

	log_gather(&w->lines);
	while (!w->is_ending && event_base_dispatch(w->base) == 0)
		;
	log_gather(NULL);
	mailbox_empty(w->env.box);
	tls_end_thread(w->env.tls);
	mailbox_post(w->setup.ended_box, w->setup.ended);
	return NULL;
}

int
worker_start(struct worker *w, struct err *e)
{
	sigset_t all, old;
	int sys;

	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	sys = pthread_create(&w->thread, NULL, run_loop, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (sys != 0) {
		errno = sys;
		return err_errno(e, "cannot start a thread");
	}
	w->is_started = true;
	return 0;
}

unsigned
worker_load(const struct worker *w)
{
	return atomic_load(&w->load);
}

int
worker_adopt(struct worker *w, int fd, const struct sockaddr_storage *address, bool is_local,
    struct err *e)
{
	struct adoption *a = malloc(sizeof(*a));

	if (a == NULL)
		return err_nomem(e);
	*a = (struct adoption){
		.mail = { .deliver = on_adoption },
		.worker = w,
		.fd = fd,
		.is_local = is_local,
		.address = *address,
	};
	(void)atomic_fetch_add(&w->load, 1);
	mailbox_post(w->env.box, &a->mail);
	return 0;
}

void
worker_reload(struct worker *w, struct worker_certs *certs)
{
	struct reload *r = malloc(sizeof(*r));

	if (r == NULL) {
		log_note(LOG_LEVEL_ERROR, "reload-failed", "out of memory");
		return;
	}
	*r = (struct reload){ .mail = { .deliver = on_reload }, .worker = w, .certs = certs };
	(void)atomic_fetch_add(&certs->references, 1);
	mailbox_post(w->env.box, &r->mail);
}

void
worker_drain(struct worker *w)
{
	mailbox_post(w->env.box, &w->drain);
}

void
worker_abort(struct worker *w)
{
	mailbox_post(w->env.box, &w->abort);
}

void
worker_close_late(struct worker *w)
{
	w->is_ending = true;
	mailbox_empty(w->env.box);
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->is_started)
		(void)pthread_join(w->thread, NULL); /* our own thread, joined once */
	if (w->env.box != NULL)
		worker_close_late(w);
	mailbox_free(w->env.box);
	tls_free(w->env.tls);
	line_clear(&w->env);
	turn_clear(&w->env);
	slab_clear(&w->env.slab);
	while (w->env.n_spare > 0)
		free(w->env.spare[--w->env.n_spare]);
	if (w->tick != NULL)
		event_free(w->tick);
	if (w->on_lines != NULL)
		event_free(w->on_lines);
	if (w->base != NULL)
		event_base_free(w->base);
	free(w);
}
