/* SPDX-License-Identifier: Apache-2.0 */
/* A passphrase in a file: its bytes up to the first line end. */
#ifndef KEBAO_DAEMON_SIGNER_PASSFILE_H
#define KEBAO_DAEMON_SIGNER_PASSFILE_H

#include "catalog/base/buf.h"
#include "catalog/base/err.h"

#define PASSFILE_BYTES 1024u /* of the file */

/* Append it to *out, which the caller wipes.  ERR_BAD_INPUT where there is none. */
int passfile_load(int dirfd, const char *name, struct buf *out, struct err *e);

/* The same from an open descriptor (a pipe, too), up to its end or PASSFILE_BYTES. */
int passfile_read(int fd, struct buf *out, struct err *e);

/* Ask at the terminal, without echo, once or (confirm) twice; prompt is for a person. */
int passfile_ask(const char *prompt, const char *confirm, struct buf *out, struct err *e);

#endif
