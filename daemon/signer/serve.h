/* SPDX-License-Identifier: Apache-2.0 */
/* kebaod-signer's loop: one request after the other from the socket until kebaod closes it. */
#ifndef KEBAO_DAEMON_SIGNER_SERVE_H
#define KEBAO_DAEMON_SIGNER_SERVE_H

#include "catalog/base/err.h"

struct vault;

/* 0 where kebaod closed the socket; -1 where the socket or a message is broken. */
int serve_requests(int fd, struct vault *v, struct err *e);

/* One TALK_FOUND request, answered. */
int serve_founding(int fd, struct err *e);

#endif
