/* SPDX-License-Identifier: Apache-2.0 */
/* A reply on its way: its head, then pieces of its body.  Private to daemon/http. */
#ifndef KEBAO_DAEMON_HTTP_SEND_H
#define KEBAO_DAEMON_HTTP_SEND_H

#include "daemon/http/conn.h"

/* The reply has been made: put its head in front and go to CONN_REPLY. */
enum step send_begin(struct conn *c);

/* CONN_REPLY: one piece after the other. */
enum step send_reply(struct conn *c);

/* CALL_READ, in a pool: the next piece of a file or source. */
void send_read(struct conn *c);

#endif
