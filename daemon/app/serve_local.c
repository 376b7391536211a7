/* SPDX-License-Identifier: Apache-2.0 */
/* The plain local listener: for supervisors and monitoring on the same machine. */
#include <stdio.h>

#include "daemon/app/respond.h"
#include "daemon/app/context.h"
#include "daemon/app/expiries.h"
#include "daemon/app/serve.h"
#include "daemon/http/reply.h"
#include "daemon/net/server.h"

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

int
serve_local_health(struct exchange *x, struct err *e)
{
	return answer_text(x, "ok\n", e);
}

int
serve_local_ready(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	bool is_ready;

	pthread_mutex_lock(&app->server_lock);
	is_ready = app->server != NULL;
	pthread_mutex_unlock(&app->server_lock);
	if (!is_ready)
		return err_set(e, ERR_BUSY, "the hub is starting or ending");
	return answer_text(x, "ready\n", e);
}

static void
on_expiry(void *ctx, const char *role, int64_t expires_at)
{
	/* Out of memory is found out with the next line that fails. */
	(void)buf_printf(ctx, NULL, "kebao_role_expires_seconds{role=\"%s\"} %lld\n", role,
	    (long long)expires_at);
}

int
serve_local_metrics(struct exchange *x, struct err *e)
{
	struct app *app = context_app(x);
	struct server_stats s = { 0 };
	struct buf body = BUF_INIT;
	const struct expiries dates = { on_expiry, &body };
	int rc = -1;

	pthread_mutex_lock(&app->server_lock);
	if (app->server != NULL)
		server_stats(app->server, &s);
	pthread_mutex_unlock(&app->server_lock);
	if (buf_printf(&body, e,
	        "kebao_connections %u\n"
	        "kebao_connections_accepted_total %llu\n"
	        "kebao_connections_refused_total %llu\n"
	        "kebao_handshakes_failed_total %llu\n"
	        "kebao_requests_total %llu\n"
	        "kebao_bad_requests_total %llu\n"
	        "kebao_received_bytes_total %llu\n"
	        "kebao_sent_bytes_total %llu\n"
	        "kebao_line_groups %u\n"
	        "kebao_line_waiting %u\n"
	        "kebao_line_waits_total %llu\n"
	        "kebao_requests_over_limit_total %llu\n",
	        s.connections, (unsigned long long)s.accepted, (unsigned long long)s.refused,
	        (unsigned long long)s.handshakes_failed, (unsigned long long)s.requests,
	        (unsigned long long)s.bad_requests, (unsigned long long)s.received_bytes,
	        (unsigned long long)s.sent_bytes, s.line.groups, s.line.waiting,
	        (unsigned long long)s.line.waits, (unsigned long long)s.line.refused) == 0 &&
	    expiries_walk(app->store, &dates, e) == 0)
		rc = reply_bytes(x, 200, "text/plain; version=0.0.4", &body, e);
	buf_clear(&body);
	return rc;
}
