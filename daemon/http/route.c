/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/http/route.h"

#include <stdlib.h>
#include <string.h>

/* One piece of a pattern between slashes. */
struct piece {
	const char *text;
	size_t len;
	bool is_param, is_rest;
};

/* The piece at *p, which moves to the next '/' or the end; braces and dots are cut off. */
static struct piece
next_piece(const char **p)
{
	struct piece piece = { .text = *p, .len = strcspn(*p, "/") };

	*p += piece.len;
	if (piece.len > 2 && piece.text[0] == '{' && piece.text[piece.len - 1] == '}') {
		piece.is_param = true;
		piece.text++;
		piece.len -= 2;
		if (piece.len > 3 && memcmp(piece.text + piece.len - 3, "...", 3) == 0) {
			piece.is_rest = true;
			piece.len -= 3;
		}
	}
	return piece;
}

/* Whether the path fits; n is the number of parameters, their spans within path in off and len. */
static bool
fits(const char *pattern, const char *path, struct route_param *params, size_t *off, size_t *len,
    size_t *n)
{
	const char *p = pattern, *q = path;

	*n = 0;
	while (*p == '/' && *q == '/') {
		struct piece piece;
		size_t q_len;

		p++;
		q++;
		piece = next_piece(&p);
		q_len = piece.is_rest ? strlen(q) : strcspn(q, "/");
		if (piece.is_param) {
			if (q_len == 0 || *n == ROUTE_PARAMS || (*piece.text == '~' && *q != '~'))
				return false;
			params[*n].name = piece.text;
			params[*n].name_len = piece.len;
			off[*n] = (size_t)(q - path);
			len[*n] = q_len;
			(*n)++;
		} else if (q_len != piece.len || memcmp(q, piece.text, q_len) != 0) {
			return false;
		}
		q += q_len;
	}
	return *p == '\0' && *q == '\0';
}

/* Whether a route of this method answers the request's. */
static bool
serves(enum exchange_method route, enum exchange_method asked)
{
	return route == asked || (route == METHOD_GET && asked == METHOD_HEAD);
}

int
route_find(const struct route *routes, size_t n, enum exchange_method method, const char *path,
    struct route_match *out, enum route_found *found, struct err *e)
{
	size_t off[ROUTE_PARAMS], len[ROUTE_PARAMS];

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n; i++) {
		if (!fits(routes[i].pattern, path, out->params, off, len, &out->n_params))
			continue;
		if (!serves(routes[i].method, method)) {
			out->allow |= 1u << routes[i].method;
			if (routes[i].method == METHOD_GET)
				out->allow |= 1u << METHOD_HEAD;
			continue;
		}
		out->route = &routes[i];
		*found = ROUTE_FOUND;
		if (out->n_params == 0)
			return 0;
		out->scratch = strdup(path);
		if (out->scratch == NULL)
			return err_nomem(e);
		for (size_t k = 0; k < out->n_params; k++) {
			out->params[k].value = out->scratch + off[k];
			out->params[k].value[len[k]] = '\0';
		}
		return 0;
	}
	out->n_params = 0;
	*found = out->allow != 0 ? ROUTE_OTHER_METHOD : ROUTE_UNKNOWN;
	return 0;
}

void
route_match_clear(struct route_match *m)
{
	free(m->scratch);
	memset(m, 0, sizeof(*m));
}

static int
check_one(const struct route *r, struct err *e)
{
	const char *p = r->pattern;
	size_t n = 0;

	if (p == NULL || *p != '/' || r->handler == NULL)
		return err_set(e, ERR_BAD_INPUT, "no pattern or no handler");
	while (*p == '/') {
		struct piece piece;

		p++;
		piece = next_piece(&p);
		n += piece.is_param;
		if (memchr(piece.text, '{', piece.len) != NULL ||
		    memchr(piece.text, '}', piece.len) != NULL)
			return err_set(e, ERR_BAD_INPUT,
			    "a placeholder stands for a whole segment");
		if (piece.is_rest && *p != '\0')
			return err_set(e, ERR_BAD_INPUT, "{name...} stands at the end only");
	}
	if (n > ROUTE_PARAMS)
		return err_set(e, ERR_BAD_INPUT, "more than %d parameters", ROUTE_PARAMS);
	switch (r->body) {
	case ROUTE_BODY_NONE:
	case ROUTE_BODY_MEMORY:
		if (r->sink != NULL)
			return err_set(e, ERR_BAD_INPUT, "a sink without a stream");
		break;
	case ROUTE_BODY_STREAM:
		if (r->sink == NULL || r->run == ROUTE_ON_LOOP)
			return err_set(e, ERR_BAD_INPUT, "a stream needs a sink and a pool");
		break;
	}
	if ((r->body == ROUTE_BODY_NONE) != (r->max_body_bytes == 0))
		return err_set(e, ERR_BAD_INPUT, "max_body_bytes does not fit the kind of body");
	return 0;
}

int
route_check(const struct route *routes, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (check_one(&routes[i], e) == -1) {
			err_within(e, "route %zu, %s", i,
			    routes[i].pattern == NULL ? "?" : routes[i].pattern);
			return -1;
		}
	}
	return 0;
}
