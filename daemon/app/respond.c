/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/respond.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "daemon/http/reply.h"
#include "daemon/log.h"

int
respond_json(struct exchange *x, int status, struct json *doc, struct err *e)
{
	struct buf body = BUF_INIT;
	int rc = -1;

	if (reply_header(x, "Cache-Control", "no-store", e) == 0 && json_check(doc, e) == 0 &&
	    canon_write(json_top(doc), &body, e) == 0)
		rc = reply_bytes(x, status, "application/json", &body, e);
	json_free(doc);
	buf_clear(&body);
	return rc;
}

/* The type, whatever parameters follow it. */
static bool
is_json(const char *type)
{
	size_t len = strlen("application/json");

	return strncasecmp(type, "application/json", len) == 0 &&
	    (type[len] == '\0' || strchr("; \t", type[len]) != NULL);
}

int
respond_body(const struct exchange *x, const char *const *names, size_t n, struct json **out,
    struct err *e)
{
	struct json *doc;
	const char *type = exchange_header(x, "content-type");

	if (type == NULL || !is_json(type))
		return err_set(e, ERR_BAD_INPUT, "the body must be application/json");
	if (json_parse(buf_data(&x->body), buf_len(&x->body), GATE_ANY, &doc, e) == -1) {
		err_within(e, "body");
		return -1;
	}
	if (!json_is_object(json_top(doc)))
		(void)err_set(e, ERR_BAD_INPUT, "body: an object is wanted");
	else if (json_only(json_top(doc), names, n, e) == 0) {
		*out = doc;
		return 0;
	}
	json_free(doc);
	return -1;
}

int
respond_space(struct exchange *x, const struct err *e)
{
	struct err full = { 0 };

	if (e->sys != ENOSPC && e->sys != EDQUOT)
		return -1;
	if (e->class == ERR_SYSTEM) {
		log_failure(LOG_LEVEL_ERROR, "disk-full", e);
		(void)err_set(&full, ERR_BUSY,
		    "the hub's disk is full: tell the hub's administrator, try again later");
		e = &full;
	}
	reply_problem_status(x, 507, e);
	return 0;
}
