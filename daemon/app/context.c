/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/context.h"

#include <stdio.h>
#include <time.h>

#include "daemon/app/weights.h"
#include "daemon/config.h"
#include "daemon/http/reply.h"

struct audit_note
context_note(const struct exchange *x, char *actor, const char *action, const char *object,
    const char *detail)
{
	const struct ident *who = &context_client(x)->who;

	if (who->state == IDENT_OK)
		(void)snprintf(actor, CONTEXT_ACTOR_SIZE, "%s/%s", who->org, who->serial);
	else
		(void)snprintf(actor, CONTEXT_ACTOR_SIZE, "-/%s", x->peer);
	return (struct audit_note){ .at = x->now, .actor = actor, .action = action,
		.object = object, .detail = detail };
}

struct audit_note
context_own_note(int64_t now, const char *action, const char *object, const char *detail)
{
	return (struct audit_note){ .at = now, .actor = "hub", .action = action, .object = object,
		.detail = detail };
}

/* Whose share of the line: the organisation's; all without a certificate that counts are one. */
static void
set_group(struct exchange *x, const struct access_client *c)
{
	const struct config *config = context_app(x)->config;

	if (x->is_local || (config->line_rate == 0 &&
	    config->max_transfers_per_organisation == 0))
		return;
	if (c->who.state == IDENT_OK) {
		x->group = c->who.org;
		x->weight = weights_of(config, access_client_registry(c), c->who.org);
	} else {
		x->group = "";
		x->weight = weights_of_anonymous(config);
	}
}

uint64_t
context_holder(void *app, const char *serial)
{
	return access_holder(((struct app *)app)->access, serial);
}

void
context_before(struct exchange *x)
{
	struct app *app = context_app(x);
	struct access_client *c;
	char header[IDENT_HEADER_SIZE];
	struct err e = { 0 };

	c = access_client_new(app->access, x->serial, x->cert == CERT_FOREIGN, x->now);
	x->client = c;
	if (c == NULL) {
		(void)err_nomem(&e);
		reply_problem(x, &e);
		return;
	}
	if (x->cert == CERT_EXPIRED && c->who.state == IDENT_OK)
		c->who.state = IDENT_EXPIRED; /* the dates in the certificate count, too */
	if (c->who.state == IDENT_OK)
		x->org = c->who.org;
	set_group(x, c);
	ident_header(header, sizeof(header), &c->who);
	(void)snprintf(x->who, sizeof(x->who), "%s", header);
	if (reply_header(x, "Kebao-Identity", header, &e) == -1)
		reply_problem(x, &e);
}

bool
context_still_allowed(struct exchange *x)
{
	const struct access_client *c = x->client;

	return c == NULL || access_still(context_app(x)->access, c, (int64_t)time(NULL));
}

void
context_after(struct exchange *x, int status, uint64_t sent_bytes, bool is_whole)
{
	(void)status; /* the engine logs how a request ended */
	(void)sent_bytes;
	(void)is_whole;
	access_client_free(x->client);
	x->client = NULL;
}
