/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies that several groups of routes give: JSON documents, and problems with a status of their
 * own.
 */
#ifndef KEBAO_DAEMON_APP_RESPOND_H
#define KEBAO_DAEMON_APP_RESPOND_H

#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "daemon/http/exchange.h"

/*
 * Reply with the document, which is freed whatever is returned (NULL: out of memory).
 * Answers of the API depend on who asks and are not kept: Cache-Control: no-store.
 */
int respond_json(struct exchange *x, int status, struct json *doc, struct err *e);

/*
 * The body of the request as a JSON object that has no members but the n names; the caller frees.
 */
int respond_body(const struct exchange *x, const char *const *names, size_t n, struct json **out,
    struct err *e);

/*
 * Turn an error that means "no space" (sys ENOSPC, EDQUOT) into 507 at once and
 * return 0; any other error is returned as it is, -1.
 */
int respond_space(struct exchange *x, const struct err *e);

#endif
