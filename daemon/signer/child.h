/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and ending kebaod-signer: a socketpair, a child, and its reaping. */
#ifndef KEBAO_DAEMON_SIGNER_CHILD_H
#define KEBAO_DAEMON_SIGNER_CHILD_H

#include <sys/types.h>

#include "catalog/base/err.h"

#define CHILD_ANSWER_SECONDS 60 /* a loaded machine, a slow disk: longer is broken */
#define CHILD_END_MS 5000       /* from closing the socket to SIGKILL */

struct child {
	pid_t pid; /* -1: none */
	int fd;    /* our end of the socket; -1: none */
};

#define CHILD_INIT { -1, -1 }

/*
 * Start argv[0] (a path) with the socket at TALK_FD, /dev/null as input and output, our
 * standard error, and nothing else open.
 */
int child_start(const char *const *argv, struct child *out, struct err *e);

/* Close the socket, wait for the end, kill where it takes too long.  None is fine. */
void child_end(struct child *c);

#endif
