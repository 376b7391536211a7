/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before a long body is read: who has no business with the request is told so, and the memory for
 * it is the organisation's.
 */
#include "daemon/app/bodies.h"
#include "daemon/app/context.h"
#include "daemon/app/serve.h"

static int
take_memory(struct exchange *x, struct err *e)
{
	struct body *body;

	if (bodies_take(context_app(x)->bodies, context_client(x)->who.org, x->body_bytes, &body,
	    e) == -1)
		return -1;
	x->data = body; /* given: serve_gate_finish() gives it back */
	return 0;
}

int
serve_gate_admin(struct exchange *x, struct err *e)
{
	return access_admin(context_client(x), e) == -1 ? -1 : take_memory(x, e);
}

int
serve_gate_staff(struct exchange *x, struct err *e)
{
	return access_staff(context_client(x), e) == -1 ? -1 : take_memory(x, e);
}

int
serve_gate_channel(struct exchange *x, struct err *e)
{
	if (access_publish(context_client(x), exchange_param(x, "channel"), e) == -1)
		return -1;
	return take_memory(x, e);
}

void
serve_gate_finish(struct exchange *x)
{
	bodies_give(context_app(x)->bodies, x->data);
	x->data = NULL;
}
