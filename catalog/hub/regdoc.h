/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of the registry (docs/REGISTRY.md): one organisation, pairing or
 * channel each.  Here a document is judged by itself; whether it fits the others
 * is registry.h's business.
 */
#ifndef KEBAO_CATALOG_HUB_REGDOC_H
#define KEBAO_CATALOG_HUB_REGDOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"
#include "catalog/hub/region.h"
#include "catalog/hub/uscc.h"
#include "catalog/json/json.h"

enum regdoc_kind { REGDOC_ORGANISATION, REGDOC_PAIRING, REGDOC_CHANNEL };
#define REGDOC_N_KINDS 3

enum regdoc_org_kind { REGDOC_ORG_ASSOCIATION, REGDOC_ORG_FIRM, REGDOC_ORG_OFFICE };
enum regdoc_level { REGDOC_LEVEL_ASSOCIATION, REGDOC_LEVEL_FIRM };
enum regdoc_mode { REGDOC_MODE_NONE, REGDOC_MODE_HELP, REGDOC_MODE_ALLIANCE };
enum regdoc_audience {
	REGDOC_AUDIENCE_PUBLIC,
	REGDOC_AUDIENCE_MEMBERS,
	REGDOC_AUDIENCE_PAIRED,      /* recipients and the organisations below them */
	REGDOC_AUDIENCE_PAIRED_SELF, /* recipients only */
	REGDOC_AUDIENCE_ORGS,        /* those named */
};
enum regdoc_channel_state {
	REGDOC_CHANNEL_OPEN,
	REGDOC_CHANNEL_FROZEN, /* readable as before, no new releases */
	REGDOC_CHANNEL_CLOSED, /* nobody but the publisher sees it */
};

struct regdoc_texts {
	char *zh; /* owned, NULL where absent; one of the two is there */
	char *en;
};

struct regdoc_organisation {
	enum regdoc_org_kind kind;
	char parent[LIMIT_ID_BYTES + 1]; /* "": top of a tree */
	struct regdoc_texts name;
	char region[REGION_LEN + 1]; /* "": none */
	char uscc[USCC_LEN + 1];     /* "": none */
	int32_t from, until;         /* days, DAY_NONE: open; until is inclusive */
};

struct regdoc_pairing {
	char donor[LIMIT_ID_BYTES + 1];
	char recipient[LIMIT_ID_BYTES + 1];
	enum regdoc_level level;
	enum regdoc_mode mode;
	int32_t from, until;
};

struct regdoc_channel {
	char publisher[LIMIT_ID_BYTES + 1];
	enum regdoc_audience audience;
	char (*orgs)[LIMIT_ID_BYTES + 1]; /* owned; of REGDOC_AUDIENCE_ORGS */
	size_t n_orgs;
	char *audience_text; /* owned; as the document says it: "org:xz,qh" */
	struct regdoc_texts title;
	enum regdoc_channel_state state;
};

/* One document.  Immutable and reference-counted, so that sets and tables share it. */
struct regdoc {
	enum regdoc_kind kind;
	char id[LIMIT_ID_BYTES + 1];
	char *json; /* owned; canonical form, NUL-terminated */
	size_t json_len;
	union {
		struct regdoc_organisation organisation;
		struct regdoc_pairing pairing;
		struct regdoc_channel channel;
	} u;
	atomic_uint refs; /* of regdoc.c */
};

/*
 * Parse one document.  -1 with ERR_BAD_INPUT and a text that names document and
 * member; *out is then untouched.
 */
int regdoc_parse(enum regdoc_kind kind, const void *bytes, size_t len, struct regdoc **out,
    struct err *e) __attribute__((warn_unused_result));
/* The same from a place in a parsed document. */
int regdoc_from(enum regdoc_kind kind, struct json_at at, struct regdoc **out, struct err *e)
    __attribute__((warn_unused_result));
struct regdoc *regdoc_hold(struct regdoc *d);
void regdoc_release(struct regdoc *d); /* NULL is fine */

/* "organisations", "pairings", "channels": the names of the API. */
const char *regdoc_kind_name(enum regdoc_kind kind);
int regdoc_kind_parse(enum regdoc_kind *out, const char *name)
    __attribute__((warn_unused_result));

/* "organisation", "pairing", "channel": for messages. */
const char *regdoc_kind_word(enum regdoc_kind kind);

const char *regdoc_org_kind_name(enum regdoc_org_kind kind);
const char *regdoc_channel_state_name(enum regdoc_channel_state state);

#endif
