/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/floors.h"

#include <stdio.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/json/canon.h"
#include "catalog/json/json.h"

#define FLOORS_FILE "floors.json"
#define FLOORS_BYTES (1u << 20)
#define KEY_SIZE (2 * IDS_SIZE)

/* The document; an empty one where there is no file. */
static int
load(const struct home *h, struct json **out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct err mine = { 0 };
	int rc = -1;

	if (file_load(home_dirfd(h), FLOORS_FILE, FLOORS_BYTES, &bytes, &mine) == 0) {
		rc = json_parse(buf_data(&bytes), buf_len(&bytes), GATE_SIGNED, out, e);
	} else if (mine.class == ERR_NOT_FOUND) {
		*out = json_new();
		rc = 0;
	} else if (e != NULL) {
		*e = mine;
	}
	buf_clear(&bytes);
	if (rc == -1)
		err_within(e, FLOORS_FILE);
	return rc;
}

static int
find(struct json *doc, const char *channel, const char *course, char key[KEY_SIZE],
    int64_t *floor, struct err *e)
{
	(void)snprintf(key, KEY_SIZE, "%s/%s", channel, course); /* ids fit */
	if (json_find_int(json_top(doc), key, 0, floor, e) == -1)
		return -1;
	if (*floor < 0 || *floor > (int64_t)LIMIT_RELEASE_NUMBER)
		return err_set(e, ERR_BAD_INPUT, FLOORS_FILE ": %s is no release number", key);
	return 0;
}

int
floors_get(const struct home *h, const char *channel, const char *course, uint32_t *out,
    struct err *e)
{
	struct json *doc = NULL;
	char key[KEY_SIZE];
	int64_t floor = 0;
	int rc = -1;

	if (load(h, &doc, e) == 0 && find(doc, channel, course, key, &floor, e) == 0) {
		*out = (uint32_t)floor;
		rc = 0;
	}
	json_free(doc);
	return rc;
}

int
floors_raise(const struct home *h, const struct library_name *seen, struct err *e)
{
	struct json *doc = NULL;
	struct buf bytes = BUF_INIT;
	char key[KEY_SIZE];
	int64_t floor = 0;
	int rc = -1;

	if (load(h, &doc, e) == -1 ||
	    find(doc, seen->channel, seen->course, key, &floor, e) == -1)
		goto out;
	if (floor >= (int64_t)seen->release) {
		rc = 0;
		goto out;
	}
	json_put_int(json_top(doc), key, seen->release);
	if (canon_write(json_top(doc), &bytes, e) == 0)
		rc = file_save(home_dirfd(h), FLOORS_FILE, buf_data(&bytes), buf_len(&bytes), 0600,
		    e);
out:
	json_free(doc);
	buf_clear(&bytes);
	return rc;
}
