/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/kebao/registry_edit.h"

#include <stdio.h>
#include <string.h>

#include "catalog/json/canon.h"
#include "catalog/repo/ids.h"

#define PATH "/api/v1/registry"

struct json *
registry_edit_new(enum regdoc_kind kind, const char *id, struct json_at *document)
{
	struct json *body = json_new();

	*document = json_add_object(json_put_array(json_top(body), regdoc_kind_name(kind)));
	json_put_text(*document, "id", id);
	return body;
}

void
registry_edit_put(struct json_at document, const char *key, const char *value)
{
	if (value != NULL)
		json_put_text(document, key, value);
}

void
registry_edit_put_texts(struct json_at document, const char *key, const char *zh, const char *en)
{
	struct json_at texts = json_member(document, key);

	if (zh == NULL && en == NULL)
		return;
	if (!json_is_object(texts))
		texts = json_put_object(document, key);
	registry_edit_put(texts, "zh", zh);
	registry_edit_put(texts, "en", en);
}

int
registry_edit_send(struct hub *hub, struct json *body, struct err *e)
{
	struct hub_message m = { .method = TRANSFER_PATCH, .path = PATH };
	struct buf bytes = BUF_INIT;
	int rc = -1;

	if (canon_write(json_top(body), &bytes, e) == 0) {
		m.body = buf_data(&bytes);
		m.body_len = buf_len(&bytes);
		rc = hub_send_again(hub, &m, NULL, e);
	}
	buf_clear(&bytes);
	return rc;
}

static enum ids_kind
ids_kind_of(enum regdoc_kind kind)
{
	return kind == REGDOC_CHANNEL ? IDS_CHANNEL : IDS_ORGANISATION;
}

int
registry_edit_remove(struct hub *hub, enum regdoc_kind kind, const char *id, struct err *e)
{
	char path[128];
	const struct hub_message m = { .method = TRANSFER_DELETE, .path = path };

	if (ids_check(ids_kind_of(kind), id, strlen(id), e) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), PATH "/%s/%s", regdoc_kind_name(kind), id);
	return hub_send(hub, &m, NULL, e);
}

int
registry_edit_get(struct hub *hub, enum regdoc_kind kind, const char *id, struct json **body,
    struct json_at *document, struct err *e)
{
	struct json *all = NULL, *one = NULL;
	struct json_at list;
	const char *found;
	int rc = -1;

	if (hub_get(hub, PATH, &all, e) == -1 ||
	    json_get_array(json_top(all), regdoc_kind_name(kind), &list, e) == -1)
		goto out;
	for (struct json_at it = json_first(list); json_is(it); it = json_next(it)) {
		if (json_get_text(it, "id", &found, e) == -1)
			goto out;
		if (strcmp(found, id) != 0)
			continue;
		one = json_new();
		*document =
		    json_add_copy(json_put_array(json_top(one), regdoc_kind_name(kind)), it);
		*body = one;
		rc = json_check(one, e);
		goto out;
	}
	(void)err_set(e, ERR_NOT_FOUND, "the registry has no %s with the id %s",
	    regdoc_kind_name(kind), id);
out:
	if (rc == -1)
		json_free(one);
	json_free(all);
	return rc;
}
