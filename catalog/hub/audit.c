/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hub/audit.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "catalog/json/json.h"

void
audit_entry_clear(struct audit_entry *a)
{
	free(a->actor);
	free(a->action);
	free(a->object);
	free(a->detail);
	memset(a, 0, sizeof(*a));
}

int
audit_encode(const struct audit_entry *a, struct buf *out, struct err *e)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc);
	int rc;

	json_put_text(top, "action", a->action);
	json_put_text(top, "actor", a->actor);
	json_put_int(top, "at", a->at);
	json_put_text(top, "detail", a->detail);
	json_put_text(top, "object", a->object);
	json_put_int(top, "seq", a->seq);
	rc = canon_write(top, out, e);
	json_free(doc);
	return rc;
}

int
audit_hash(const struct digest *prev, const struct audit_entry *a, struct digest *out,
    struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (buf_add(&bytes, prev->bytes, DIGEST_LEN, e) == 0 && audit_encode(a, &bytes, e) == 0) {
		digest_of(out, buf_data(&bytes), buf_len(&bytes));
		rc = 0;
	}
	buf_clear(&bytes);
	return rc;
}
