/* SPDX-License-Identifier: Apache-2.0 */
/* Who has no business with a request is told so before a long body is read. */
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
