/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the hub's registry, as administrators send them.  PROTOCOL.md 4. */
#ifndef KEBAO_CLIENTS_KEBAO_REGISTRY_EDIT_H
#define KEBAO_CLIENTS_KEBAO_REGISTRY_EDIT_H

#include "catalog/base/err.h"
#include "catalog/hub/regdoc.h"
#include "catalog/json/json.h"
#include "clients/kebao/hub.h"

/* A body for PATCH with one empty document in it; *document is the place to fill. */
struct json *registry_edit_new(enum regdoc_kind kind, const char *id, struct json_at *document);

/* Set a member where there is a value. */
void registry_edit_put(struct json_at document, const char *key, const char *value);

/* Set {"zh": ..., "en": ...} of those that are given, keeping the other. */
void registry_edit_put_texts(struct json_at document, const char *key, const char *zh,
    const char *en);

/* Send a body; all or nothing. */
int registry_edit_send(struct hub *hub, struct json *body, struct err *e)
    __attribute__((warn_unused_result));

/* Remove one document; refused while something refers to it. */
int registry_edit_remove(struct hub *hub, enum regdoc_kind kind, const char *id, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The document of that id as the hub has it, as a body for PATCH with *document the
 * place to change; ERR_NOT_FOUND.
 */
int registry_edit_get(struct hub *hub, enum regdoc_kind kind, const char *id, struct json **body,
    struct json_at *document, struct err *e) __attribute__((warn_unused_result));

#endif
