/* SPDX-License-Identifier: Apache-2.0 */
/* The online keys and the numbers of kebaod-signer, for administrators.  PROTOCOL.md 4.3. */
#include <stdio.h>

#include "catalog/base/limits.h"
#include "catalog/json/json.h"
#include "daemon/app/context.h"
#include "daemon/app/respond.h"
#include "daemon/app/serve.h"
#include "daemon/app/switchover.h"
#include "daemon/log.h"
#include "daemon/signer/signer.h"

int
serve_keys_next(struct exchange *x, struct err *e)
{
	struct buf keys = BUF_INIT;
	struct json *doc = NULL;
	int rc = -1;

	if (access_admin(context_client(x), e) == 0 &&
	    signer_prepare_keys(context_app(x)->signer, &keys, e) == 0 &&
	    json_parse(buf_data(&keys), buf_len(&keys), GATE_SIGNED, &doc, e) == 0)
		rc = respond_json(x, 200, doc, e);
	buf_clear(&keys);
	return rc;
}

static int
wanted_above(const struct exchange *x, int64_t *above, struct err *e)
{
	static const char *const names[] = { "above" };
	struct json *doc;
	int rc;

	if (respond_body(x, names, 1, &doc, e) == -1)
		return -1;
	rc = json_get_int_in(json_top(doc), "above", 1, LIMIT_RECOVER_ABOVE, above, e);
	json_free(doc);
	return rc;
}

int
serve_keys_recover(struct exchange *x, struct err *e)
{
	struct switchover *sw = context_app(x)->switchover;
	char actor[CONTEXT_ACTOR_SIZE], detail[40];
	struct audit_note note;
	int64_t above, version;
	struct json *doc;
	int rc;

	if (access_admin(context_client(x), e) == -1 || wanted_above(x, &above, e) == -1)
		return -1;
	(void)snprintf(detail, sizeof(detail), "above %lld", (long long)above);
	note = context_note(x, actor, "recover", "snapshot", detail);
	if (switchover_begin(sw, e) == -1)
		return respond_space(x, e);
	rc = switchover_recover(sw, above, &note, &version, e);
	switchover_end(sw);
	if (rc == -1)
		return respond_space(x, e);
	log_note(LOG_LEVEL_WARN, "recovered", "%s", detail);
	doc = json_new();
	json_put_int(json_top(doc), "version", version);
	return respond_json(x, 200, doc, e);
}
