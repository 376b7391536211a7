/* SPDX-License-Identifier: Apache-2.0 */
/* The plain local listener: for supervisors and monitoring on the same machine. */
#include <pthread.h>

#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/expiries.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"
#include "daemon/log.h"
#include "daemon/net/server.h"

#define EXPIRES "kebao_role_expires_timestamp_seconds"

static int
answer_text(struct exchange *x, const char *text, struct err *e)
{
	struct buf body = BUF_INIT;
	int rc = -1;

	if (buf_add_text(&body, text, e) == 0)
		rc = reply_bytes(x, 200, "text/plain; charset=utf-8", &body, e);
	buf_clear(&body);
	return rc;
}

/* Before the server runs, and after: nothing but zeros. */
static void
look(struct app *app, struct server_stats *out)
{
	*out = (struct server_stats){ 0 };
	pthread_mutex_lock(&app->server_lock);
	if (app->server != NULL)
		server_stats(app->server, out);
	pthread_mutex_unlock(&app->server_lock);
}

int
serve_local_health(struct exchange *x, struct err *e)
{
	return answer_text(x, "ok\n", e);
}

int
serve_local_ready(struct exchange *x, struct err *e)
{
	struct server_stats s;

	look(context_app(x), &s);
	if (s.is_ending)
		return err_set(e, ERR_BUSY, "the hub is ending");
	return answer_text(x, "ready\n", e);
}

static int
begin_family(struct buf *out, const char *name, const char *type, const char *help, struct err *e)
{
	return buf_printf(out, e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Lines of one metric. */
struct dates {
	struct buf lines;
	bool is_short; /* of memory: one was left out */
};

static void
on_expiry(void *ctx, const char *role, int64_t expires_at)
{
	struct dates *d = ctx;

	if (buf_printf(&d->lines, NULL, EXPIRES "{role=\"%s\"} %lld\n", role,
	        (long long)expires_at) == -1)
		d->is_short = true;
}

static int
write_server(const struct server_stats *s, struct buf *out, struct err *e)
{
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} metrics[] = {
		{ "kebao_connections", "gauge", "Connections now.", s->connections },
		{ "kebao_connections_accepted_total", "counter", "Connections since the start.",
		    s->accepted },
		{ "kebao_connections_refused_total", "counter",
		    "Connections over the limit of an address or a certificate.", s->refused },
		{ "kebao_accept_pauses_total", "counter",
		    "How often nobody was accepted for a moment: "
		    "max_connections or descriptors were in use.", s->accept_pauses },
		{ "kebao_handshakes_failed_total", "counter", "TLS handshakes that failed.",
		    s->handshakes_failed },
		{ "kebao_requests_total", "counter", "Requests.", s->requests },
		{ "kebao_bad_requests_total", "counter",
		    "Requests whose head is no HTTP that is accepted.", s->bad_requests },
		{ "kebao_received_bytes_total", "counter", "Bytes of request bodies.",
		    s->received_bytes },
		{ "kebao_sent_bytes_total", "counter", "Bytes of answers.", s->sent_bytes },
		{ "kebao_line_groups", "gauge", "Organisations that are being answered now.",
		    s->line.groups },
		{ "kebao_line_waiting", "gauge",
		    "Transfers that wait for their share of the line now.", s->line.waiting },
		{ "kebao_line_waits_total", "counter",
		    "How often a transfer began to wait for its share.", s->line.waits },
		{ "kebao_requests_over_limit_total", "counter",
		    "Requests over the limit of transfers of an organisation.",
		    s->line.refused },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		if (begin_family(out, metrics[i].name, metrics[i].type, metrics[i].help, e) == -1 ||
		    buf_printf(out, e, "%s %llu\n", metrics[i].name,
		    (unsigned long long)metrics[i].value) == -1)
			return -1;
	}
	return 0;
}

/* The dates of all roles, or none where one cannot be read: the other figures are given. */
static int
write_dates(struct app *app, struct buf *out, struct err *e)
{
	struct dates d = { .lines = BUF_INIT };
	const struct expiries see = { on_expiry, &d };
	struct err why = { 0 };
	int rc = 0;

	if (expiries_walk(app->store, &see, &why) == -1)
		log_failure(LOG_LEVEL_ERROR, "metrics-incomplete", &why);
	else if (d.is_short)
		rc = err_nomem(e);
	else if (begin_family(out, EXPIRES, "gauge",
	             "When what a role signed expires, since 1970.", e) == -1 ||
	    buf_add(out, buf_data(&d.lines), buf_len(&d.lines), e) == -1)
		rc = -1;
	buf_clear(&d.lines);
	return rc;
}

static int
write_metrics(struct app *app, struct buf *out, struct err *e)
{
	struct server_stats s;

	look(app, &s);
	return write_server(&s, out, e) == -1 ? -1 : write_dates(app, out, e);
}

/* The text format of Prometheus, version 0.0.4. */
int
serve_local_metrics(struct exchange *x, struct err *e)
{
	struct buf body = BUF_INIT;
	int rc = -1;

	if (write_metrics(context_app(x), &body, e) == 0)
		rc = reply_bytes(x, 200, "text/plain; version=0.0.4; charset=utf-8", &body, e);
	buf_clear(&body);
	return rc;
}
