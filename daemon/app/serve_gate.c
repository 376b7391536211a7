/* SPDX-License-Identifier: Apache-2.0 */
/* Before a long body is read: who has no business with the request is told so. */
#include "daemon/app/context.h"
#include "daemon/app/serve.h"

int
serve_gate_admin(struct exchange *x, struct err *e)
{
	return access_admin(context_client(x), e);
}

int
serve_gate_staff(struct exchange *x, struct err *e)
{
	return access_staff(context_client(x), e);
}

int
serve_gate_channel(struct exchange *x, struct err *e)
{
	return access_publish(context_client(x), exchange_param(x, "channel"), e);
}
