/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/problem.h"

#include <errno.h>
#include <string.h>

#include "catalog/json/json.h"

static enum err_class
class_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 410:
		return ERR_WITHDRAWN;
	case 409:
		return ERR_CONFLICT;
	case 422:
		return ERR_UNTRUSTED;
	case 408:
	case 502:
	case 504:
		return ERR_NETWORK;
	case 429:
	case 503:
	case 507:
		return ERR_BUSY;
	default:
		return status >= 400 && status < 500 ? ERR_BAD_INPUT : ERR_SYSTEM;
	}
}

/* A hub may say "none" or nonsense: then the status decides. */
static enum err_class
class_of_name(const char *name, enum err_class otherwise)
{
	for (enum err_class c = ERR_BAD_INPUT; c <= ERR_SYSTEM; c++)
		if (strcmp(name, err_class_name(c)) == 0)
			return c;
	return otherwise;
}

int
problem_judge(int status, const void *body, size_t len, const char *what, struct err *e)
{
	enum err_class class = class_of_status(status);
	struct json *doc = NULL;
	const char *detail = NULL, *name = NULL;
	char quoted[300];

	if (len > 0 && json_parse(body, len, GATE_ANY, &doc, NULL) == 0) {
		if (json_find_text(json_top(doc), "class", &name, NULL) == 0 && name != NULL)
			class = class_of_name(name, class);
		if (json_find_text(json_top(doc), "detail", &detail, NULL) == -1)
			detail = NULL;
	}
	if (detail != NULL)
		(void)err_set(e, class, "%s: hub (%d): %s", what, status,
		    err_quote(quoted, sizeof(quoted), detail, strlen(detail)));
	else
		(void)err_set(e, class, "%s: the hub answered with status %d", what, status);
	/* Where the hub has no room, the reader shall hear of space, not of being busy. */
	if (status == 507 && e != NULL)
		e->sys = ENOSPC;
	json_free(doc);
	return -1;
}
