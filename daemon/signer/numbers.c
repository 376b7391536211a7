/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signer/numbers.h"

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"

#define NUMBERS_BYTES 1024 /* four integers */

int
numbers_load(int keys_fd, struct numbers *out, struct err *e)
{
	static const char *const known[] = { "above", "seen_snapshot", "snapshot",
		"timestamp" };
	struct buf b = BUF_INIT;
	struct json *doc = NULL;
	struct json_at top;
	struct numbers n;
	int rc = -1;

	if (file_load(keys_fd, NUMBERS_FILE, NUMBERS_BYTES, &b, e) == -1)
		goto out;
	if (json_parse(buf_data(&b), buf_len(&b), GATE_SIGNED, &doc, e) == -1)
		goto out;
	top = json_top(doc);
	if (json_only(top, known, sizeof(known) / sizeof(known[0]), e) == -1 ||
	    json_get_int_in(top, "seen_snapshot", 0, JSON_INT_MAX, &n.seen_snapshot, e) == -1 ||
	    json_get_int_in(top, "snapshot", 0, JSON_INT_MAX, &n.snapshot, e) == -1 ||
	    json_get_int_in(top, "timestamp", 0, JSON_INT_MAX, &n.timestamp, e) == -1 ||
	    json_find_int(top, "above", 0, &n.above, e) == -1)
		goto out;
	*out = n;
	rc = 0;
out:
	if (rc == -1)
		err_within(e, NUMBERS_FILE);
	json_free(doc);
	buf_clear(&b);
	return rc;
}

int
numbers_save(int keys_fd, const struct numbers *n, struct err *e)
{
	struct json *doc = json_new();
	struct json_at top = json_top(doc);
	struct buf b = BUF_INIT;
	int rc = -1;

	if (n->above != 0)
		json_put_int(top, "above", n->above);
	json_put_int(top, "seen_snapshot", n->seen_snapshot);
	json_put_int(top, "snapshot", n->snapshot);
	json_put_int(top, "timestamp", n->timestamp);
	if (canon_write(top, &b, e) == 0)
		rc = file_save(keys_fd, NUMBERS_FILE, buf_data(&b), buf_len(&b), 0600, e);
	json_free(doc);
	buf_clear(&b);
	return rc;
}
