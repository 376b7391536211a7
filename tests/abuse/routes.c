/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the routes of kebaod, one a line, "GET /api/v1/hub": what a table of a test must have. */
#include <stdio.h>

#include "daemon/app/routes.h"
#include "daemon/http/route.h"

int
main(void)
{
	size_t n;
	const struct route *routes = routes_public(&n);

	for (size_t i = 0; i < n; i++)
		(void)printf("%s %s\n", exchange_method_name(routes[i].method), routes[i].pattern);
	return 0;
}
