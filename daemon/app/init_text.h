/* SPDX-License-Identifier: Apache-2.0 */
/* What `kebaod init` writes for people: the sample configuration, and what to do next. */
#ifndef KEBAO_DAEMON_APP_INIT_TEXT_H
#define KEBAO_DAEMON_APP_INIT_TEXT_H

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

#define INIT_INVITATION_DAYS 14

struct init_options;

int init_text_config(const struct init_options *o, struct buf *out, struct err *e);

/* Both languages; holds the invitation's secret. */
int init_text_advice(const struct init_options *o, const char *code, struct buf *out,
    struct err *e);

#endif
