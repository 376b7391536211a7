/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/checked.h"

#include <string.h>
#include <time.h>

#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"

#define CHECK "check.json"
#define CHECK_BYTES 4096u

void
checked_save(const struct home *h, enum status status, const struct err *why)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc);
	struct buf bytes = BUF_INIT;

	json_put_int(top, "at", (int64_t)time(NULL));
	json_put_int(top, "status", (int64_t)status);
	json_put_bool(top, "must_enrol", status_must_enrol(why));
	json_put_text(top, "why", why->class != ERR_NONE ? why->text : "");
	if (canon_write(top, &bytes, NULL) == 0)
		(void)file_save(home_dirfd(h), CHECK, buf_data(&bytes), buf_len(&bytes), 0600,
		    NULL); /* only news are lost */
	json_free(doc);
	buf_clear(&bytes);
}

int
checked_load(const struct home *h, struct checked *out)
{
	struct buf bytes = BUF_INIT;
	struct json *doc = NULL;
	const char *why;
	int64_t status;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (file_load(home_dirfd(h), CHECK, CHECK_BYTES, &bytes, NULL) == -1 ||
	    json_parse(buf_data(&bytes), buf_len(&bytes), GATE_ANY, &doc, NULL) == -1 ||
	    json_find_int(json_top(doc), "at", 0, &out->at, NULL) == -1 ||
	    json_find_int(json_top(doc), "status", 0, &status, NULL) == -1 ||
	    json_find_bool(json_top(doc), "must_enrol", false, &out->must_enrol, NULL) == -1 ||
	    json_get_text(json_top(doc), "why", &why, NULL) == -1 || status < 0 ||
	    status > STATUS_INTERRUPTED)
		goto out;
	out->status = (enum status)status;
	(void)err_quote(out->why, sizeof(out->why), why, strlen(why));
	rc = 0;
out:
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}

void
checked_forget(const struct home *h)
{
	(void)file_remove(home_dirfd(h), CHECK, NULL); /* it is news only */
}

bool
checked_is_good(const struct checked *c)
{
	return c->status == STATUS_OK || c->status == STATUS_NEW ||
	    c->status == STATUS_WITHHELD || c->status == STATUS_WITHDRAWN;
}
