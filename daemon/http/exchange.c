/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/exchange.h"

#include <assert.h>
#include <string.h>

#include "daemon/http/answer.h"
#include "daemon/http/head.h"
#include "daemon/http/target.h"

const char *
exchange_header(const struct exchange *x, const char *name)
{
	return head_find(x->head, name);
}

const char *
exchange_param(const struct exchange *x, const char *name)
{
	const struct route_match *m = &x->hold->match;
	size_t len = strlen(name);

	for (size_t i = 0; i < m->n_params; i++)
		if (m->params[i].name_len == len && memcmp(m->params[i].name, name, len) == 0)
			return m->params[i].value;
	assert(!"a parameter that the pattern does not have");
	return "";
}

int
exchange_query(const struct exchange *x, const char *name, char *out, size_t size, struct err *e)
{
	return target_query(x->query, name, out, size, e);
}

bool
exchange_is_aborted(const struct exchange *x)
{
	return atomic_load(x->hold->is_aborted);
}

const char *
exchange_method_name(enum exchange_method method)
{
	switch (method) {
	case METHOD_GET: return "GET";
	case METHOD_HEAD: return "HEAD";
	case METHOD_POST: return "POST";
	case METHOD_PUT: return "PUT";
	case METHOD_PATCH: return "PATCH";
	case METHOD_DELETE: return "DELETE";
	}
	return "?";
}
