/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/server.h"

#include <event2/event.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/http/conn.h"
#include "daemon/http/route.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/net/budget.h"
#include "daemon/net/census.h"
#include "daemon/net/listener.h"
#include "daemon/net/mailbox.h"
#include "daemon/net/crew.h"
#include "daemon/net/tickets.h"
#include "daemon/net/worker.h"

#define POOL_THREADS 4u /* of each pool, at least */

enum phase { PHASE_SERVING, PHASE_DRAINING, PHASE_CUTTING, PHASE_OVER };

struct server {
	const struct service *service;  /* borrowed */
	struct server_deadlines deadlines;
	unsigned max_connections;
	enum phase phase;

	struct event_base *base;
	struct event *on_term, *on_int, *on_hup; /* signals */
	struct event *on_late;                   /* the second deadline */
	struct mailbox *box;
	struct mail stop, reload;
	atomic_bool is_stop_asked, is_reload_asked; /* the mail is under way */

	struct listener *listeners[LIMIT_LISTEN];
	size_t n_listeners;
	unsigned ports[LIMIT_LISTEN], local_port;
	struct listener *local;
	struct budget *budget;
	struct census *census, *certs; /* connections by address; by client's key */
	struct crew *pool, *pool_bulk, *pool_long;
	struct share *share; /* NULL: no line is configured */
	struct tickets *tickets;
	struct conn_counters counters;
	_Atomic uint64_t n_accepted, n_refused, n_pauses;
	_Atomic unsigned n_connections;
	atomic_bool is_ending;

	struct server_worker {
		struct server *server;
		struct worker *worker;
		bool is_running;
		struct mail ended;
	} workers[LIMIT_WORKERS];
	unsigned n_workers, n_running;
};

void
server_config_init(struct server_config *config)
{
	*config = (struct server_config){
		.max_connections = LIMIT_CONNECTIONS,
		.max_connections_per_address = LIMIT_CONNECTIONS_PER_ADDRESS,
		.max_connections_per_certificate = LIMIT_CONNECTIONS_PER_CERTIFICATE,
		.deadlines = {
			.handshake_ms = LIMIT_HANDSHAKE_MS,
			.head_ms = LIMIT_HEAD_MS,
			.idle_ms = LIMIT_IDLE_MS,
			.stall_ms = LIMIT_STALL_MS,
			.grace_ms = LIMIT_GRACE_MS,
			.min_rate_bytes_s = LIMIT_MIN_RATE_BYTES_S,
			.linger_ms = LIMIT_LINGER_MS,
			.drain_ms = LIMIT_DRAIN_MS,
			.allowed_ms = LIMIT_ALLOWED_MS,
			.tick_ms = LIMIT_TICK_MS,
		},
	};
}

/* Accepting. */

static bool
may_accept(void *owner, bool is_local)
{
	struct server *s = owner;

	return is_local || atomic_load(&s->n_connections) < s->max_connections;
}

static struct worker *
least_busy(const struct server *s)
{
	struct worker *best = NULL;

	for (unsigned i = 0; i < s->n_workers; i++) {
		const struct server_worker *w = &s->workers[i];

		if (w->is_running &&
		    (best == NULL || worker_load(w->worker) < worker_load(best)))
			best = w->worker;
	}
	return best;
}

static void
on_accepted(void *owner, int fd, const struct sockaddr_storage *peer, bool is_local)
{
	struct server *s = owner;
	struct worker *best = least_busy(s);
	struct err e = { 0 };

	if (best == NULL) { /* the last has just ended */
		(void)close(fd); /* nothing was said on it */
		return;
	}
	if (!census_enter(s->census, census_key(peer))) {
		(void)atomic_fetch_add(&s->n_refused, 1);
		(void)close(fd); /* nothing was said on it */
		return;
	}
	(void)atomic_fetch_add(&s->n_accepted, 1);
	(void)atomic_fetch_add(&s->n_connections, 1);
	if (worker_adopt(best, fd, peer, is_local, &e) == -1) {
		log_failure(LOG_LEVEL_ERROR, "connection-failed", &e);
		(void)close(fd);
		census_leave(s->census, census_key(peer));
		(void)atomic_fetch_sub(&s->n_connections, 1);
	}
}

static void
on_gone(void *owner, const struct sockaddr_storage *peer)
{
	struct server *s = owner;

	census_leave(s->census, census_key(peer));
	(void)atomic_fetch_sub(&s->n_connections, 1);
}

/* The end. */

static void
stop_listening(struct server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_free(s->listeners[i]);
	s->n_listeners = 0;
}

static void
stop_listening_locally(struct server *s)
{
	listener_free(s->local);
	s->local = NULL;
}

static void
begin_drain(struct server *s)
{
	struct timeval late = {
		.tv_sec = s->deadlines.drain_ms / 1000,
		.tv_usec = (s->deadlines.drain_ms % 1000) * 1000,
	};

	s->phase = PHASE_DRAINING;
	atomic_store(&s->is_ending, true);
	stop_listening(s); /* who watches the hub is answered on */
	log_note(LOG_LEVEL_INFO, "draining", "%u connections", atomic_load(&s->n_connections));
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_drain(s->workers[i].worker);
	if (event_add(s->on_late, &late) == -1)
		log_note(LOG_LEVEL_ERROR, "drain-unlimited", "out of memory");
}

static void
cut(struct server *s)
{
	s->phase = PHASE_CUTTING;
	log_note(LOG_LEVEL_WARN, "cutting", "%u connections", atomic_load(&s->n_connections));
	stop_listening_locally(s);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_abort(s->workers[i].worker);
	/* What runs in a pool is waited for; a third signal has its default effect. */
	(void)event_del(s->on_term);
	(void)event_del(s->on_int);
}

static void
end_step(struct server *s)
{
	switch (s->phase) {
	case PHASE_SERVING:
		begin_drain(s);
		break;
	case PHASE_DRAINING:
		cut(s);
		break;
	case PHASE_CUTTING:
	case PHASE_OVER:
		break;
	}
}

static void
on_end(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	end_step(arg);
}

static void
on_stop(struct mail *m)
{
	struct server *s = (struct server *)((char *)m - offsetof(struct server, stop));

	if (s->phase == PHASE_SERVING)
		begin_drain(s);
}

static void
on_worker_ended(struct mail *m)
{
	struct server_worker *w =
	    (struct server_worker *)((char *)m - offsetof(struct server_worker, ended));
	struct server *s = w->server;

	w->is_running = false;
	worker_close_late(w->worker);
	if (--s->n_running > 0)
		return;
	s->phase = PHASE_OVER;
	(void)event_base_loopbreak(s->base); /* only fails without a base */
}

/* Certificates. */

static int
load_certs(struct server *s, struct worker_certs **out, struct err *e)
{
	struct worker_certs *certs = calloc(1, sizeof(*certs));

	if (certs == NULL)
		return err_nomem(e);
	atomic_init(&certs->references, 1);
	if (s->service->certs(s->service->app, &certs->pem, e) == -1) {
		worker_certs_release(certs);
		return -1;
	}
	*out = certs;
	return 0;
}

int
server_check_certs(const struct service_certs *certs, struct err *e)
{
	struct tickets *tickets = tickets_new(e);
	struct tls *tls = tickets == NULL ? NULL : tls_new(certs, tickets, e);
	int rc = tls == NULL ? -1 : 0;

	tls_free(tls);
	tickets_free(tickets);
	return rc;
}

static void
reload(struct server *s)
{
	struct worker_certs *certs;
	struct tls *trial;
	struct err e = { 0 };

	if (s->phase != PHASE_SERVING)
		return;
	if (load_certs(s, &certs, &e) == -1) {
		log_failure(LOG_LEVEL_ERROR, "reload-failed", &e);
		return;
	}
	trial = tls_new(&certs->pem, s->tickets, &e); /* all workers take them, or none */
	if (trial != NULL) {
		for (unsigned i = 0; i < s->n_workers; i++)
			worker_reload(s->workers[i].worker, certs);
		log_note(LOG_LEVEL_INFO, "reloaded",
		    "new connections use the certificates on disk");
	} else {
		log_failure(LOG_LEVEL_ERROR, "reload-failed", &e);
	}
	tls_free(trial);
	worker_certs_release(certs);
}

static void
on_hup(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	reload(arg);
}

static void
on_reload(struct mail *m)
{
	struct server *s = (struct server *)((char *)m - offsetof(struct server, reload));

	atomic_store(&s->is_reload_asked, false); /* whoever asks from here on gets another one */
	reload(s);
}

/* Life. */

static int
make_loop(struct server *s, struct err *e)
{
	s->base = event_base_new();
	if (s->base == NULL)
		goto fail;
	s->on_term = evsignal_new(s->base, SIGTERM, on_end, s);
	s->on_int = evsignal_new(s->base, SIGINT, on_end, s);
	s->on_hup = evsignal_new(s->base, SIGHUP, on_hup, s);
	s->on_late = event_new(s->base, -1, 0, on_end, s);
	if (s->on_term == NULL || s->on_int == NULL || s->on_hup == NULL || s->on_late == NULL)
		goto fail;
	s->box = mailbox_new(s->base, e);
	return s->box == NULL ? -1 : 0;
fail:
	return err_set(e, ERR_SYSTEM, "cannot make an event loop");
}

/* IPv6 that this machine does not have is no reason not to serve, if another address is there. */
static int
listen_on(struct server *s, const struct server_config *config, struct err *e)
{
	const struct listener_owner owner = { .owner = s, .may = may_accept, .got = on_accepted,
		.n_pauses = &s->n_pauses };
	struct err first = { 0 };

	for (size_t i = 0; i < config->n_listen; i++) {
		struct listener *l = listener_new(s->base, config->listen[i], false, &owner, e);

		if (l == NULL && e->class != ERR_NOT_FOUND)
			return -1;
		if (l == NULL) {
			log_failure(LOG_LEVEL_WARN, "not-listening", e);
			first = *e;
			continue;
		}
		s->ports[i] = listener_port(l);
		s->listeners[s->n_listeners++] = l;
	}
	if (s->n_listeners == 0) {
		*e = first;
		return first.class == ERR_NONE ?
		    err_set(e, ERR_BAD_INPUT, "there is no address to listen on") : -1;
	}
	if (config->local_listen == NULL)
		return 0;
	s->local = listener_new(s->base, config->local_listen, true, &owner, e);
	if (s->local == NULL)
		return -1;
	s->local_port = listener_port(s->local);
	return 0;
}

static int
make_workers(struct server *s, const struct server_config *config, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = config->n_workers != 0 ? config->n_workers : cores < 1 ? 1 : (unsigned)cores;
	struct worker_certs *certs;
	int rc = -1;

	if (n > LIMIT_WORKERS)
		n = LIMIT_WORKERS;
	if (load_certs(s, &certs, e) == -1)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		struct server_worker *w = &s->workers[i];
		const struct worker_setup setup = {
			.number = i,
			.pool = s->pool,
			.pool_bulk = s->pool_bulk,
			.pool_long = s->pool_long,
			.service = s->service,
			.deadlines = &s->deadlines,
			.counters = &s->counters,
			.tickets = s->tickets,
			.share = s->share,
			.budget = s->budget,
			.certs = s->certs,
			.owner = s,
			.on_gone = on_gone,
			.ended_box = s->box,
			.ended = &w->ended,
		};

		w->server = s;
		w->ended.deliver = on_worker_ended;
		w->worker = worker_new(&setup, &certs->pem, e);
		if (w->worker == NULL)
			goto out;
		s->n_workers++;
	}
	rc = 0;
out:
	worker_certs_release(certs);
	return rc;
}

static int
make_parts(struct server *s, const struct server_config *config, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n_pool = config->n_pool;

	if (n_pool == 0)
		n_pool = cores * 2 < (long)POOL_THREADS ? POOL_THREADS : (unsigned)cores * 2;
	if (n_pool > LIMIT_POOL_THREADS)
		n_pool = LIMIT_POOL_THREADS;
	if (make_loop(s, e) == -1)
		return -1;
	s->census = census_new(config->max_connections_per_address, config->max_connections, e);
	if (s->census == NULL || budget_new(&s->budget, e) == -1)
		return -1;
	s->certs = census_new(config->max_connections_per_certificate, config->max_connections, e);
	if (s->certs == NULL)
		return -1;
	s->tickets = tickets_new(e);
	if (s->tickets == NULL)
		return -1;
	s->pool = crew_new(n_pool, e);
	if (s->pool == NULL)
		return -1;
	s->pool_bulk = crew_new(n_pool, e);
	if (s->pool_bulk == NULL)
		return -1;
	s->pool_long = crew_new(n_pool, e);
	if (s->pool_long == NULL)
		return -1;
	if (config->line.rate_bytes_s != 0 || config->line.max_transfers != 0) {
		s->share = share_new(&config->line, e);
		if (s->share == NULL)
			return -1;
	}
	return make_workers(s, config, e);
}

int
server_new(const struct server_config *config, const struct service *service,
    struct server **out, struct err *e)
{
	struct server *s;

	if (config->n_listen > LIMIT_LISTEN)
		return err_set(e, ERR_BAD_INPUT, "more than %u addresses to listen on",
		    LIMIT_LISTEN);
	if (route_check(service->routes, service->n_routes, e) == -1 ||
	    route_check(service->local_routes, service->n_local_routes, e) == -1)
		return -1;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_nomem(e);
	s->service = service;
	s->deadlines = config->deadlines;
	s->max_connections = config->max_connections;
	s->stop.deliver = on_stop;
	s->reload.deliver = on_reload;
	if (make_parts(s, config, e) == -1 || listen_on(s, config, e) == -1) {
		server_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

unsigned
server_port(const struct server *server, size_t i)
{
	return server->ports[i];
}

unsigned
server_local_port(const struct server *server)
{
	return server->local_port;
}

int
server_run(struct server *s, struct err *e)
{
	/* A peer that has gone is an error of send(), not a signal. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_errno(e, "signal");
	if (event_add(s->on_term, NULL) == -1 || event_add(s->on_int, NULL) == -1 ||
	    event_add(s->on_hup, NULL) == -1)
		return err_set(e, ERR_SYSTEM, "cannot listen to signals");
	for (unsigned i = 0; i < s->n_workers; i++) {
		if (worker_start(s->workers[i].worker, e) == -1) {
			if (s->n_running == 0)
				return -1;
			begin_drain(s);
			break;
		}
		s->workers[i].is_running = true;
		s->n_running++;
	}
	while (s->phase != PHASE_OVER && event_base_dispatch(s->base) == 0)
		;
	return s->phase == PHASE_OVER ? 0 : err_set(e, ERR_SYSTEM, "the event loop failed");
}

void
server_stop(struct server *server)
{
	if (!atomic_exchange(&server->is_stop_asked, true))
		mailbox_post(server->box, &server->stop);
}

void
server_reload(struct server *server)
{
	if (!atomic_exchange(&server->is_reload_asked, true))
		mailbox_post(server->box, &server->reload);
}

void
server_stats(const struct server *server, struct server_stats *out)
{
	/* atomics are read, nothing changes */
	struct server *s = (struct server *)(uintptr_t)server;

	*out = (struct server_stats){
		.connections = atomic_load(&s->n_connections),
		.accepted = atomic_load(&s->n_accepted),
		.refused = atomic_load(&s->n_refused) +
		    atomic_load(&s->counters.over_cap),
		.is_ending = atomic_load(&s->is_ending),
		.accept_pauses = atomic_load(&s->n_pauses),
		.handshakes_failed = atomic_load(&s->counters.handshakes_failed),
		.requests = atomic_load(&s->counters.requests),
		.bad_requests = atomic_load(&s->counters.bad_requests),
		.received_bytes = atomic_load(&s->counters.received_bytes),
		.sent_bytes = atomic_load(&s->counters.sent_bytes),
	};
	if (s->share != NULL)
		share_stats(s->share, &out->line);
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	s->phase = PHASE_OVER; /* late mail changes nothing */
	stop_listening(s);
	stop_listening_locally(s);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_free(s->workers[i].worker);
	crew_free(s->pool);
	crew_free(s->pool_bulk);
	crew_free(s->pool_long);
	tickets_free(s->tickets);
	census_free(s->census);
	budget_free(s->budget);
	census_free(s->certs);
	share_free(s->share);
	if (s->box != NULL)
		mailbox_empty(s->box);
	mailbox_free(s->box);
	free_event(s->on_term);
	free_event(s->on_int);
	free_event(s->on_hup);
	free_event(s->on_late);
	if (s->base != NULL)
		event_base_free(s->base);
	free(s);
}
