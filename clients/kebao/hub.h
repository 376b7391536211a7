/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub this home is enrolled at: a transfer with our identity, and its API
 * (PROTOCOL.md 4) as JSON in and out.  Every answer is bounded and has passed
 * the gate; none of it is believed beyond what the verb says to the person.
 */
#ifndef KEBAO_CLIENTS_KEBAO_HUB_H
#define KEBAO_CLIENTS_KEBAO_HUB_H

#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/json/json.h"
#include "clients/kebao/home.h"
#include "clients/kebao/identity.h"
#include "clients/kebao/pace.h"
#include "clients/kebao/settings.h"
#include "clients/kebao/transfer.h"

#define HUB_ANSWER_BYTES (8u << 20) /* registry of some thousand organisations */

struct hub; /* opaque */

/*
 * Read the home's enrolment and make ready to talk; nothing is sent yet.  home
 * is borrowed until hub_close().  ERR_NOT_FOUND where the home is not enrolled.
 */
int hub_open(struct home *home, struct hub **out, struct err *e)
    __attribute__((warn_unused_result));
void hub_close(struct hub *hub);

/*
 * How the home's settings say the line is to be used holds from the beginning.  This replaces
 * them, and gives a pace its say (borrowed until hub_close(), or until it is taken back by NULL).
 */
int hub_use_settings(struct hub *hub, const struct settings *s, struct pace *pace, struct err *e);
const struct settings *hub_settings(const struct hub *hub);       /* lent */

struct transfer *hub_transfer(const struct hub *hub);             /* lent */
const struct home_config *hub_config(const struct hub *hub);      /* lent */
const struct identity_facts *hub_identity(const struct hub *hub); /* lent; of our certificate */

/* GET; the caller frees *out with json_free(). */
int hub_get(struct hub *hub, const char *path, struct json **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Send a document (NULL: no body) and read the answer; out NULL: not wanted.
 * hub_send tries once; hub_send_again repeats on network trouble, for what may
 * be done twice.
 */
struct hub_message {
	enum transfer_method method;
	const char *path;
	const char *content_type; /* NULL: application/json */
	const void *body;
	size_t body_len;
};
int hub_send(struct hub *hub, const struct hub_message *m, struct json **out, struct err *e)
    __attribute__((warn_unused_result));
int hub_send_again(struct hub *hub, const struct hub_message *m, struct json **out,
    struct err *e) __attribute__((warn_unused_result));

/* Whether a third of the certificate's time or less is left, but some. */
bool hub_renewal_is_due(const struct identity_facts *f, int64_t now);

/*
 * Get a new certificate for a new key over the current identity, and use it from
 * here on.  On failure the old one stays.
 */
int hub_renew(struct hub *hub, struct err *e) __attribute__((warn_unused_result));

/* The passphrase of the home's client key, from where config.json says. */
int hub_load_passphrase(const struct home *home, const struct home_config *config,
    struct buf *out, struct err *e) __attribute__((warn_unused_result));

#endif
